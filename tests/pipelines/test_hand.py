"""Hands: which one it is, told once each, and looked at again where it is."""

import numpy as np
import pytest

from pinpoint.codecs import Extras
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.hand import Hands
from pinpoint.skeletons import skeleton
from spots import boxed, lit, spot_network

HAND, PALM = skeleton("hand21"), skeleton("palm7")


class HandCodec:
    """A hand as tall as 20 crop pixels whose wrist is on the light, its side told by where the light is."""

    input_size = (64, 64)

    def decode(self, spots):
        xy = np.repeat(spots[:, None], 21, axis=1)
        xy[:, :, 1] -= np.arange(21)
        xy[:, 5:, 0] += np.resize([-4, 4], 16)
        return xy, np.full(xy.shape[:2], 0.8)

    def extras(self, spots):
        sure = np.where(np.isnan(spots[:, 0]), 0.1, 0.8)
        return Extras(sure, np.zeros((len(spots), 21, 3)), np.where(spots[:, 0] > 31.5, "left", "right"))


def palm(x, y, up=(0, -10)):
    """What the palm detector says of a hand: wrist and middle knuckle, and a box of 20 around the palm."""
    xy = np.repeat(np.array([[[x, y]]], float), 7, axis=1)
    xy[0, PALM.index("middle_finger_mcp")] += up
    return Keypoints(xy, np.ones((1, 7)), PALM, boxes=[[x - 10, y - 15, x + 10, y + 5]], box_scores=[0.9])


def hands(detector, looks=1):
    return Hands(detector, spot_network(HandCodec(), HAND), looks)


@pytest.mark.parametrize("looks", [1, 2])
def test_a_hand_is_read_where_its_palm_is(looks):
    found = hands(lambda image: palm(101, 70), looks)(lit(100, 70))
    np.testing.assert_allclose(found.xy[0, 0], (100, 70), atol=0.3)
    np.testing.assert_allclose(found.boxes[0, [1, 3]], found.xy[0, [20, 0], 1])
    assert found.labels.tolist() == ["right"]


@pytest.mark.parametrize("up", [(10, 0), (-10, 0), (0, 10), (7, 7)])
def test_fingers_point_from_the_wrist_to_the_knuckle(up):
    found = hands(lambda image: palm(100, 70, up))(lit(100, 70))
    along = found.xy[0, 4] - found.xy[0, 0]
    np.testing.assert_allclose(along / np.linalg.norm(along), np.array(up) / np.hypot(*up), atol=1e-6)


def test_what_is_no_hand_is_not_told():
    found = hands(lambda image: palm(30, 30))(lit(150, 120))
    assert (len(found), found.skeleton) == (0, HAND)


def test_a_hand_found_twice_is_told_once():
    twice = Keypoints.concatenate([palm(100, 70), palm(101, 71)])
    assert len(hands(lambda image: twice)(lit(100, 70))) == 1


def test_given_boxes_of_hands_are_answered_in_order():
    boxes = [[20, 20, 30, 30], [85, 45, 115, 80], [300, 0, 310, 9]]
    found = hands(None)(lit(100, 70), boxes)
    assert found.boxes.tolist() == boxes
    np.testing.assert_allclose(found.xy[1, 0], (100, 70), atol=0.3)
    assert np.isnan(found.xy).all(axis=(1, 2)).tolist() == [True, False, True]
    assert found.labels[2] == ""


def test_a_hand_in_a_given_box_is_looked_at_again_where_it_is():
    """The box is three times the hand; the last look is at the hand alone."""
    found = hands(None)
    found(lit(100, 70, radius=2), [[60, 30, 140, 110]])
    first, *_, last = found.network.session.batches
    assert last.sum() > 2 * first.sum()  # the light is that much larger


def test_a_detector_of_boxes_alone_serves_too():
    found = hands(lambda image: boxed([85, 45, 115, 80]))(lit(100, 70))
    np.testing.assert_allclose(found.xy[0, 0], (100, 70), atol=0.3)
