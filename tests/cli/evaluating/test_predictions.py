"""Predictions from files find their labelled pictures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pinpoint.cli.evaluating.labels import Labels
from pinpoint.cli.evaluating.predictions import read_predictions
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

TOOL = Skeleton("tool", ("tip", "end"))
GT = Path("gt.json")


def tools(at, columns=TOOL):
    xy = np.full((1, len(columns), 2), float(at))
    return Keypoints(xy, np.ones(xy.shape[:2]), columns, boxes=np.array([[0, 0, 60, 40.0]]))


def labels(*names, columns=TOOL, ids=None, size=(64, 48)):
    ids = range(1, len(names) + 1) if ids is None else ids
    return [
        Labels(name, number, Path(name), size, tools(1, columns), np.zeros((0, 4)))
        for name, number in zip(names, ids, strict=True)
    ]


def places(path, truth):
    """Where each picture's prediction is, by the name of the picture."""
    return {name: kps.xy[0, 0, 0] for name, kps in read_predictions(path, truth, GT).found.items()}


def results(path, **at):
    """COCO results of tools: number of the image and place."""
    items = [
        {"image_id": int(number[1:]), "category_id": 1, "score": 0.5, "keypoints": [place, place, 1] * 2}
        for number, place in at.items()
    ]
    path.write_text(json.dumps(items))
    return path


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
@pytest.mark.parametrize("called", ["a/1.png", "/else/where/a/1.png", "1.png", "1"])
def test_a_picture_is_known_by_its_name_or_the_last_part_of_it(tmp_path, suffix, called):
    path = tmp_path / f"found.{suffix}"
    write(path, [Record(tools(7), called), Record(tools(8), "a/2.png")])
    assert places(path, labels("a/1.png", "a/2.png", "b/3.png")) == {"a/1.png": 7, "a/2.png": 8}


def test_a_last_part_that_two_pictures_have_says_nothing(tmp_path):
    path = tmp_path / "found.json"
    write(path, [Record(tools(7), "1.png"), Record(tools(8), "2.png")])
    predictions = read_predictions(path, labels("a/1.png", "b/1.png", "2.png"), GT)
    assert set(predictions.found) == {"2.png"}
    assert predictions.notes["unknown pictures"] == "1 of 2 are not labelled: left out ('1.png')"


def test_coco_results_of_own_keypoints_are_in_those_of_the_labels_and_go_by_id(tmp_path):
    path = results(tmp_path / "dt.json", n2=7, n1=8)
    assert places(path, labels("2.png", "1.png")) == {"1.png": 7, "2.png": 8}


def test_numbers_that_are_no_ids_are_those_that_end_names(tmp_path):
    path = results(tmp_path / "dt.json", n872=7, n3=8)
    assert places(path, labels("x/00872.jpg", "003.jpg", ids=(100, 101))) == {"x/00872.jpg": 7, "003.jpg": 8}


def test_pictures_without_predictions_are_counted(tmp_path):
    predictions = read_predictions(results(tmp_path / "dt.json", n1=7), labels("1.png", "2.png"), GT)
    assert predictions.notes == {"without predictions": "1 labelled pictures: everybody in them is missed"}


def test_predictions_of_another_size_are_scaled(tmp_path):
    """Twice as large: the centre of the first pixel goes to a quarter pixel before that."""
    path = tmp_path / "found.json"
    write(path, [Record(tools(0.5), "1.png", size=(128, 96))])
    found = read_predictions(path, labels("1.png"), GT).found["1.png"]
    np.testing.assert_allclose(found.xy, 0)
    np.testing.assert_allclose(found.boxes, [[-0.25, -0.25, 29.75, 19.75]])


@pytest.mark.parametrize("format", ["label-studio", "mpii", "aic"])
def test_a_list_of_another_format_is_not_taken_for_coco_results(tmp_path, format):
    kind = {"mpii": "mpii16", "aic": "aic14"}.get(format, "coco17")
    body = tools(5, skeleton(kind))
    write(tmp_path / "found.json", [Record(body, "1.jpg", size=(64, 48))], format=format)
    found = read_predictions(tmp_path / "found.json", labels("1.jpg", columns=skeleton(kind)), GT).found
    np.testing.assert_allclose(found["1.jpg"].xy, 5)


def test_two_records_of_one_picture_are_one(tmp_path):
    path = tmp_path / "found.json"
    write(path, [Record(tools(1), "1.png"), Record(tools(2), "1.png")])
    assert len(read_predictions(path, labels("1.png"), GT).found["1.png"]) == 2


def test_another_skeleton_is_compared_by_name(tmp_path):
    """Neck is between the shoulders."""
    body = tools(5, skeleton("coco17"))
    xy = body.xy.copy()
    xy[0, skeleton("coco17").index("left_shoulder")] = 9
    write(tmp_path / "found.json", [Record(replace(body, xy=xy), "1.png")])
    truth = labels("1.png", columns=Skeleton("necks", ("neck", "tip")))
    found = read_predictions(tmp_path / "found.json", truth, GT).found["1.png"]
    np.testing.assert_array_equal(found.xy[0], [[7, 7], [np.nan, np.nan]])


def test_pictures_that_nobody_labelled_are_refused_by_name(tmp_path):
    write(tmp_path / "found.json", [Record(tools(1), "else.png")])
    with pytest.raises(
        ValueError, match=r"no picture of .*found.json is labelled in gt.json: 'else.png' against '1.png'"
    ):
        read_predictions(tmp_path / "found.json", labels("1.png"), GT)


def test_numbers_that_nobody_labelled_are_refused_beside_those_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"'7' against '1 \(a.png\)'"):
        read_predictions(results(tmp_path / "dt.json", n7=1), labels("a.png"), GT)


def test_keypoints_of_something_else_are_refused_by_name(tmp_path):
    write(tmp_path / "found.json", [Record(tools(1), "1.png")])
    with pytest.raises(ValueError, match=r"'tool'.* shares no keypoint with .*'coco17'"):
        read_predictions(tmp_path / "found.json", labels("1.png", columns=skeleton("coco17")), GT)


def test_results_with_another_number_of_keypoints_are_refused(tmp_path):
    path = results(tmp_path / "dt.json", n1=7)
    with pytest.raises(ValueError, match=r"dt.json has 2 keypoints an instance, but gt.json labels .*coco17"):
        read_predictions(path, labels("1.png", columns=skeleton("coco17")), GT)


def test_results_whose_count_changes_are_refused_with_the_place(tmp_path):
    path = results(tmp_path / "dt.json", n1=7, n2=8)
    items = json.loads(path.read_text())
    items[1]["keypoints"] += [0, 0, 0]
    path.write_text(json.dumps(items))
    with pytest.raises(UnreadableError, match=r"result 2.*3 keypoints, expected those of .*'tool'"):
        read_predictions(path, labels("1.png", "2.png"), GT)


def test_a_file_that_found_nothing_is_read(tmp_path):
    (tmp_path / "dt.json").write_text("[]")
    assert read_predictions(tmp_path / "dt.json", labels("1.png"), GT).found == {}
