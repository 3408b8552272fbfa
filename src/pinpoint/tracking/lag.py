"""What a filter over time costs: how far it lags behind, and how much of a motion it keeps."""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Response", "Smoother", "lag_between", "ramp_lag", "sine_response"]

FOUR = Skeleton("four", ("a", "b", "c", "d"))
REST = np.array([[[0.0, 0.0], [50.0, 0.0], [0.0, 200.0], [50.0, 200.0]]])
SIZE = 200.0
SETTLED = 4.0
"""Seconds until a filter has forgotten how it began."""

Moving = Literal["all", "one"]


class Smoother(Protocol):
    """Smooths the frames of one stream as they come."""

    def __call__(self, kps: Keypoints, seconds: float) -> Keypoints:
        """Return the keypoints of a frame, smoothed. Its time in seconds is later than the last one's."""
        ...


class Response(NamedTuple):
    """What a filter makes of a sine.

    Args:
        lag: Frames by which it comes later.
        gain: How much of its amplitude is left.
    """

    lag: float
    gain: float


def ramp_lag(
    make: Callable[[], Smoother], speed: float, *, fps: float = 30.0, moving: Moving = "all"
) -> float:
    """Frames by which a filter is behind someone who walks on evenly.

    Args:
        make: Makes the filter.
        speed: Sizes of the instance per second.
        fps: Frames per second.
        moving: Whether all points move, or one of four while the others rest.
    """
    times = np.arange(1, round(SETTLED * fps) + 1) / fps
    track = SIZE * speed * times
    return float((track[-1] - _followed(make(), times, track, moving)[-1]) / (SIZE * speed / fps))


def sine_response(
    make: Callable[[], Smoother],
    hertz: float,
    *,
    amplitude: float = 0.1,
    fps: float = 30.0,
    moving: Moving = "all",
) -> Response:
    """Lag and gain for someone who sways.

    Args:
        make: Makes the filter.
        hertz: Sways per second; two seconds or so should hold a whole number of them.
        amplitude: In sizes of the instance, to each side.
        fps: Frames per second.
        moving: Whether all points move, or one of four while the others rest.
    """
    times = np.arange(1, round((SETTLED + 4 / hertz) * fps) + 1) / fps
    smooth = _followed(make(), times, SIZE * amplitude * np.sin(2 * np.pi * hertz * times), moving)
    last = times > SETTLED
    turn = np.exp(-2j * np.pi * hertz * times[last])
    wave = 2j * np.mean(smooth[last] * turn) / (SIZE * amplitude)
    return Response(lag=float(-np.angle(wave) / (2 * np.pi * hertz) * fps), gain=float(abs(wave)))


def lag_between(truth: Float, later: Float, *, most: float = 10.0) -> float:
    """Frames by which points that were smoothed come after the true ones: where the two agree best.

    A constant offset between them does not count. Of points that rest there is no telling.

    Args:
        truth: Shape (T, ...), evenly spaced in time.
        later: The same shape; NaN does not count.
        most: The longest lag to look for, frames.

    Raises:
        ValueError: There are not more than twice as many frames as the longest lag.
    """
    reach = int(np.ceil(most))
    if len(truth) <= 2 * reach:
        raise ValueError(
            f"{len(truth)} frames are too few for a lag of {most}, expected more than {2 * reach}"
        )
    lags = np.arange(-1.0, most + 0.05, 0.1)
    rows = np.arange(reach, len(truth) - 2)  # up to two frames after those are looked at
    return float(lags[np.argmin([_mismatch(truth, later, rows, lag) for lag in lags])])


def _mismatch(truth: Float, later: Float, rows: NDArray[np.intp], lag: float) -> float:
    first = np.floor(rows - lag).astype(int)
    part = (rows - lag - first).reshape(-1, *(1,) * (truth.ndim - 1))
    off = later[rows] - (1 - part) * truth[first] - part * truth[first + 1]
    known = ~np.isnan(off)
    count = known.sum(axis=0)
    shift = np.where(known, off, 0.0).sum(axis=0) / np.maximum(count, 1)
    return float(np.where(known, (off - shift) ** 2, 0.0).sum() / max(count.sum(), 1))


def _followed(smooth: Smoother, times: Float, track: Float, moving: Moving) -> Float:
    """Where a filter sees the first of four points that moves to the right, shape (T,)."""
    chosen = np.ones(4, dtype=bool) if moving == "all" else np.arange(4) == 0
    box = np.array([[0.0, 0.0, SIZE / 4, SIZE]])
    seen = []
    for seconds, shift in zip(times, track, strict=True):
        xy = REST + np.where(chosen[:, None], [shift, 0.0], 0.0)
        boxes = box + np.array([shift, 0.0, shift, 0.0]) if moving == "all" else box
        kps = Keypoints(xy, np.ones((1, 4)), FOUR, boxes=boxes, track_ids=np.zeros(1, dtype=np.int64))
        seen.append(smooth(kps, float(seconds)).xy[0, 0, 0])
    return np.array(seen)
