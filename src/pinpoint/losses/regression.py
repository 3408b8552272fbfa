"""Losses on coordinates.

Those without a unit take shares of the input's width and height, as the codec `regression` has them.
"""

import math

import torch
from torch import Tensor

from pinpoint.losses.masking import labelled

__all__ = ["mean_absolute_error", "mean_squared_error", "oks", "smooth_l1", "wing"]

UNITS = 256.0
"""Of a side of the input: `wing` and `smooth_l1` count in these, so that they mean the same at any size."""


def mean_absolute_error(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Mean of |dx| and |dy|.

    Args:
        outputs: x and y first, shape (B, K, 2 or more).
        targets: Shape (B, K, 2 or more); what is NaN gives 0.

    Returns:
        Shape (B, K).
    """
    away, there = _away(outputs, targets)
    return away.abs().mean(dim=2) * there


def mean_squared_error(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Mean of dx^2 and dy^2 (DeepPose, arXiv 1312.4659).

    Args:
        outputs: x and y first, shape (B, K, 2 or more).
        targets: Shape (B, K, 2 or more); what is NaN gives 0.

    Returns:
        Shape (B, K).
    """
    away, there = _away(outputs, targets)
    return away.square().mean(dim=2) * there


def smooth_l1(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], *, beta: float = 1.0, units: float = UNITS
) -> Tensor:
    """Mean over x and y of d^2 / (2 beta) for d < beta, d - beta / 2 beyond (arXiv 1504.08083).

    Args:
        outputs: x and y first, shape (B, K, 2 or more).
        targets: Shape (B, K, 2 or more); what is NaN gives 0.
        beta: From where on it is straight, in units.
        units: Of a side of the input.

    Returns:
        Shape (B, K).
    """
    away, there = _away(outputs, targets)
    size = units * away.abs()
    return torch.where(size < beta, size.square() / (2 * beta), size - beta / 2).mean(dim=2) * there


def wing(
    outputs: tuple[Tensor, ...],
    targets: tuple[Tensor, ...],
    *,
    omega: float = 10.0,
    epsilon: float = 2.0,
    units: float = UNITS,
) -> Tensor:
    """Sum over x and y of omega log(1 + d / epsilon) for d < omega, straight beyond (arXiv 1711.06753).

    Small errors, of which there are many once most is learnt, keep a large slope.

    Args:
        outputs: x and y first, shape (B, K, 2 or more).
        targets: Shape (B, K, 2 or more); what is NaN gives 0.
        omega: From where on the slope is 1, in units.
        epsilon: How sharply it bends, in units.
        units: Of a side of the input.

    Returns:
        Shape (B, K).
    """
    away, there = _away(outputs, targets)
    size = units * away.abs()
    constant = omega - omega * math.log1p(omega / epsilon)
    near = omega * torch.log1p(size.clamp_max(omega) / epsilon)
    return torch.where(size < omega, near, size - constant).sum(dim=2) * there


def oks(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Tensor, areas: Tensor | None = None
) -> Tensor:
    """1 - exp(-d^2 / (2 area (2 sigma)^2)), what COCO's measure lacks to 1 (arXiv 2204.06806).

    Far away it is flat and teaches little, so it goes with another loss or on from a trained network.

    Args:
        outputs: x and y first, shape (B, K, 2 or more), in pixels.
        targets: Shape (B, K, 2 or more), in pixels; what is NaN gives 0.
        sigmas: Falloff of each keypoint (`Skeleton.sigmas`), shape (K,).
        areas: Of each instance in square pixels, shape (B,); none: coordinates are in roots of it already.

    Returns:
        Shape (B, K).
    """
    away, there = _away(outputs, targets)
    scale = away.new_ones(len(away)) if areas is None else areas.clamp_min(1e-8)
    spread = 2 * scale[:, None] * (2 * sigmas).square()
    return -torch.expm1(-away.square().sum(dim=2) / spread) * there


def _away(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """How far off coordinates are, (B, K, 2), and which are labelled, (B, K)."""
    truth, there = labelled(targets[0][..., :2])
    return outputs[0][..., :2].float() - truth, there
