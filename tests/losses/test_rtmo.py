import math

import pytest
import torch

from pinpoint.losses.rtmo import place_loss

P, K, X, Y = 1, 2, 21, 11


@pytest.fixture
def rulers():
    """Of one cell: bins of 1 pixel from 0, everything at bin 5 of x and bin 3 of y, and a spread of .1."""
    x, y = torch.zeros(P, K, X), torch.zeros(P, K, Y)
    x[..., 5], y[..., 3] = 1.0, 1.0
    bins = torch.arange(float(X)).expand(P, X), torch.arange(float(Y)).expand(P, Y)
    return [tensor.clone().requires_grad_() for tensor in (x, y, *bins, torch.full((P, K), 0.1))]


def cost(rulers, *points, area=100.0):
    xy = torch.tensor(points, dtype=torch.float32).view(P, K, 2)
    return place_loss(rulers, xy, torch.full((P,), area))


def test_what_is_sure_and_right_costs_what_its_spreads_say(rulers):
    """exp(0) / s for x and for y."""
    torch.testing.assert_close(cost(rulers, (5, 3), (5, 3)), torch.tensor(-math.log(100 + 1e-4)))


def test_a_place_costs_by_its_distance_in_spreads(rulers):
    """2 pixels off in x, of a size of 10 pixels and a spread of .1: e^-1."""
    wanted = -math.log(100 * math.exp(-1) + 1e-4)
    torch.testing.assert_close(cost(rulers, (7, 3), (7, 3)), torch.tensor(wanted))


def test_a_point_that_is_not_labelled_teaches_nothing(rulers):
    nan = math.nan
    cost(rulers, (6, 3), (nan, nan)).backward()
    assert all(ruler.grad.isfinite().all() for ruler in rulers)
    assert not rulers[0].grad[..., 1, :].any()
    assert rulers[0].grad[..., 0, :].any()


def test_a_cell_of_no_instance_teaches_nothing(rulers):
    xy = torch.full((P, K, 2), math.nan)
    total = place_loss(rulers, xy, torch.zeros(P))
    total.backward()
    assert total == 0
    assert not any(ruler.grad.any() for ruler in rulers)
