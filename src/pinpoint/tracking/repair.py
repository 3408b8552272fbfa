"""Points that jump away and come back, and sides that are exchanged for a while: mended, and said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.tracking.instances import LEAST_PIXELS, check_time, extents, track_keys
from pinpoint.tracking.memory import Memory
from pinpoint.tracking.offline import checked_times
from pinpoint.tracking.swaps import exchanged, pair_columns, swap_tiers, swapped_frames, swapped_now

__all__ = ["Change", "Repair", "repair_clip"]

Bools = NDArray[np.bool_]
Kind = Literal["swap", "outlier"]

STEADY = 0.5
"""Share of the newest step in a velocity."""
USUAL_FPS = 30.0
"""Frames per second for which the limits of leaps hold."""


@dataclass(frozen=True)
class Change:
    """What was mended.

    Args:
        frame: Number of the frame, from 0.
        track_id: Whose keypoints.
        what: `swap`: left and right were exchanged, and are put back. `outlier`: keypoints stood elsewhere,
            and are put where their motion led.
        keypoints: Their names.
    """

    frame: int
    track_id: int
    what: Kind
    keypoints: tuple[str, ...]


class Repair:
    """Mends the frames of one stream as they come, and never holds a frame back.

    A point that is suddenly elsewhere is put where its motion led, for one frame: if it is still there in the
    next one, it has moved. So what does start with a leap is shown one frame late. When more than half of an
    instance's points leap, the instance or the camera has moved, and nothing is held.

    Sides are exchanged back while both points of a pair, or those of a limb or of the whole body together,
    are nearer to where the other's motion led. What stays exchanged for long is believed.

    Instances are known by their `track_ids`. Boxes and scores do not change, but scores go with their points.

    Args:
        leap: How far from where it was and from where it was expected a point has gone, in sizes of the
            instance (the longer side of its box, or of its points), if frames are a thirtieth of a second or
            less apart; the longer it is, the farther.
        patience: Seconds for which sides are exchanged back.
        forget: Seconds after which an instance that is not seen is forgotten.

    Raises:
        ValueError: A number is not above 0.
    """

    def __init__(self, *, leap: float = 0.15, patience: float = 0.5, forget: float = 0.5) -> None:
        if not (leap > 0 and patience > 0 and forget > 0):
            raise ValueError(f"leap {leap}, patience {patience} and forget {forget} all have to be above 0")
        self._leap, self._patience = leap, patience
        self._memory = Memory(forget)
        self._frame, self._now = -1, -np.inf

    def __call__(self, kps: Keypoints, seconds: float) -> tuple[Keypoints, tuple[Change, ...]]:
        """Mend one frame.

        Args:
            kps: What was found, with `track_ids`, or one instance alone. Rows of id -1 pass as they are.
            seconds: The frame's time, later than the last one's.

        Returns:
            The frame, and what was changed in it.

        Raises:
            ValueError: Time does not go on, two instances have one id, or several have none.
        """
        check_time(seconds, self._now)
        ids, place = track_keys(kps), kps.xy.shape[1:]
        self._frame, self._now = self._frame + 1, seconds
        if kps.xy.size == 0:
            return kps, ()
        shapes = (place, place, place, (len(kps.skeleton.swaps),))
        elapsed, (last, velocity, other, since) = self._memory.recall(ids, seconds, shapes)
        elapsed, sizes = elapsed[:, None, None], _sizes(kps)
        expected = last + velocity * elapsed
        swapped, believed, since = self._swapped(kps, expected / sizes, sizes, since, seconds)
        kps = exchanged(kps, swapped)
        expected = np.where(_of_pairs(kps.skeleton, believed)[..., None], np.nan, expected)
        reach = sizes * self._leap * _longer(elapsed)
        held, wild, other = _held(kps.xy, last, expected, other, reach)
        xy = np.where(held[..., None], expected, kps.xy)
        velocity = velocity + STEADY * ((xy - last) / elapsed - velocity)
        velocity = np.where(wild[..., None] | np.isnan(velocity), 0.0, velocity)
        self._memory.keep(ids, seconds, (xy, velocity, other, since))
        changes = _changes(kps.skeleton, self._frame, ids, swapped, held)
        return replace(kps, xy=xy), tuple(changes)

    def _swapped(
        self, kps: Keypoints, expected: Float, sizes: Float, since: Float, seconds: float
    ) -> tuple[Bools, Bools, Float]:
        """Pairs to exchange, those that were exchanged for so long that they are believed, and since when."""
        columns = pair_columns(kps.skeleton)
        seen = (kps.xy / sizes)[:, columns]
        swapped = swapped_now(expected[:, columns], seen, _tiers(kps.skeleton))
        since = np.where(swapped, np.where(np.isnan(since), seconds, since), np.nan)
        believed = swapped & (seconds - since > self._patience)
        return swapped & ~believed, believed, np.where(believed, np.nan, since)


def _held(xy: Float, last: Float, expected: Float, other: Float, reach: Float) -> tuple[Bools, Bools, Float]:
    """Points that are not to move yet, those that leapt, and where a point may be instead.

    That is where it was seen while it was held, or, once it is believed to be there, where it was before:
    then it may come back at once.
    """
    off = _far(xy, expected, reach)
    wild = (off > 1) & (_far(xy, last, reach) > 1)
    again = _far(xy, other, reach) < 1
    held = wild & ~again & np.isnan(other).any(axis=2)
    held &= 2 * wild.sum(axis=1, keepdims=True) <= (~np.isnan(off)).sum(axis=1, keepdims=True)
    other = np.where((wild & again)[..., None], expected, np.nan)
    return held, wild & ~held, np.where(held[..., None], xy, other)


def repair_clip(
    clip: Sequence[Keypoints], seconds: ArrayLike, *, leap: float = 0.1, longest: float = 0.1
) -> tuple[list[Keypoints], tuple[Change, ...]]:
    """Mend all frames of a clip, each with those before and after it in view.

    Sides are exchanged back where that keeps the velocities of points best over the whole track; those that
    hold for longer are taken for right. Points that leap away and back are put on the line between the frames
    around, unless more than half of the instance's points do so.

    Args:
        clip: Keypoints of every frame, T of them, with `track_ids`, or of one instance alone. Rows of id -1
            stay as they are.
        seconds: Time of each frame, shape (T,), growing.
        leap: How far from the line between the frames around a point has gone, in sizes of the instance, if
            frames are a thirtieth of a second or less apart; the longer it is, the farther.
        longest: Seconds for which a point may be away.

    Returns:
        The clip, and what was changed in it, by frame and track. Scores go with their points.

    Raises:
        ValueError: The times do not grow, one per frame, two instances of a frame have one id, or several
            have none.
    """
    times = checked_times(seconds, len(clip))
    keys = [track_keys(kps) for kps in clip]
    swapped = [np.zeros((len(kps), len(kps.skeleton.swaps)), dtype=np.bool_) for kps in clip]
    moved = [np.full(kps.xy.shape, np.nan) for kps in clip]
    for track in sorted({one for ids in keys for one in ids.tolist() if one >= 0}):
        places = [(frame, int(row)) for frame, ids in enumerate(keys) for row in np.flatnonzero(ids == track)]
        rows = [clip[frame][row] for frame, row in places]
        found = _mended_track(rows, times[[frame for frame, _ in places]], leap, longest)
        for (frame, row), sides, xy in zip(places, *found, strict=True):
            swapped[frame][row], moved[frame][row] = sides, xy
    mended, changes = [], []
    for frame, kps in enumerate(clip):
        away = np.asarray(~np.isnan(moved[frame]).any(axis=2))
        sided = exchanged(kps, swapped[frame])
        mended.append(replace(sided, xy=np.where(away[..., None], moved[frame], sided.xy)))
        changes += _changes(kps.skeleton, frame, keys[frame], swapped[frame], away)
    return mended, tuple(changes)


def _mended_track(
    track: Sequence[Keypoints], seconds: Float, leap: float, longest: float
) -> tuple[Bools, Float]:
    """Pairs exchanged in each frame, (T, P), and new places of points that leapt, (T, K, 2), or NaN."""
    skeleton, whole = track[0].skeleton, Keypoints.concatenate(track)
    sizes = _sizes(whole)
    pairs = whole.xy[:, pair_columns(skeleton)]
    swapped = swapped_frames(pairs, sizes[:, 0, 0], seconds, _tiers(skeleton))
    sided = exchanged(whole, swapped).xy
    mended = _without_leaps(sided, sizes[..., 0], seconds, leap, longest)
    away = (mended != sided).any(axis=-1, keepdims=True)
    return swapped, np.where(away, mended, np.nan)


def _without_leaps(xy: Float, sizes: Float, seconds: Float, leap: float, longest: float) -> Float:
    """Points that go away and come back put on the line between the frames around, shape (T, K, 2)."""
    xy = xy.copy()
    for run in range(1, len(xy) - 1):
        rows = np.arange(len(xy) - run - 1)
        inside = rows[:, None] + np.arange(1, run + 1)  # (R, run): frames in which a point may be away
        rows = rows[seconds[inside[:, -1]] - seconds[inside[:, 0]] <= longest]
        if len(rows) == 0:
            break
        inside = inside[rows]
        before, after = xy[rows], xy[rows + run + 1]
        part = (seconds[inside] - seconds[rows, None]) / (seconds[rows + run + 1] - seconds[rows])[:, None]
        line = before[:, None] + part[..., None, None] * (after - before)[:, None]
        away = np.linalg.norm(xy[inside] - line, axis=-1).min(axis=1)
        ways = np.stack([xy[inside[:, 0]] - before, xy[inside[:, -1]] - after])
        sudden = np.linalg.norm(ways, axis=-1).min(axis=0)
        back = np.linalg.norm(after - before, axis=-1) < sudden / 2
        step = (seconds[rows + run + 1] - seconds[rows])[:, None] / (run + 1)
        gone = (np.minimum(away, sudden) > leap * sizes[rows] * _longer(step)) & back
        gone[2 * gone.sum(axis=1) > (~np.isnan(away)).sum(axis=1)] = False
        at, column = np.nonzero(gone)
        xy[inside[at], column[:, None]] = line[at, :, column]
    return xy


def _changes(
    skeleton: Skeleton, frame: int, ids: NDArray[np.int64], swapped: Bools, moved: Bools
) -> Iterator[Change]:
    """Name what was done in one frame: pairs exchanged, shape (N, P), and points moved, shape (N, K)."""
    sided = _of_pairs(skeleton, swapped)
    for row in np.flatnonzero(swapped.any(axis=1) | moved.any(axis=1)):
        kinds: tuple[tuple[Kind, Bools], ...] = (("swap", sided[row]), ("outlier", moved[row]))
        for what, points in kinds:
            if points.any():
                names = tuple(skeleton.keypoints[column] for column in np.flatnonzero(points))
                yield Change(frame, int(ids[row]), what, names)


def _of_pairs(skeleton: Skeleton, pairs: Bools) -> Bools:
    """Which points belong to some pairs, shapes (N, P) -> (N, K)."""
    points = np.zeros((len(pairs), len(skeleton)), dtype=np.bool_)
    points[:, pair_columns(skeleton)] = pairs[..., None]
    return points


def _sizes(kps: Keypoints) -> Float:
    """Longer sides of boxes, or of the hulls of points, shape (N, 1, 1)."""
    return extents(kps.xy if kps.boxes is None else kps.boxes.reshape(-1, 2, 2), LEAST_PIXELS)


def _longer(elapsed: Float) -> Float:
    """How many times longer than a frame of usual video it took, at least 1."""
    return np.fmax(elapsed * USUAL_FPS, 1.0)


def _far(a: Float, b: Float, unit: Float) -> Float:
    """Distances in some unit of each instance, shapes (N, K, 2), (N, 1, 1) -> (N, K)."""
    return np.linalg.norm(a - b, axis=-1) / unit[..., 0]


@cache
def _tiers(skeleton: Skeleton) -> tuple[Bools, ...]:
    return tuple(swap_tiers(skeleton))
