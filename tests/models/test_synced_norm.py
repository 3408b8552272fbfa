"""Between processes it is tested with the training loop; here it is one process that others could join."""

import copy

import pytest
import torch
from torch import distributed, nn

from pinpoint.models import architecture
from pinpoint.models.synced_norm import SyncedNorm, sync_norms


@pytest.fixture
def group():
    """A group of one process."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def pair(**options):
    """Torch's batch norm, with weights that say something, and ours of the same."""
    torch.manual_seed(0)
    own = nn.BatchNorm2d(3, **options)
    if own.affine:
        nn.init.normal_(own.weight)
        nn.init.normal_(own.bias)
    return own, sync_norms(copy.deepcopy(own))


@pytest.mark.parametrize(
    "options", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}]
)
def test_it_is_torchs_forward_and_backward_and_in_what_it_remembers(options, group):
    """To the rounding of float32 at values around 10, which have steps of 1e-6."""
    own, ours = pair(**options)
    for seed in (1, 2):
        torch.manual_seed(seed)
        values = torch.randn(4, 3, 5, 2) + 10
        one, other = values.clone().requires_grad_(), values.clone().requires_grad_()
        for norm, inputs in ((own, one), (ours, other)):
            (norm(inputs) ** 3).sum().backward()
        torch.testing.assert_close(other.grad, one.grad, atol=1e-4, rtol=1e-4)
    for mine, theirs in zip(ours.parameters(), own.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(ours.state_dict(), own.state_dict())


def test_its_gradient_is_that_of_differences(group):
    norm = sync_norms(nn.BatchNorm2d(2).double())
    torch.manual_seed(0)
    values = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, values)


def test_half_precision_stays_half(group):
    _, ours = pair()
    inputs = torch.randn(4, 3, 5, 5).bfloat16()
    assert ours(inputs).dtype == torch.bfloat16


def test_it_uses_what_it_remembers_where_it_does_not_learn(group):
    own, ours = pair()
    values = torch.randn(1, 3, 1, 1)
    torch.testing.assert_close(ours.eval()(values), own.eval()(values))


def test_one_value_per_channel_is_refused(group):
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        pair()[1](torch.zeros(1, 3, 1, 1))


def test_without_a_group_it_is_torchs():
    own, ours = pair()
    values = torch.randn(4, 3, 5, 2)
    assert torch.equal(ours(values), own(values))


def test_a_network_keeps_its_parameters_and_their_names():
    plan = architecture("plain-n")
    network = plan.build(plan.codec((64, 64)), 3)
    parameters, keys = list(network.parameters()), list(network.state_dict())
    synced = sync_norms(network)
    assert all(one is same for one, same in zip(parameters, synced.parameters(), strict=True))
    assert list(synced.state_dict()) == keys
    norms = [module for module in synced.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert norms and all(isinstance(norm, SyncedNorm) for norm in norms)
