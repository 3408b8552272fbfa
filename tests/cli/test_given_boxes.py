import json

import numpy as np
import pytest

from pinpoint.io.formats import read_records, write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

NAN = float("nan")


def boxes_of(*boxes):
    n = len(boxes)
    return Keypoints(np.zeros((n, 0, 2)), np.zeros((n, 0)), skeleton("box"), boxes=np.reshape(boxes, (n, 4)))


def found(folder):
    return {r.image: r.keypoints for r in read_records(folder / "pinpoint-output/keypoints.json")}


def test_the_boxes_of_a_file_are_looked_at_in_place_of_a_detector(detect, picture, folder):
    picture("a.jpg"), picture("b.jpg")
    write(
        "boxes.json", [Record(boxes_of((1, 2, 30, 40), (5, 5, 9, 9)), "a.jpg"), Record(boxes_of(), "b.jpg")]
    )
    assert detect("a.jpg", "b.jpg", "--boxes", "boxes.json").status == 0
    np.testing.assert_allclose(found(folder)["a.jpg"].boxes, [(1, 2, 30, 40), (5, 5, 9, 9)])
    assert len(found(folder)["b.jpg"]) == 0


def test_boxes_of_coco_ground_truth_are_taken_by_the_last_part_of_the_name(detect, picture, folder):
    picture("photos/a.jpg")
    category = {"id": 1, "name": "person", "keypoints": list(skeleton("coco17").keypoints), "skeleton": []}
    annotation = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 5, 20, 30], "keypoints": [0] * 51}
    image = {"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}
    truth = {"images": [image], "annotations": [annotation], "categories": [category]}
    (folder / "truth.json").write_text(json.dumps(truth))
    assert detect("photos", "--boxes", "truth.json").status == 0
    (kps,) = found(folder).values()
    # COCO measures from the outer edge of the first pixel, we from its centre
    np.testing.assert_allclose(kps.boxes, [(9.5, 4.5, 29.5, 34.5)])


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((NAN, 2, 3, 4), "not four numbers"),
        ((30, 2, 10, 4), "without area"),
        ((3, 9, 10, 9), "without area"),
        ((70, 2, 90, 4), "outside the picture of 64x48"),
        ((1, -20, 9, -3), "outside the picture of 64x48"),
    ],
)
def test_a_box_that_is_none_is_named_and_the_others_are_done(box, reason, detect, picture, folder):
    picture("a.jpg")
    write("boxes.jsonl", [Record(boxes_of((1, 2, 30, 40), box), "a.jpg")])
    outcome = detect("a.jpg", "--boxes", "boxes.jsonl")
    assert outcome.status == 1
    assert f"a.jpg: box 1 is {list(map(float, box))}, {reason}" in outcome.err
    np.testing.assert_allclose(found(folder)["a.jpg"].boxes, [(1, 2, 30, 40)])


def test_a_picture_that_the_file_does_not_know_has_failed(detect, picture):
    picture("a.jpg"), picture("b.jpg")
    write("boxes.json", [Record(boxes_of((1, 2, 30, 40)), "a.jpg")])
    outcome = detect("a.jpg", "b.jpg", "--boxes", "boxes.json")
    assert outcome.status == 1
    assert "failed: b.jpg: boxes.json has no boxes for it" in outcome.err
