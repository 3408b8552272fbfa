"""Heatmaps that are a distribution over the crop: how they are laid out, and how logits become bells."""

import math

from torch import Tensor
from torch.nn import functional

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.geometry import Size

__all__ = ["bells", "heatmaps_of"]

CELL = 4  # input pixels per cell of a heatmap
SIGMA = 1.5


def heatmaps_of(input_size: Size, multiple: int = CELL) -> Heatmap:
    """Maps of a quarter of the input; a softmax is smooth, so nothing is blurred before it is read.

    Args:
        input_size: Width and height.
        multiple: What both must be a multiple of.

    Raises:
        ValueError: A side is no such multiple.
    """
    width, height = input_size
    if width % multiple or height % multiple:
        raise ValueError(
            f"an input of {width} x {height} pixels does not fit, expected multiples of {multiple}"
        )
    return Heatmap(input_size, (width // CELL, height // CELL), sigma=SIGMA, refine="dark", blur=1)


def bells(logits: Tensor, sigma: float) -> Tensor:
    """Maps (B, K, h, w) whose height is 1 where logits are as sure as their targets were.

    Args:
        logits: Shape (B, K, h, w); a softmax over each map is its distribution.
        sigma: Of the targets, in cells.
    """
    shares = functional.softmax(logits.float().flatten(2), dim=2).view_as(logits)
    return shares * (2 * math.pi * sigma**2)
