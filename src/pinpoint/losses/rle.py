"""Residual log-likelihood estimation: coordinates, how sure they are, and which errors a network makes."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pinpoint.losses.masking import labelled

__all__ = ["log_density", "residual_log_likelihood"]

LEAST = 1e-9  # spread that an error is divided by at least


def residual_log_likelihood(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Negative log-likelihood of the error under a Laplacian times a learnt density (arXiv 2107.11291).

    With s = sigmoid of the spread's logit, e = (mu - t) / s and phi the flow's density, it is the sum over x
    and y of log s - log phi(e) + log 2s + |e|. That phi, a density over both, counts in each of the two is
    how the authors' own code has it.

    Args:
        outputs: x, y and logits of their spreads, shape (B, K, 4), then the flow's parameters
            (`pinpoint.models.flow.Flow.tensors`).
        targets: x and y first, shape (B, K, 2 or more); what is NaN gives 0.

    Returns:
        Shape (B, K); falls below 0 as the network becomes sure.
    """
    table, *flow = outputs
    truth, there = labelled(targets[0][..., :2])
    table = table.float()
    spread = table[..., 2:].sigmoid()
    error = (table[..., :2] - truth) / (spread + LEAST)
    each = functional.logsigmoid(table[..., 2:]) + torch.log(2 * spread + LEAST) + error.abs()
    each = each - log_density(error, tuple(flow))[..., None]
    return torch.where(there[..., None], each, 0.0).sum(dim=2)


def log_density(points: Tensor, flow: tuple[Tensor, ...]) -> Tensor:
    """Logarithm of the density of a flow of coupling layers over a standard normal one (arXiv 1605.08803).

    Args:
        points: Shape (..., 2).
        flow: Which coordinate each layer keeps, and weights and biases of its nets, see
            `pinpoint.models.flow.Flow.tensors`.

    Returns:
        Shape (...).
    """
    masks, *parts = flow
    total = points.new_zeros(points.shape[:-1])
    for layer in reversed(range(len(masks))):
        kept = masks[layer]
        scale, shift = _nets(points * kept, [part[:, layer].float() for part in parts])
        scale, shift = scale.tanh() * (1 - kept), shift * (1 - kept)
        points = (1 - kept) * (points - shift) * torch.exp(-scale) + points * kept
        total = total - scale.sum(dim=-1)
    return total - points.square().sum(dim=-1) / 2 - math.log(2 * math.pi)


def _nets(points: Tensor, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What a layer's two small nets say of points (..., 2), before any tanh."""
    first, first_bias, second, second_bias, third, third_bias = parts
    both = []
    for net in range(2):
        hidden = functional.leaky_relu(functional.linear(points, first[net], first_bias[net]))
        hidden = functional.leaky_relu(functional.linear(hidden, second[net], second_bias[net]))
        both.append(functional.linear(hidden, third[net], third_bias[net]))
    scale, shift = both
    return scale, shift
