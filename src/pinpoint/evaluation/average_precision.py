"""COCO's average precision and recall of keypoints over many pictures, equal to pycocotools' and vectorised.

https://cocodataset.org/#keypoints-eval
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, boxes_of_points

__all__ = ["AREAS", "Curves", "Found", "Matches", "Truth", "keypoint_measures", "match", "precision_recall"]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS: Mapping[str, tuple[float, float]] = {"": (0, 1e10), "m": (32**2, 96**2), "l": (96**2, 1e10)}
"""Least and greatest area in square pixels of all, medium and large instances; keys end names of measures."""
MOST = 20  # found instances of one picture that count
NUMBERS_AT_ONCE = 1 << 20  # distances that are computed together, which bounds memory

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Truth:
    """N labelled instances in many pictures.

    Args:
        picture: Number of each one's picture, shape (N,).
        xy: Shape (N, K, 2), NaN where not labelled. One without labels counts neither for nor against.
        boxes: x1 y1 x2 y2, shape (N, 4). What is found in twice the box of a crowd, or of an instance without
            labels, counts neither for nor against.
        areas: Square pixels, shape (N,).
        crowd: Which are crowds, shape (N,).
    """

    picture: NDArray[np.integer]
    xy: Float
    boxes: Float
    areas: Float
    crowd: Flags

    @property
    def labelled(self) -> Flags:
        """Which points are labelled, shape (N, K)."""
        return np.asarray(np.isfinite(self.xy).all(axis=-1))


@dataclass(frozen=True, eq=False)
class Found:
    """M found instances in many pictures.

    Args:
        picture: Number of each one's picture, shape (M,).
        xy: Shape (M, K, 2); NaN is infinitely far from everything.
        scores: Shape (M,). Of equal ones in different pictures, that of the lower number comes first.
        areas: Square pixels, shape (M,), by which what matches nothing is medium or large. None takes the
            hull of the points, as COCO does for results without boxes.
    """

    picture: NDArray[np.integer]
    xy: Float
    scores: Float
    areas: Float | None = None

    def __getitem__(self, rows: Rows) -> "Found":
        """Keep some instances."""
        areas = None if self.areas is None else self.areas[rows]
        return Found(self.picture[rows], self.xy[rows], self.scores[rows], areas)


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of M found instances at T thresholds, for A ranges of area.

    Args:
        scores: Shape (M,).
        right: Which found an instance of their own, shape (A, T, M).
        ignored: Which count neither for nor against, shape (A, T, M).
        wanted: How many labelled instances are to be found, shape (A,).
    """

    scores: Float
    right: Flags
    ignored: Flags
    wanted: NDArray[np.integer]

    @classmethod
    def merge(cls, parts: Sequence["Matches"]) -> "Matches":
        """Put the matches of different pictures together: the whole is what all at once would have given."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.right for part in parts], axis=2),
            np.concatenate([part.ignored for part in parts], axis=2),
            np.sum([part.wanted for part in parts], axis=0),
        )


@dataclass(frozen=True, eq=False)
class Curves:
    """Precision and recall for A ranges of area at T thresholds.

    Args:
        precision: At 101 recalls from 0 to 1, made to fall, shape (A, T, 101); NaN if nothing is to be found.
        recall: The highest, shape (A, T); NaN likewise.
    """

    precision: Float
    recall: Float

    def measures(self) -> dict[str, float]:
        """COCO's ten numbers: AP AP50 AP75 APm APl AR AR50 AR75 ARm ARl, NaN if nothing is to be found."""
        named: dict[str, float] = {}
        for key, values in (("AP", self.precision.mean(axis=2)), ("AR", self.recall)):
            named |= {key: values[0].mean(), f"{key}50": values[0, 0], f"{key}75": values[0, 5]}
            named |= {f"{key}{area}": values[row].mean() for row, area in enumerate(AREAS) if area}
        return {name: float(value) for name, value in named.items()}


def keypoint_measures(truth: Truth, found: Found, sigmas: Float) -> dict[str, float]:
    """COCO's ten numbers of keypoints: AP AP50 AP75 APm APl AR AR50 AR75 ARm ARl.

    Args:
        truth: What is there.
        found: What was found; the best 20 of each picture count.
        sigmas: OKS falloff of each keypoint, shape (K,).
    """
    return precision_recall(match(truth, found, sigmas)).measures()


def match(truth: Truth, found: Found, sigmas: Float, most: int = MOST) -> Matches:
    """Give found instances to labelled ones: in every picture the best score chooses first.

    It takes the most similar instance that is free, at or above the threshold; one that is ignored (a crowd,
    without labels, or of another range of area) only if there is no other. Crowds are never taken up.

    Args:
        truth: What is there.
        found: What was found.
        sigmas: OKS falloff of each keypoint, shape (K,).
        most: Of each picture, so many with the best scores count.
    """
    order, rank = _ranked(found)
    kept = found[order[rank < most]]
    rank = rank[rank < most]
    ignored = truth.crowd | ~truth.labelled.any(axis=1) | ~_in_range(truth.areas)
    rows, columns = _pairs(kept.picture, truth.picture)
    similarity = _similarities(truth, kept, rows, columns, sigmas)
    near = similarity >= THRESHOLDS[0]
    chosen = _assigned((rows[near], columns[near], similarity[near]), rank, ignored, truth.crowd)
    taken = chosen >= 0
    useless = np.take_along_axis(ignored[:, None], np.maximum(chosen, 0), axis=2) if len(ignored.T) else taken
    areas = _hull_areas(kept.xy) if kept.areas is None else kept.areas
    without = np.where(taken, useless, ~_in_range(areas)[:, None])
    return Matches(kept.scores, taken & ~without, without, (~ignored).sum(axis=1))


