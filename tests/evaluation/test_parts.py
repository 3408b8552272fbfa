"""The parts of whole bodies, against what xtcocotools says."""

import json

import numpy as np
import pytest

from evaluation.published import GOLDEN, SCORES, WHOLE_BODY, whole_body_results
from pinpoint.evaluation.average_precision import Found, Truth, keypoint_measures
from pinpoint.evaluation.parts import PARTS, part_columns, part_measures
from pinpoint.io.coco import boxes_from_coco
from pinpoint.skeletons import skeleton

WHOLE = skeleton("coco_wholebody133")
SIGMAS = np.array(WHOLE.sigmas)
NUMBERS = {number: row for row, number in enumerate((785, 40083, 196141, 197388))}


def points(items):
    xyv = np.array([np.reshape([v for key in WHOLE_BODY for v in one[key]], (-1, 3)) for one in items])
    return np.where(xyv[..., 2:] > 0, xyv[..., :2], np.nan)


@pytest.fixture(scope="module")
def world(shared_data):
    dataset = json.loads((shared_data / "samples/coco/test_coco_wholebody.json").read_text("utf-8"))
    labels, results = dataset["annotations"], whole_body_results(dataset)
    truth = Truth(
        np.array([NUMBERS[one["image_id"]] for one in labels]),
        points(labels),
        boxes_from_coco([one["bbox"] for one in labels]),
        np.array([one["area"] for one in labels]),
        np.array([one["iscrowd"] for one in labels], bool),
    )
    scores = {key: np.array([one[key] for one in results]) for key in SCORES}
    pictures = np.array([NUMBERS[one["image_id"]] for one in results])
    by_part = dict(zip((*PARTS, "whole"), (scores[key] for key in SCORES), strict=True))
    return truth, Found(pictures, points(results), scores["score"]), by_part


@pytest.mark.shared
@pytest.mark.parametrize("part", [*PARTS, "whole"])
def test_a_part_has_the_numbers_of_xtcocotools(part, world):
    truth, found, scores = world
    ours = part_measures(truth, found, SIGMAS, part_columns(WHOLE), scores)[part]
    theirs = np.where(np.array(GOLDEN[part]) == -1, np.nan, GOLDEN[part])
    np.testing.assert_allclose(list(ours.values()), theirs, atol=1e-6)


@pytest.mark.shared
def test_without_scores_of_parts_the_whole_is_what_all_points_give(world):
    truth, found, _ = world
    whole = part_measures(truth, found, SIGMAS, {"whole": np.arange(133)})["whole"]
    np.testing.assert_equal(whole, keypoint_measures(truth, found, SIGMAS))


def test_a_skeleton_without_parts_is_one_whole():
    assert list(part_columns(skeleton("hand21"))) == ["whole"]
