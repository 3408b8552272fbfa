"""The whole picture at once."""

import numpy as np
import pytest

from pinpoint.pipelines.one_stage import OneStage
from pinpoint.pipelines.preparation import Preparation
from pinpoint.skeletons import Skeleton, skeleton
from spots import FixedCodec, spot_session

DOT = Skeleton("dot1", ("dot",))
WIDE = np.zeros((50, 100, 3), np.uint8)


class PlainCodec(FixedCodec):
    """Boxes without points."""

    def decode(self, spots):
        found = super().decode(spots)
        return found._replace(xy=found.xy[:, :0], scores=found.scores[:, :0])


def detector(boxes, scores=None, **fields):
    return OneStage(
        spot_session(),
        FixedCodec(boxes, scores),
        Preparation((64, 64)),
        fields.pop("skeleton", DOT),
        **fields,
    )


@pytest.mark.parametrize(("align", "top"), [(0.5, 16), (0.0, 0)])
def test_what_the_network_sees_is_told_in_the_picture(align, top):
    """100 x 50 fills 64 x 32 of the input; its outer edges -.5 and 99.5 are the input's -.5 and 63.5."""
    found = detector([[-0.5, top - 0.5, 31.5, top + 15.5]], [0.7], align=align)(WIDE)
    np.testing.assert_allclose(found.boxes, [[-0.5, -0.5, 49.5, 24.5]])
    np.testing.assert_allclose(found.xy, [[[24.5, 12.0]]])
    assert found.box_scores.tolist() == [0.7]
    assert found.scores.tolist() == [[0.7]]


def test_a_part_of_the_picture_is_told_in_the_picture():
    half = np.array([[2.0, 0, -20], [0, 2.0, -10]])
    found = detector([[0, 0, 20, 20]]).within(WIDE, half)
    assert found.boxes.tolist() == [[10, 5, 20, 15]]


def test_nothing_found_has_the_right_skeleton():
    found = detector([])(WIDE)
    assert (len(found), found.skeleton, found.boxes.shape) == (0, DOT, (0, 4))


def test_given_boxes_get_the_instance_that_fits_and_keep_their_order(caplog):
    boxes = [[50, 24, 99, 50], [200, 0, 210, 9], [0, 0, 50, 25]]
    found = detector([[-0.5, 15.5, 31.5, 31.5], [31.5, 31.5, 63.5, 47.5]], [0.7, 0.6])(WIDE, boxes)
    assert found.boxes.tolist() == boxes
    assert found.box_scores.tolist() == [0.6, 0, 0.7]
    np.testing.assert_allclose(found.xy[[0, 2], 0], [[74.5, 37], [24.5, 12]])
    assert np.isnan(found.xy[1]).all()
    assert "box 1" in caplog.text


def test_a_plain_detector_scores_the_boxes_it_is_given():
    codec = PlainCodec([[0, 0, 32, 32]], [0.7])
    boxes = OneStage(spot_session(), codec, Preparation((64, 64)), skeleton("box"), align=0.0)
    found = boxes(WIDE, [[60, 30, 90, 45], [0, 0, 50, 45]])
    assert (found.xy.shape, found.box_scores.tolist()) == ((2, 0, 2), [0, 0.7])


@pytest.mark.parametrize("boxes", [[[0, 0, np.nan, 5]], [[5, 0, 0, 5]], [[1, 2, 3]]])
def test_given_boxes_that_are_none_are_refused(boxes):
    with pytest.raises(ValueError, match=r"box 0|shape \(1, 3\)"):
        detector([])(WIDE, boxes)


@pytest.mark.parametrize("size", [(1, 1), (30000, 2), (2, 30000)])
def test_pictures_of_any_shape_are_looked_at(size):
    found = detector([[0, 0, 64, 64]])(np.zeros((size[1], size[0], 3), np.uint8))
    assert np.isfinite(found.boxes).all()


def test_a_grey_picture_is_refused():
    with pytest.raises(ValueError, match=r"image has shape \(50, 50\), expected an RGB picture"):
        detector([])(np.zeros((50, 50), np.uint8))
