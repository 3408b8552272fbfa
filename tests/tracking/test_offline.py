"""Smoothing and filling of whole tracks, with scipy as the oracle."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.signal import savgol_filter

from pinpoint.tracking.offline import fill_gaps, savitzky_golay

WINDOWS = [(3, 1), (5, 0), (9, 2), (11, 3), (7, 6)]


@pytest.fixture
def track(rng) -> np.ndarray:
    return rng.normal(size=(60, 4, 2)).cumsum(axis=0)


@pytest.fixture
def uneven(rng) -> np.ndarray:
    return rng.uniform(0.02, 0.06, 60).cumsum()


@pytest.mark.parametrize(("window", "order"), WINDOWS)
def test_on_even_times_it_is_scipys(window, order, track):
    smooth = savitzky_golay(track, np.arange(60) / 30, window, order)
    np.testing.assert_allclose(smooth, savgol_filter(track, window, order, axis=0), atol=1e-9)


@pytest.mark.parametrize(("window", "order"), WINDOWS)
def test_a_polynomial_stays_whatever_the_times_and_gaps(window, order, uneven, rng):
    """Its own fit is exact, at the ends too."""
    xy = np.stack([uneven**power for power in range(order + 1)], axis=1).sum(axis=1)
    xy = np.stack([xy, -2 * xy], axis=1)[:, None]
    xy[rng.random(60) < 0.1] = np.nan
    np.testing.assert_allclose(savitzky_golay(xy, uneven, window, order), xy, rtol=1e-6)


def test_a_missing_point_counts_nothing(track, uneven):
    """What remains is the fit through the others: the same as numpy's on them alone."""
    track[28, 1] = np.nan
    near = np.delete(np.arange(26, 35), 2)
    fit = np.polyfit(uneven[near] - uneven[30], track[near, 1], 2)[-1]
    np.testing.assert_allclose(savitzky_golay(track, uneven, 9, 2)[30, 1], fit, rtol=1e-9)


def test_missing_points_stay_missing_and_lonely_ones_stay_put(track, uneven):
    track[10:40, 2] = np.nan
    track[25, 2] = 7.0
    smooth = savitzky_golay(track, uneven, 9, 2)
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(track))
    assert smooth[25, 2].tolist() == [7.0, 7.0]


def test_a_short_track_is_one_window(track):
    smooth = savitzky_golay(track[:5], np.arange(5) / 30, 9, 2)
    fits = np.polyfit(np.arange(5), track[:5, :, 0], 2).T
    np.testing.assert_allclose(smooth[..., 0].T, [np.polyval(fit, np.arange(5)) for fit in fits], atol=1e-9)


@pytest.mark.parametrize("count", [1, 2])
def test_a_track_of_fewer_frames_than_a_polynomial_needs_stays_as_it_is(count, track):
    smooth = savitzky_golay(track[:count], np.arange(count) / 30, 9, 2)
    np.testing.assert_array_equal(smooth, track[:count])


@pytest.mark.parametrize(("window", "order"), [(4, 2), (3, 3), (5, -1)])
def test_impossible_windows_are_refused(window, order, track):
    with pytest.raises(ValueError, match=f"window {window} "):
        savitzky_golay(track, np.arange(60), window, order)


@pytest.mark.parametrize("missing", [[5], [5, 6, 7], [1], [58], [20, 22, 24, 40, 41]])
def test_gaps_are_filled_by_scipys_spline(missing, track, uneven):
    """To what the frames beyond the nearest twelve weigh."""
    there = np.delete(np.arange(60), missing)
    holed = track.copy()
    holed[missing, 1] = np.nan
    spline = CubicSpline(uneven[there], track[there, 1])(uneven[missing])
    filled = fill_gaps(holed, uneven, longest=9.0)
    np.testing.assert_allclose(filled[missing, 1], spline, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(np.delete(filled, missing, axis=0), np.delete(track, missing, axis=0))


@pytest.mark.parametrize("seen", [[0, 9], [0, 4, 9], [0, 4, 5, 9]])
def test_with_few_points_it_is_scipys_too(seen, track):
    times = np.arange(10) / 10
    holed = np.full((10, 4, 2), np.nan)
    holed[seen] = track[seen]
    spline = CubicSpline(times[seen], track[seen])(times)
    np.testing.assert_allclose(fill_gaps(holed, times, longest=1.0), spline, atol=1e-9)


def test_long_gaps_and_ends_stay_missing(track):
    times = np.arange(60) / 30
    track[:3, 0] = track[57:, 0] = track[20:26, 0] = track[40:45, 0] = np.nan  # .23 s and .2 s
    missing = np.isnan(fill_gaps(track, times, longest=0.21)[:, 0, 0])
    assert np.flatnonzero(missing).tolist() == [0, 1, 2, *range(20, 26), 57, 58, 59]


def test_a_point_that_was_never_seen_stays_missing(track):
    track[:, 3] = np.nan
    assert np.isnan(fill_gaps(track, np.arange(60.0))[:, 3]).all()


@pytest.mark.parametrize("run", [savitzky_golay, fill_gaps])
@pytest.mark.parametrize("seconds", [np.zeros(60), np.arange(59.0)])
def test_times_that_do_not_fit_are_refused(run, seconds, track):
    with pytest.raises(ValueError, match="seconds has"):
        run(track, seconds)
