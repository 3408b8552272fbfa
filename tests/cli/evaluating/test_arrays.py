"""COCO files that are read as arrays give what records give, and what pycocotools gives."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evaluation.coco_oracle import NAMES
from pinpoint.cli import evaluate
from pinpoint.skeletons import skeleton

K, PEOPLE, FOUND = 17, 40, 120
LAST, AMONG = np.arange(PEOPLE) > PEOPLE - 4, np.arange(PEOPLE) % 13 == 5
"""Crowds come last in a file, as in COCO's own, or among the others."""


def annotations(rng, ids, crowd):
    """Some instances without labels, some tiny, crowds with areas of their own."""
    sides = np.exp(rng.uniform(np.log(12), np.log(250), (PEOPLE, 2))).round(2)
    low = rng.uniform(0, 300, (PEOPLE, 2)).round(2)
    bare = crowd | (np.arange(PEOPLE) % 11 == 3)
    xy = (low[:, None] + rng.random((PEOPLE, K, 2)) * sides[:, None]).round(1)
    v = 2 * (rng.random((PEOPLE, K)) < 0.7) * ~bare[:, None]
    return [
        {
            "id": row + 1,
            "image_id": int(rng.choice(ids)),
            "category_id": 1,
            "iscrowd": int(crowd[row]),
            "bbox": [*low[row].tolist(), *sides[row].tolist()],
            "area": float(sides[row].prod() * 0.4),
            "num_keypoints": int((v[row] > 0).sum()),
            "keypoints": np.column_stack([xy[row] * (v[row, :, None] > 0), v[row]]).ravel().tolist(),
        }
        for row in range(PEOPLE)
    ]


def results(rng, truth, decimals):
    """Near what is labelled, or near what is not; scores of one decimal have many ties."""
    for _ in range(FOUND):
        one = truth[rng.integers(len(truth))]
        x, y, width, height = one["bbox"]
        xy = np.reshape(one["keypoints"], (K, 3))[:, :2] + rng.normal(size=(K, 2)) * rng.choice([1, 5, 30])
        xy = np.where(np.reshape(one["keypoints"], (K, 3))[:, 2:] > 0, xy, [x + width / 2, y + height / 2])
        yield {
            "image_id": one["image_id"],
            "category_id": 1,
            "score": round(float(rng.random()), decimals),
            "bbox": [x, y, width * 1.1, height],
            "keypoints": np.column_stack([xy.round(2), rng.random(K).round(3)]).ravel().tolist(),
        }


@pytest.fixture
def write(folder):
    """Writes labels and results of twelve pictures, two of them empty, whose ids are in no order."""

    def write(seed, lacking="", boxes=True, crowd=LAST):
        rng = np.random.default_rng(seed)
        ids = [int(n) for n in rng.permutation(40)[:12] + 1]
        truth = annotations(rng, ids[:10], crowd)
        found = [one if boxes else one | {"bbox": []} for one in results(rng, truth, 1 + seed % 2)]
        for one in truth[::3]:
            if lacking and not one["iscrowd"]:
                del one[lacking]
        document = {
            "images": [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 640} for n in ids],
            "annotations": truth,
            "categories": [{"id": 1, "name": "person", "keypoints": list(skeleton("coco17").keypoints)}],
        }
        (folder / "gt.json").write_text(json.dumps(document))
        (folder / "dt.json").write_text(json.dumps(found))
        return document, found

    return write


@pytest.fixture
def measure(folder, pinpoint):
    def measure(*options):
        done = pinpoint(
            "evaluate", "--data", "gt.json", "--predictions", "dt.json", "--json", "o.json", *options
        )
        assert done.status == 0, done.err
        return done.out, json.loads((folder / "o.json").read_text())

    return measure


def by_pycocotools(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(folder / "gt.json")
        run = COCOeval(truth, truth.loadRes(str(folder / "dt.json")), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(NAMES, run.stats.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_both_ways_give_what_pycocotools_gives(folder, write, measure, monkeypatch, seed):
    write(seed)
    short = measure()
    monkeypatch.setattr(evaluate, "load_arrays", lambda *_: None)
    assert short == measure()
    assert {name: short[1][name] for name in NAMES} == pytest.approx(by_pycocotools(folder), abs=1e-9)
    assert short[1]["counts"]["crowds"] == 3 and 0 < short[1]["AP"] < 1


@pytest.mark.parametrize("lacking", ["", "area", "bbox"])
def test_both_ways_assume_the_same(write, measure, monkeypatch, lacking):
    write(7, lacking, boxes=False)
    short = measure("--sigmas", "openpose18")
    monkeypatch.setattr(evaluate, "load_arrays", lambda *_: None)
    assert short == measure("--sigmas", "openpose18")


@pytest.mark.parametrize("seed", range(10, 15))
def test_of_equal_ones_the_later_in_the_file_is_taken(folder, write, measure, seed):
    """Who stands in twice the box of a crowd and of a bare instance is like both."""
    write(seed, crowd=AMONG)
    _, numbers = measure()
    assert {name: numbers[name] for name in NAMES} == pytest.approx(by_pycocotools(folder), abs=1e-9)


def test_the_short_way_is_taken(write, measure, monkeypatch):
    write(3)
    monkeypatch.setattr(evaluate, "read_labels", None)
    measure()


def test_results_of_pictures_that_are_not_labelled_are_read_the_long_way(folder, write, measure):
    document, found = write(1)
    strange = [*found, found[0] | {"image_id": 99}]
    (folder / "dt.json").write_text(json.dumps(strange))
    _, numbers = measure()
    assert numbers["assumptions"]["unknown pictures"].startswith("1 of ")
    assert len(document["images"]) == numbers["pictures"] == 12
