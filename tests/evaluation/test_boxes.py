"""Found boxes against labelled ones."""

import contextlib
import io

import numpy as np
import pytest

from pinpoint.evaluation.boxes import box_measures, covered, match_similar, precision_of

NONE = np.zeros((0, 4))


def squares(rng, n, least=8, most=60):
    """Squares of whole pixels, so that a side of 32 is an area of 1024."""
    side = rng.integers(least, most, n)
    corner = rng.integers(0, 200, (n, 2))
    return np.column_stack([corner, corner + side[:, None]]).astype(float)


def scenes(rng, count=30):
    """Pictures with labels, crowds, and found boxes near some of them."""
    made = []
    for number in range(count):
        truth = squares(rng, int(rng.integers(0, 7)))
        near = truth[rng.random(len(truth)) < 0.8]
        moved = np.concatenate([near, near[: len(near) // 2], squares(rng, 3)])
        found = moved + rng.normal(scale=3, size=(len(moved), 1))
        crowds = squares(rng, 1, 80, 120) if number % 3 == 0 else NONE
        made.append((truth, crowds, found, rng.random(len(found)).round(6)))
    return made


def of_pycocotools(pictures, area=None):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, found = [], []
    for image, (boxes, crowds, predicted, scores) in enumerate(pictures, 1):
        for crowd, rows in enumerate((boxes, crowds)):
            truth += [
                {"image_id": image, "bbox": sized(b), "area": np.prod(sized(b)[2:]), "iscrowd": crowd}
                for b in rows
            ]
        found += [
            {"image_id": image, "bbox": sized(b), "score": s} for b, s in zip(predicted, scores, strict=True)
        ]
    for number, one in enumerate(truth, 1):
        one |= {"id": number, "category_id": 1}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i + 1} for i in range(len(pictures))],
            "annotations": truth,
            "categories": [{"id": 1}],
            "info": {},
        }
        coco.createIndex()
        score = COCOeval(coco, coco.loadRes([one | {"category_id": 1} for one in found]), "bbox")
        score.params.areaRng, score.params.areaRngLbl = [area or [0, 1e10]], ["all"]
        score.params.maxDets = [100]
        score.evaluate()
        score.accumulate()
    return score.eval["precision"][:, :, 0, 0, 0].mean(axis=1)


def sized(box):
    return [*box[:2], *(box[2:] - box[:2])]


@pytest.mark.parametrize("min_side", [0, 32])
def test_average_precision_is_that_of_pycocotools(rng, min_side):
    pictures = scenes(rng)
    theirs = of_pycocotools(pictures, [min_side**2, 1e10])
    ours = box_measures(pictures, min_side=min_side)
    assert 0.1 < ours["AP50"] < 0.95
    np.testing.assert_allclose([ours["AP50"], ours["AP"]], [theirs[0], theirs.mean()], atol=1e-9)


BIG, SMALL, OTHER = [0.0, 0, 40, 40], [100.0, 100, 110, 110], [60.0, 0, 100, 40]


def picture(found, scores, truth=(BIG, SMALL), crowds=()):
    rows = [np.array(boxes, dtype=float).reshape(-1, 4) for boxes in (truth, crowds, found)]
    return (*rows, np.array(scores, dtype=float))


def test_small_persons_count_neither_for_nor_against():
    with_it = box_measures([picture([BIG, SMALL], [0.9, 0.95])])
    without = box_measures([picture([BIG], [0.9])])
    assert with_it == without == pytest.approx({"AP50": 1, "AP": 1, "recall": 1, "false": 0})


def test_a_second_box_of_the_same_person_is_false():
    assert box_measures([picture([BIG, BIG], [0.9, 0.8])])["false"] == 1


def test_recall_counts_boxes_of_the_least_score_and_precision_all():
    measures = box_measures([picture([BIG, OTHER], [0.2, 0.9])], min_score=0.3)
    assert (measures["recall"], measures["false"], measures["AP50"]) == (0, 1, pytest.approx(0.5))


def test_boxes_in_a_crowd_are_not_false():
    crowd = [50.0, -10, 150, 90]
    assert box_measures([picture([OTHER], [0.9], crowds=[crowd])])["false"] == 0
    assert covered(np.array([OTHER]), np.array([crowd])).tolist() == [[1]]


def test_no_picture_with_a_person_has_no_precision():
    measures = box_measures([picture([OTHER], [0.9], truth=())])
    assert np.isnan(measures["AP50"])
    assert np.isnan(measures["recall"])


def test_the_best_score_chooses_first():
    similarity = np.array([[0.6, 0.9]])
    matches = match_similar(similarity, np.array([0.9, 0.5]), np.array([False]))
    assert matches.right[0, 0].tolist() == [True, False]
    assert matches.right[0, 3].tolist() == [False, True]  # at .65 only the second will do


def test_order_of_pictures_does_not_matter(rng):
    pictures = scenes(rng)
    assert box_measures(pictures) == pytest.approx(box_measures(pictures[::-1]))


def test_precision_of_nothing_found_is_zero():
    matches = match_similar(np.zeros((2, 0)), np.zeros(0), np.zeros(2, bool))
    assert precision_of([matches]).tolist() == [0] * 10
