"""Losses of networks that tell the same several times, each time from what they told before."""

import torch
from torch import Tensor

from pinpoint.losses.heatmap import mean_squared_error

__all__ = ["staged_mean_squared_error"]


def staged_mean_squared_error(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Mean of (z - t)^2 over the cells of each map, added up over the stages (arXiv 1603.06937).

    Args:
        outputs: Maps z of every stage, each of shape (B, K, h, w).
        targets: Bells t of shape (B, K, h, w), the same for every stage.

    Returns:
        Shape (B, K).
    """
    return torch.stack([mean_squared_error((maps,), targets) for maps in outputs]).sum(dim=0)
