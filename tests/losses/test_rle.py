import math

import numpy as np
import torch
from torch.distributions import MultivariateNormal

from pinpoint.losses.rle import log_density, residual_log_likelihood
from pinpoint.models.flow import Flow


def bent():
    """A flow that is far from the normal distribution it starts as."""
    torch.manual_seed(3)
    flow = Flow()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return flow


def slow_log_density(flow, point):
    """Log density of one point by the change of variables, from the flow's own modules and autograd."""

    def back(x):
        for layer in reversed(range(6)):
            kept = flow.mask[layer]
            scale, shift = flow.s[layer](kept * x), flow.t[layer](kept * x)
            x = kept * x + (1 - kept) * (x - shift) * torch.exp(-scale)
        return x

    turned = torch.autograd.functional.jacobian(back, point)
    return MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(back(point)) + turned.det().abs().log()


def test_the_density_is_that_of_the_change_of_variables():
    flow, points = bent(), torch.randn(8, 2)
    expected = torch.stack([slow_log_density(flow, point) for point in points])
    torch.testing.assert_close(log_density(points, flow.tensors()), expected, rtol=1e-4, atol=1e-5)
    normal = -(points.square().sum(dim=1) / 2 + math.log(2 * math.pi))
    assert (log_density(points, flow.tensors()) - normal).abs().max() > 0.1


def test_the_density_of_a_bent_flow_sums_to_one():
    steps = torch.linspace(-12, 12, 241)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    with torch.no_grad():
        total = log_density(grid, bent().tensors()).exp().sum() * 0.1**2
    np.testing.assert_allclose(total, 1, atol=1e-3)


def test_the_loss_is_the_formula_of_the_paper():
    """Spread .5 (logit 0), errors of .2 and -.4 of it, and a flow without bends."""
    flow = Flow()
    for parameter in flow.parameters():
        torch.nn.init.zeros_(parameter)
    table = torch.tensor([[[0.4, 0.1, 0.0, 0.0]]])
    loss = residual_log_likelihood((table, *flow.tensors()), (torch.tensor([[[0.3, 0.3]]]),))
    log_phi = -(0.2**2 + 0.4**2) / 2 - np.log(2 * np.pi)
    expected = 2 * (np.log(0.5) - log_phi + np.log(2 * 0.5)) + 0.2 + 0.4
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)


def test_the_flow_learns_from_the_loss():
    flow, table = Flow(), torch.randn(2, 3, 4, requires_grad=True)
    residual_log_likelihood((table, *flow.tensors()), (torch.rand(2, 3, 2),)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in flow.parameters())


def test_spreads_learn_how_far_off_the_coordinates_are():
    """A Laplacian is likeliest where its scale is near the mean error; the flow stays as it is."""
    generator = torch.Generator().manual_seed(0)
    spreads = torch.tensor([0.05, 0.2])
    errors = torch.distributions.Laplace(0.0, 1.0).icdf(
        torch.rand(500, 2, 2, generator=generator) * 0.999 + 5e-4
    )
    truth, logits = errors * spreads[:, None], torch.zeros(2, 2, requires_grad=True)
    flow = tuple(part.detach() for part in Flow().tensors())
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(60):
        table = torch.cat([torch.zeros(500, 2, 2), logits.expand(500, 2, 2)], dim=2)
        optimizer.zero_grad()
        residual_log_likelihood((table, *flow), (truth,)).mean().backward()
        optimizer.step()
    learnt = logits.detach().sigmoid().mean(dim=1)
    np.testing.assert_allclose(learnt[1] / learnt[0], 4, rtol=0.15)


def test_names_of_published_checkpoints_load_into_the_flow():
    names = set(Flow().state_dict())
    nets = {
        f"{net}.{n}.{at}.{part}"
        for net in "st"
        for n in range(6)
        for at in (0, 2, 4)
        for part in ("weight", "bias")
    }
    assert names == nets | {"loc", "cov", "mask"}
