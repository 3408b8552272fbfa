"""What every codec of points shares: which targets count, and which decoded points are there."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import Float

__all__ = ["gaussians", "highest", "known_points", "point_weights"]

FAR = 1e9  # cells; a bell that far away is 0 everywhere


def point_weights(xy: Float, visible: ArrayLike, input_size: tuple[int, int]) -> NDArray[np.float32]:
    """How much each point counts in training: 1, or 0 where it is missing, not labelled or outside the input.

    Args:
        xy: Input pixels, shape (B, K, 2).
        visible: Whether each point is there, shape (B, K).
        input_size: Width and height of the input.

    Returns:
        Shape (B, K).
    """
    inside = ((xy >= -0.5) & (xy <= np.array(input_size) - 0.5)).all(axis=-1)
    return (inside & np.asarray(visible, dtype=bool)).astype(np.float32)


def known_points(xy: Float, scores: Float) -> tuple[Float, Float]:
    """Say what is missing in one way: NaN with score 0. Other scores are cut to [0, 1].

    A point is missing if a coordinate or its score is not a finite number, or its score is not above 0.

    Args:
        xy: Shape (..., K, 2).
        scores: Shape (..., K).
    """
    known = np.isfinite(xy[..., 0]) & np.isfinite(xy[..., 1]) & (scores > 0) & (scores < np.inf)
    return np.where(known[..., None], xy, np.nan), np.where(known, np.minimum(scores, 1), 0)


def highest(rows: NDArray) -> tuple[NDArray[np.intp], NDArray]:
    """Which number of each row is the highest, and that number, from one pass, shapes (..., n) -> (...)."""
    flat = rows.reshape(-1, rows.shape[-1])
    best = flat.argmax(axis=1)
    heights = flat.reshape(-1).take(best + np.arange(len(flat)) * flat.shape[1])
    return best.reshape(rows.shape[:-1]), heights.reshape(rows.shape[:-1])


def gaussians(centers: Float, length: int, sigma: float) -> NDArray[np.float32]:
    """Bells of height 1 on a line of cells, shapes (...) -> (..., length). A NaN centre gives zeros."""
    known = np.nan_to_num(np.asarray(centers, np.float64), nan=FAR).clip(-FAR, FAR)[..., None]
    away = (np.arange(length) - known).astype(np.float32)  # single only now: the difference loses nothing
    return np.exp(np.square(away) * np.float32(-0.5 / sigma**2))
