"""The loss on the lengths of a skeleton's edges."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pinpoint.losses.masking import labelled

__all__ = ["bone_length"]


def bone_length(xy: Tensor, truth: Tensor, edges: Sequence[tuple[int, int]]) -> Tensor:
    """How much too long or short each edge is, | |a - b| - |A - B| | (arXiv 1704.00159).

    Args:
        xy: Coordinates in the plane or in space, shape (B, K, D).
        truth: Of the same shape; an edge with an end that is NaN gives 0.
        edges: Columns of both ends (`Skeleton.edge_index`), E of them.

    Returns:
        Shape (B, E).
    """
    truth, there = labelled(truth)
    start, end = torch.tensor(edges, dtype=torch.long, device=xy.device).reshape(-1, 2).T
    told, true = (torch.linalg.vector_norm(at[:, start] - at[:, end], dim=2) for at in (xy.float(), truth))
    return (told - true).abs() * (there[:, start] & there[:, end])
