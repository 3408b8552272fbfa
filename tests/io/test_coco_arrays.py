"""Labels and results as arrays are what records of the same files hold."""

import json

import numpy as np
import pytest

from pinpoint.io.coco import boxes_from_coco, read_coco_results
from pinpoint.io.coco_arrays import read_coco_arrays
from pinpoint.io.coco_truth import read_coco_truth, read_crowd_regions
from pinpoint.io.errors import UnreadableError
from pinpoint.skeletons import Skeleton

THREE = Skeleton("three", ("a", "b", "c"))


def label(image, rng, **more):
    xyv = np.column_stack([rng.uniform(1, 99, (3, 2)).round(2), rng.integers(0, 3, 3)])
    box = rng.uniform(1, 99, 4).round(2).tolist()
    return {
        "image_id": image,
        "category_id": 1,
        "bbox": box,
        "area": 9.5,
        "keypoints": xyv.ravel().tolist(),
    } | more


def result(image, rng, **more):
    points = rng.uniform(1, 99, 9).round(3)
    points[3:6] *= rng.random() < 0.5
    return {"image_id": image, "category_id": 1, "score": 0.5, "keypoints": points.tolist()} | more


@pytest.fixture
def files(tmp_path, rng):
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in (30, 10, 20)]
    labels = [label(n, rng, id=i) for i, n in enumerate((10, 30, 10, 30))]
    labels.append(label(10, rng, id=9, iscrowd=1))
    truth = {"images": images, "annotations": labels, "categories": [{"id": 1, "keypoints": ["a", "b", "c"]}]}
    found = [result(n, rng) for n in (20, 10, 10, 30, 20, 10)]
    return write(tmp_path, truth, found)


def write(folder, truth, found):
    paths = folder / "truth.json", folder / "found.json"
    for path, document in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(document), "utf-8")
    return paths


def test_labels_are_those_of_the_records(files):
    labels, _ = read_coco_arrays(*files)
    assert labels.image_ids == [10, 20, 30]
    for record in read_coco_truth(files[0]):
        rows = (labels.image == labels.image_ids.index(record.id)) & ~labels.crowd
        kps = record.keypoints
        np.testing.assert_array_equal(labels.xy[rows], kps.xy)
        if len(kps):
            np.testing.assert_array_equal(labels.visible[rows], kps.visible)
            np.testing.assert_array_equal(labels.boxes[rows], kps.boxes)
            np.testing.assert_array_equal(labels.areas[rows], kps.areas)
    np.testing.assert_array_equal(labels.boxes[labels.crowd], read_crowd_regions(files[0])["10.jpg"])


def test_results_are_those_of_the_records(files):
    labels, results = read_coco_arrays(*files)
    assert np.isnan(results.xy).any() and results.areas is None
    for record in read_coco_results(files[1], THREE):
        rows = results.image == labels.image_ids.index(int(record.image))
        np.testing.assert_array_equal(results.xy[rows], record.keypoints.xy)
        np.testing.assert_array_equal(results.point_scores[rows], record.keypoints.scores)
        np.testing.assert_array_equal(results.scores[rows], record.keypoints.box_scores)


def test_results_with_boxes_have_their_areas_as_pycocotools_has_it(files, rng):
    found = [result(10, rng, bbox=[1, 2, 30, 40]), result(20, rng, bbox=[0, 0, 2, 2])]
    files[1].write_text(json.dumps(found), "utf-8")
    assert read_coco_arrays(*files)[1].areas.tolist() == [1200, 4]


def test_results_of_another_category_are_left_out(files, rng):
    files[1].write_text(json.dumps([result(10, rng), result(10, rng, category_id=2)]), "utf-8")
    assert len(read_coco_arrays(*files)[1].scores) == 1


def test_nothing_found_is_no_rows(files):
    files[1].write_text("[]", "utf-8")
    assert read_coco_arrays(*files)[1].xy.shape == (0, 3, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda truth, found: found[0].update(image_id=77), "image_id 77 is not among the images"),
        (
            lambda truth, found: found[0].update(keypoints=[1, 2]),
            "found.json.*2 numbers for keypoints, expected 9",
        ),
        (
            lambda truth, found: [one.update(keypoints=[1, 2, 3]) for one in found],
            "3 numbers for keypoints, expected 9",
        ),
        (lambda truth, found: found[0].pop("score"), "its results lacks 'score'"),
        (lambda truth, found: found[0].update(keypoints="nose"), "found.json"),
        (lambda truth, found: truth["annotations"][0].update(category_id=5), "2 categories, expected one"),
        (lambda truth, found: truth.pop("images"), "lacks 'images'"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(change, message, files):
    truth, found = (json.loads(path.read_text("utf-8")) for path in files)
    change(truth, found)
    write(files[0].parent, truth, found)
    with pytest.raises(UnreadableError, match=message):
        read_coco_arrays(*files)


def test_a_torn_file_is_not_json(files):
    files[1].write_bytes(files[1].read_bytes()[:-30])
    with pytest.raises(UnreadableError, match=r"found\.json.*not JSON"):
        read_coco_arrays(*files)


def test_boxes_are_moved_as_everywhere(files):
    labels, _ = read_coco_arrays(*files)
    stated = [one["bbox"] for one in json.loads(files[0].read_text("utf-8"))["annotations"]]
    np.testing.assert_array_equal(labels.boxes, boxes_from_coco(stated))
