import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names
from pinpoint.viz.palette import FINGERS, instance_colors, look_of

# Machado, Oliveira and Fernandes 2009, severity 1: what the three kinds of dichromats see of linear RGB.
DICHROMATS = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


@pytest.mark.parametrize("name", skeleton_names())
def test_the_left_of_every_swap_is_bluer_than_its_right(name):
    shape = skeleton(name)
    colors = look_of(shape).points
    blueness = colors[:, 2] - colors[:, 0]
    for left, right in shape.swaps:
        a, b = blueness[shape.index(left)], blueness[shape.index(right)]
        same = (colors[shape.index(left)] == colors[shape.index(right)]).all()  # fingers, lips
        assert same or a > b


@pytest.mark.parametrize("matrix", DICHROMATS.values(), ids=DICHROMATS)
@pytest.mark.parametrize("joint", ["shoulder", "elbow", "knee"])
def test_left_and_right_stay_apart_for_the_colour_blind(joint, matrix):
    shape = skeleton("coco17")
    colors = look_of(shape).points / 255
    left, right = (
        colors[shape.index(f"{side}_{joint}")] ** 2.2 @ np.array(matrix).T for side in ("left", "right")
    )
    assert np.linalg.norm(left.clip(0, 1) ** (1 / 2.2) - right.clip(0, 1) ** (1 / 2.2)) > 0.35


@pytest.mark.parametrize(("name", "root"), [("hand21", "wrist"), ("coco_wholebody133", "left_hand_root")])
def test_each_finger_has_one_colour_of_its_own(name, root):
    shape = skeleton(name)
    look = look_of(shape)
    leading = {a: color for (a, b), color in zip(shape.edges, look.edges.tolist(), strict=True) if a == root}
    fingers = [color for (a, b), color in zip(shape.edges, look.edges.tolist(), strict=True) if a == root]
    assert sorted(map(tuple, fingers)) == sorted(FINGERS.values())
    assert leading


def test_body_hands_and_face_are_scaled_by_their_own_extent():
    groups = look_of(skeleton("coco_wholebody133")).groups
    assert [len(group) for group in groups] == [23, 68, 21, 21]


@pytest.mark.parametrize(
    ("name", "dots"), [("face68", 68), ("facemesh478", 478), ("wflw98", 98), ("coco17", 0)]
)
def test_dense_faces_are_dots_and_the_head_of_a_body_is_not(name, dots):
    assert look_of(skeleton(name)).dots.sum() == dots


def test_lines_of_a_face_are_thinner_than_those_of_a_body():
    look = look_of(skeleton("coco_wholebody133"))
    assert look.weight[23:91].max() < look.weight[5:17].min()


def test_names_that_say_nothing_get_a_colour_each():
    parcel = Skeleton(name="parcel", keypoints=("a", "b", "c", "d"), edges=(("a", "b"), ("c", "d")))
    assert len(np.unique(look_of(parcel).points, axis=0)) == 4


def test_swaps_tell_the_sides_where_names_do_not():
    shape = Skeleton(name="wings", keypoints=("p", "q"), swaps=(("p", "q"),))
    left, right = look_of(shape).points
    assert left[2] > left[0] and right[0] > right[2]


def test_a_track_keeps_its_colour_and_an_unknown_one_has_the_common():
    boxes = Keypoints(np.zeros((4, 0, 2)), np.zeros((4, 0)), skeleton("box"), track_ids=[3, 4, -1, 3])
    a, b, unknown, again = instance_colors(boxes)
    np.testing.assert_array_equal(a, again)
    assert (a != b).any() and (unknown != a).any()


def test_a_label_that_names_a_side_has_its_colour():
    hands = Keypoints(np.zeros((2, 0, 2)), np.zeros((2, 0)), skeleton("box"), labels=["left", "Right"])
    left, right = instance_colors(hands)
    assert left[2] > left[0] and right[0] > right[2]


def test_keypoints_of_an_object_differ_though_some_are_named_like_parts_of_a_body():
    hammer = Skeleton("hammer", ("face", "claw", "eye", "end"), edges=(("eye", "end"), ("eye", "claw")))
    colours = {tuple(colour) for colour in look_of(hammer).points}
    assert len(colours) == 4
