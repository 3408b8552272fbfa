"""Measures of one prediction per true instance."""

from collections.abc import Mapping

import numpy as np

from pinpoint.evaluation.curves import THRESHOLDS, Matches, precision_recall
from pinpoint.evaluation.errors import point_errors, share_within
from pinpoint.geometry import Float

__all__ = ["average_precision", "longer_sides", "paired_oks", "pck", "point_measures"]


def paired_oks(truth: Float, predicted: Float, areas: Float, sigmas: Float) -> Float:
    """Object keypoint similarity of each instance with its own prediction.

    Args:
        truth: Shape (N, K, 2); NaN keypoints do not count.
        predicted: Shape (N, K, 2); NaN keypoints count as infinitely far.
        areas: Area of each true instance in square pixels, shape (N,).
        sigmas: Falloff of each keypoint, shape (K,).

    Returns:
        Shape (N,), in [0, 1]; 0 for a true instance without keypoints.
    """
    squared = ((truth - predicted) ** 2).sum(axis=-1)
    scale = 2 * (2 * np.asarray(sigmas)) ** 2 * (areas[:, None] + np.spacing(1))
    close = np.exp(-np.where(np.isnan(squared), np.inf, squared) / scale)
    labelled = np.asarray(np.isfinite(truth).all(axis=-1))
    return (close * labelled).sum(axis=1) / np.maximum(labelled.sum(axis=1), 1)


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
    right = (similarity >= thresholds[:, None])[None]
    picture = np.zeros(len(scores), int)
    matches = Matches(picture, scores, right, np.zeros_like(right), np.array([len(similarity)]))
    return precision_recall(matches).precision[0].mean(axis=1)


def pck(truth: Float, predicted: Float, sizes: Float, share: float) -> float:
    """Share of labelled points that are nearer than a share of their instance's size.

    Args:
        truth: Shape (N, K, 2), NaN where not labelled.
        predicted: Shape (N, K, 2); what is missing counts as wrong.
        sizes: Shape (N,), in pixels; instances without one do not count.
        share: Of the size.

    Returns:
        In [0, 1]; NaN where nothing is labelled.
    """
    return share_within(point_errors(truth, predicted, np.asarray(sizes)), share)


def longer_sides(boxes: Float) -> Float:
    """The longer side of each box, by which PCK is measured here, shapes (N, 4) -> (N,)."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)


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
    rows = np.asarray(np.isfinite(truth).all(axis=-1)).any(axis=1)
    similar = paired_oks(truth[rows], predicted[rows], areas[rows], sigmas)
    precision = average_precision(similar, scores[rows].mean(axis=1))
    sizes = longer_sides(boxes[rows])
    return {
        "AP": float(precision.mean()),
        "AP50": float(precision[0]),
        "AP75": float(precision[5]),
        "PCK@.1": pck(truth[rows], predicted[rows], sizes, 0.1),
        "PCK@.05": pck(truth[rows], predicted[rows], sizes, 0.05),
    }
