import numpy as np
import pytest
import torch

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.codecs.heatmap_offset import HeatmapOffset
from pinpoint.losses import LOSSES, point_loss
from pinpoint.losses.heatmap import (
    adaptive_wing,
    cross_entropy,
    focal,
    focal_terms,
    integral,
    mean_squared_error,
)
from pinpoint.losses.heatmap_offset import mean_squared_error as offset_error

CODEC = Heatmap((48, 64), (12, 16), sigma=1.5)


def bells(xy):
    """Targets for one crop, as a tensor."""
    xy = np.array([xy], float)
    maps, _ = CODEC.encode(xy, np.isfinite(xy).all(axis=-1))
    return torch.from_numpy(maps)


def entropy(maps):
    """Of one map read as a distribution, in numpy."""
    shares = maps.numpy().astype(float) / maps.numpy().sum()
    return -(shares[shares > 0] * np.log(shares[shares > 0])).sum()


def test_cross_entropy_of_the_right_distribution_is_its_entropy():
    target = bells([[20.0, 30.0]])
    loss = cross_entropy(((target + 1e-30).log(),), (target,))
    np.testing.assert_allclose(loss.item(), entropy(target), rtol=1e-5)


def test_cross_entropy_is_lowest_for_the_right_distribution(rng):
    target = bells([[20.0, 30.0]])
    right = (target + 1e-12).log()
    for noise in rng.normal(0, 0.1, (20, *target.shape)).astype("f"):
        wrong = cross_entropy((right + torch.from_numpy(noise),), (target,))
        assert wrong.item() > entropy(target) + 1e-4


def test_cross_entropy_of_no_idea_is_the_logarithm_of_the_cells():
    target = bells([[20.0, 30.0]])
    np.testing.assert_allclose(cross_entropy((torch.zeros_like(target),), (target,)).item(), np.log(12 * 16))


def test_cross_entropy_teaches_nothing_where_nothing_is():
    target = bells([[20.0, 30.0], [np.nan, np.nan]])
    logits = torch.randn_like(target).requires_grad_()
    loss = cross_entropy((logits,), (target,))
    loss.sum().backward()
    assert loss[0, 1] == 0
    assert (logits.grad[0, 0] != 0).any()
    assert (logits.grad[0, 1] == 0).all()


def test_mean_squared_error_is_numpys(rng):
    target = bells([[20.0, 30.0], [5.0, 5.0]])
    maps = rng.normal(size=target.shape).astype("f")
    expected = ((maps - target.numpy()) ** 2).mean(axis=(2, 3))
    np.testing.assert_allclose(
        mean_squared_error((torch.from_numpy(maps),), (target,)).numpy(), expected, rtol=1e-5
    )


def flat(value, target):
    """Adaptive wing of one cell, the bell being the same everywhere."""
    maps = torch.full((1, 1, 4, 4), float(value))
    return adaptive_wing((maps,), (torch.full((1, 1, 4, 4), float(target)),), foreground=0.0).item()


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_adaptive_wing_is_the_formula_of_its_paper(t):
    """14 ln(1 + d^(2.1 - t)) for d < .5, A d - C beyond."""
    for d in (0.0, 0.1, 0.49):
        np.testing.assert_allclose(flat(t + d, t), 14 * np.log(1 + d ** (2.1 - t)), rtol=1e-4, atol=1e-6)
    a = 14 * (2.1 - t) * 0.5 ** (1.1 - t) / (1 + 0.5 ** (2.1 - t))
    c = 0.5 * a - 14 * np.log(1 + 0.5 ** (2.1 - t))
    np.testing.assert_allclose(flat(t - 0.8, t), a * 0.8 - c, rtol=1e-4)


def test_adaptive_wing_looks_at_the_bell_and_its_neighbours_more():
    target = torch.zeros(1, 1, 5, 5)
    target[0, 0, 2, 2] = 1
    maps = torch.zeros(1, 1, 5, 5, requires_grad=True)
    for foreground, most in ((0.0, 1), (10.0, 11)):
        (gradient,) = torch.autograd.grad(
            adaptive_wing((maps + 0.1,), (target,), foreground=foreground).sum(), maps
        )
        np.testing.assert_allclose(gradient[0, 0, 1, 1] / gradient[0, 0, 0, 0], most, rtol=1e-5)


def test_focal_terms_are_the_formula_of_their_paper(rng):
    z, t = rng.normal(0, 2, (3, 4)), rng.random((3, 4))
    t[1, 2] = 1
    p = 1 / (1 + np.exp(-z))
    expected = np.where(t == 1, -((1 - p) ** 2) * np.log(p), -((1 - t) ** 4) * p**2 * np.log(1 - p))
    np.testing.assert_allclose(focal_terms(torch.from_numpy(z), torch.from_numpy(t)), expected, rtol=1e-6)


def test_focal_wants_the_highest_cell_and_forgives_its_neighbours():
    """The point lies between cells, so that no cell of its bell is 1."""
    target = bells([[21.0, 31.0]])
    assert target.max() < 0.99
    logits = torch.full_like(target, -3.0).requires_grad_()
    focal((logits,), (target,)).sum().backward()
    row, column = divmod(target.argmax().item(), 12)
    pull = -logits.grad[0, 0]
    assert pull.argmax() == target.argmax()
    assert (pull > 0).sum() == 1
    assert 0 < -pull[row, column + 1] < -0.1 * pull[0, 0]


@pytest.mark.parametrize("height", [200.0, -200.0])
def test_focal_stays_finite_for_extreme_logits(height):
    target = bells([[20.0, 30.0]])
    logits = torch.full_like(target, height).requires_grad_()
    loss = focal((logits,), (target,))
    loss.sum().backward()
    assert loss.isfinite().all() and logits.grad.isfinite().all()


def test_integral_counts_cells_from_mean_to_mean():
    """4 input pixels are a cell."""
    told = (bells([[24.0, 30.0]]) + 1e-30).log()
    np.testing.assert_allclose(integral((told,), (bells([[20.0, 32.0]]),)).item(), 1.5, atol=1e-2)


def test_offsets_count_in_the_disc_alone(rng):
    codec = HeatmapOffset((48, 64), (12, 16), radius=0.2)
    maps, _ = codec.encode(np.array([[[20.0, 30.0], [5.0, 50.0]]]), np.ones((1, 2), bool))
    told = rng.normal(0, 1, maps.shape).astype("f")
    expected = []
    for z, t in zip(told[0].reshape(2, 3, 16, 12), maps[0].reshape(2, 3, 16, 12), strict=True):
        squared = (z - t) ** 2
        expected.append(sum((part * squared[i]).mean() for i, part in enumerate((1, t[0], t[0]))) / 2)
    loss = offset_error((torch.from_numpy(told),), (torch.from_numpy(maps),))
    np.testing.assert_allclose(loss, [expected], rtol=1e-5)


def test_an_unknown_loss_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no loss 'heatmap-msee'; there are .*heatmap-mse"):
        point_loss("heatmap-msee")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_the_table_is_there(name):
    assert point_loss(name).__module__.startswith("pinpoint.losses.")
