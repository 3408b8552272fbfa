"""COCO's average precision and recall of keypoints over many pictures, equal to pycocotools' and vectorised.

https://cocodataset.org/#keypoints-eval
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.curves import AREAS, THRESHOLDS, Matches, precision_recall
from pinpoint.evaluation.matching import Pairs, all_pairs, judged, match_pairs, ranked
from pinpoint.geometry import Float, boxes_of_points

__all__ = ["MOST", "Found", "Truth", "hull_areas", "keypoint_measures", "match", "similar_pairs"]

MOST = 20  # found instances of one picture that count
NUMBERS_AT_ONCE = 1 << 15  # distances that are computed together: few enough for the processor's cache

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Ranges = Mapping[str, tuple[float, float]]


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
        ignored: Which others count neither for nor against, though labelled, shape (N,), or none of them.
    """

    picture: NDArray[np.integer]
    xy: Float
    boxes: Float
    areas: Float
    crowd: Flags
    ignored: Flags | None = None

    @cached_property
    def labelled(self) -> Flags:
        """Which points are labelled, shape (N, K)."""
        return np.isfinite(self.xy[..., 0]) & np.isfinite(self.xy[..., 1])

    @property
    def idle(self) -> Flags:
        """Which instances count neither for nor against, whatever their area, shape (N,)."""
        bare = self.crowd | ~self.labelled.any(axis=1)
        return bare if self.ignored is None else bare | self.ignored

    def __getitem__(self, rows: Rows | Flags) -> "Truth":
        """Keep some instances."""
        ignored = None if self.ignored is None else self.ignored[rows]
        return Truth(
            self.picture[rows], self.xy[rows], self.boxes[rows], self.areas[rows], self.crowd[rows], ignored
        )


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

    def __getitem__(self, rows: Rows | Flags) -> "Found":
        """Keep some instances."""
        areas = None if self.areas is None else self.areas[rows]
        return Found(self.picture[rows], self.xy[rows], self.scores[rows], areas)


def keypoint_measures(truth: Truth, found: Found, sigmas: Float) -> dict[str, float]:
    """COCO's ten numbers of keypoints: AP AP50 AP75 APm APl AR AR50 AR75 ARm ARl.

    Args:
        truth: What is there.
        found: What was found; the best 20 of each picture count.
        sigmas: OKS falloff of each keypoint, shape (K,).
    """
    return precision_recall(match(truth, found, sigmas)).measures()


def match(
    truth: Truth,
    found: Found,
    sigmas: Float,
    *,
    most: int = MOST,
    thresholds: Float = THRESHOLDS,
    ranges: Ranges = AREAS,
) -> Matches:
    """Give found instances to labelled ones: in every picture the best score chooses first.

    It takes the most similar instance that is free, at or above the threshold; one that is ignored (a crowd,
    without labels, or of another range of area) only if there is no other. Crowds are never taken up.

    Args:
        truth: What is there.
        found: What was found. All instances of a picture have to be given at once.
        sigmas: OKS falloff of each keypoint, shape (K,).
        most: Of each picture, so many with the best scores count.
        thresholds: Of OKS, shape (T,).
        ranges: Least and greatest areas to count instances by, A of them.

    Raises:
        ValueError: A labelled instance has no area.
    """
    if unknown := int(np.isnan(truth.areas[~truth.idle]).sum()):
        raise ValueError(f"areas of {unknown} labelled instances are NaN, expected square pixels")
    rows, rank = ranked(found.picture, found.scores, most)
    pairs = similar_pairs(truth, found, sigmas, rows)
    ignored = truth.idle | ~_in_range(truth.areas, ranges)
    chosen = match_pairs(pairs, rank, ignored, truth.crowd, thresholds)
    areas = (hull_areas(found.xy) if found.areas is None else found.areas)[rows]
    return judged(
        chosen, (found.picture[rows], found.scores[rows]), ignored, ~_in_range(areas, ranges)[:, None]
    )


def similar_pairs(truth: Truth, found: Found, sigmas: Float, rows: Rows) -> Pairs:
    """Every pair of instances in one picture with its OKS, computed in parts that fit into the cache.

    Args:
        truth: What is there.
        found: What was found.
        sigmas: OKS falloff of each keypoint, shape (K,).
        rows: Of the found instances to pair, those of one picture together; pairs count them from 0.
    """
    places, columns = all_pairs(found.picture[rows], truth.picture)
    falloff = -1 / (2 * (2 * np.asarray(sigmas, np.float64)) ** 2)
    scale = 1 / (truth.areas + np.spacing(1))
    count = truth.labelled.sum(axis=1)
    similarity = np.empty(len(places))
    step = max(1, NUMBERS_AT_ONCE // max(1, len(falloff)))
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        column = columns[part]
        exponent = _squared(found.xy[rows[places[part]]], truth.xy[column])
        exponent *= falloff
        exponent *= scale[column, None]
        np.fmax(exponent, -np.inf, out=exponent)  # NaN, where either side lacks the point: infinitely far
        similarity[part] = np.exp(exponent, out=exponent).sum(axis=1) / np.maximum(count[column], 1)
    bare = np.flatnonzero(count[columns] == 0)
    similarity[bare] = _inside(truth, found.xy[rows[places[bare]]], columns[bare], falloff)
    return Pairs(places, columns, similarity)


def hull_areas(xy: Float) -> Float:
    """Areas of the smallest boxes around points that are not NaN, shapes (M, K, 2) -> (M,); 0 for none."""
    areas = np.empty(len(xy))
    step = max(1, NUMBERS_AT_ONCE // max(1, xy.shape[1]))
    for start in range(0, len(xy), step):
        x, y = np.ascontiguousarray(np.moveaxis(xy[start : start + step], 2, 0))
        areas[start : start + step] = _spans(x) * _spans(y)
    missing = np.flatnonzero(np.isnan(areas))
    sides = boxes_of_points(xy[missing])
    areas[missing] = np.nan_to_num((sides[:, 2:] - sides[:, :2]).prod(axis=1))
    return areas


def _spans(values: Float) -> Float:
    return values.max(axis=1, initial=-np.inf) - values.min(axis=1, initial=np.inf)


def _squared(found: Float, truth: Float) -> Float:
    """Squared distances of points, shapes (P, K, 2) -> (P, K); the first is used up."""
    found -= truth
    found *= found
    return found[..., 0] + found[..., 1]


def _in_range(areas: Float, ranges: Ranges) -> Flags:
    """Whether each area is in each range, shapes (N,) -> (A, N)."""
    return np.array([~((areas < low) | (areas > high)) for low, high in ranges.values()])


def _inside(truth: Truth, xy: Float, columns: Rows, falloff: Float) -> Float:
    """OKS with instances that have no points: by how far the found ones lie outside twice the box.

    COCO compares points with boxes in the numbers of its files, which are half a pixel greater than ours.
    """
    boxes = truth.boxes[columns]
    sides = boxes[:, 2:] - boxes[:, :2]
    low, high = boxes[:, :2] + 0.5 - sides, boxes[:, :2] + 0.5 + 2 * sides
    away = np.maximum(0, low[:, None] - xy) + np.maximum(0, xy - high[:, None])
    squared = np.nan_to_num((away**2).sum(axis=-1), nan=np.inf)
    return np.exp(squared * falloff / (truth.areas[columns, None] + np.spacing(1))).sum(axis=1) / max(
        1, len(falloff)
    )
