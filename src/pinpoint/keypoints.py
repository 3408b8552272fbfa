"""The one result type: keypoints of N instances in one image, labelled or predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.skeletons.mapping import sources

__all__ = ["Estimator", "Keypoints", "all_in_order", "convert", "replace_track", "row_types", "stack_track"]


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of N instances of one skeleton in one image.

    Coordinates are image pixels (x right, y down) with pixel centres on whole numbers.
    A missing keypoint is NaN in `xy`, and only NaN means missing.

    Args:
        xy: Coordinates, shape (N, K, 2).
        scores: Confidence of each keypoint in [0, 1], shape (N, K). A labelled keypoint has score 1.
        skeleton: What the K columns are. K may be 0: then this is a list of boxes.
        visible: False where a keypoint is there but occluded, shape (N, K).
        boxes: x1 y1 x2 y2 of each instance, shape (N, 4).
        box_scores: Confidence of each instance in [0, 1], shape (N,).
        areas: Area of each instance in square pixels, shape (N,).
        track_ids: Identity of each instance over time, shape (N,), -1 where unknown.
        xyz: Coordinates in metres (x right, y down, z away from the camera), shape (N, K, 3).
        labels: A word for each instance, such as `left` for a hand or the category of an object, shape (N,).

    Raises:
        ValueError: A shape does not agree with the others.
    """

    xy: Float
    scores: Float
    skeleton: Skeleton
    visible: NDArray[np.bool_] | None = None
    boxes: Float | None = None
    box_scores: Float | None = None
    areas: Float | None = None
    track_ids: NDArray[np.int64] | None = None
    xyz: Float | None = None
    labels: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        xy = np.asarray(self.xy, dtype=np.float64)
        if xy.ndim != 3:
            raise ValueError(f"xy has shape {xy.shape}, expected (N, {len(self.skeleton)}, 2)")
        for name, (dtype, shape) in _row_types(len(self.skeleton)):
            value = getattr(self, name)
            if value is not None:
                checked = _checked(name, value, dtype, (len(xy), *shape))
                if checked is not value:
                    object.__setattr__(self, name, checked)

    def __len__(self) -> int:
        return len(self.xy)

    def __getitem__(self, chosen: ArrayLike | slice) -> "Keypoints":
        """Keep some instances: an index, a slice, a mask of shape (N,) or a list of indices."""
        rows = chosen if isinstance(chosen, slice) else np.atleast_1d(np.asarray(chosen))
        if not isinstance(rows, slice):
            if all_in_order(rows, len(self)):
                return self
            rows = rows if rows.size else rows.astype(np.intp)
        return replace(self, **{name: value[rows] for name, value in self.arrays().items()})

    def __repr__(self) -> str:
        return f"Keypoints({len(self)} x {self.skeleton.name})"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array that is set, by field name. All have N rows."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "skeleton"}
        return {name: value for name, value in named.items() if value is not None}

    def above(self, min_score: float) -> "Keypoints":
        """Keep the instances whose box score is at least this; all of them where there are no box scores."""
        if self.box_scores is None or (kept := self.box_scores >= min_score).all():
            return self
        return self[kept]

    @classmethod
    def empty(cls, skeleton: Skeleton) -> "Keypoints":
        """No instances of a skeleton."""
        k = len(skeleton)
        return cls(
            xy=np.zeros((0, k, 2)),
            scores=np.zeros((0, k)),
            skeleton=skeleton,
            boxes=np.zeros((0, 4)),
            box_scores=np.zeros(0),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Keypoints"]) -> "Keypoints":
        """Put instances of the same skeleton together. A field that one non-empty part lacks is dropped.

        Raises:
            ValueError: There is nothing to join, or the skeletons differ.
        """
        if not parts:
            raise ValueError("nothing to concatenate: give at least one Keypoints")
        if any(part.skeleton != parts[0].skeleton for part in parts):
            raise ValueError(f"cannot join different skeletons: {sorted({p.skeleton.name for p in parts})}")
        filled = [part for part in parts if len(part)] or [parts[0]]
        if len(filled) == 1:
            return filled[0]
        shared = set.intersection(*(set(part.arrays()) for part in filled))
        joined = {name: np.concatenate([getattr(part, name) for part in filled]) for name in shared}
        return cls(skeleton=filled[0].skeleton, **joined)


class Estimator(Protocol):
    """Finds keypoints in one image."""

    def __call__(self, image: NDArray[np.uint8], boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate.

        Args:
            image: RGB, shape (H, W, 3), upright.
            boxes: x1 y1 x2 y2 of the instances, shape (N, 4), instead of the estimator's own detector.
        """
        ...


def convert(kps: Keypoints, target: Skeleton | str) -> Keypoints:
    """Say the same in the keypoints of another skeleton.

    Keypoints are matched by name. Those that the source lacks are made from others where a published rule
    says how (`pinpoint.skeletons.mapping`), such as the neck from the shoulders. The score of a middle is
    the lowest of its sources' scores; it is visible if all of them are, and missing if one of them is. What
    cannot be had is NaN with score 0. Boxes, areas, track ids and labels are kept.

    Args:
        kps: What to convert.
        target: A skeleton or the name of one that ships with the package.

    Raises:
        ValueError: There is no such skeleton, or none of its keypoints can be had from these.
    """
    goal = skeleton(target) if isinstance(target, str) else target
    if goal == kps.skeleton:
        return kps
    return replace(kps, skeleton=goal, **_gathered(kps, *_recipe(goal, kps.skeleton)))


def _gathered(
    kps: Keypoints, index: NDArray[np.intp], weights: Float, found: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Take the mean of a group of columns for each new column; without a group it is missing."""

    def mean(points: Float) -> Float:
        return np.einsum("nkmd,km->nkd", points[:, index], weights)

    gathered = {"xy": mean(kps.xy), "scores": kps.scores[:, index].min(axis=2) * found}
    if kps.visible is not None:
        gathered["visible"] = kps.visible[:, index].all(axis=2) & found
    if kps.xyz is not None:
        gathered["xyz"] = mean(kps.xyz)
    return gathered


def stack_track(
    clip: Sequence[Keypoints], track_id: int, of: Literal["xy", "xyz", "scores", "boxes"] = "xy"
) -> Float:
    """Follow one instance through a clip.

    Args:
        clip: Keypoints of every frame, T of them.
        track_id: Whom.
        of: What of it.

    Returns:
        Shape (T, K, 2) for `xy`, (T, K, 3) for `xyz`, (T, K) for scores, (T, 4) for boxes; NaN in frames
        that lack the instance or do not have that of it.

    Raises:
        ValueError: No frame has such a track, or the frames are of different skeletons.
    """
    if len({kps.skeleton for kps in clip}) > 1:
        raise ValueError(f"a clip of different skeletons: {sorted({kps.skeleton.name for kps in clip})}")
    rows = [_row_of(kps, track_id) for kps in clip]
    if all(row is None for row in rows):
        raise ValueError(f"no frame has a track {track_id}")
    stacked = np.full((len(clip), *row_types(len(clip[0].skeleton))[of][1]), np.nan)
    for place, row, kps in zip(stacked, rows, clip, strict=True):
        if row is not None and (values := getattr(kps, of)) is not None:
            place[...] = values[row]
    return stacked


def replace_track(clip: Sequence[Keypoints], track_id: int, xy: Float) -> list[Keypoints]:
    """Put the points of one instance back into a clip; what `stack_track` gave changes nothing.

    Args:
        clip: Keypoints of every frame, T of them.
        track_id: Whose they are. Frames that lack it stay as they are.
        xy: Shape (T, K, 2).

    Raises:
        ValueError: There is not one frame of points for each frame of the clip.
    """
    if len(xy) != len(clip):
        raise ValueError(f"xy has {len(xy)} frames, expected {len(clip)}: one for each frame of the clip")
    changed = []
    for kps, points in zip(clip, xy, strict=True):
        row = _row_of(kps, track_id)
        mine = np.arange(len(kps)) == row
        changed.append(replace(kps, xy=np.where(mine[:, None, None], points, kps.xy)))
    return changed


def _row_of(kps: Keypoints, track_id: int) -> int | None:
    rows = [] if kps.track_ids is None else np.flatnonzero(kps.track_ids == track_id)
    return int(rows[0]) if len(rows) else None


@cache
def _recipe(goal: Skeleton, source: Skeleton) -> tuple[NDArray[np.intp], Float, NDArray[np.bool_]]:
    """Columns and weights of the groups to take, both (K, M), and whether there is a group, (K,).

    Short groups repeat their first name at weight 0.

    Raises:
        ValueError: There is no group at all.
    """
    groups = sources(goal, source)
    if not any(groups):
        raise ValueError(
            f"cannot convert {source.name!r} to {goal.name!r}: they share no keypoint, "
            "and no keypoint of the one can be made from the other's"
        )
    most = max(len(group) for group in groups)
    index = np.zeros((len(groups), most), dtype=np.intp)
    weights = np.full((len(groups), most), np.nan)
    for row, group in enumerate(groups):
        if group:
            index[row] = source.index(group[0])
            index[row, : len(group)] = source.indices(group)
            weights[row] = np.where(np.arange(most) < len(group), 1 / len(group), 0.0)
    recipe = index, weights, np.array([bool(group) for group in groups])
    for array in recipe:
        array.setflags(write=False)
    return recipe


def row_types(k: int) -> dict[str, tuple[type, tuple[int, ...]]]:
    """Type and shape of one instance's row in every array of `Keypoints` with K columns, by field name."""
    return {
        "xy": (np.float64, (k, 2)),
        "scores": (np.float64, (k,)),
        "visible": (np.bool_, (k,)),
        "boxes": (np.float64, (4,)),
        "box_scores": (np.float64, ()),
        "areas": (np.float64, ()),
        "track_ids": (np.int64, ()),
        "xyz": (np.float64, (k, 3)),
        "labels": (np.str_, ()),
    }


def all_in_order(rows: NDArray[Any], count: int) -> bool:
    """Whether rows, a mask or indices, are all of so many in their order: then there is nothing to choose."""
    if rows.shape != (count,):
        return False
    return bool(rows.all() if rows.dtype == bool else (rows == np.arange(count)).all())


@cache
def _row_types(k: int) -> tuple[tuple[str, tuple[type, tuple[int, ...]]], ...]:
    """`row_types` as it is asked for whenever keypoints are made."""
    return tuple(row_types(k).items())


def _checked(name: str, value: ArrayLike, dtype: type, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.asarray(value, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    return array
