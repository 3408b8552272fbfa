"""The whole picture at once."""

import cv2
import numpy as np
import pytest

from pinpoint.codecs.dekr import Dekr
from pinpoint.codecs.paf import Paf
from pinpoint.geometry import identity
from pinpoint.pipelines.one_stage import OneStage
from pinpoint.pipelines.preparation import Preparation
from pinpoint.runtime import FakeSession, TensorSpec
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


PAIR = Skeleton("pair", ("left", "right"), edges=(("left", "right"),), swaps=(("left", "right"),))
SQUARE = TensorSpec("image", (None, 128, 128, 3), np.dtype(np.float32))


def painted(batch):
    """What a network says that sees a red left end and a green right one: bells at both, and no limbs."""
    maps = np.stack([cv2.resize(one, (16, 16), interpolation=cv2.INTER_AREA) for one in batch])
    points = maps[..., :2].transpose(0, 3, 1, 2)
    both = np.concatenate([points, 1 - points.max(axis=1, keepdims=True)], axis=1)
    return both, np.zeros((len(batch), 2, 16, 16), np.float32)


def pair_finder(answer, codec=None, columns=PAIR, **looks):
    codec = codec or Paf((128, 128), 2, ((0, 1),), min_points=1)
    return OneStage(FakeSession(answer, input=SQUARE), codec, Preparation((128, 128)), columns, **looks)


def ends():
    """A red bell and a green one on black, each a cell and a half wide."""
    y, x = np.mgrid[:128, :128]
    bells = [
        np.exp(-(np.hypot(x - at_x, y - at_y) ** 2) / (2 * 12**2)) for at_x, at_y in ((30, 50), (90, 70))
    ]
    return np.round(255 * np.stack([*bells, np.zeros_like(bells[0])], axis=-1)).astype(np.uint8)


def places(found):
    """Where the left and the right end are, whoever has them."""
    return np.nanmax(found.xy, axis=0)


def swapped(batch):
    """The same for a network that tells sides: in a mirrored picture the red end is the right one.

    It knows the mirrored one by its red end's side.
    """
    maps, limbs = painted(batch)
    mirrored = [one[..., 0].sum(axis=0).argmax() > 64 for one in batch]
    for one, turned in zip(maps, mirrored, strict=True):
        one[:2] = one[1::-1] if turned else one[:2]
    return maps, limbs


def test_a_second_look_at_the_mirror_image_says_the_same_of_what_is_symmetric():
    plain, twice = (places(pair_finder(swapped, flip_test=way)(ends())) for way in (False, True))
    np.testing.assert_allclose(twice, plain, atol=1e-3)
    np.testing.assert_allclose(twice, [[30, 50], [90, 70]], atol=1)


def test_a_network_that_looks_too_far_to_the_right_is_set_right_by_the_mirror():
    """One cell to the right in the picture is one to the left in its mirror image."""
    plain, twice = (places(pair_finder(shifted, flip_test=way)(ends())) for way in (False, True))
    np.testing.assert_allclose(plain - [[30, 50], [90, 70]], [[8, 0]] * 2, atol=1)
    np.testing.assert_allclose(twice, [[30, 50], [90, 70]], atol=1)


def shifted(batch):
    maps, limbs = swapped(batch)
    return np.roll(maps, 1, axis=3), limbs


def test_the_second_look_sees_the_mirror_image():
    finder = pair_finder(swapped, flip_test=True)
    finder(ends())
    first, second = finder.session.batches
    np.testing.assert_array_equal(second, first[:, :, ::-1])


@pytest.mark.parametrize("scales", [(1.0, 0.5), (0.75, 1.0)])
def test_smaller_looks_say_where_things_are_in_the_picture(scales):
    found = places(pair_finder(painted, scales=scales)(ends()))
    np.testing.assert_allclose(found, [[30, 50], [90, 70]], atol=2)


def test_offsets_of_smaller_looks_are_told_in_cells_of_the_picture():
    """Of somebody in the middle, whose one point is 8 cells to the right, or 4 where all is half as large."""

    def answer(batch):
        maps, offsets = np.zeros((1, 2, 33, 33), np.float32), np.zeros((1, 2, 33, 33), np.float32)
        maps[0, :, 12:21, 12:21] = 0.5
        maps[0, :, 16, 16] = 1
        seen = np.count_nonzero(batch[0].any(axis=(0, 2))) / 132
        offsets[:, 0] = 8 * seen
        return maps, offsets

    tensor = SQUARE._replace(shape=(None, 132, 132, 3))
    codec = Dekr((132, 132), 1)
    finder = OneStage(
        FakeSession(answer, input=tensor), codec, Preparation((132, 132)), DOT, scales=(1.0, 0.5)
    )
    found = finder.within(np.full((132, 132, 3), 255, np.uint8), identity())
    np.testing.assert_allclose(found.xy[0], [[4 * (16 + 8), 64]], atol=1.5)


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        ({"flip_test": True}, "FixedCodec has no mirrored: it is read from one look"),
        ({"scales": (1.0, 0.5)}, "FixedCodec has no zoomed: it is read from one look"),
        ({"scales": (0.5,)}, "scales are .* expected 1"),
        ({"scales": (1.0, 2.0)}, "scales are .* expected 1"),
    ],
)
def test_looks_that_cannot_be_joined_are_refused(looks, message):
    with pytest.raises(ValueError, match=message):
        detector([], **looks)
