"""Smoothing and filling of whole tracks, once all frames are there: nothing lags.

Tracks are arrays with frames first, (T, ..., D), such as `pinpoint.keypoints.stack_track` makes; a point with
a NaN in it is missing. Frames need not be evenly spaced in time.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Float

__all__ = ["checked_times", "fill_gaps", "savitzky_golay"]

NEAR = 12
"""Frames on each side of a gap that the spline goes through: those beyond change it by less than a millionth,
as their weight falls by 2 - sqrt(3) a frame."""


def savitzky_golay(xy: Float, seconds: ArrayLike, window: int = 9, order: int = 2) -> Float:
    """Put each point where a polynomial through its neighbours in time says (doi:10.1021/ac60214a047).

    At the ends the first and the last whole window serve. What is missing stays missing and counts nothing;
    a point with too few others in its window stays as it is.

    Args:
        xy: Shape (T, ..., D).
        seconds: Time of each frame, shape (T,), growing.
        window: Frames, odd. A track that is shorter is one window.
        order: Degree of the polynomial, below the window.

    Returns:
        The same shape.

    Raises:
        ValueError: The window is even or not above the order, or the times do not grow, one per frame.
    """
    if window % 2 == 0 or not 0 <= order < window:
        raise ValueError(f"window {window} has to be odd and above the order {order}, which is 0 or more")
    points, times = _columns(xy), checked_times(seconds, len(xy))
    rows = _windows(len(points), window)
    powers = _powers(times, rows, order)
    there = np.asarray(~np.isnan(points).any(axis=2))
    values = np.where(there[..., None], points, 0.0)[rows]
    seen = there[rows].astype(np.float64)
    normal = np.einsum("twi,twp,twj->tpij", powers, seen, powers)
    known = there & (seen.sum(axis=1) > order)
    normal[~known] = np.eye(order + 1)
    right = np.einsum("twi,twpd->tpid", powers, values)
    # The polynomials are written around their own frame, where all but their first coefficient vanish.
    smooth = np.linalg.solve(normal, right)[:, :, 0]
    return np.where(known[..., None], smooth, points).reshape(np.shape(xy))


def fill_gaps(xy: Float, seconds: ArrayLike, *, longest: float = 0.5) -> Float:
    """Put missing points on a cubic spline through those seen before and after (not-a-knot ends).

    Nothing is put before the first or after the last frame in which a point was seen.

    Args:
        xy: Shape (T, ..., D).
        seconds: Time of each frame, shape (T,), growing.
        longest: Seconds between the frames on both sides of a gap; longer gaps stay.

    Returns:
        The same shape; what was seen is as it was.

    Raises:
        ValueError: The times do not grow, one per frame.
    """
    points, times = _columns(xy), checked_times(seconds, len(xy))
    filled = points.copy()
    there = np.asarray(~np.isnan(points).any(axis=2))
    for column in np.flatnonzero(~there.all(axis=0)):
        knots = np.flatnonzero(there[:, column])
        gaps = np.flatnonzero((np.diff(knots) > 1) & (np.diff(times[knots]) <= longest))
        for gap in gaps:
            near = knots[max(gap + 1 - NEAR, 0) : gap + 1 + NEAR]
            missing = np.arange(knots[gap] + 1, knots[gap + 1])
            filled[missing, column] = _spline(times[near], points[near, column], times[missing])
    return filled.reshape(np.shape(xy))


def _columns(xy: Float) -> Float:
    """Shapes (T, ..., D) -> (T, P, D)."""
    xy = np.asarray(xy, dtype=np.float64)
    if xy.ndim < 2:
        raise ValueError(f"a track has shape {xy.shape}, expected (T, ..., D)")
    return xy.reshape(len(xy), int(np.prod(xy.shape[1:-1])), xy.shape[-1])


def checked_times(seconds: ArrayLike, count: int) -> Float:
    """Times of frames as an array, shape (count,).

    Raises:
        ValueError: There is not one for each frame, or they do not grow.
    """
    times = np.asarray(seconds, dtype=np.float64)
    if times.shape != (count,):
        raise ValueError(f"seconds has shape {times.shape}, expected {(count,)}: one time per frame")
    if not (np.diff(times) > 0).all():
        raise ValueError("seconds has to grow from frame to frame")
    return times


def _windows(count: int, window: int) -> NDArray[np.intp]:
    """Frames around each frame, those of a whole window at the ends: shape (T, min(window, T))."""
    width = min(window, count)
    first = np.clip(np.arange(count) - window // 2, 0, count - width)
    return first[:, None] + np.arange(width)


def _powers(times: Float, rows: NDArray[np.intp], order: int) -> Float:
    """Powers of the time since each frame, in units of its window's span: shape (T, W, order + 1)."""
    offsets = times[rows] - times[:, None]
    span = np.maximum(np.ptp(offsets, axis=1), np.finfo(float).tiny)
    return (offsets / span[:, None])[..., None] ** np.arange(order + 1)


def _spline(knots: Float, values: Float, at: Float) -> Float:
    """Cubic spline through (n, D) values, shape (len(at), D); a polynomial through fewer than four."""
    if len(knots) < 4:
        scale, start = np.ptp(knots), knots[0]
        powers = np.arange(len(knots))
        coefficients = np.linalg.solve(((knots - start) / scale)[:, None] ** powers, values)
        return ((at - start) / scale)[:, None] ** powers @ coefficients
    bends = _bends(knots, values)
    after = np.clip(np.searchsorted(knots, at), 1, len(knots) - 1)
    width = np.diff(knots)[after - 1, None]
    right = (at - knots[after - 1])[:, None] / width
    left = 1 - right
    line = left * values[after - 1] + right * values[after]
    bent = (left**3 - left) * bends[after - 1] + (right**3 - right) * bends[after]
    return line + bent * width**2 / 6


def _bends(knots: Float, values: Float) -> Float:
    """Second derivatives of the spline at its knots, shape (n, D).

    At the second knot and the last but one the third derivative does not jump either (not-a-knot).
    """
    width = np.diff(knots)
    rows = np.arange(1, len(knots) - 1)
    system = np.zeros((len(knots), len(knots)))
    system[rows, rows - 1], system[rows, rows + 1] = width[:-1], width[1:]
    system[rows, rows] = 2 * (width[:-1] + width[1:])
    system[0, :3] = width[1], -width[0] - width[1], width[0]
    system[-1, -3:] = width[-1], -width[-2] - width[-1], width[-2]
    right = np.zeros_like(values)
    right[1:-1] = 6 * np.diff(np.diff(values, axis=0) / width[:, None], axis=0)
    return np.linalg.solve(system, right)
