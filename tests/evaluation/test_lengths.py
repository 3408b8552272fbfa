"""The lengths that errors are divided by."""

import numpy as np
import pytest

from pinpoint.evaluation.lengths import (
    bone_lengths,
    box_diagonals,
    box_sizes,
    eye_distances,
    head_sizes,
    pupil_distances,
    torso_lengths,
)
from pinpoint.skeletons import Skeleton, skeleton

BOXES = np.array([[0.0, 0, 30, 40], [5, 5, 5, 5]])


@pytest.mark.parametrize(
    ("length", "expected"), [(box_diagonals, [50, 0]), (box_sizes, [1200**0.5, 0]), (head_sizes, [30, 0])]
)
def test_a_box_has_a(length, expected):
    np.testing.assert_allclose(length(BOXES), expected)


@pytest.mark.parametrize(
    ("length", "name", "right", "left"),
    [
        (torso_lengths, "coco17", ["left_shoulder"], ["right_hip"]),
        (eye_distances, "face68", ["face-36"], ["face-45"]),
        (eye_distances, "wflw98", ["wflw-60"], ["wflw-72"]),
        (pupil_distances, "face68", ["face-37", "face-38"], ["face-42", "face-43", "face-44"]),
        (pupil_distances, "wflw98", ["wflw-96"], ["wflw-97"]),
        (pupil_distances, "coco17", ["right_eye"], ["left_eye"]),
    ],
)
def test_a_length_is_between(length, name, right, left):
    """Moving its ends apart makes it longer; moving anything else does not."""
    columns = skeleton(name)
    xy = np.random.default_rng(0).uniform(0, 100, (3, len(columns), 2))
    before = length(xy, columns)
    others = [n for n in columns.keypoints if n not in (*right, *left) and not n.startswith("face")]
    xy[:, columns.indices(others)] += 50
    np.testing.assert_array_equal(length(xy, columns), before)
    xy[:, columns.indices([*right, *left])] += 1e4 * np.eye(1, len([*right, *left])).T
    assert (length(xy, columns) > 1000).all()


def test_pupils_are_the_middles_of_six_points():
    columns = skeleton("face68")
    xy = np.random.default_rng(0).uniform(0, 100, (2, 68, 2))
    middles = xy[:, 36:42].mean(axis=1) - xy[:, 42:48].mean(axis=1)
    np.testing.assert_allclose(pupil_distances(xy, columns), np.hypot(*middles.T))


@pytest.mark.parametrize("length", [torso_lengths, eye_distances, pupil_distances])
def test_a_hand_has_no(length):
    with pytest.raises(ValueError, match="hand21"):
        length(np.zeros((1, 21, 2)), skeleton("hand21"))


def test_a_keypoint_has_the_mean_of_its_bones():
    columns = Skeleton("v", ("a", "b", "c", "d"), edges=(("a", "b"), ("b", "c")))
    xy = np.array([[[0.0, 0], [3, 4], [3, 5], [9, 9]], [[0, 0], [3, 4], [np.nan, np.nan], [9, 9]]])
    np.testing.assert_array_equal(bone_lengths(xy, columns), [[5, 3, 1, np.nan], [5, 5, np.nan, np.nan]])
