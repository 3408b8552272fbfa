import cv2
import numpy as np
import pytest

from pinpoint.codecs.heatmap_offset import HeatmapOffset

INPUT, MAP = (192, 256), (48, 64)
CODEC = HeatmapOffset(INPUT, MAP)


def slow_decode(maps):
    """Independent reading of (3K, 64, 48) in UDP's way, the discs blurred by OpenCV; cells, not pixels."""
    cells = []
    for disc, dx, dy in maps.reshape(-1, 3, 64, 48):
        row, column = np.unravel_index(cv2.GaussianBlur(disc, (23, 23), 0).argmax(), disc.shape)
        cells.append((column + 3.5 * dx[row, column], row + 3.5 * dy[row, column]))
    return np.array(cells)


def test_noise_is_read_as_a_loop_with_opencv_would_read_it(rng):
    maps, _ = CODEC.encode(rng.uniform(0, (191, 255), (2, 6, 2)), np.ones((2, 6), bool))
    maps += rng.normal(0, 0.3, maps.shape).astype("f")
    expected = np.stack([slow_decode(one) for one in maps]) * CODEC.pixels_per_cell
    np.testing.assert_allclose(CODEC.decode(maps)[0], expected, atol=1e-4)


def test_targets_are_a_disc_and_the_way_to_its_middle():
    """Radius .0546875 of 64 cells is 3.5."""
    maps, _ = CODEC.encode(np.array([[[20, 30]]]) * CODEC.pixels_per_cell, np.array([[True]]))
    assert maps[0, 0, 30, 16:25].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    np.testing.assert_allclose(maps[0, 1:, 32, 17], (3 / 3.5, -2 / 3.5), rtol=1e-5)


@pytest.mark.parametrize("height", [1.0, 0.4])
def test_the_score_is_the_height_of_the_disc(height):
    maps, _ = CODEC.encode(np.array([[[20, 30]]]) * CODEC.pixels_per_cell, np.array([[True]]))
    maps[:, 0] *= height
    np.testing.assert_allclose(CODEC.decode(maps)[1], height, rtol=1e-5)


def test_empty_maps_are_missing_points():
    xy, scores = CODEC.decode(np.zeros((1, 6, 64, 48), np.float32))
    assert np.isnan(xy).all()
    assert (scores == 0).all()


@pytest.mark.parametrize("shape", [(1, 5, 64, 48), (1, 6, 48, 64)])
def test_maps_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(B, 3K, 64, 48\)"):
        CODEC.decode(np.zeros(shape))
