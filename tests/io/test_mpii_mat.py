"""MPII's MATLAB file, made by SciPy in the form that was published."""

import sys

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records, write

scipy_io = pytest.importorskip("scipy.io")


def structs(*rows):
    """A 1 x N struct array, as MATLAB has it: every struct has every field, an empty one where it lacks."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in names])
    for column, row in enumerate(rows):
        for name in names:
            array[name][0, column] = row.get(name, np.zeros((0, 0)))
    return array


def point(number, x, y, **more):
    return {"id": number, "x": float(x), "y": float(y), **more}


@pytest.fixture
def save(tmp_path):
    def saved(*people, name="RELEASE"):
        rects = [
            {"x1": 1, "y1": 2, "x2": 3, "y2": 4, "scale": 2.0, "objpos": structs({"x": 101, "y": 51})}
            | ({"annopoints": structs({"point": structs(*points)})} if points else {})
            for points in people
        ]
        annolist = structs(
            {"image": structs({"name": "a.jpg"}), "annorect": structs(*rects) if rects else [], "vididx": 7},
            {"image": structs({"name": "b.jpg"}), "annorect": structs(rects[0] | {"annopoints": []})},
            {"image": structs({"name": "c.jpg"})},
        )
        release = structs({"annolist": annolist, "img_train": np.array([[1, 0, 0]]), "version": "12"})
        scipy_io.savemat(tmp_path / "mpii.mat", {name: release})
        return tmp_path / "mpii.mat"

    return saved


POINTS = [
    point(0, 11, 21, is_visible=0),
    point(6, 61, 71, is_visible="1"),
    point(9, 31, 41),  # heads do not say whether they are seen
]


def test_people_are_read_with_points_from_0_and_their_boxes(save):
    first, *_ = read_records(save(POINTS, [point(2, 5, 6, is_visible=1)]))
    assert (first.image, first.split, first.group) == ("a.jpg", "train", "video 7")
    kps = first.keypoints
    assert kps.skeleton.name == "mpii16" and len(kps) == 2
    np.testing.assert_array_equal(kps.xy[0, [0, 6, 9]], [[10, 20], [60, 70], [30, 40]])
    assert kps.visible[0, [0, 6, 9]].tolist() == [False, True, True]
    assert np.isfinite(kps.xy[..., 0]).sum(axis=1).tolist() == [3, 1]
    np.testing.assert_array_equal(kps.boxes, [[-100, -150, 300, 250]] * 2)


def test_images_for_testing_have_no_points(save):
    _, second, third = read_records(save(POINTS))
    assert (second.split, len(second.keypoints), len(third.keypoints)) == ("test", 1, 0)
    assert np.isnan(second.keypoints.xy).all()


def test_what_is_read_is_what_the_json_form_would_hold(save, tmp_path):
    first, *_ = read_records(save(POINTS))
    write(tmp_path / "x.json", [first], format="mpii")
    (again,) = read_records(tmp_path / "x.json")
    np.testing.assert_array_equal(again.keypoints.xy, first.keypoints.xy)
    np.testing.assert_array_equal(again.keypoints.boxes, first.keypoints.boxes)


def test_another_matlab_file_and_a_damaged_one_are_named(save, tmp_path):
    with pytest.raises(UnreadableError, match="holds no RELEASE"):
        read_records(save(POINTS, name="OTHER"))
    (tmp_path / "bad.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(300))
    with pytest.raises(UnreadableError, match="no MATLAB 5 file, or damaged"):
        read_records(tmp_path / "bad.mat")


def test_without_scipy_it_says_what_to_install(save, monkeypatch):
    path = save(POINTS)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match="pip install scipy"):
        read_records(path)
