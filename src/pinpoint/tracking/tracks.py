"""The tracks of a stream: who they are, where they are expected, what is known of them."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, boxes_of_points
from pinpoint.keypoints import Keypoints, all_in_order
from pinpoint.skeletons import Skeleton
from pinpoint.tracking.motion import Motion

__all__ = ["Tracks", "has_place", "whole"]

NEW = 10  # times found until a track knows what it looks like
ALIKE = 0.5  # looks of two people seldom agree as much, those of one nearly always
SPREAD = 0.1  # doubt about a place, in sizes, at which OKS forgives as if the area were twice as large
MEMORY = 10.0  # how many clear looks a track remembers
CLEARER = 2  # how much less is learnt from looks that are not clear, beside their own length
LEAST_TRUST = 0.2


@dataclass(frozen=True, eq=False)
class Tracks:
    """What is known about T tracks.

    Args:
        ids: From 1 up, and each its own below -1 until it is confirmed, shape (T,).
        hits: How often each was found, shape (T,).
        age: Seconds since each began, shape (T,).
        unseen: Seconds since each was found last, shape (T,).
        unlike: Seconds since what was found did look like it, shape (T,).
        scores: Of its keypoints when it was found last, shape (T, K).
        box_scores: Of the instance then, shape (T,).
        looks: Sums of what each looked like, as long as much is known, 0 where nothing is, shape (T, F).
        motion: Where each is and goes.
    """

    ids: NDArray[np.int64]
    hits: NDArray[np.int64]
    age: Float
    unseen: Float
    unlike: Float
    scores: Float
    box_scores: Float
    looks: Float
    motion: Motion

    @classmethod
    def started(cls, found: Keypoints, looks: Float, born: int) -> "Tracks":
        """Begin with instances that are `whole`, after so many others were born."""
        count = len(found)
        assert found.box_scores is not None
        return cls(
            ids=-2 - born - np.arange(count),
            hits=np.ones(count, np.int64),
            age=np.zeros(count),
            unseen=np.zeros(count),
            unlike=np.zeros(count),
            scores=found.scores,
            box_scores=found.box_scores,
            looks=looks,
            motion=Motion.started(_points(found)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Which are confirmed and known well enough not to be somebody who was here before, shape (T,)."""
        return (self.ids > 0) & (self.hits >= NEW)

    def __getitem__(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Tracks":
        """Keep some tracks."""
        if all_in_order(rows, len(self)):
            return self
        return Tracks(*(getattr(self, field.name)[rows] for field in fields(self)))

    def joined(self, other: "Tracks") -> "Tracks":
        """These tracks and then others."""
        if not len(other):
            return self
        arrays = [field.name for field in fields(self) if field.name != "motion"]
        both = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in arrays)
        return Tracks(*both, motion=self.motion.joined(other.motion))

    def later(self, seconds: float) -> "Tracks":
        """Go on for some time without being found."""
        age, unseen, unlike = (passed + seconds for passed in (self.age, self.unseen, self.unlike))
        return replace(self, age=age, unseen=unseen, unlike=unlike, motion=self.motion.later(seconds))

    def at(self, places: NDArray[np.intp]) -> "Tracks":
        """The tracks, each where another one was, and found there when that was."""
        if all_in_order(places, len(self)):
            return self
        return replace(self, unseen=self.unseen[places], motion=self.motion[places])

    def found_again(self, found: Keypoints, looks: Float) -> "Tracks":
        """Take in one instance for each track, and what it looks like."""
        assert found.box_scores is not None
        certain = np.ones((len(found), 2))
        trust = np.clip(np.concatenate([found.scores, certain], axis=1), LEAST_TRUST, 1)
        return Tracks(
            ids=self.ids,
            hits=self.hits + 1,
            age=self.age,
            unseen=np.zeros(len(self)),
            unlike=np.where(_agree(self.looks, looks), 0.0, self.unlike),
            scores=found.scores,
            box_scores=found.box_scores,
            looks=_learnt(self.looks, looks),
            motion=self.motion.corrected(_points(found), trust),
        )

    def expected(self, skeleton: Skeleton) -> Keypoints:
        """Where they are by now, by their ids; the areas are wider the less is known about that."""
        return Keypoints(
            xy=self.motion.points[:, :-2],
            scores=self.scores,
            skeleton=skeleton,
            boxes=self.motion.boxes,
            box_scores=self.box_scores,
            areas=self.motion.size**2 * (1 + np.sqrt(self.motion.doubt[:, 0]) / SPREAD),
            track_ids=self.ids,
        )


def has_place(kps: Keypoints) -> NDArray[np.bool_]:
    """Whether instances have a box or a keypoint, shape (N,)."""
    boxed = np.zeros(len(kps), bool) if kps.boxes is None else np.all(np.isfinite(kps.boxes), axis=1)
    if boxed.all():
        return boxed
    return boxed | np.any(np.isfinite(kps.xy).all(axis=-1), axis=1)


def whole(kps: Keypoints) -> Keypoints:
    """The instances with boxes and box scores, from their keypoints where they have none."""
    boxes, scores = _boxes(kps), _box_scores(kps)
    same = boxes is kps.boxes and scores is kps.box_scores
    return kps if same else replace(kps, boxes=boxes, box_scores=scores)


def _boxes(kps: Keypoints) -> Float:
    """Those given, else hulls of the keypoints."""
    if kps.boxes is None:
        return boxes_of_points(kps.xy)
    boxed = np.isfinite(kps.boxes).all(axis=1, keepdims=True)
    return kps.boxes if boxed.all() else np.where(boxed, kps.boxes, boxes_of_points(kps.xy))


def _box_scores(kps: Keypoints) -> Float:
    """Those given, else means over the keypoints that are there, else 1."""
    if kps.box_scores is not None and not np.isnan(kps.box_scores).any():
        return kps.box_scores
    there = np.isfinite(kps.xy).all(axis=-1)
    count = there.sum(axis=1)
    mean = np.where(count > 0, (kps.scores * there).sum(axis=1) / np.maximum(count, 1), 1.0)
    return mean if kps.box_scores is None else np.where(np.isnan(kps.box_scores), mean, kps.box_scores)


def _points(found: Keypoints) -> Float:
    """Keypoints, and then the two corners of the box, shape (N, K + 2, 2)."""
    assert found.boxes is not None
    return np.concatenate([found.xy, found.boxes.reshape(-1, 2, 2)], axis=1)


def _agree(known: Float, seen: Float) -> NDArray[np.bool_]:
    """Whether looks are those of one person, shape (T,), as they are where nothing is known of them."""
    if not known.shape[1] or not seen.any():
        return np.ones(len(known), bool)
    return np.asarray(
        (known * seen).sum(axis=1) >= ALIKE * np.linalg.norm(known, axis=1) * np.linalg.norm(seen, axis=1)
    )


def _learnt(before: Float, seen: Float) -> Float:
    """Add what is clearly seen to what is known, and forget as much of the old when that is a lot."""
    if not before.shape[1]:
        return seen
    if not seen.any():  # as in most frames
        return before
    total = before + seen * np.linalg.norm(seen, axis=1, keepdims=True) ** CLEARER
    return total * np.minimum(1, MEMORY / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))
