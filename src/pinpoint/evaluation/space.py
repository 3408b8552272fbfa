"""Poses in space: what is done to predictions before they are compared, and errors of their motion.

`mean_error(point_errors(truth, predicted))` is MPJPE; of `scaled` predictions it is N-MPJPE, and of `aligned`
ones PA-MPJPE. All are in the unit of the arrays.
"""

import numpy as np

from pinpoint.geometry import Float

__all__ = ["acceleration_errors", "aligned", "scaled"]


def scaled(truth: Float, predicted: Float) -> Float:
    """Scale every pose to the least squared distance from the truth, about the origin, shapes (N, K, 3).

    Give both relative to the same root, such as the pelvis (Rhodin et al., arXiv 1804.01110).
    """
    known = np.isfinite(truth + predicted)
    p, t = np.where(known, predicted, 0), np.where(known, truth, 0)
    length = (p * p).sum(axis=(1, 2))
    scale = np.divide((p * t).sum(axis=(1, 2)), length, out=np.zeros(len(p)), where=length > 0)
    return predicted * scale[:, None, None]


def aligned(truth: Float, predicted: Float) -> Float:
    """Scale, turn and move every pose to the least squared distance from the truth, shapes (N, K, 3).

    Orthogonal Procrustes analysis without mirroring (Gower 1975); points that either lacks have no say.
    """
    known = np.isfinite(truth + predicted).all(axis=2, keepdims=True)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    middle_p, middle_t = (
        np.where(known, xyz, 0).sum(axis=1, keepdims=True) / count for xyz in (predicted, truth)
    )
    p, t = np.where(known, predicted - middle_p, 0), np.where(known, truth - middle_t, 0)
    u, size, vh = np.linalg.svd(p.swapaxes(1, 2) @ t)
    sign = np.ones(size.shape)
    sign[:, -1] = np.sign(np.linalg.det(u @ vh))
    turn = (u * sign[:, None]) @ vh
    variance = (p * p).sum(axis=(1, 2))
    scale = np.divide((size * sign).sum(axis=1), variance, out=np.zeros(len(p)), where=variance > 0)
    return scale[:, None, None] * (predicted - middle_p) @ turn + middle_t


def acceleration_errors(truth: Float, predicted: Float) -> Float:
    """Distance of the accelerations of every point in a clip, per frame squared, (T, K, 3) x2 -> (T - 2, K).

    Kanazawa et al., Learning 3D Human Dynamics from Video (arXiv 1812.01601).

    Returns:
        NaN where three frames in a row are not labelled and predicted.
    """
    return np.linalg.norm(np.diff(predicted, 2, axis=0) - np.diff(truth, 2, axis=0), axis=-1)
