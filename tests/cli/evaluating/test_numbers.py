"""What is measured of a run."""

import numpy as np
import pytest

from pinpoint.cli.evaluating.numbers import Numbers, numbers_of_keypoints
from pinpoint.cli.evaluating.runs import Run
from pinpoint.cli.evaluating.text import as_table
from pinpoint.evaluation.pictures import Judged
from pinpoint.evaluation.sigmas import assumed_sigmas
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

WHOLE = skeleton("coco_wholebody133")


def run_of_hands_far_off(rng):
    """Everything is right but the left hands."""
    xy = rng.random((6, 1, 133, 2)) * 200
    off = xy.copy()
    off[:, :, WHOLE.part_index("left_hand")] += 100
    boxes, areas, scores = np.array([[0, 0, 200, 200.0]]), np.array([3e4]), np.ones((1, 133))
    return Run(
        "net",
        "file",
        [
            Judged(
                Keypoints(truth, scores, WHOLE, boxes=boxes, areas=areas),
                np.zeros((0, 4)),
                Keypoints(found, scores, WHOLE),
            )
            for truth, found in zip(xy, off, strict=True)
        ],
        WHOLE,
    )


def test_parts_of_a_whole_body_are_measured_one_by_one(rng):
    (numbers,) = numbers_of_keypoints([run_of_hands_far_off(rng)], assumed_sigmas(WHOLE), compare=False)
    ap = {name.partition(" ")[2]: value for name, value in numbers.measures.items() if name.startswith("AP ")}
    assert ap == pytest.approx({"body": 1, "feet": 1, "face": 1, "left_hand": 0, "right_hand": 1})
    assert 0 < numbers.measures["AP"] < 1


def test_the_table_gives_parts_lines_of_their_own():
    run = Run("net", "file")
    facts = {"data": "gt.json", "pictures": 1, "instances": 2, "failed": 0}
    table = as_table(
        facts, [Numbers(run, {"AP": 0.5, "NME": 0.0123, "AP face": 1.0})], {"areas": "as labelled"}
    )
    assert table.splitlines() == [
        "net (boxes: file) on gt.json: 1 pictures, 2 instances",
        "     AP     NME",
        "  0.500  0.0123",
        "  AP face",
        "    1.000",
        "areas: as labelled",
    ]
