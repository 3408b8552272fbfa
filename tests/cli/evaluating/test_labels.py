"""What is labelled, and what was assumed of it."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.cli.evaluating.labels import read_labels
from pinpoint.io.formats import write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

TOOL = Skeleton("tool", ("tip", "end"))


def tools(n, **fields):
    xy = np.arange(n * 4.0).reshape(n, 2, 2) ** 2
    boxes = np.tile([0.0, 0, 40, 20], (n, 1))
    return Keypoints(xy, np.ones((n, 2)), TOOL, **{"boxes": boxes, "areas": np.full(n, 300.0)} | fields)


@pytest.fixture
def read(tmp_path):
    """Writes labels of pictures and reads them; returns the labels and what was noted."""

    def run(*pictures, **options):
        write(tmp_path / "gt.jsonl", [Record(kps, f"{n}.png", **options) for n, kps in enumerate(pictures)])
        notes = {}
        return read_labels(tmp_path / "gt.jsonl", None, notes), notes

    return run


def test_what_the_file_says_is_kept(read):
    seen = np.array([[True, False], [False, True]])
    (one, other), notes = read(tools(2, visible=seen), tools(1), size=(64, 48))
    np.testing.assert_array_equal(one.truth.visible, seen)
    np.testing.assert_array_equal(one.truth.boxes, tools(2).boxes)
    assert (other.name, other.size, len(other.truth)) == ("1.png", (64, 48), 1)
    assert notes == {"areas": "as labelled"}


def test_a_picture_without_boxes_and_areas_leaves_the_others_theirs(read):
    (one, other), notes = read(tools(1), tools(2, boxes=None, areas=None))
    np.testing.assert_array_equal(one.truth.boxes, tools(1).boxes)
    low, high = other.truth.xy.min(axis=1), other.truth.xy.max(axis=1)
    margin = 0.1 * (high - low).max(axis=1, keepdims=True)
    np.testing.assert_allclose(other.truth.boxes, np.concatenate([low - margin, high + margin], axis=1))
    np.testing.assert_allclose(other.truth.areas, 0.53 * (high - low + 2 * margin).prod(axis=1))
    assert notes == {
        "areas": "as labelled; 0.53 of the box for 2 of 3 that have none",
        "boxes": "around the points, a tenth wider, for 2 of 3 that have none",
    }


def test_who_has_neither_box_nor_points_is_left_out(read):
    bare = replace(tools(2, boxes=None), xy=np.stack([tools(1).xy[0], np.full((2, 2), np.nan)]))
    (one,), notes = read(bare)
    assert len(one.truth) == 1
    assert notes["left out"] == "1 instances without a box or points that span one"


def test_a_box_outside_its_own_picture_is_mended_though_it_would_fit_another(tmp_path):
    away = tools(1, boxes=np.array([[100.0, 0, 140, 20]]))
    records = [Record(away, "0.png", size=(64, 48)), Record(away, "1.png", size=(640, 480))]
    write(tmp_path / "gt.jsonl", records)
    small, large = read_labels(tmp_path / "gt.jsonl", None, {})
    assert large.truth.boxes[0, 0] == 100 and small.truth.boxes[0, 0] < 10


def test_pictures_are_looked_for_beside_the_file_or_in_the_folder_given(read, tmp_path):
    (one,), _ = read(tools(1))
    assert one.path == tmp_path / "0.png"
    assert replace(one, folder=tmp_path / "else").path == tmp_path / "else" / "0.png"


def test_nothing_labelled_is_refused(read):
    with pytest.raises(ValueError, match="holds no labelled instance"):
        read(tools(0))
