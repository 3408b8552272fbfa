"""The cheapest way to give every row a column of its own."""

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float

__all__ = ["assigned"]


def assigned(costs: Float) -> NDArray[np.intp]:
    """Pairs of a row and a column with the least sum, each row and column in one pair at most.

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant, 1987): rows join one by one, and
    each looks for the path of swaps that costs least.

    Args:
        costs: Finite numbers, shape (A, B).

    Returns:
        The min(A, B) pairs, by row, shape (min(A, B), 2).

    Raises:
        ValueError: A cost is not finite.
    """
    if not np.isfinite(costs).all():
        raise ValueError("costs hold numbers that are not finite, expected finite ones")
    if costs.shape[0] > costs.shape[1]:
        pairs = assigned(costs.T)[:, ::-1]
        return pairs[np.argsort(pairs[:, 0])]
    rows, columns = costs.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    owner = np.full(columns, -1, dtype=np.intp)
    for row in range(rows):
        _join(row, np.asarray(costs, dtype=np.float64), owner, (row_price, column_price))
    taken = np.flatnonzero(owner >= 0)
    return np.stack([owner[taken], taken], axis=1)[np.argsort(owner[taken])]


def _join(row: int, costs: Float, owner: NDArray[np.intp], prices: tuple[Float, Float]) -> None:
    """Give one more row a column, moving others along the cheapest path; changes owners and prices."""
    row_price, column_price = prices
    nearest = np.full(len(owner), np.inf)
    before = np.full(len(owner), -1, dtype=np.intp)
    done = np.zeros(len(owner), dtype=bool)
    current, reached, column = row, 0.0, -1
    while True:
        costs_here = reached + costs[current] - row_price[current] - column_price
        closer = ~done & (costs_here < nearest)
        nearest[closer], before[closer] = costs_here[closer], column
        column = int(np.where(done, np.inf, nearest).argmin())
        reached = nearest[column]
        done[column] = True
        if owner[column] < 0:
            break
        current = owner[column]
    spared = reached - nearest[done]
    passed = owner[done]
    column_price[done] -= spared
    row_price[passed[passed >= 0]] += spared[passed >= 0]
    row_price[row] += reached
    while column >= 0:  # everyone on the path moves on by one
        previous = int(before[column])
        owner[column] = owner[previous] if previous >= 0 else row
        column = previous
