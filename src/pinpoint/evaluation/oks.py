"""Object keypoint similarity, COCO's measure of how close two sets of keypoints are."""

import numpy as np

from pinpoint.geometry import Float

__all__ = ["oks"]


def oks(truth: Float, predicted: Float, areas: Float, sigmas: Float) -> Float:
    """Similarity of every pair of instances (https://cocodataset.org/#keypoints-eval).

    Args:
        truth: Shape (N, K, 2); NaN keypoints do not count.
        predicted: Shape (M, K, 2); NaN keypoints count as infinitely far.
        areas: Area of each true instance in square pixels, shape (N,).
        sigmas: Falloff of each keypoint, shape (K,).

    Returns:
        Shape (N, M), in [0, 1]; 0 for a true instance without keypoints.
    """
    squared = ((truth[:, None] - predicted[None]) ** 2).sum(axis=-1)
    scale = 2 * (2 * np.asarray(sigmas)) ** 2 * (areas[:, None, None] + np.spacing(1))
    close = np.exp(-np.where(np.isnan(squared), np.inf, squared) / scale)
    labelled = np.asarray(~np.isnan(truth).any(axis=-1))
    count = labelled.sum(axis=1)[:, None]
    total = (close * labelled[:, None]).sum(axis=-1)
    return np.divide(total, count, out=np.zeros(total.shape), where=count > 0)
