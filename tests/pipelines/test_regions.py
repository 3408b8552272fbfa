"""Where networks look, against rectangles worked out by hand, and turned with the picture."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.geometry import transform_points
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.regions import (
    AlignedBoxRegion,
    BoxRegion,
    CircleRegion,
    HandOfBodyRegion,
    HullRegion,
    LineRegion,
    Regions,
)
from pinpoint.skeletons import skeleton
from spots import boxed, people

HAND = ("left_wrist", "left_index", "left_pinky")


def check(regions, center, size, angle):
    np.testing.assert_allclose(regions.centers, [center], atol=1e-9)
    np.testing.assert_allclose(regions.sizes, [size], atol=1e-9)
    np.testing.assert_allclose(np.exp(1j * regions.angles), np.exp(1j * np.array([angle])), atol=1e-9)


def test_a_wide_box_grows_in_height_to_the_aspect():
    """80 x 30 at aspect .5 is 80 x 160, grown by 1.25."""
    check(BoxRegion(aspect=0.5, scale=1.25)(boxed([10, 20, 90, 50])), (50, 35), (100, 200), 0)


def test_a_tall_box_grows_in_width_to_the_aspect():
    check(BoxRegion(aspect=1.5, scale=2)(boxed([10, 20, 30, 60])), (20, 40), (120, 80), 0)


@pytest.mark.parametrize(
    ("rim", "angle"), [((50, 20), 0), ((80, 50), np.pi / 2), ((50, 80), np.pi), ((20, 50), -np.pi / 2)]
)
def test_the_square_of_a_circle_is_turned_from_up_to_its_rim(rim, angle):
    check(CircleRegion("start", "end", scale=1.25)(people([[50, 50], rim])), (50, 50), (75, 75), angle)


def test_the_square_of_a_line_sits_on_its_middle_and_is_turned_from_right():
    check(LineRegion("start", "end", scale=2)(people([[10, 10], [10, 50]])), (10, 30), (80, 80), np.pi / 2)


def test_an_aligned_box_moves_along_its_turned_axis():
    """MediaPipe's palm: half the height of the box up the hand, which points right here; side 2.6 * 40."""
    found = people([[0, 0], [10, 0]], boxes=[[100, 100, 140, 120]])
    region = AlignedBoxRegion("start", "end", up=True, scale=2.6, shift=-0.5)
    check(region(found), (120 + 10, 110), (104, 104), np.pi / 2)


def test_an_upright_hull_is_the_box_of_its_points():
    found = people([[10, 50], [30, 50], [20, 90]], ("start", "end", "other"))
    check(HullRegion("start", "end", scale=1.5)(found), (20, 70), (60, 60), 0)


def test_a_hull_may_be_taken_of_some_points_only():
    found = people([[10, 50], [30, 50], [20, 90]], ("start", "end", "other"))
    region = HullRegion("start", "end", scale=1, shift=0.5, points=("start", "end", "other"))
    check(region(found), (20, 70 + 20), (40, 40), 0)
    check(replace(region, points=("start", "end"))(found), (20, 50), (20, 20), 0)


def test_the_hand_of_a_body_is_where_holistic_looks():
    """Knuckles at (0, -30) above the wrist: side 2 * 30 * 2.7, moved a tenth of 60 up."""
    found = people([[100, 100], [100, 70], [100, 70]], HAND)
    check(HandOfBodyRegion("left")(found), (100, 70 - 6), (162, 162), 0)


def test_knuckles_are_two_thirds_index():
    found = people([[100, 100], [115, 70], [85, 70]], HAND)
    regions = HandOfBodyRegion("left", shift=0.0)(found)
    np.testing.assert_allclose(regions.centers, [[105, 70]])


BY_POINTS = {
    "circle": (CircleRegion("start", "end"), ("start", "end")),
    "line": (LineRegion("start", "end", 2.0), ("start", "end")),
    "hull": (HullRegion("start", "end", up=True, shift=-0.2), ("start", "end", "third", "fourth")),
    "hand": (HandOfBodyRegion("left"), HAND),
}


@pytest.mark.parametrize("angle", [0.3, 2.0, -1.2, 3.1])
@pytest.mark.parametrize("kind", BY_POINTS)
def test_a_region_turns_moves_and_grows_with_the_points(kind, angle, rng):
    region, names = BY_POINTS[kind]
    found = people(rng.uniform(0, 100, (5, len(names), 2)), names)
    cos, sin = 1.7 * np.cos(angle), 1.7 * np.sin(angle)
    map_ = np.array([[cos, -sin, 40], [sin, cos, -9]])
    plain, turned = region(found), region(replace(found, xy=transform_points(found.xy, map_)))
    np.testing.assert_allclose(turned.centers, transform_points(plain.centers, map_))
    np.testing.assert_allclose(turned.sizes, 1.7 * plain.sizes)
    np.testing.assert_allclose(np.exp(1j * turned.angles), np.exp(1j * (plain.angles + angle)))


@pytest.mark.parametrize("kind", [*BY_POINTS, "aligned-box"])
def test_points_that_coincide_give_a_small_upright_square(kind):
    region, names = BY_POINTS.get(kind, (AlignedBoxRegion("start", "end", up=True), ("start", "end")))
    found = people(np.full((1, len(names), 2), 30.0), names, boxes=[[30, 30, 30, 30]])
    check(region(found), (30, 30), (1, 1), 0)


@pytest.mark.parametrize("kind", BY_POINTS)
def test_a_region_of_points_that_are_not_known_is_nowhere(kind):
    region, names = BY_POINTS[kind]
    regions = region(people(np.full((1, len(names), 2), np.nan), names))
    assert regions.within((100, 100)).tolist() == [False]


def test_a_region_by_boxes_asks_for_boxes():
    with pytest.raises(ValueError, match="has no boxes, expected one for each instance"):
        BoxRegion()(Keypoints(np.zeros((1, 0, 2)), np.zeros((1, 0)), skeleton("box")))


@pytest.mark.parametrize(
    ("center", "angle", "meets"),
    [
        ((50, 40), 0, True),
        ((-10.4, 40), 0, True),
        ((-10.6, 40), 0, False),
        ((50, 89.4), 0, True),
        ((50, 89.6), 0, False),
        ((-13, 40), np.pi / 4, True),
        ((np.nan, 40), 0, False),
        ((50, 40), np.nan, False),
    ],
)
def test_a_region_meets_the_picture_or_not(center, angle, meets):
    """A square of 20 against a picture of 100 x 80, which reaches from -.5 to 99.5 and 79.5."""
    regions = Regions(np.array([center]), np.full((1, 2), 20.0), np.array([angle]))
    assert regions.within((100, 80)).tolist() == [meets]
