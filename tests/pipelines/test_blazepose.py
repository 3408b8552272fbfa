"""Bodies: one row per person, and boxes that say how well they were filled."""

from dataclasses import replace

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.codecs import Extras
from pinpoint.geometry import boxes_of_points, iou
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.blazepose import BlazePose, WholePersonBoxes, blazepose35
from pinpoint.skeletons import skeleton
from spots import boxed, lit, spot_network

SIZE = (400, 300)
ALIGN = skeleton("blazepose_align4")


class BodyCodec:
    """A body around the light, some crop pixels in reach: 33 points on a ring, then hips and circle."""

    input_size = (64, 64)

    def __init__(self, presence=0.9, reach=10):
        self.presence, self.reach = presence, reach

    def decode(self, spots):
        turn = np.linspace(0, 2 * np.pi, 33, endpoint=False)
        ring = self.reach * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        xy = spots[:, None] + np.concatenate([ring, [[0, 0], [0, -12]]])
        return xy, np.full(xy.shape[:2], 0.9)

    def extras(self, spots):
        n = len(spots)
        sure = np.where(np.isnan(spots[:, 0]), 0.1, self.presence)
        return Extras(sure, np.tile(np.arange(35.0)[:, None] * [1, 0, 0], (n, 1, 1)))


def found_at(*places, radius=40):
    """What BlazePose's detector says of bodies whose hips are at these places: a box around each head."""
    xy = np.array([[[x, y], [x, y - radius], [x, y - 20], [x, y - 30]] for x, y in places], float)
    xy = xy.reshape(-1, 4, 2)
    boxes = np.concatenate([xy[:, 3] - 8, xy[:, 3] + 8], axis=1)
    return Keypoints(xy, np.ones((len(xy), 4)), ALIGN, boxes=boxes, box_scores=np.full(len(xy), 0.8))


def pose(detector, looks=None, presence=0.9):
    return BlazePose(detector, spot_network(BodyCodec(presence), blazepose35()), looks)


def never(image):
    raise AssertionError("the detector was asked")


LIGHTS = np.maximum(lit(100, 100, SIZE), lit(300, 200, SIZE))


def middle(kps):
    return kps.xy.mean(axis=1)


@pytest.mark.parametrize("looks", [None, 1, 2])
def test_everybody_the_detector_finds_is_read(looks):
    kps = pose(lambda image: found_at((102, 100), (300, 198)), looks)(LIGHTS)
    assert kps.skeleton == skeleton("blazepose33")
    np.testing.assert_allclose(middle(kps), [[100, 100], [300, 200]], atol=0.3)


def test_metres_are_the_networks():
    kps = pose(lambda image: found_at((100, 100)))(LIGHTS)
    np.testing.assert_allclose(kps.xyz[0], np.arange(33)[:, None] * [1, 0, 0], atol=1e-9)


def test_the_box_of_a_body_is_the_hull_of_its_points_within_the_picture():
    image = lit(395, 100, SIZE)
    kps = pose(lambda image: found_at((395, 100)))(image)
    assert kps.boxes[0, 2] == SIZE[0] - 0.5 < kps.xy[0, :, 0].max()
    np.testing.assert_allclose(kps.boxes[0, :2], kps.xy[0].min(axis=0))


def test_where_there_is_no_body_nobody_is_told():
    kps = pose(lambda image: found_at((100, 100), (200, 60)))(LIGHTS)
    np.testing.assert_allclose(middle(kps), [[100, 100]], atol=0.3)


def test_a_body_found_twice_is_told_once_and_the_surer_one_stays():
    class Unsure(BodyCodec):
        def extras(self, spots):
            return super().extras(spots)._replace(presence=np.array([0.7, 0.9, 0.8])[: len(spots)])

    detector = lambda image: found_at((100, 100), (102, 101), (300, 200))  # noqa: E731
    kps = BlazePose(detector, spot_network(Unsure(), blazepose35()))(LIGHTS)
    np.testing.assert_allclose(kps.box_scores, np.sqrt([0.9 * 0.8, 0.8 * 0.8]))  # the detector says .8


def test_nobody_found_is_an_empty_body():
    kps = pose(lambda image: found_at())(LIGHTS)
    assert (len(kps), kps.skeleton) == (0, skeleton("blazepose33"))


def test_given_boxes_are_answered_in_order_even_where_nobody_is(caplog):
    boxes = [[280, 180, 320, 220], [180, 20, 230, 80], [80, 80, 120, 120], [500, 0, 550, 50]]
    kps = pose(never)(LIGHTS, boxes)
    assert kps.boxes.tolist() == boxes
    np.testing.assert_allclose(middle(kps)[[0, 2]], [[300, 200], [100, 100]], atol=0.3)
    assert np.isnan(kps.xy[[1, 3]]).all()
    assert kps.box_scores[[1, 3]].tolist() == [0, 0]
    assert "box 3" in caplog.text


def test_a_body_that_fills_its_box_scores_more_than_one_in_its_corner():
    kps = pose(never, 1)(LIGHTS, [[75, 75, 125, 125], [95, 95, 145, 145]])
    assert 0.9 >= kps.box_scores[0] > kps.box_scores[1] > 0


@pytest.mark.parametrize(("reach", "full"), [(10, False), (30, False), (40, True)])
def test_the_score_of_a_given_box_falls_with_what_the_body_leaves_of_it(reach, full):
    """Joints fill .6 of a box that is right; from there on the presence counts in full."""
    body = BlazePose(never, spot_network(BodyCodec(reach=reach), blazepose35()), 1)
    kps = body(LIGHTS, [[80, 80, 120, 120]])
    fit = iou(boxes_of_points(pp.convert(kps, "coco17").xy), kps.boxes)[0, 0] / 0.6
    assert (fit >= 1) == full
    np.testing.assert_allclose(kps.box_scores, [0.9 * min(fit, 1)])


def test_a_detector_of_boxes_alone_serves_too():
    kps = pose(lambda image: boxed([80, 80, 120, 120], [82, 80, 122, 120], [280, 180, 320, 220]))(LIGHTS)
    np.testing.assert_allclose(np.sort(middle(kps)[:, 0]), [100, 300], atol=0.3)


@pytest.mark.parametrize(("looks", "runs"), [(None, 1), (1, 1), (2, 3)])
def test_the_detectors_finds_are_looked_at_as_often_as_asked(looks, runs):
    body = pose(lambda image: found_at((100, 100)), looks)
    body(LIGHTS)
    assert len(body.network.session.batches) == runs


@pytest.mark.parametrize(("looks", "runs"), [(None, 3), (1, 2), (2, 3)])
def test_boxes_are_looked_at_twice_at_least(looks, runs):
    body = pose(never, looks)
    body(LIGHTS, [[80, 80, 120, 120]])
    assert len(body.network.session.batches) == runs


def test_a_circle_becomes_the_box_of_a_whole_person():
    found = WholePersonBoxes(lambda image, boxes: found_at((100, 100), (20, 200)))(LIGHTS)
    assert found.boxes.tolist() == [[60, 60, 140, 140], [-0.5, 160, 60, 240]]


def test_boxes_of_other_detectors_are_left_as_they_are():
    boxes = boxed([1, 2, 3, 4])
    assert WholePersonBoxes(lambda image, boxes_: boxes)(LIGHTS) is boxes


def test_the_two_points_that_place_crops_are_no_part_of_the_body():
    assert blazepose35().keypoints[:33] == skeleton("blazepose33").keypoints
    assert blazepose35().flip_index[33:].tolist() == [33, 34]
    assert replace(blazepose35(), name="x").swaps == skeleton("blazepose33").swaps
