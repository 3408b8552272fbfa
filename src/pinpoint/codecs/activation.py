"""The logistic function and its inverse."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["logit", "sigmoid"]


def sigmoid(x: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), free of overflow."""
    return 1 / (1 + np.exp(np.clip(np.negative(x, dtype=np.float64), -100, 100)))


def logit(probability: float) -> float:
    """Inverse of `sigmoid`, for 0 < probability < 1."""
    return float(np.log(probability / (1 - probability)))
