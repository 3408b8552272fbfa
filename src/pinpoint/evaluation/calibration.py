"""Whether scores mean what they say: does .8 mean right four times in five?

Guo et al., On Calibration of Modern Neural Networks (arXiv 1706.04599). A point is right if it lies within a
stated share of a stated length of its label.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.errors import exact_mean
from pinpoint.geometry import Float

__all__ = ["BINS", "Reliability", "reliability"]

BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """The reliability curve: what is right among points of similar scores, in B bins of equal width.

    Args:
        edges: Of the bins, from 0 to 1, shape (B + 1,).
        count: Points of each bin, shape (B,).
        score: Their mean score, shape (B,); NaN for a bin without points.
        right: Which share of them is right, shape (B,); NaN likewise.
    """

    edges: Float
    count: NDArray[np.integer]
    score: Float
    right: Float

    @property
    def ece(self) -> float:
        """Expected calibration error: how far score and share are apart, in the mean of all points."""
        gaps = self._weighted(np.abs(self.score - self.right))
        return float(gaps.sum()) if self.count.sum() else float("nan")

    @property
    def overconfidence(self) -> float:
        """How far the mean score lies above the share that is right; below it if negative."""
        gaps = self._weighted(self.score - self.right)
        return float(gaps.sum()) if self.count.sum() else float("nan")

    def _weighted(self, gaps: Float) -> Float:
        return np.nan_to_num(gaps) * self.count / max(1, self.count.sum())


def reliability(scores: Float, right: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Put points into bins by their score.

    Args:
        scores: In [0, 1], shape (P,).
        right: Shape (P,).
        bins: How many.

    Raises:
        ValueError: A score is not in [0, 1].
    """
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(
            f"scores lie in {scores.min()} to {scores.max()}, expected 0 to 1: they are no shares"
        )
    number = np.minimum((scores * bins).astype(int), bins - 1)
    order = np.argsort(number, kind="stable")
    groups = np.split(order, np.searchsorted(number[order], np.arange(1, bins)))
    return Reliability(
        np.linspace(0, 1, bins + 1),
        np.array([len(group) for group in groups]),
        np.array([exact_mean(scores[group]) for group in groups]),
        np.array([right[group].mean() if len(group) else math.nan for group in groups]),
    )
