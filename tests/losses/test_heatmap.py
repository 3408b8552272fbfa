import numpy as np
import pytest
import torch

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.losses import LOSSES, point_loss
from pinpoint.losses.heatmap import cross_entropy, mean_squared_error

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


@pytest.mark.parametrize("loss", [cross_entropy, mean_squared_error])
def test_half_precision_is_summed_in_float(loss):
    target = bells([[20.0, 30.0]])
    logits = torch.zeros_like(target)
    half = loss((logits.bfloat16(),), (target,))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss((logits,), (target,)))


def test_an_unknown_loss_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no loss 'heatmap-msee'; there are .*heatmap-mse"):
        point_loss("heatmap-msee")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_the_table_is_there(name):
    assert point_loss(name).__module__.startswith("pinpoint.losses.")
