"""Which keypoints are hard: errors, PCK and what is missing, one by one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.errors import shares_within
from pinpoint.geometry import Float

__all__ = ["PerKeypoint", "per_keypoint"]


@dataclass(frozen=True, eq=False)
class PerKeypoint:
    """The numbers of each of K keypoints.

    Args:
        labelled: How often it is labelled, shape (K,).
        missing: Share of these for which nothing is predicted, shape (K,); NaN where it is never labelled,
            and so are the others.
        error: Median error of those that are predicted, shape (K,).
        near: Share within .1, those without a prediction being wrong, shape (K,).
        nearer: Share within .05, shape (K,).
    """

    labelled: NDArray[np.integer]
    missing: Float
    error: Float
    near: Float
    nearer: Float


def per_keypoint(errors: Float) -> PerKeypoint:
    """Summarise errors by keypoint.

    Args:
        errors: As a share of some length, shape (N, K); NaN where not labelled, infinite where not predicted
            (`point_errors`).
    """
    labelled = (~np.isnan(errors)).sum(axis=0)
    missing = np.where(labelled > 0, np.isinf(errors).sum(axis=0) / np.maximum(labelled, 1), np.nan)
    finite = [column[np.isfinite(column)] for column in errors.T]
    error = np.array([np.median(column) if len(column) else np.nan for column in finite])
    return PerKeypoint(labelled, missing, error, shares_within(errors, 0.1), shares_within(errors, 0.05))
