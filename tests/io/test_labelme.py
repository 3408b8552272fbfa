"""A folder as labelme 5 writes it; pixels there are measured from the outer edge of the first one."""

import json

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records, write
from pinpoint.io.labelme import read_labelme, write_labelme
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton


def shape(label, points, group=None, kind="point", **flags):
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": flags,
        "mask": None,
    }


@pytest.fixture
def save(tmp_path):
    def saved(*shapes, name="a.json", image="a.jpg"):
        document = {
            "version": "5.5.0",
            "flags": {},
            "shapes": list(shapes),
            "imagePath": image,
            "imageData": None,
            "imageHeight": 48,
            "imageWidth": 64,
        }
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(document, indent=2))
        return tmp_path

    return saved


def test_shapes_of_a_group_are_one_instance(save):
    folder = save(
        shape("tip", [[10.5, 20.25]], 3),
        shape("cat", [[30.5, 40.5], [5.5, 6.5]], 3, "rectangle"),
        shape("tail", [[1.5, 2.5]], 4, occluded=True),
        shape("tail", [[11.0, 21.0]], 3, occluded=False),
    )
    (record,) = read_records(folder)
    kps = record.keypoints
    assert (record.image, record.size, record.instance_ids) == ("a.jpg", (64, 48), (3, 4))
    assert kps.skeleton.keypoints == ("tip", "tail")
    np.testing.assert_array_equal(kps.xy, [[[10, 19.75], [10.5, 20.5]], [[np.nan, np.nan], [1, 2]]])
    np.testing.assert_array_equal(kps.boxes, [[5, 6, 30, 40], [np.nan] * 4])
    assert kps.visible.tolist() == [[True, True], [False, False]]
    assert kps.labels.tolist() == ["cat", ""]


def test_points_without_a_group_belong_to_the_rectangle_they_lie_in(save):
    folder = save(
        shape("cat", [[0, 0], [20, 20]], kind="rectangle"),
        shape("dog", [[30, 0], [50, 20]], kind="rectangle"),
        shape("tip", [[40.5, 10.5]]),
        shape("tip", [[10.5, 10.5]]),
    )
    (kps,) = read(folder)
    assert kps.labels.tolist() == ["cat", "dog"]
    np.testing.assert_array_equal(kps.xy[:, 0], [[10, 10], [40, 10]])


def test_points_without_a_group_or_a_rectangle_are_one_instance(save):
    (kps,) = read(save(shape("tip", [[1, 1]]), shape("tail", [[2, 2]])))
    assert len(kps) == 1


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ([shape("tip", [[1, 1]]), shape("tip", [[2, 2]])], "one instance has 'tip' twice: give the shapes"),
        (
            [shape("cat", [[0, 0], [9, 9]], kind="rectangle")] * 2 + [shape("tip", [[1, 1]])],
            "'tip' lies in 2 rectangles and is tied to none: give the shapes",
        ),
        ([shape("cat", [[0, 0], [9, 9]], 1, "rectangle")] * 2, "one instance has 2 rectangles"),
        ([shape("tip", [[1, 1, 1]])], "shape 1: a point has 3 numbers, expected 2"),
        ([{"label": "tip", "shape_type": "point"}], "shape 1 lacks 'points'"),
    ],
)
def test_what_is_ambiguous_or_damaged_is_refused_with_its_place(shapes, reason, save):
    with pytest.raises(UnreadableError, match=reason) as caught:
        read(save(*shapes))
    assert "a.json" in str(caught.value)


def test_other_shapes_are_left_out_and_counted(save, caplog):
    read(save(shape("tip", [[1, 1]]), shape("cat", [[0, 0], [1, 0], [1, 1]], kind="polygon")))
    assert "left out: 1 x polygon" in caplog.text


def test_images_are_named_from_the_folder(save):
    folder = save(shape("tip", [[1, 1]]), name="deep/b.json", image="..\\photos\\b.jpg")
    assert [record.image for record in read_labelme(folder)] == ["photos/b.jpg"]


def test_the_names_that_occur_tell_the_skeleton(save):
    body = skeleton("coco17")
    shapes = [shape(name, [[1, 1]], 0) for name in reversed(body.keypoints)]
    assert read(save(*shapes))[0].skeleton == body
    assert read(save(*shapes[3:]))[0].skeleton.keypoints == tuple(reversed(body.keypoints[:-3]))
    assert read(save(*shapes[3:]), body)[0].skeleton == body


def test_a_keypoint_of_no_such_name_is_refused(save):
    with pytest.raises(UnreadableError, match="keypoint 'tip' is none of Skeleton"):
        read(save(shape("tip", [[1, 1]])), skeleton("coco17"))


def test_files_are_named_as_their_images_and_say_where_these_are(tmp_path):
    kite = Skeleton("kite", ("tip", "tail"))
    kps = Keypoints(np.array([[[1.0, 2], [np.nan, np.nan]]]), np.array([[1.0, 0]]), kite)
    write_labelme(tmp_path / "out", [Record(kps, "../p/a.jpg", (9, 9)), Record(kps, "sub/a.jpg", (9, 9))])
    files = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.json")
    )
    assert files == ["a.json", "sub/a.json"]
    one, two = (json.loads((tmp_path / "out" / file).read_text()) for file in files)
    assert (one["imagePath"], two["imagePath"]) == ("../p/a.jpg", "a.jpg")
    assert one["shapes"] == [shape("tip", [[1.5, 2.5]], 0)]
    assert [record.image for record in read_labelme(tmp_path / "out")] == ["../p/a.jpg", "sub/a.jpg"]


def test_what_has_nothing_to_hold_on_to_is_said(tmp_path, caplog):
    kps = Keypoints(np.full((2, 1, 2), [[[1.0]], [[np.nan]]]), [[1.0], [0]], Skeleton("dot", ("dot",)))
    labelled = Keypoints(kps.xy, kps.scores, kps.skeleton, labels=np.array(["cat", "dog"]))
    write(tmp_path / "out", [Record(labelled, "a.jpg", (9, 9))], format="labelme")
    assert "labelme cannot hold instances without a point or a box; 1 left out" in caplog.text
    assert "labelme cannot hold labels of instances without a box; 1 left out" in caplog.text
    assert len(read(tmp_path / "out")[0]) == 1
