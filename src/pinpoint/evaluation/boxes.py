"""Measures of found boxes against labelled ones, over many pictures, as COCO does them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.curves import THRESHOLDS, Matches, precision_recall
from pinpoint.evaluation.matching import Pairs, judged, match_pairs
from pinpoint.geometry import Float, iou

__all__ = ["box_measures", "covered", "match_similar", "precision_of"]

MOST = 100  # found instances of one picture that count


def match_similar(
    similarity: Float, scores: Float, ignored: NDArray[np.bool_], thresholds: Float = THRESHOLDS
) -> Matches:
    """Give the found instances of one picture to the labelled ones, by any similarity; the best 100 count.

    The best score chooses first, and takes the most similar. Labelled instances that are ignored are taken
    only where no other is similar enough.

    Args:
        similarity: Of N labelled and M found instances, shape (N, M), such as `iou` or `oks`.
        scores: Of what is found, shape (M,).
        ignored: Labelled instances that count neither for nor against, shape (N,).
        thresholds: How similar they have to be, shape (T,).
    """
    order = np.argsort(-scores, kind="stable")[:MOST]
    rank = np.arange(len(order))
    count = len(ignored)
    pairs = Pairs(np.repeat(rank, count), np.tile(np.arange(count), len(order)), similarity.T[order].ravel())
    chosen = match_pairs(pairs, rank, ignored[None], np.zeros(count, bool), thresholds)
    found = (np.zeros(len(order), int), scores[order])
    return judged(chosen, found, ignored[None], np.zeros(1, bool))


def precision_of(matches: Sequence[Matches]) -> Float:
    """Average precision at each threshold over pictures in order, shape (T,); NaN with nothing to find.

    Precision is made to fall and read at 101 recalls, as COCO does.
    """
    return precision_recall(_numbered(matches)).precision[0].mean(axis=1)


def _numbered(matches: Sequence[Matches]) -> Matches:
    """The matches of all pictures, each of them a picture of its own."""
    parts = [replace(one, picture=np.full(len(one.scores), number)) for number, one in enumerate(matches)]
    return Matches.merge(parts)


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
    matches = _numbered([_of_picture(*one, min_side) for one in pictures])
    precision = precision_recall(matches).precision[0].mean(axis=1)
    sure = matches.scores >= min_score
    right, counts = matches.right[0, 0, sure], ~matches.ignored[0, 0, sure]
    wanted = int(matches.wanted[0])
    return {
        "AP50": float(precision[0]),
        "AP": float(precision.mean()),
        "recall": float(right.sum()) / wanted if wanted else float("nan"),
        "false": float((~right & counts).sum()) / max(1, len(pictures)),
    }


def _of_picture(boxes: Float, crowds: Float, found: Float, scores: Float, min_side: float) -> Matches:
    order = np.argsort(-scores, kind="stable")[:MOST]
    found, scores = found[order], scores[order]
    small = _longer_side(boxes) < min_side
    matches = match_similar(iou(boxes, found), scores, small)
    in_crowd = (covered(found, crowds)[:, None] >= THRESHOLDS[None, :, None]).any(axis=0)
    free = in_crowd | (_longer_side(found) < min_side)[None]
    return replace(matches, ignored=matches.ignored | (free & ~matches.right))


def _longer_side(boxes: Float) -> Float:
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
