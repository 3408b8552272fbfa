"""How far predicted points are from the labelled ones, and the numbers that are read from that.

All start from `point_errors`: NaN where nothing is labelled, infinite where nothing is predicted.
"""

import math

import numpy as np

from pinpoint.geometry import Float

__all__ = [
    "area_under_errors",
    "area_under_pck",
    "exact_mean",
    "failure_rate",
    "mean_error",
    "mean_errors",
    "point_errors",
    "share_within",
    "shares_within",
]


def point_errors(truth: Float, predicted: Float, lengths: Float | float = 1.0) -> Float:
    """Distance of every point from its label, as a share of a length.

    Args:
        truth: Shape (N, K, D), NaN where not labelled.
        predicted: Shape (N, K, D), NaN where missing.
        lengths: One for all, of each instance (N,) or of each point (N, K), in the unit of the points.

    Returns:
        Shape (N, K); NaN where not labelled or the length is not above 0, infinite where not predicted.
    """
    distance = np.linalg.norm(predicted - truth, axis=-1)
    lengths = np.asarray(lengths, np.float64)
    lengths = np.where(lengths > 0, lengths, np.nan)
    lengths = lengths[:, None] if lengths.ndim == 1 else lengths
    errors = np.where(np.isnan(distance), np.inf, distance) / lengths
    return np.where(np.isfinite(truth).all(axis=-1), errors, np.nan)


def share_within(errors: Float, share: float) -> float:
    """PCK: how many of all labelled points are that near, in [0, 1]; NaN where nothing is labelled."""
    known = ~np.isnan(errors)
    count = known.sum()
    return float((errors <= share).sum() / count) if count else float("nan")


def shares_within(errors: Float, share: float) -> Float:
    """PCK of every keypoint, shapes (N, K) -> (K,); NaN for one that is never labelled."""
    count = (~np.isnan(errors)).sum(axis=0)
    return np.where(count > 0, (errors <= share).sum(axis=0) / np.maximum(count, 1), np.nan)


def area_under_pck(errors: Float, most: float, steps: int = 20) -> float:
    """Mean PCK at thresholds from 0 to `most`, the latter left out; PCK is the mean of the keypoints'.

    As in mmpose and the benchmarks of hands, which take 20 steps.
    """
    shares = np.array([shares_within(errors, step / steps * most) for step in range(steps)])
    known = shares[:, ~np.isnan(shares[0])]
    return float(known.mean()) if known.size else float("nan")


def mean_error(errors: Float) -> float:
    """Mean of the points that are labelled and predicted: EPE if errors are pixels, MPJPE in space."""
    return exact_mean(errors[np.isfinite(errors)])


def mean_errors(errors: Float) -> Float:
    """Mean of the points of each instance that are labelled and predicted, shape (N,).

    Returns:
        NaN for an instance without a labelled point, infinite for one of whose points none is predicted.
    """
    known = np.isfinite(errors)
    mean = np.where(known, errors, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    missed = np.where(np.isnan(errors).all(axis=1), np.nan, np.inf)
    return np.where(known.any(axis=1), mean, missed)


def area_under_errors(errors: Float, limit: float) -> float:
    """Area under the cumulative distribution of instances' errors from 0 to a limit, as a share of the limit.

    The curve is a staircase, so the area is exact: the mean of 1 - error / limit, 0 from the limit on.

    Args:
        errors: Of each instance, shape (N,); NaN does not count, infinite does.
        limit: In the unit of the errors; .08 is usual for faces.
    """
    return exact_mean(np.maximum(0, 1 - errors[~np.isnan(errors)] / limit))


def failure_rate(errors: Float, limit: float) -> float:
    """Share of instances whose error is above a limit; NaN does not count, infinite fails."""
    return exact_mean((errors[~np.isnan(errors)] > limit).astype(np.float64))


def exact_mean(values: Float) -> float:
    """Mean that is the same in whatever order values come, shape (N,); NaN for none."""
    return math.fsum(values.tolist()) / len(values) if len(values) else float("nan")
