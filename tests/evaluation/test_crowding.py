"""Crowded pictures, against what xtcocotools says of CrowdPose."""

import json

import numpy as np
import pytest

from evaluation.published import GOLDEN, crowd_dataset, crowd_results
from pinpoint.evaluation.average_precision import Found, Truth
from pinpoint.evaluation.crowding import crowd_measures
from pinpoint.io.coco import boxes_from_coco
from pinpoint.skeletons import skeleton

SIGMAS = np.array(skeleton("crowdpose14").sigmas)
NAMES = ["AP", "AP50", "AP75", "AR", "AR50", "AR75", "APeasy", "APmedium", "APhard"]


def measures(dataset):
    labels, results = dataset["annotations"], crowd_results(dataset)
    rows = {
        image["id"]: row for row, image in enumerate(sorted(dataset["images"], key=lambda one: one["id"]))
    }
    xyv = np.array([one["keypoints"] for one in labels], float).reshape(len(labels), 14, 3)
    boxes = boxes_from_coco([one["bbox"] for one in labels])
    truth = Truth(
        np.array([rows[one["image_id"]] for one in labels]),
        np.where(xyv[..., 2:] > 0, xyv[..., :2], np.nan),
        boxes,
        0.53 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
        np.zeros(len(labels), bool),
        ignored=np.array([one["num_keypoints"] == 0 for one in labels]),
    )
    found = Found(
        np.array([rows[one["image_id"]] for one in results]),
        np.array([one["keypoints"] for one in results]).reshape(len(results), 14, 3)[..., :2],
        np.array([one["score"] for one in results]),
    )
    index = {rows[image["id"]]: image["crowdIndex"] for image in dataset["images"]}
    return crowd_measures(truth, found, SIGMAS, np.array([index[row] for row in range(len(rows))]))


def assert_close(ours, golden):
    assert list(ours) == NAMES
    theirs = np.where(np.array(golden) == -1, np.nan, golden)
    np.testing.assert_allclose(list(ours.values()), theirs, atol=1e-6)


def test_pictures_by_crowding_have_the_numbers_of_xtcocotools():
    dataset = crowd_dataset()
    hidden = [one for one in dataset["annotations"] if not one["num_keypoints"] and any(one["keypoints"])]
    assert 3 < len(hidden) < len(dataset["annotations"]) / 4
    assert_close(measures(dataset), GOLDEN["crowd"])


@pytest.mark.shared
def test_real_pictures_have_the_numbers_of_xtcocotools(shared_data):
    path = shared_data / "samples/crowdpose/test_crowdpose.json"
    assert_close(measures(json.loads(path.read_text("utf-8"))), GOLDEN["real crowd"])