def precision_recall(matches: Matches) -> Curves:
    """Precision at 101 recalls, and the highest recall."""
    order = np.argsort(-matches.scores, kind="stable")
    right, ignored = matches.right[..., order], matches.ignored[..., order]
    hits = np.cumsum(right, axis=2)
    misses = np.cumsum(~right & ~ignored, axis=2)
    precision = hits / (hits + misses + np.spacing(1))
    falling = np.maximum.accumulate(precision[..., ::-1], axis=2)[..., ::-1]
    falling = np.append(falling, np.zeros((*falling.shape[:2], 1)), axis=2)
    wanted = np.where(matches.wanted > 0, matches.wanted, np.nan)[:, None, None]
    recall = hits / wanted
    places = np.apply_along_axis(np.searchsorted, 2, recall, RECALLS) if len(order) else np.zeros(1, int)
    places = np.broadcast_to(places, (*recall.shape[:2], len(RECALLS)))
    highest = recall[..., -1] if len(order) else 0 * np.broadcast_to(wanted[..., 0], recall.shape[:2])
    return Curves(np.where(wanted > 0, np.take_along_axis(falling, places, axis=2), np.nan), highest)


def _ranked(found: Found) -> tuple[Rows, Rows]:
    """Rows by picture and falling score, and the place of each within its picture; both (M,)."""
    order = np.lexsort((-found.scores, found.picture))
    pictures = found.picture[order]
    first = np.searchsorted(pictures, pictures, side="left")
    return order, np.arange(len(order)) - first


def _in_range(areas: Float) -> Flags:
    """Whether each area is in each range of `AREAS`, shapes (N,) -> (A, N)."""
    return np.array([~((areas < low) | (areas > high)) for low, high in AREAS.values()])


def _hull_areas(xy: Float) -> Float:
    boxes = boxes_of_points(xy)
    return np.nan_to_num((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


def _pairs(found: NDArray[np.integer], truth: NDArray[np.integer]) -> tuple[Rows, Rows]:
    """Rows of found and labelled instances of one picture, every pair of them, found ones first."""
    order = np.argsort(truth, kind="stable")
    first, last = (np.searchsorted(truth[order], found, side=side) for side in ("left", "right"))
    count = last - first
    rows = np.repeat(np.arange(len(found)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[np.repeat(first, count) + within]


def _similarities(truth: Truth, found: Found, rows: Rows, columns: Rows, sigmas: Float) -> Float:
    """OKS of pairs, shape (P,), in parts that fit into memory."""
    step = max(1, NUMBERS_AT_ONCE // max(1, len(sigmas)))
    parts = [slice(start, start + step) for start in range(0, len(rows), step)]
    values = [_similarity(truth, found.xy[rows[part]], columns[part], sigmas) for part in parts]
    return np.concatenate([np.zeros(0), *values])


def _similarity(truth: Truth, xy: Float, columns: Rows, sigmas: Float) -> Float:
    """OKS of P pairs; of an instance without labels, how far the points lie outside twice its box."""
    labelled: Flags = truth.labelled[columns]
    bare: Flags = np.asarray(~labelled.any(axis=1))
    away = xy - np.where(labelled[..., None], truth.xy[columns], 0)
    if bare.any():
        away[bare] = _outside(xy[bare], truth.boxes[columns[bare]])
    squared: Float = (away**2).sum(axis=-1)
    squared = np.where(np.isnan(squared), np.inf, squared)
    variances = (2 * np.asarray(sigmas)) ** 2
    close = np.exp(-(squared / variances / (truth.areas[columns, None] + np.spacing(1)) / 2))
    counted = labelled | bare[:, None]
    return (close * counted).sum(axis=1) / counted.sum(axis=1)


def _outside(xy: Float, boxes: Float) -> Float:
    """How far points lie beyond boxes grown by their size on every side, (P, K, 2), (P, 4) -> (P, K, 2).

    COCO compares points with boxes in the numbers of its files, which are half a pixel greater than ours.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    low, high = boxes[:, :2] + 0.5 - sides, boxes[:, :2] + 0.5 + 2 * sides
    return np.maximum(0, low[:, None] - xy) + np.maximum(0, xy - high[:, None])


def _assigned(
    pairs: tuple[Rows, Rows, Float], rank: Rows, ignored: Flags, crowd: Flags
) -> NDArray[np.integer]:
    """Which labelled instance each found one takes, -1 for none, shape (A, T, M).

    All pictures choose at the same time, first whoever is best in its picture, then the second, and so on.
    Of several instances the greatest key is taken: one that counts before one that is ignored, then the more
    similar, then the later one.
    """
    rows, columns, similarity = pairs
    chosen = np.full((len(ignored), len(THRESHOLDS), len(rank)), -1)
    if not len(rows):
        return chosen
    count = len(crowd)
    free = np.ones((*chosen.shape[:2], count), bool)
    enough = similarity >= np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    levels, level = np.unique(similarity, return_inverse=True)
    keys = (level + len(levels) * ~ignored[:, columns]) * count + columns
    for number in range(int(rank[rows].max()) + 1):
        turn = np.flatnonzero(rank[rows] == number)
        if not len(turn):
            continue
        allowed = free[..., columns[turn]] & enough[:, turn]
        starts = np.flatnonzero(np.diff(rows[turn], prepend=-1))
        best = np.maximum.reduceat(np.where(allowed, keys[:, None, turn], -1), starts, axis=2)
        taken = np.where(best >= 0, best % count, -1)
        chosen[..., rows[turn][starts]] = taken
        area, threshold, place = np.nonzero(taken >= 0)
        instances = taken[area, threshold, place]
        free[area, threshold, instances] = crowd[instances]
    return chosen
