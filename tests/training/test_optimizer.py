import math

import pytest
import torch
from torch import nn

from pinpoint.training.muon import _iterated, _turned, orthogonal
from pinpoint.training.optimizer import (
    Average,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    rate_at,
)


def small_network(seed=0):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))
    return network.to(memory_format=torch.channels_last)


def stepped(network, optimizer, steps):
    for step in range(steps):
        torch.manual_seed(step)
        optimizer.zero_grad()
        network(torch.randn(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine():
    rates = [rate_at(step, 1000, 10, 0.1) for step in range(1001)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)], rel=1e-3)
    assert rates[500] == pytest.approx(0.55)
    assert rates[250] == pytest.approx(0.1 + 0.9 * (0.5 + math.sqrt(0.125)))
    assert rates[1000] == pytest.approx(0.1)


def test_the_rate_without_warm_up_starts_at_its_highest():
    assert rate_at(0, 100, 0, 0.0) == 1


def test_what_has_one_axis_does_not_decay():
    """With gradients of zero, AdamW moves by decay alone: 1 - lr * decay."""
    network = small_network()
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = make_optimizer(network, "adamw", lr=0.1, weight_decay=0.5)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in network.named_parameters():
        torch.testing.assert_close(value, before[name] * (0.95 if value.ndim > 1 else 1))


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_what_an_optimizer_remembers_comes_back_in_the_layout_of_the_weights(kind):
    """The fused step reads memory in order: an average in another layout would be of other weights."""
    (network, other) = (small_network(), small_network())
    first = make_optimizer(network, kind, 0.01, 0.1)
    stepped(network, first, 3)
    other.load_state_dict(network.state_dict())
    second = make_optimizer(other, kind, 0.01, 0.1)
    load_optimizer(second, {name: value.contiguous() for name, value in optimizer_tensors(first).items()})
    stepped(network, first, 3)
    stepped(other, second, 3)
    for one, same in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [("0.exp_avg", (4, 3), "has shape .4, 3., expected .4, 3, 3, 3."), ("9.exp_avg", (1,), "of none of 6")],
)
def test_the_memory_of_another_network_is_refused(name, shape, words):
    with pytest.raises(ValueError, match=words):
        load_optimizer(make_optimizer(small_network(), "adamw", 0.1, 0), {name: torch.zeros(shape)})


def test_the_average_is_the_mean_that_its_formula_says():
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, 0.9)
    wanted = network.weight.item()
    for step in range(200):
        nn.init.constant_(network.weight, step)
        average.update(step)
        share = min(0.9, (1 + step) / (10 + step))
        wanted = share * wanted + (1 - share) * step
    assert average.network.weight.item() == pytest.approx(wanted, rel=1e-5)


def test_the_average_holds_batch_statistics_and_counts_and_is_ready_to_be_used():
    network = small_network()
    average = Average(network, 0.0)
    network(torch.randn(4, 3, 8, 8))
    average.update(0)
    for name, value in network.state_dict().items():
        assert torch.equal(average.network.state_dict()[name], value), name
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


def uneven(rows, columns):
    """A matrix whose singular values fall from 1 to 1/1000."""
    torch.manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(rows, rows))
    right, _ = torch.linalg.qr(torch.randn(columns, rows))
    return left * torch.logspace(0, -3, rows) @ right.T


def test_iterating_on_the_squares_is_iterating_on_the_matrix():
    whole = uneven(24, 200)
    torch.testing.assert_close(_turned(whole), _iterated(whole), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(24, 200), (24, 30), (200, 24)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_orthogonal_keeps_directions_and_evens_their_sizes(shape, dtype):
    whole = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(whole, full_matrices=False)
    told = left.T @ orthogonal(whole.to(dtype)).float() @ right.T
    sizes = told.diagonal()
    assert sizes.min() > 0.6
    assert sizes.max() < 1.25
    assert (told - sizes.diag()).abs().max() < 0.05
