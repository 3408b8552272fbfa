"""Which found instance is which labelled one, for measures that need one prediction for each."""

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import NUMBERS_AT_ONCE, Found, Truth
from pinpoint.evaluation.matching import all_pairs
from pinpoint.geometry import Float

__all__ = ["pair_by_distance", "pair_in_pictures"]

MOST = 0.5  # share of the size by which the instances of a pair may be apart

Rows = NDArray[np.intp]


def pair_by_distance(truth: Float, found: Float, sizes: Float, most: float = MOST) -> Rows:
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
    rows, columns = (grid.ravel() for grid in np.indices((len(truth), len(found))))
    return _nearest_first(rows, columns, _apart(truth[rows], found[columns]) / sizes[rows], len(truth), most)


def pair_in_pictures(truth: Truth, found: Found, sizes: Float, most: float = MOST) -> Rows:
    """Pair instances of many pictures as `pair_by_distance` does; see there."""
    columns, rows = all_pairs(found.picture, truth.picture)
    apart = np.empty(len(rows))
    step = max(1, NUMBERS_AT_ONCE // max(1, truth.xy.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        apart[part] = _apart(truth.xy[rows[part]], found.xy[columns[part]])
    extents = np.where(sizes > 0, sizes, np.nan)[rows]
    return _nearest_first(rows, columns, apart / extents, len(truth.areas), most)


def _apart(truth: Float, found: Float) -> Float:
    """Mean distance of the points that both have, shapes (P, K, 2) -> (P,); infinite for none."""
    distance = np.linalg.norm(truth - found, axis=-1)
    known = np.isfinite(distance)
    count = known.sum(axis=-1)
    total = np.where(known, distance, 0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def _nearest_first(rows: Rows, columns: Rows, apart: Float, count: int, most: float) -> Rows:
    """The column that each of so many rows takes, -1 for none."""
    near = np.flatnonzero(apart <= most)
    near = near[np.lexsort((columns[near], rows[near], apart[near]))]
    taken, used = [-1] * count, set[int]()
    for row, column in zip(rows[near].tolist(), columns[near].tolist(), strict=True):
        if taken[row] < 0 and column not in used:
            taken[row] = column
            used.add(column)
    return np.array(taken, np.intp)
