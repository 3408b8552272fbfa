"""Lag, measured on filters whose lag is known."""

from functools import partial
from pathlib import Path

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


PUBLISHED = partial(OneEuro, still=None, least_trust=1.0)
DOCUMENTED = {
    "`OneEuro()`, the whole person": (OneEuro, "all"),
    "`OneEuro()`, one point alone": (OneEuro, "one"),
    "`OneEuro(min_cutoff=3, beta=10)`, the whole person": (partial(OneEuro, min_cutoff=3, beta=10), "all"),
    "`OneEuro(min_cutoff=3, beta=10)`, one point alone": (partial(OneEuro, min_cutoff=3, beta=10), "one"),
    "published one-euro, the same settings": (PUBLISHED, "all"),
    "published, MediaPipe's settings": (partial(PUBLISHED, min_cutoff=0.05, beta=80.0), "all"),
    "`KalmanSmoother()`": (KalmanSmoother, "all"),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_documentation_says_what_each_filter_costs(name):
    """Lag behind three walks, then lag and gain of four sways, to the last digit that is written there."""
    text = (Path(__file__).parents[2] / "docs/smoothing.md").read_text(encoding="utf-8")
    (row,) = [
        line for line in text.partition("| walk .1 |")[2].splitlines() if line.startswith(f"| {name} |")
    ]
    told = [cell.strip() for cell in row.split("|")[2:-1]]
    make, moving = DOCUMENTED[name]
    walks = [ramp_lag(make, speed, moving=moving) for speed in (0.1, 0.5, 2.0)]
    sways = [sine_response(make, hertz, moving=moving) for hertz in (0.25, 0.5, 1.0, 2.0)]
    assert [float(cell) for cell in told[:3]] == pytest.approx(walks, abs=0.051)
    for cell, sway in zip(told[3:], sways, strict=True):
        assert [float(part) for part in cell.split(", x ")] == pytest.approx(sway, abs=0.051)
