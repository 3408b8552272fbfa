"""JSON-MIN as Label Studio exports it: what belongs together is told by rectangles, or not at all."""

import json

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records

SIZE = {"original_width": 200, "original_height": 100}


def point(name, x, y):
    return {"x": x, "y": y, "width": 0.5, "keypointlabels": [name], **SIZE}


def box(x, y, width, height):
    return {
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "rotation": 0,
        "rectanglelabels": ["cat"],
        **SIZE,
    }


@pytest.fixture
def save(tmp_path):
    def saved(*regions, **more):
        entry = {
            "image": "/data/local-files/?d=d/a.jpg",
            "id": 7,
            "kp": [one for one in regions if "keypointlabels" in one],
            "box": [one for one in regions if "rectanglelabels" in one],
            "annotator": 1,
            "annotation_id": 9,
            "created_at": "2026-01-01T00:00:00Z",
            "lead_time": 1.5,
        }
        (tmp_path / "x.json").write_text(json.dumps([entry | more, entry | {"annotation_id": 10, "kp": []}]))
        return tmp_path / "x.json"

    return saved


def test_points_belong_to_the_rectangle_that_they_lie_in(save, caplog):
    boxes, points = [box(0, 0, 20, 50), box(50, 0, 40, 50)], [point("nose", 10, 10), point("tail", 60, 20)]
    (record,) = read_records(save(*boxes, *points, point("nose", 70, 30)))
    assert (record.image, record.size, record.id) == ("d/a.jpg", (200, 100), 7)
    kps = record.keypoints
    assert kps.skeleton.keypoints == ("nose", "tail")
    expected = [[[19.5, 9.5], [np.nan] * 2], [[139.5, 29.5], [119.5, 19.5]]]
    np.testing.assert_allclose(kps.xy, expected, atol=1e-9)
    np.testing.assert_allclose(kps.boxes, [[-0.5, -0.5, 39.5, 49.5], [99.5, -0.5, 179.5, 49.5]], atol=1e-9)
    assert "the first is read, not 1" in caplog.text


def test_points_of_no_rectangle_are_one_instance_and_two_of_a_name_are_refused(save):
    (record,) = read_records(save(point("nose", 10, 10), point("tail", 60, 20)))
    assert len(record.keypoints) == 1
    with pytest.raises(UnreadableError, match=r"has 'nose' twice: tie .* and export as JSON"):
        read_records(save(point("nose", 10, 10), point("nose", 60, 20)))


def test_other_regions_are_left_out_and_counted(save, caplog):
    (record,) = read_records(save(point("nose", 10, 10), mask=[{"brushlabels": ["cat"], **SIZE}]))
    assert len(record.keypoints) == 1 and "1 x brushlabels" in caplog.text
