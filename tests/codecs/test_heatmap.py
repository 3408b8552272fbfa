import cv2
import numpy as np
import pytest

from pinpoint.codecs.heatmap import Heatmap

INPUT, MAP = (192, 256), (48, 64)


def lit(column, row, height=1.0):
    maps = np.zeros((1, 1, 64, 48))
    maps[0, 0, row, column] = height
    return maps


def slow_dark(heatmap, blur):
    """Independent DARK: blur the whole map with OpenCV, then one Newton step with numpy's solver."""
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    padded = np.pad(heatmap, blur)
    log = np.log(np.maximum(cv2.GaussianBlur(padded, (blur, blur), 0), 1e-10))
    at = log[row + blur - 1 : row + blur + 2, column + blur - 1 : column + blur + 2]
    slope = np.array([at[1, 2] - at[1, 0], at[2, 1] - at[0, 1]]) / 2
    cross = (at[2, 2] - at[2, 0] - at[0, 2] + at[0, 0]) / 4
    bend = np.array(
        [[at[1, 2] - 2 * at[1, 1] + at[1, 0], cross], [cross, at[2, 1] - 2 * at[1, 1] + at[0, 1]]]
    )
    if (np.linalg.eigvalsh(bend) >= 0).any():
        return np.array([column, row], dtype=float)
    return np.array([column, row]) + np.clip(np.linalg.solve(bend, -slope), -1, 1)


