"""Growing trees where the truth is known: a bright triangle on dark noise."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

import pinpoint as pp
from pinpoint.runtime.forest import grey
from pinpoint.runtime.trees import PARTS
from pinpoint.training.boosting import Boosting
from pinpoint.training.tree_run import train_trees
from pinpoint.training.trees import Growth, grow_forest

SIDE, ROOM = 48, 72
CORNERS = np.array([[0, -14], [-11, 12], [11, 12]])  # top, left, right
FLIP = np.array([0, 2, 1])
SMALL = Growth(levels=4, starts=4, pixels=120, boosting=Boosting(trees=25, depth=3, candidates=15, rank=6))


def triangles(rng, count, side=ROOM, spread=5):
    """Pictures with a triangle somewhere around their middle, and its corners, shape (N, 3, 2)."""
    pictures = rng.integers(0, 90, (count, side, side, 3)).astype(np.uint8)
    moved = rng.uniform(-spread, spread, (count, 1, 2)) + (side - 1) / 2
    xy = CORNERS * rng.uniform(0.85, 1.15, (count, 1, 1)) + moved + rng.uniform(-3, 3, (count, 3, 2))
    for picture, corners in zip(pictures, xy, strict=True):
        cv2.fillPoly(picture, [np.rint(corners * 16).astype(np.int32)], (240, 240, 240), shift=4)
    return pictures, xy


def greys(pictures):
    return np.stack([grey(picture) for picture in pictures])


def error(xy, truth):
    return np.linalg.norm(xy - truth, axis=2).mean()


@pytest.fixture(scope="module")
def grown():
    """A forest, the errors that were told while it grew, and pictures it has never seen."""
    rng, told = np.random.default_rng(7), []
    pictures, xy = triangles(rng, 60)
    forest = grow_forest(
        greys(pictures),
        xy,
        size=(SIDE, SIDE),
        flip_index=FLIP,
        growth=SMALL,
        told=lambda forest, errors: told.append((forest, errors.mean())),
    )
    unseen, truth = triangles(rng, 40, SIDE, spread=3)
    return forest, told, greys(unseen), truth


def test_every_level_lowers_the_error_on_what_is_learnt_from(grown):
    _, told, _, _ = grown
    errors = [error for _, error in told]
    assert len(errors) == SMALL.levels
    assert errors == sorted(errors, reverse=True)


def test_what_was_never_seen_is_found_to_a_third_of_where_the_search_starts(grown):
    forest, _, unseen, truth = grown
    assert error(forest(unseen), truth) < error(forest.mean, truth) / 3


def test_the_forest_that_is_told_of_last_is_the_one_returned(grown):
    forest, told, unseen, _ = grown
    np.testing.assert_array_equal(told[-1][0](unseen), forest(unseen))


def test_a_mirrored_picture_has_mirrored_points(grown):
    """To a fraction of the error: mirror images are learnt from too, but each tree draws by chance."""
    forest, _, unseen, truth = grown
    mirrored = forest(np.ascontiguousarray(unseen[:, :, ::-1]))[:, FLIP] * (-1, 1) + (SIDE - 1, 0)
    assert error(mirrored, forest(unseen)) < error(forest.mean, truth) / 4


def test_the_mean_shape_is_its_own_mirror_image(grown):
    forest = grown[0]
    np.testing.assert_allclose(forest.mean[FLIP] * (-1, 1) + (SIDE - 1, 0), forest.mean, atol=1e-3)


def grown_again(**changes):
    pictures, xy = triangles(np.random.default_rng(3), 12)
    growth = replace(SMALL, levels=2, boosting=replace(SMALL.boosting, trees=5), **changes)
    return grow_forest(greys(pictures), xy, size=(SIDE, SIDE), flip_index=FLIP, growth=growth)


def test_the_same_seed_grows_the_same_forest_and_another_another():
    one, same, other = (grown_again(seed=seed) for seed in (0, 0, 1))
    for number, level in enumerate(one.levels):
        for part in PARTS:
            np.testing.assert_array_equal(getattr(level, part), getattr(same.levels[number], part))
    assert not np.array_equal(one.levels[0].pairs, other.levels[0].pairs)


def test_pixels_lie_within_the_reach_of_their_level():
    forest = grown_again(reach=(0.5, 0.1))
    extent = np.ptp(forest.mean, axis=0).max()
    furthest = [np.linalg.norm(level.offsets, axis=1).max() / extent for level in forest.levels]
    assert 0.45 < furthest[0] <= 0.5 and 0.09 < furthest[1] <= 0.1


def test_pairs_that_lie_close_together_are_drawn_more_often():
    def apart(closeness):
        level = grown_again(closeness=closeness).levels[0]
        ends = np.moveaxis(level.offsets[level.pairs], 2, 0)
        same = np.equal(*np.moveaxis(level.anchors[level.pairs], 2, 0))
        return np.linalg.norm(ends[0] - ends[1], axis=-1)[same].mean()

    assert apart(0.03) < 0.7 * apart(1.0)


def test_a_rate_of_one_fits_what_it_sees_to_a_step_of_a_byte():
    """One deep tree, two starts that differ: each has a leaf of its own, which says all it lacks."""
    pictures, xy = triangles(np.random.default_rng(3), 2)
    boosting = Boosting(trees=3, depth=3, candidates=40, rank=6, rate=1.0, share=1.0, prior=0.0)
    growth = replace(SMALL, levels=1, starts=1, doubt=0.0, boosting=boosting)
    errors = []
    grow_forest(
        greys(pictures),
        xy,
        size=(SIDE, SIDE),
        flip_index=None,
        growth=growth,
        told=lambda _, left: errors.append(left),
    )
    assert max(errors[0]) < 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xy": np.full((4, 3, 2), np.nan)}, "missing keypoints"),
        ({"xy": np.zeros((4, 2, 2))}, r"xy has shape \(4, 2, 2\), expected \(4, 3, 2\)"),
        ({"pictures": np.zeros((1, ROOM, ROOM), np.uint8), "xy": np.zeros((1, 3, 2))}, "M of 2 or more"),
        ({"size": (ROOM + 1, ROOM)}, "smaller than the input"),
    ],
)
def test_what_no_forest_can_be_grown_on_is_refused(change, message):
    given = {
        "pictures": np.zeros((4, ROOM, ROOM), np.uint8),
        "xy": np.zeros((4, 3, 2)),
        "size": (SIDE, SIDE),
        "flip_index": FLIP,
        "growth": SMALL,
    } | change
    with pytest.raises(ValueError, match=message):
        grow_forest(given.pop("pictures"), given.pop("xy"), **given)


@pytest.fixture
def labels(tmp_path):
    """COCO annotations of 30 triangles, one of which lacks a corner."""
    pictures, xy = triangles(np.random.default_rng(5), 30, side=140, spread=20)
    xy = np.where(np.arange(30)[:, None, None] == 4, [[[60, 60], [50, 80], [70, 80]]], xy)
    document = {"images": [], "annotations": []}
    names = ["top", "left", "right"]
    document["categories"] = [{"id": 1, "name": "triangle", "keypoints": names}]
    for number, (picture, corners) in enumerate(zip(pictures, xy, strict=True), start=1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        document["images"].append({"id": number, "file_name": f"{number}.png", "width": 140, "height": 140})
        low, high = corners.min(axis=0) - 4, corners.max(axis=0) + 4
        marks = [[x, y, 0 if number == 5 and x == corners[0, 0] else 2] for x, y in corners.tolist()]
        document["annotations"].append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [*low.tolist(), *(high - low).tolist()],
                "keypoints": np.ravel(marks).tolist(),
            }
        )
    (tmp_path / "train.json").write_text(json.dumps(document))
    return tmp_path / "train.json"


def test_labels_become_a_file_that_load_runs(labels, tmp_path, caplog):
    out = tmp_path / "mine.npz"
    growth = replace(SMALL, boosting=replace(SMALL.boosting, trees=40))
    spec = train_trees(labels, out, growth=growth, cache=tmp_path / "cache")
    assert "1 of 30 instances lack a keypoint" in caplog.text
    assert (spec.name, spec.task, spec.training_data) == ("mine", "object", "29 instances of train.json")
    truth = pp.read(labels)[0]
    found = pp.load(out)(pp.read_image(tmp_path / "1.png"), truth.boxes)
    assert found.skeleton == truth.skeleton
    assert error(found.xy, truth.xy) < 3


@pytest.mark.parametrize(
    ("out", "keep", "message"),
    [
        ("mine.onnx", 30, r"mine\.onnx does not end in \.npz"),
        ("mine.npz", 1, "1 instances with all keypoints"),
    ],
)
def test_a_file_that_cannot_be_made_is_refused(out, keep, message, labels, tmp_path):
    document = json.loads(labels.read_text())
    document["annotations"] = document["annotations"][:keep]
    labels.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=message):
        train_trees(labels, tmp_path / out, growth=SMALL, cache=tmp_path / "cache")
    assert not (tmp_path / out).exists()
