import json

import numpy as np
import pytest

from odd_inputs import make_video
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


def truth_of(*names):
    """COCO ground truth with the box (10, 5, 20, 30) moved on by a pixel from picture to picture."""
    category = {"id": 1, "name": "person", "keypoints": list(skeleton("coco17").keypoints), "skeleton": []}
    images = [{"id": 7 + n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)]
    shared = {"category_id": 1, "keypoints": [0] * 51}
    annotations = [
        {"id": n, "image_id": 7 + n, "bbox": [10 + n, 5, 20, 30], **shared} for n in range(len(names))
    ]
    return {"images": images, "annotations": annotations, "categories": [category]}


@pytest.mark.parametrize("folders", [("", ""), ("a/", "b/")], ids=["names", "paths"])
def test_boxes_of_coco_ground_truth_go_to_every_picture(folders, detect, picture, folder):
    names = [f"photos/{below}{name}.jpg" for below, name in zip(folders, "xy", strict=True)]
    for name in names:
        picture(name)
    truth = truth_of(*(name.removeprefix("photos/") if folders == ("", "") else name for name in names))
    (folder / "truth.json").write_text(json.dumps(truth))
    assert detect("photos", "--boxes", "truth.json").status == 0
    assert [found(folder)[name].boxes[0, 0] for name in names] == [9.5, 10.5]


def test_boxes_of_coco_results_go_to_the_pictures_whose_names_end_in_their_numbers(detect, picture, folder):
    picture("photos/000000000872.jpg"), picture("photos/val_0000000139.jpg")
    assert detect("photos", "--format", "coco", "--out", "first").status == 0
    results = json.loads((folder / "first/keypoints.json").read_text())
    for result in results:
        result["bbox"] = [result["image_id"] % 10, 5, 20, 30]
    (folder / "moved.json").write_text(json.dumps(results[::-1]))
    assert detect("photos", "--boxes", "moved.json").status == 0
    lefts = {name.removeprefix("photos/"): kps.boxes[0, 0] for name, kps in found(folder).items()}
    assert lefts == {"000000000872.jpg": 1.5, "val_0000000139.jpg": 8.5}


def test_a_number_that_two_pictures_end_in_is_neither_ones(detect, picture, folder):
    picture("a/1.jpg"), picture("b/1.jpg")
    result = {"image_id": 1, "category_id": 1, "score": 1, "bbox": [1, 5, 20, 30], "keypoints": [0] * 51}
    (folder / "results.json").write_text(json.dumps([result]))
    outcome = detect("a", "b", "--boxes", "results.json")
    assert outcome.status == 1
    assert outcome.err.count("results.json has no boxes for it") == 2


def test_a_frame_of_a_video_keeps_to_its_number(detect, folder):
    make_video(folder / "clip.mp4")
    write("boxes.json", [Record(boxes_of((1, 2, 30, 40)), "clip.mp4", index=1)])
    outcome = detect("clip.mp4", "--boxes", "boxes.json", "--frames", "2")
    assert "boxes.json has no boxes for its frame 0" in outcome.err


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
