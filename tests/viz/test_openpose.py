import colorsys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.viz import draw_openpose

# Colours and order of limbs (1-based) that ControlNet (arXiv 2302.05543) was trained with.
COLORS = [
    *[(255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0)],
    *[(0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255)],
    *[(170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)],
]
LIMBS = [
    *[(2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11)],
    *[(2, 12), (12, 13), (13, 14), (2, 1), (1, 15), (15, 17), (1, 16), (16, 18)],
]
# nose, neck, right arm, left arm, right leg, left leg, right eye, left eye, right ear, left ear
POINTS = [
    *[(256, 80), (256, 150), (190, 150), (150, 230), (120, 310), (322, 150), (362, 230), (392, 310)],
    *[(216, 300), (206, 390), (196, 480), (296, 300), (306, 390), (316, 480)],
    *[(226, 50), (286, 50), (196, 80), (316, 80)],
]


def body():
    shape = skeleton("openpose18")
    return Keypoints(xy=np.array([POINTS], float), scores=np.ones((1, 18)), skeleton=shape)


@pytest.mark.parametrize("point", range(18))
def test_a_joint_has_its_published_colour(point):
    x, y = POINTS[point]
    assert tuple(draw_openpose((512, 512), body())[y, x]) == COLORS[point]


@pytest.mark.parametrize("limb", range(17))
def test_the_middle_of_a_limb_has_its_published_colour_darkened(limb):
    a, b = (np.array(POINTS[end - 1]) for end in LIMBS[limb])
    x, y = ((a + b) / 2).astype(int)
    assert draw_openpose((512, 512), body())[y, x].tolist() == [int(0.6 * value) for value in COLORS[limb]]


def test_a_limb_is_four_pixels_to_either_side_at_512():
    out = draw_openpose((512, 512), body())
    rows = np.flatnonzero(out[:, 223].any(axis=1) & (np.arange(512) > 100) & (np.arange(512) < 200))
    assert rows[[0, -1]].tolist() == [146, 154]


@pytest.mark.parametrize("size", [(1024, 1024), (2000, 1024)])
def test_sticks_grow_with_the_shorter_side(size):
    kps = replace(body(), xy=body().xy * 2)
    out = draw_openpose(size, kps)
    rows = np.flatnonzero(out[250:350, 446].any(axis=1))
    assert rows[-1] - rows[0] == 16


def test_a_body_of_another_skeleton_is_converted():
    coco = skeleton("coco17")
    xy = np.full((1, 17, 2), np.nan)
    for name, point in zip(skeleton("openpose18").keypoints, POINTS, strict=True):
        if name in coco:
            xy[0, coco.index(name)] = point
    kps = Keypoints(xy=xy, scores=np.ones((1, 17)), skeleton=coco)
    np.testing.assert_array_equal(draw_openpose((512, 512), kps), draw_openpose((512, 512), body()))


def whole_body():
    shape = skeleton("coco_wholebody133")
    xy = np.full((1, 133, 2), np.nan)
    xy[0, 23] = 40, 40
    xy[0, shape.index("left_hand_root")] = 100, 100
    xy[0, shape.index("left_thumb_cmc")] = 160, 100
    xy[0, shape.index("left_index_finger_mcp")] = 100, 160
    return Keypoints(xy=xy, scores=np.ones((1, 133)), skeleton=shape)


def test_faces_are_white_dots():
    out = draw_openpose((512, 512), whole_body())
    assert out[40, 37:44].min() == 255 and not out[40, 44:60].any()


def test_hands_are_lines_round_the_colour_wheel_with_blue_points():
    out = draw_openpose((512, 512), whole_body())
    wheel = [[int(255 * value) for value in colorsys.hsv_to_rgb(edge / 20, 1, 1)] for edge in (0, 4)]
    assert [out[100, 130].tolist(), out[130, 100].tolist()] == wheel
    assert out[100, 100].tolist() == out[100, 160].tolist() == [0, 0, 255]


def test_a_hand_alone_is_drawn_as_that_of_a_whole_body():
    columns = whole_body().skeleton.part_index("left_hand")
    hand = Keypoints(whole_body().xy[:, columns], np.ones((1, 21)), skeleton("hand21"))
    out = draw_openpose((512, 512), whole_body())
    np.testing.assert_array_equal(draw_openpose((512, 512), hand)[60:], out[60:])


def test_what_is_missing_or_below_the_threshold_is_black():
    scores = np.ones((1, 18))
    scores[0, 4] = 0.29
    out = draw_openpose((512, 512), replace(body(), scores=scores))
    assert not out[310, 120].any() and out[230, 150].any() and not out[270, 135].any()
    assert not draw_openpose((64, 32), replace(body(), xy=body().xy * np.nan)).any()


def test_a_picture_lends_only_its_size():
    image = np.full((512, 512, 3), 200, np.uint8)
    np.testing.assert_array_equal(draw_openpose(image, body()), draw_openpose((512, 512), body()))
    assert draw_openpose((300, 200), Keypoints.empty(body().skeleton)).shape == (200, 300, 3)


@pytest.mark.parametrize("canvas", [(0, 5), (1, 2, 3), np.zeros((5, 5), np.uint8)], ids=repr)
def test_what_is_neither_size_nor_picture_is_refused(canvas):
    with pytest.raises(ValueError, match="expected"):
        draw_openpose(canvas, body())


def test_a_skeleton_of_no_person_is_refused():
    parcel = Skeleton(name="parcel", keypoints=("a", "b"))
    with pytest.raises(ValueError, match="parcel"):
        draw_openpose((64, 64), Keypoints(np.zeros((1, 2, 2)), np.ones((1, 2)), parcel))


WILD = st.one_of(st.floats(-200, 900), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -99_999.0, 2.0**31]))


@settings(max_examples=40, deadline=None)
@given(xy=arrays(np.float64, (1, 18, 2), elements=WILD))
def test_no_coordinate_is_too_wild(xy):
    assert draw_openpose((48, 64), replace(body(), xy=xy)).shape == (64, 48, 3)
