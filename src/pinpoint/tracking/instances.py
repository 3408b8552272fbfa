"""What filters over time share: who is who, how large, how long ago, and how far each point is believed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.tracking.memory import Memory, State

__all__ = ["LEAST_PIXELS", "Instances", "Sighting", "check_time", "extents", "share", "track_keys"]

SIZE_CUTOFF = 0.2
"""Hz. Noise of a box stays out of an instance's size, a zoom over seconds gets in."""
LEAST_PIXELS, LEAST_METRES = 1.0, 1e-3
"""Sizes below would make speed of noise."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """Points of N instances at one time, and what a filter needs to know beside their places.

    Args:
        points: Shape (N, P, D), NaN where missing.
        trust: How far each is believed, in (0, 1], shape (N, P, 1).
        sizes: Of each instance, smoothed, in the unit of its points, shape (N, 1, 1).
        elapsed: Seconds since the track was seen, shape (N, 1, 1); NaN where it is not known.
    """

    points: Float
    trust: Float
    sizes: Float
    elapsed: Float


Step = Callable[[State, Sighting], State]
"""A filter: from what it kept and what is seen now to what to keep. The first array that it keeps is the
smoothed points. Of a point that is new everything kept is NaN."""


class Instances:
    """Runs a filter over instances that are known by their track ids.

    Args:
        step: The filter.
        columns: Length of the last axis of each array that it keeps; 0 for as many as a point has.
        forget: Seconds after which a track that is not seen is forgotten.
        least_trust: How far a keypoint of score 0 is believed; one of score 1 is believed fully.

    Raises:
        ValueError: `forget` or `least_trust` is out of range.
    """

    def __init__(self, step: Step, columns: tuple[int, ...], *, forget: float, least_trust: float) -> None:
        if not forget > 0:
            raise ValueError(f"forget is {forget} seconds, expected more than 0")
        if not 0 < least_trust <= 1:
            raise ValueError(f"least_trust is {least_trust}, expected more than 0 and at most 1")
        self._step, self._columns, self._least_trust = step, columns, least_trust
        self._pixels, self._metres = Memory(forget), Memory(forget)
        self._now = -np.inf

    def __call__(self, kps: Keypoints, seconds: float) -> Keypoints:
        """Smooth points, boxes and points in metres.

        Raises:
            ValueError: Time does not go on, two instances have one id, or several have none.
        """
        check_time(seconds, self._now)
        ids, self._now = (
            track_keys(kps).copy(),
            seconds,
        )  # callers may change their arrays, memory keeps these
        if len(kps) == 0 or (kps.xy.size == 0 and kps.boxes is None):
            return kps
        trust = (self._least_trust + (1 - self._least_trust) * kps.scores.clip(0, 1))[..., None]
        changed: dict[str, Float] = {}
        if kps.boxes is None:
            changed["xy"] = self._filtered(self._pixels, ids, kps.xy, trust, extents(kps.xy, LEAST_PIXELS))
        else:
            changed["xy"], changed["boxes"] = self._with_boxes(ids, kps.xy, kps.boxes, trust)
        if kps.xyz is not None:
            sizes = extents(kps.xyz, LEAST_METRES)
            changed["xyz"] = self._filtered(self._metres, ids, kps.xyz, trust, sizes)
        return replace(kps, **changed)

    def _with_boxes(
        self, ids: NDArray[np.int64], xy: Float, boxes: Float, trust: Float
    ) -> tuple[Float, Float]:
        """Filter the corners of boxes with the keypoints."""
        corners = boxes.reshape(-1, 2, 2)
        points = np.concatenate([xy, corners], axis=1)
        sure = np.concatenate([trust, np.ones((len(ids), 2, 1))], axis=1)
        smooth = self._filtered(self._pixels, ids, points, sure, extents(corners, LEAST_PIXELS))
        return smooth[:, :-2], smooth[:, -2:].reshape(-1, 4)

    def _filtered(
        self, memory: Memory, ids: NDArray[np.int64], points: Float, trust: Float, sizes: Float
    ) -> Float:
        _, count, axes = points.shape
        shapes = ((1, 1), *((count, columns or axes) for columns in self._columns))
        elapsed, (before, *state) = memory.recall(ids, self._now, shapes)
        elapsed = elapsed[:, None, None]
        sizes = _followed(before, sizes, elapsed)
        state = self._step(tuple(state), Sighting(points.copy(), trust, sizes, elapsed))
        memory.keep(ids, self._now, (sizes, *state))
        return state[0].copy()


def check_time(seconds: float, before: float) -> None:
    """Raise a ValueError unless a frame's time is later than the one before."""
    if not seconds > before:
        raise ValueError(f"a frame of {seconds} seconds came after one of {before}: times have to grow")


def track_keys(kps: Keypoints) -> NDArray[np.int64]:
    """By what the instances are known over time, shape (N,); one alone needs no id.

    Raises:
        ValueError: There are no ids and several instances, or two have the same id.
    """
    if kps.track_ids is None:
        if len(kps) > 1:
            raise ValueError(
                f"{len(kps)} instances without track_ids: nobody can tell who is who; run a tracker first"
            )
        return np.zeros(len(kps), dtype=np.int64)
    named = sorted(one for one in kps.track_ids.tolist() if one >= 0)
    if twice := {one for one, following in pairwise(named) if one == following}:
        raise ValueError(
            f"several instances have the track ids {sorted(twice)}, expected each once in a frame"
        )
    return kps.track_ids


def share(cutoff: Float | float, elapsed: Float) -> Float:
    """How far a low-pass filter of a cutoff (Hz) goes towards what is new after some seconds, in [0, 1)."""
    turns = 2 * np.pi * cutoff * elapsed
    return turns / (1 + turns)


def extents(points: Float, least: float) -> Float:
    """Longer sides of the hulls of points, shapes (N, P, D) -> (N, 1, 1); NaN where there are no points."""
    low = np.fmin.reduce(points, axis=1, keepdims=True)
    high = np.fmax.reduce(points, axis=1, keepdims=True)
    return np.maximum((high - low).max(axis=2, keepdims=True), least)


def _followed(before: Float, sizes: Float, elapsed: Float) -> Float:
    """Sizes smoothed over time; the one that is known where the other is not."""
    moved = before + share(SIZE_CUTOFF, elapsed) * (sizes - before)
    return np.where(np.isnan(moved), np.where(np.isnan(sizes), before, sizes), moved)
