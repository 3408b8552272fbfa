"""Measures of found boxes against labelled ones, over many pictures, as COCO does them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, iou

__all__ = ["Matches", "box_measures", "covered", "match", "precision_of"]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # found instances of one picture that count


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of the M found instances of one picture at T thresholds, best score first.

    Args:
        scores: Shape (M,).
        right: Whether each found a labelled instance of its own, shape (T, M).
        ignored: Whether each counts neither for nor against, shape (T, M).
        wanted: How many labelled instances are to be found.
    """

    scores: Float
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    wanted: int


def match(
    similarity: Float, scores: Float, ignored: NDArray[np.bool_], thresholds: Float = THRESHOLDS
) -> Matches:
    """Give found instances to labelled ones: the best score chooses first, and takes the most similar.

    Labelled instances that are ignored are taken only where no other is similar enough.

    Args:
        similarity: Of N labelled and M found instances, shape (N, M), such as `iou` or `oks`.
        scores: Of what is found, shape (M,).
        ignored: Labelled instances that count neither for nor against, shape (N,).
        thresholds: How similar they have to be, shape (T,).
    """
    order = np.argsort(-scores, kind="stable")[:MOST]
    shape = (len(thresholds), len(order))
    right, without = np.zeros(shape, bool), np.zeros(shape, bool)
    for row, threshold in enumerate(thresholds):
        free = np.ones(len(ignored), bool)
        for place, found in enumerate(order):
            chosen = _most_similar(similarity[:, found], free, ignored, min(threshold, 1 - 1e-10))
            if chosen is not None:
                free[chosen] = False
                right[row, place], without[row, place] = not ignored[chosen], ignored[chosen]
    return Matches(scores[order], right, without, int((~ignored).sum()))


def _most_similar(
    similarity: Float, free: NDArray[np.bool_], ignored: NDArray[np.bool_], least: float
) -> int | None:
    for group in (~ignored, ignored):
        rows = np.flatnonzero(group & free & (similarity >= least))
        if len(rows):
            return int(rows[len(rows) - 1 - np.argmax(similarity[rows][::-1])])
    return None


def precision_of(matches: Sequence[Matches]) -> Float:
    """Average precision at each threshold over all pictures, shape (T,); NaN if nothing is to be found.

    Precision is made to fall and read at 101 recalls, as COCO does.
    """
    scores = np.concatenate([one.scores for one in matches])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([one.right for one in matches], axis=1)[:, order]
    ignored = np.concatenate([one.ignored for one in matches], axis=1)[:, order]
    wanted = sum(one.wanted for one in matches)
    if not wanted:
        return np.full(len(right), np.nan)
    return np.array([_area_under(r, ~r & ~i, wanted) for r, i in zip(right, ignored, strict=True)])


def _area_under(right: NDArray[np.bool_], wrong: NDArray[np.bool_], wanted: int) -> float:
    hits, misses = np.cumsum(right), np.cumsum(wrong)
    precision = hits / np.maximum(hits + misses, 1)
    falling = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(falling[np.searchsorted(hits / wanted, RECALLS, side="left")].mean())


def covered(boxes: Float, regions: Float) -> Float:
    """Share of each box that lies in each region, shapes (N, 4), (C, 4) -> (C, N): COCO's for crowds."""
    low = np.maximum(boxes[None, :, :2], regions[:, None, :2])
    high = np.minimum(boxes[None, :, 2:], regions[:, None, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.divide(shared, areas[None], out=np.zeros(shared.shape), where=areas[None] > 0)


def box_measures(
    pictures: Sequence[tuple[Float, Float, Float, Float]], *, min_side: float = 32.0, min_score: float = 0.3
) -> Mapping[str, float]:
    """What a detector finds: AP50, AP, recall, and false boxes per picture.

    Labelled boxes whose longer side is shorter than `min_side`, crowds, and found boxes in crowds or too
    short that match nothing count neither for nor against.

    Args:
        pictures: For each picture labelled boxes (N, 4), crowds (C, 4), found boxes (M, 4) and scores (M,),
            in its pixels.
        min_side: In pixels.
        min_score: Boxes from this score count for `recall` (IoU .5) and `false`; all do for AP50 and AP.
    """
    all_matches = [_of_picture(*one, min_side) for one in pictures]
    precision = precision_of(all_matches)
    sure = [one.scores >= min_score for one in all_matches]
    hits = sum(int(one.right[0, s].sum()) for one, s in zip(all_matches, sure, strict=True))
    false = sum(
        int((~one.right[0, s] & ~one.ignored[0, s]).sum()) for one, s in zip(all_matches, sure, strict=True)
    )
    wanted = sum(one.wanted for one in all_matches)
    return {
        "AP50": float(precision[0]),
        "AP": float(precision.mean()),
        "recall": hits / wanted if wanted else float("nan"),
        "false": false / max(1, len(pictures)),
    }


def _of_picture(boxes: Float, crowds: Float, found: Float, scores: Float, min_side: float) -> Matches:
    order = np.argsort(-scores, kind="stable")[:MOST]
    found, scores = found[order], scores[order]
    small = _longer_side(boxes) < min_side
    matches = match(iou(boxes, found), scores, small)
    in_crowd = (covered(found, crowds)[:, None] >= THRESHOLDS[None, :, None]).any(axis=0)
    free = in_crowd | (_longer_side(found) < min_side)[None]
    return Matches(matches.scores, matches.right, matches.ignored | (free & ~matches.right), matches.wanted)


def _longer_side(boxes: Float) -> Float:
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
