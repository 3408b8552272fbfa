"""Which found instance is which labelled one, for measures that need one prediction for each."""

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float

__all__ = ["pair_by_distance"]


def pair_by_distance(truth: Float, found: Float, sizes: Float, most: float = 0.5) -> NDArray[np.intp]:
    """Pair instances of one picture by their points, the nearest pair first, each instance once.

    How far two instances are apart is the mean distance of the points that one labels and the other has, as a
    share of the labelled one's size. No sigmas are needed.

    Args:
        truth: Shape (N, K, 2), NaN where not labelled.
        found: Shape (M, K, 2), NaN where missing.
        sizes: Of the labelled instances in pixels, such as the longer side of the box, shape (N,).
        most: Instances that are further apart are no pair.

    Returns:
        Row of the found instance of each labelled one, -1 for none, shape (N,).
    """
    distance = np.linalg.norm(truth[:, None] - found[None], axis=-1)
    known = np.isfinite(distance)
    count = known.sum(axis=-1)
    total = np.where(known, distance, 0).sum(axis=-1)
    apart = np.where(count > 0, total / np.maximum(count, 1), np.inf) / sizes[:, None]
    rows = np.full(len(truth), -1, np.intp)
    for place in np.argsort(apart, axis=None, kind="stable"):
        row, column = np.unravel_index(place, apart.shape)
        if not apart[row, column] <= most:
            break
        if rows[row] < 0 and column not in rows:
            rows[row] = column
    return rows
