"""Measures of one prediction per true instance."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.oks import oks
from pinpoint.geometry import Float

__all__ = ["average_precision", "paired_oks", "pck", "point_measures"]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def paired_oks(truth: Float, predicted: Float, areas: Float, sigmas: Float) -> Float:
    """Object keypoint similarity of each instance with its own prediction, shapes (N, K, 2) x2 -> (N,)."""
    rows = range(len(truth))
    return np.array(
        [oks(truth[i : i + 1], predicted[i : i + 1], areas[i : i + 1], sigmas)[0, 0] for i in rows]
    )


def average_precision(similarity: Float, scores: Float, thresholds: Float = THRESHOLDS) -> Float:
    """Area under the precision-recall curve where every prediction has one true instance of its own.

    Precision is made to fall and read at 101 recalls, as COCO does. For predictions in true boxes this is
    COCO's AP, save that a prediction cannot be counted for the person next to its own.

    Args:
        similarity: OKS of each instance with its prediction, shape (N,).
        scores: Confidence of each prediction, shape (N,).
        thresholds: OKS from which a prediction is right, shape (T,).

    Returns:
        Shape (T,), in [0, 1]; NaN where there are no instances.
    """
    if not len(similarity):
        return np.full(len(thresholds), np.nan)
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(similarity[order][None] >= thresholds[:, None], axis=1)
    precision = right / np.arange(1, len(order) + 1)
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / len(order)
    return np.array([_at_recalls(r, p) for r, p in zip(recall, falling, strict=True)])


def pck(truth: Float, predicted: Float, sizes: Float, share: float) -> float:
    """Share of labelled points that are nearer than a share of their instance's size.

    Args:
        truth: Shape (N, K, 2), NaN where not labelled.
        predicted: Shape (N, K, 2); what is missing counts as wrong.
        sizes: Shape (N,), in pixels.
        share: Of the size.
    """
    labelled = np.isfinite(truth).all(axis=-1)
    distance = np.linalg.norm(predicted - truth, axis=-1) / sizes[:, None]
    return float((distance[labelled] <= share).mean()) if labelled.any() else float("nan")


def point_measures(
    truth: Float, predicted: Float, scores: Float, boxes: Float, areas: Float, sigmas: Float
) -> Mapping[str, float]:
    """What a training run reports of instances in true boxes: AP, AP50, AP75, PCK@.1 and PCK@.05.

    Instances without a labelled point are left out. The size of PCK is the longer side of the box.

    Args:
        truth: Shape (N, K, 2), NaN where not labelled.
        predicted: Shape (N, K, 2).
        scores: Shape (N, K); their mean is the confidence of an instance.
        boxes: x1 y1 x2 y2, shape (N, 4).
        areas: Shape (N,).
        sigmas: Shape (K,).
    """
    rows = _with_points(truth)
    similar = paired_oks(truth[rows], predicted[rows], areas[rows], sigmas)
    precision = average_precision(similar, scores[rows].mean(axis=1))
    sizes = (boxes[rows, 2:] - boxes[rows, :2]).max(axis=1)
    return {
        "AP": float(precision.mean()),
        "AP50": float(precision[0]),
        "AP75": float(precision[5]),
        "PCK@.1": pck(truth[rows], predicted[rows], sizes, 0.1),
        "PCK@.05": pck(truth[rows], predicted[rows], sizes, 0.05),
    }


def _with_points(truth: Float) -> NDArray[np.bool_]:
    return np.isfinite(truth).all(axis=2).any(axis=1)  # pyright: ignore


def _at_recalls(recall: Float, precision: Float) -> float:
    places = np.searchsorted(recall, RECALLS, side="left")
    return float(
        np.where(places < len(precision), precision[np.minimum(places, len(precision) - 1)], 0).mean()
    )
