"""Projects of VIA 3, in the form that its code documentation gives."""

import json

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records, write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

ATTRIBUTES = {
    "1": {"aname": "part", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "nose", "1": "tail"}},
    "2": {"aname": "person", "anchor_id": "FILE1_Z0_XY1", "type": 1, "options": {}},
    "3": {"aname": "state", "anchor_id": "FILE1_Z0_XY1", "type": 2, "options": {"0": "occluded", "1": "wet"}},
    "4": {"aname": "split", "anchor_id": "FILE1_Z0_XY0", "type": 1, "options": {}},
}
FILES = {
    "1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""},
    "2": {"fid": "2", "fname": "clip.mp4", "type": 4, "loc": 1, "src": ""},
    "3": {"fid": "3", "fname": "", "type": 2, "loc": 2, "src": "https://example.org/b.jpg"},
}


def region(xy, vid="1", z=(), **av):
    return {"vid": vid, "flg": 0, "z": list(z), "xy": xy, "av": {key[1:]: value for key, value in av.items()}}


@pytest.fixture
def save(tmp_path):
    def saved(*metadata):
        project = {
            "project": {"pid": "__VIA_PROJECT_ID__", "pname": "p", "vid_list": ["1", "2", "3"]},
            "config": {},
            "attribute": ATTRIBUTES,
            "file": FILES,
            "metadata": {f"x{number}": one for number, one in enumerate(metadata)},
            "view": {number: {"fid_list": [number]} for number in FILES},
        }
        (tmp_path / "p.json").write_text(json.dumps(project))
        return tmp_path / "p.json"

    return saved


def test_points_with_options_are_keypoints_of_their_instance(save):
    nose = region([1, 10.5, 20.5], _1="0", _2="7", _3="0,1")
    tail, other = region([1, 3, 4], _1="1", _2="7", _3="1"), region([1, 30, 40], _1="0", _2="8")
    box = region([2, 1, 2, 30, 40], _1="0", _2="8")
    record, empty = read_records(save(nose, tail, other, box, region([], _4="val")))
    assert (record.image, record.split, record.instance_ids) == ("a.jpg", "val", (7, 8))
    assert (empty.image, len(empty.keypoints)) == ("https://example.org/b.jpg", 0)
    kps = record.keypoints
    assert kps.skeleton.keypoints == ("nose", "tail")
    np.testing.assert_array_equal(kps.xy, [[[10, 20], [2.5, 3.5]], [[29.5, 39.5], [np.nan] * 2]])
    assert kps.visible.tolist() == [[False, True], [True, False]]
    np.testing.assert_array_equal(kps.boxes, [[np.nan] * 4, [0.5, 1.5, 30.5, 41.5]])


def test_other_shapes_and_videos_are_left_out_and_counted(save, caplog):
    point, polygon = region([1, 1, 1], _1="0"), region([7, 1, 1, 2, 2, 3, 1], _1="0")
    (record, _) = read_records(save(point, polygon, region([1, 1, 1], "2", [0.4], _1="0")))
    assert len(record.keypoints) == 1
    assert "1 x polygon" in caplog.text and "1 entries of videos" in caplog.text


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (region([1, 1], _1="0"), "a point has 1 numbers, expected 2"),
        (region([1, 1, 1], _9="0"), "its views and metadata"),
        (region([1, 1, 1], _2="7"), "region 1 of image 'a.jpg': it has no name"),
    ],
)
def test_what_is_damaged_is_named(save, one, reason):
    with pytest.raises(UnreadableError, match=reason):
        read_records(save(one))


def test_what_is_written_has_every_part_of_a_project(tmp_path):
    kps = Keypoints(np.full((1, 17, 2), 4.0), np.ones((1, 17)), skeleton("coco17"), boxes=[[1, 2, 3, 4]])
    write(tmp_path / "p.json", [Record(kps, "a.jpg", (64, 48))], format="via3")
    project = json.loads((tmp_path / "p.json").read_text())
    assert list(project) == ["project", "config", "attribute", "file", "metadata", "view"]
    assert project["project"]["vid_list"] == ["1"] and project["view"] == {"1": {"fid_list": ["1"]}}
    names = {number: one["aname"] for number, one in project["attribute"].items()}
    points = [one for one in project["metadata"].values() if one["xy"][:1] == [1]]
    assert points[0]["xy"] == [1, 4.5, 4.5] and len(points) == 17
    assert {names[key]: value for key, value in points[0]["av"].items()}["name"] == "nose"
