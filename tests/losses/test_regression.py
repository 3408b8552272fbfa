import numpy as np
import pytest
import torch
from torch.nn import functional

from pinpoint.evaluation.oks import oks as measured_oks
from pinpoint.losses.regression import mean_absolute_error, mean_squared_error, oks, smooth_l1, wing


def pair(rng, shape=(3, 5, 2)):
    return tuple(torch.from_numpy(rng.random(shape).astype("f")) for _ in range(2))


def along(loss, distances, **options):
    """Loss of one keypoint that is off by each distance in x."""
    told = torch.tensor([[[d, 0.0]] for d in distances])
    return loss((told,), (torch.zeros_like(told),), **options)[:, 0]


def test_plain_errors_are_numpys(rng):
    told, truth = pair(rng)
    away = (told - truth).numpy()
    np.testing.assert_allclose(mean_absolute_error((told,), (truth,)), np.abs(away).mean(axis=2), rtol=1e-6)
    np.testing.assert_allclose(mean_squared_error((told,), (truth,)), (away**2).mean(axis=2), rtol=1e-5)


def test_smooth_l1_is_torchs_in_units(rng):
    told, truth = pair(rng)
    expected = functional.smooth_l1_loss(32 * told, 32 * truth, beta=3.0, reduction="none").mean(dim=2)
    torch.testing.assert_close(smooth_l1((told,), (truth,), beta=3.0, units=32.0), expected)


def test_wing_is_the_formula_of_its_paper():
    """omega ln(1 + d / epsilon) within, d - C beyond, C = omega - omega ln(1 + omega / epsilon)."""
    distances = [0.0, 1.0, 5.0, 9.999, 10.001, 30.0]
    near = [10 * np.log(1 + d / 2) for d in distances[:4]]
    far = [d - (10 - 10 * np.log(6)) for d in distances[4:]]
    np.testing.assert_allclose(along(wing, distances, units=1.0), near + far, rtol=1e-5)


def test_wing_counts_in_256ths_of_the_input():
    np.testing.assert_allclose(along(wing, [4 / 256]), along(wing, [4.0], units=1.0))


def test_a_score_beside_the_coordinates_is_not_their_business(rng):
    told, truth = pair(rng)
    with_score = torch.cat([told, torch.full((3, 5, 1), 7.0)], dim=2)
    torch.testing.assert_close(wing((with_score,), (truth,)), wing((told,), (truth,)))


def test_oks_is_what_the_measure_lacks_to_one(rng):
    """The measure of `evaluation` is the mean over keypoints."""
    told, truth = (200 * part for part in pair(rng, (4, 6, 2)))
    sigmas, areas = np.linspace(0.05, 0.2, 6), np.array([4e3, 5e3, 9e3, 2e4])
    loss = oks((told,), (truth,), torch.tensor(sigmas), torch.tensor(areas)).mean(dim=1)
    measured = np.diag(measured_oks(told.numpy(), truth.numpy(), areas, sigmas))
    np.testing.assert_allclose(1 - loss, measured, atol=1e-6)


def test_oks_without_areas_takes_coordinates_in_their_roots(rng):
    told, truth = pair(rng)
    sigmas = torch.full((5,), 0.1)
    given = oks((20 * told,), (20 * truth,), sigmas, torch.full((3,), 400.0))
    torch.testing.assert_close(oks((told,), (truth,), sigmas), given)


@pytest.mark.parametrize("loss", [wing, smooth_l1, mean_absolute_error])
def test_what_is_right_costs_nothing_and_pulls_nowhere(loss):
    told = torch.full((1, 2, 2), 0.3, requires_grad=True)
    cost = loss((told,), (torch.full((1, 2, 2), 0.3),))
    cost.sum().backward()
    assert (cost == 0).all()
    assert (told.grad == 0).all()


def test_oks_of_what_is_not_labelled_is_nothing():
    told = torch.rand(1, 2, 2, requires_grad=True)
    truth = torch.tensor([[[0.2, 0.2], [float("nan"), 0.1]]])
    loss = oks((told,), (truth,), torch.full((2,), 0.5))
    loss.sum().backward()
    assert loss[0, 1] == 0
    assert (told.grad[0, 1] == 0).all() and (told.grad[0, 0] != 0).all()
