"""The cheapest assignment against trying everything."""

from itertools import permutations

import numpy as np
import pytest

from pinpoint.codecs.assignment import assigned


def cheapest(costs):
    rows, columns = costs.shape
    if rows > columns:
        return cheapest(costs.T)
    return min(costs[range(rows), chosen].sum() for chosen in permutations(range(columns), rows))


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (5, 5), (2, 6), (6, 2), (4, 6)])
def test_no_other_assignment_costs_less(shape, rng):
    """Rounded costs have ties."""
    for _ in range(20):
        costs = np.round(rng.normal(0, 3, shape))
        rows, columns = assigned(costs).T
        assert len(set(rows.tolist())) == len(set(columns.tolist())) == min(shape)
        assert costs[rows, columns].sum() == pytest.approx(cheapest(costs))


def test_nobody_is_assigned_to_nothing():
    assert assigned(np.zeros((0, 3))).shape == assigned(np.zeros((3, 0))).shape == (0, 2)


def test_costs_have_to_be_finite():
    with pytest.raises(ValueError, match="not finite"):
        assigned(np.array([[1.0, np.nan]]))
