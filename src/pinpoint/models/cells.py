"""The grids of cells that one-stage networks look out of."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["cell_middles"]


def cell_middles(maps: Sequence[Tensor], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Middles (n, 2) and strides (n, 1) of the cells of all levels, in input pixels, row by row.

    Args:
        maps: Of each level, shape (B, C, h, w).
        strides: Input pixels per cell of each level.
    """
    centers, sizes = [], []
    for level, stride in zip(maps, strides, strict=True):
        height, width = level.shape[2:]
        options = {"dtype": torch.float32, "device": level.device}
        y, x = torch.meshgrid(torch.arange(height, **options), torch.arange(width, **options), indexing="ij")
        centers.append(torch.stack([x, y], dim=-1).reshape(-1, 2) * stride + (stride - 1) / 2)
        sizes.append(torch.full((height * width, 1), stride, **options))
    return torch.cat(centers), torch.cat(sizes)
