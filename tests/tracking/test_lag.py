"""Lag, measured on filters whose lag is known."""

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.tracking.kalman_smoothing import KalmanSmoother
from pinpoint.tracking.lag import lag_between, ramp_lag, sine_response
from pinpoint.tracking.one_euro import OneEuro


class Late:
    """Gives every frame some frames later."""

    def __init__(self, frames: int) -> None:
        self._frames, self._kept = frames, []

    def __call__(self, kps: Keypoints, seconds: float) -> Keypoints:
        self._kept.append(kps)
        return self._kept[max(len(self._kept) - 1 - self._frames, 0)]


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_what_comes_frames_later_lags_by_so_many(frames):
    assert ramp_lag(lambda: Late(frames), 0.5) == pytest.approx(frames)
    assert sine_response(lambda: Late(frames), 1.0) == pytest.approx((frames, 1.0))


def test_a_low_pass_filter_lags_and_damps_as_its_formula_says():
    """z / (z - 1 + a): (1 - a) / a frames behind a ramp, and its phase and size at one hertz."""

    def make():
        return OneEuro(min_cutoff=2.0, beta=0.0, still=None)

    turns = 2 * np.pi * 2.0 / 30
    a = turns / (1 + turns)
    z = np.exp(2j * np.pi / 30)
    wave = a * z / (z - 1 + a)
    assert ramp_lag(make, 0.5) == pytest.approx((1 - a) / a, rel=1e-6)
    lag, gain = sine_response(make, 1.0)
    assert lag == pytest.approx(-np.angle(wave) / (2 * np.pi) * 30, rel=1e-3)
    assert gain == pytest.approx(abs(wave), rel=1e-3)


@pytest.mark.parametrize("make", [OneEuro, KalmanSmoother])
@pytest.mark.parametrize("speed", [0.05, 0.5, 3.0])
def test_someone_who_walks_evenly_is_followed_without_lag(make, speed):
    assert abs(ramp_lag(make, speed)) < 0.02


@pytest.mark.parametrize("frames", [0.0, 0.7, 3.3])
def test_the_lag_between_two_courses_is_found_in_noise(frames, rng):
    times = np.arange(90.0)

    def course(at):
        return np.stack([np.sin(at / 9), np.cos(at / 7)], axis=-1)

    later = course(times - frames) + 5 + rng.normal(0, 0.03, (90, 2))
    assert lag_between(course(times), later) == pytest.approx(frames, abs=0.11)


def test_too_few_frames_for_a_lag_are_refused():
    with pytest.raises(ValueError, match="more than 20"):
        lag_between(np.zeros((20, 2)), np.zeros((20, 2)))
