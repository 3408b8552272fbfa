"""What a network is shown, against plain arithmetic."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pinpoint.geometry import identity, letterbox, region_matrices, transform_points
from pinpoint.hub import catalogue
from pinpoint.pipelines.preparation import Preparation, picture_size
from pinpoint.runtime import TensorSpec

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
FLOAT = Preparation((7, 5), mean=MEAN, std=STD)


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def shown(prepare, picture):
    """The input for the picture as it is, as (h, w, 3)."""
    (crop,) = prepare(picture, identity()[None])
    return crop.transpose(1, 2, 0) if prepare.channels_first else crop


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("bgr", [False, True])
def test_values_are_those_of_plain_arithmetic(picture, bgr, channels_first):
    prepare = replace(FLOAT, bgr=bgr, channels_first=channels_first)
    expected = ((picture[..., ::-1] if bgr else picture) - np.array(MEAN)) / STD
    np.testing.assert_allclose(shown(prepare, picture), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
@pytest.mark.parametrize("channels_first", [False, True])
def test_inputs_of_whole_numbers_take_the_picture_as_it_is(picture, channels_first, dtype):
    prepare = replace(FLOAT, channels_first=channels_first, dtype=np.dtype(dtype), bgr=True)
    np.testing.assert_array_equal(shown(prepare, picture), picture[..., ::-1])
    assert prepare(picture, identity()[None]).dtype == dtype


@pytest.mark.parametrize("size", [(31, 12), (12, 31)])
@pytest.mark.parametrize("channels_first", [False, True])
def test_a_lit_pixel_lands_where_the_map_says(size, channels_first):
    image = np.zeros((60, 90, 3), np.uint8)
    image[20, 70] = 255
    map_ = region_matrices([[70.0, 22.0]], [[size[0] / 2, size[1] / 2]], 0.0, size)
    (crop,) = Preparation(size, channels_first=channels_first)(image, map_)
    grey = crop.sum(axis=0 if channels_first else 2)
    y, x = np.mgrid[: size[1], : size[0]]
    middle = [(grey * x).sum() / grey.sum(), (grey * y).sum() / grey.sum()]
    np.testing.assert_allclose(middle, transform_points(np.array([70.0, 20.0]), map_[0]), atol=0.02)


def test_each_crop_of_a_batch_follows_its_own_map(picture):
    left, right = identity(), np.array([[1.0, 0, 1], [0, 1, 0]])
    batch = FLOAT(picture, np.stack([left, right]))
    np.testing.assert_array_equal(batch[0, :, :-1], batch[1, :, 1:])


def test_outside_the_picture_it_is_grey():
    image = np.full((10, 10, 3), 255, np.uint8)
    map_ = letterbox((10, 10), (30, 10))
    crop = Preparation((30, 10), pad_value=114.0)(image, map_[None])[0]
    np.testing.assert_allclose(crop[:, :9], 114 / 255, rtol=1e-6)
    np.testing.assert_allclose(crop[:, 10:20], 1, rtol=1e-6)


def test_outside_the_picture_its_edge_goes_on(rng):
    image = rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)
    map_ = letterbox((10, 10), (30, 10))
    crop = Preparation((30, 10), std=(1, 1, 1), pad_value=None)(image, map_[None])[0]
    np.testing.assert_array_equal(crop[:, :10], np.repeat(image[:, :1], 10, axis=1))
    np.testing.assert_array_equal(crop[:, 20:], np.repeat(image[:, -1:], 10, axis=1))


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
def test_sampling_at_corners_shows_what_mediapipe_shows(angle, rng):
    """Its sampler takes corners of a region in pixels from the picture's edge as indices
    (image_to_tensor_converter_opencv.cc). Its steps of 1/32 pixel are worth a few grey levels."""
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8), (0, 0), 3)
    image = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)
    center, side, (width, height) = np.array([70.0, 55.0]), 20.0, (64, 48)
    corners = cv2.boxPoints(((center + 0.5).tolist(), (side, side), np.rad2deg(angle)))
    targets = np.array([[0, height], [0, 0], [width, 0], [width, height]], np.float32)
    expected = cv2.warpPerspective(
        image, cv2.getPerspectiveTransform(corners, targets), (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    map_ = region_matrices([center], [[side, side]], angle, (width, height))
    prepare = Preparation((width, height), std=(1, 1, 1), pad_value=None, corners=True)
    assert np.abs(prepare(image, map_)[0] - expected).max() <= 2
    assert np.abs(replace(prepare, corners=False)(image, map_)[0] - expected).max() > 4


@pytest.mark.parametrize(
    ("shape", "channels_first"),
    [((None, 3, 8, 16), True), ((1, 8, 16, 3), False), ((1, 3, None, None), True)],
)
def test_the_layout_is_read_from_the_network(shape, channels_first):
    spec = replace(catalogue()["rtmdet-nano"], input_size=(16, 8), codec=None)
    prepare = Preparation.of(spec, TensorSpec("x", shape, np.dtype(np.float32)))
    assert prepare(np.zeros((4, 4, 3), np.uint8), identity()[None]).shape[1:] == (
        (3, 8, 16) if channels_first else (8, 16, 3)
    )


def test_a_row_says_how_colours_are_fed():
    spec = catalogue()["rtmdet-nano"]
    prepare = Preparation.of(spec, TensorSpec("x", (1, 3, 320, 320), np.dtype(np.float32)))
    crop = prepare(np.full((2, 2, 3), (255, 0, 10), np.uint8), identity()[None])[0, :, 0, 0]
    np.testing.assert_allclose(crop, (np.array([10, 0, 255]) - spec.mean) / spec.std, rtol=1e-5)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (TensorSpec("x", (1, 8, 16, 1), np.dtype(np.float32)), r"shape \(1, 8, 16, 1\), expected a batch"),
        (TensorSpec("x", (3, 8, 16), np.dtype(np.float32)), r"shape \(3, 8, 16\), expected a batch"),
        (TensorSpec("x", (1, 8, 16, 3), np.dtype(np.int8)), "'x' is int8, expected one of uint8"),
    ],
)
def test_a_network_that_takes_no_such_pictures_is_refused(tensor, message):
    with pytest.raises(ValueError, match=message):
        Preparation.of(catalogue()["rtmdet-nano"], tensor)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"shape \(4, 5\), expected an RGB picture of shape \(H, W, 3\), uint8"),
        (np.zeros((4, 5, 4), np.uint8), r"shape \(4, 5, 4\), expected"),
        (np.zeros((4, 0, 3), np.uint8), r"shape \(4, 0, 3\), expected"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"shape \(1, 4, 5, 3\), expected"),
        (np.zeros((4, 5, 3)), "image is float64, expected .* values from 0 to 255"),
        ("people.jpg", "image is a str, .* read_image"),
    ],
)
def test_a_picture_in_another_form_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        picture_size(image)


def test_a_picture_need_not_be_contiguous(rng):
    image = rng.integers(0, 256, (10, 14, 3), dtype=np.uint8)
    halved = image[::2, ::-2]
    np.testing.assert_array_equal(
        FLOAT(halved, identity()[None]), FLOAT(np.ascontiguousarray(halved), identity()[None])
    )


def test_the_size_is_width_then_height():
    assert picture_size(np.zeros((4, 5, 3), np.uint8)) == (5, 4)
