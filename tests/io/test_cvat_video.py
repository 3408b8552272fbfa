"""Tracks as CVAT takes them: an identity over frames, ended where it is gone."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pinpoint.io.cvat_video import write_cvat_video
from pinpoint.io.formats import read_records
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

KITE = Skeleton("kite", ("tip", "tail"), (("tip", "tail"),))


def frame(index, *tracks, **more):
    """Kites whose tips say frame and track."""
    xy = np.array([[[index, track], [1, 2]] for track in tracks], float).reshape(-1, 2, 2)
    kps = Keypoints(xy, np.ones(xy.shape[:2]), KITE, track_ids=list(tracks), **more)
    return Record(kps, "clip.mp4", (64, 48), index)


def tracks_of(path):
    return {
        int(track.attrib["id"]): [
            (int(shape.attrib["frame"]), shape.attrib["outside"]) for shape in track.findall("skeleton")
        ]
        for track in ET.parse(path).getroot().findall("track")
    }


def test_a_track_ends_where_it_is_gone_and_goes_on_after_a_gap(tmp_path):
    """CVAT shows a shape until the next one: without an end it would stay for the whole video."""
    write_cvat_video(tmp_path / "x.xml", [frame(0, 7), frame(1, 7, 3), frame(4, 7)])
    assert tracks_of(tmp_path / "x.xml") == {
        7: [(0, "0"), (1, "0"), (2, "1"), (4, "0"), (5, "1")],
        3: [(1, "0"), (2, "1")],
    }
    back = read_records(tmp_path / "x.xml")
    assert [(one.index, one.keypoints.track_ids.tolist()) for one in back] == [
        (0, [7]),
        (1, [3, 7]),
        (4, [7]),
    ]
    np.testing.assert_array_equal(back[1].keypoints.xy[:, 0], [[1, 3], [1, 7]])


def test_skeleton_and_box_of_one_are_one(tmp_path):
    """They are two tracks in CVAT, tied by their group; a frame that has the box alone is of the same one."""
    boxes = np.array([[1.0, 2, 30, 40]])
    full, bare = (frame(index, 5, boxes=boxes) for index in (0, 1))
    bare = replace(bare, keypoints=replace(bare.keypoints, xy=np.full((1, 2, 2), np.nan), scores=[[0, 0]]))
    write_cvat_video(tmp_path / "x.xml", [full, bare])
    groups = [track.get("group_id") for track in ET.parse(tmp_path / "x.xml").getroot().findall("track")]
    assert groups == ["1", "1"]
    back = read_records(tmp_path / "x.xml")
    assert [one.keypoints.track_ids.tolist() for one in back] == [[5], [5]]
    assert all(one.keypoints.boxes.tolist() == boxes.tolist() for one in back)


def test_who_has_no_track_is_one_of_a_frame(tmp_path):
    write_cvat_video(tmp_path / "x.xml", [frame(0, -1, 2), frame(1, -1)])
    assert sorted(map(len, tracks_of(tmp_path / "x.xml").values())) == [2, 2, 2]
    ids = [one.keypoints.track_ids.tolist() for one in read_records(tmp_path / "x.xml")]
    assert ids[0][0] != ids[1][0] and 2 in ids[0] and 2 not in ids[1]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([frame(3, 1, 1)], "frame 3 of 'clip.mp4' has track 1 twice"),
        ([frame(0, 1), replace(frame(1, 1), image="other.mp4")], "clip.mp4', 'other.mp4.*of one video"),
        ([replace(frame(0, 1), size=None)], "frames have size"),
    ],
)
def test_what_is_no_video_is_refused(records, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        write_cvat_video(tmp_path / "x.xml", records)