@pytest.mark.parametrize("blur", [1, 3, 11, 17])
def test_dark_on_noisy_maps_agrees_with_blurring_the_whole_map(blur, rng):
    """Of points so far inside that no window leaves the map."""
    codec, free = Heatmap(INPUT, MAP, blur=blur), 4 * (blur // 2 + 3)
    maps, _ = codec.encode(rng.uniform(free, (191 - free, 255 - free), (6, 5, 2)), np.ones((6, 5), bool))
    maps = (maps + rng.normal(0, 0.05, maps.shape)).astype(np.float64)
    xy, _ = codec.decode(maps)
    expected = np.array([[slow_dark(one, blur) for one in person] for person in maps]) * 4
    np.testing.assert_allclose(xy, expected, atol=1e-6)


@pytest.mark.parametrize("corner", [(0, 0), (191, 255), (191, 3), (100, 254)])
def test_dark_in_noise_is_half_a_pixel_off_on_average_in_the_corners_of_the_map(corner, rng):
    codec = Heatmap(INPUT, MAP, udp=True)
    xy = np.array(corner) + rng.uniform(0, 3, (20, 10, 2)) * np.where(np.array(corner) > 10, -1, 1)
    maps, _ = codec.encode(xy, np.ones((20, 10), bool))
    decoded, _ = codec.decode(maps + rng.normal(0, 0.01, maps.shape))
    assert np.abs(decoded - xy).mean() < 0.5


def test_a_shift_moves_what_is_read_and_what_is_taught_alike():
    """Networks whose targets were cut to whole cells mean the middle of the cell that they light."""
    codec = Heatmap(INPUT, MAP, refine="none", shift=0.5)
    np.testing.assert_allclose(codec.decode(lit(10, 20))[0][0, 0], (42, 82))
    maps, _ = codec.encode(np.array([[[42.0, 82.0]]]), np.ones((1, 1), bool))
    assert maps[0, 0, 20, 10] == 1


def test_integral_is_the_mean_of_a_distribution():
    """Two cells that share 3 to 1, then 9 to 1 once the heights are squared."""
    maps = lit(10, 20, 0.75)
    maps[0, 0, 20, 14] = 0.25
    for beta, column in ((1, 11.0), (2, 10.4)):
        xy, scores = Heatmap(INPUT, MAP, refine="integral", beta=beta).decode(maps)
        np.testing.assert_allclose(xy[0, 0], (4 * column, 80), rtol=1e-6)
        assert scores == 0.75


def test_integral_with_a_reach_is_blind_to_what_lies_further():
    maps = lit(0, 20, 0.75)
    maps[0, 0, 20, [2, 4]] = 0.25, 0.7
    xy, _ = Heatmap(INPUT, MAP, refine="integral", reach=3).decode(maps)
    np.testing.assert_allclose(xy[0, 0], (2, 80))


@pytest.mark.parametrize(
    ("udp", "cell", "pixel"),
    [
        (False, (0, 0), (0, 0)),
        (False, (12, 16), (48, 64)),
        (False, (47, 63), (188, 252)),
        (True, (0, 0), (0, 0)),
        (True, (47, 63), (191, 255)),
    ],
)
def test_cells_map_to_pixels_as_the_convention_says(udp, cell, pixel):
    xy, scores = Heatmap(INPUT, MAP, refine="none", udp=udp).decode(lit(*cell, height=0.7))
    np.testing.assert_allclose(xy[0, 0], pixel)
    assert scores.tolist() == [[0.7]]


@pytest.mark.parametrize("refine", ["dark", "quarter", "none"])
def test_with_udp_the_mirrored_map_is_the_mirrored_point(refine, rng):
    """Cells 0 and w - 1 are pixels 0 and W - 1: the point of UDP. Single precision is all that differs."""
    codec = Heatmap(INPUT, MAP, refine=refine, udp=True)
    maps, _ = codec.encode(rng.uniform(0, (191, 255), (4, 5, 2)), np.ones((4, 5), bool))
    xy, scores = codec.decode(maps)
    mirrored, mirrored_scores = codec.decode(maps[..., ::-1])
    np.testing.assert_allclose(191 - mirrored[..., 0], xy[..., 0], atol=1e-4)
    np.testing.assert_allclose(mirrored[..., 1], xy[..., 1], atol=1e-4)
    np.testing.assert_array_equal(mirrored_scores, scores)


@pytest.mark.parametrize(
    ("neighbour", "moved"),
    [((21, 30), (81, 120)), ((19, 30), (79, 120)), ((20, 31), (80, 121)), ((20, 29), (80, 119))],
)
def test_a_quarter_cell_goes_to_the_higher_neighbour(neighbour, moved):
    maps = lit(20, 30)
    maps[0, 0, neighbour[1], neighbour[0]] = 0.5
    xy, _ = Heatmap(INPUT, MAP, refine="quarter").decode(maps)
    assert tuple(xy[0, 0]) == moved


def test_a_quarter_cell_is_not_taken_at_the_edge_of_the_map():
    xy, _ = Heatmap(INPUT, MAP, refine="quarter").decode(lit(47, 0))
    assert tuple(xy[0, 0]) == (188, 0)


@pytest.mark.parametrize("cell", [(0, 0), (47, 63), (0, 30), (20, 63)])
def test_dark_never_leaves_a_peak_by_more_than_a_cell(cell, rng):
    maps = lit(*cell) + rng.uniform(0, 0.9, (1, 1, 64, 48))
    xy, _ = Heatmap(INPUT, MAP).decode(maps)
    assert (np.abs(xy[0, 0] / 4 - cell) <= 1).all()


@pytest.mark.parametrize("refine", ["dark", "quarter", "none"])
def test_a_dark_map_is_a_missing_point(refine):
    xy, scores = Heatmap(INPUT, MAP, refine=refine).decode(np.zeros((1, 2, 64, 48)))
    assert np.isnan(xy).all()
    assert (scores == 0).all()


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 17, 48, 64\), expected \(B, K, 64, 48\)"):
        Heatmap(INPUT, MAP).decode(np.zeros((1, 17, 48, 64)))


@pytest.mark.parametrize(("udp", "shift"), [(False, 0.0), (True, 0.0), (False, 0.5)])
def test_maps_of_a_mirrored_crop_turn_back(udp, shift, rng):
    """Points at x -> mirror_sum - x, with sides exchanged, give the plain maps once they are turned."""
    codec = Heatmap((96, 128), (24, 32), udp=udp, shift=shift)
    xy = rng.uniform(10, 80, size=(2, 3, 2))
    order = np.array([0, 2, 1])
    seen = np.stack([codec.mirror_sum - xy[..., 0], xy[..., 1]], axis=-1)[:, order]
    there = np.ones((2, 3), dtype=bool)
    (turned,) = codec.mirrored(codec.encode(seen, there)[0], order=order)
    np.testing.assert_allclose(turned, codec.encode(xy, there)[0], atol=1e-6)
