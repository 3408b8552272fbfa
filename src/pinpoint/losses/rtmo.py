"""What RTMO is taught with: cells as any one-stage network's, and places on rulers by their likelihood."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pinpoint.losses.detection import BODY_SHARE, detection_loss, point_loss

__all__ = ["place_loss", "rtmo_loss"]

PLACES = 0.5  # what a cell that is read weighs beside one that tells an instance; more would drown the latter
LEAST_SPREAD = 0.02  # of an instance's size; gradients of narrower ones drown all others


def rtmo_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Scores, boxes and coarse points of cells, and -log of how likely rulers say what is labelled.

    Cells are assigned by how well they tell an instance (arXiv 2108.07755), where the paper has SimOTA;
    rulers are taught at the cells whose boxes fit best, and by the similarity of what they read, too: by
    likelihood alone, spreads grow before places are right. Points that are NaN give nothing.

    Args:
        outputs: What `RtmoNet` puts out in training.
        targets: Boxes (B, M, 4), whether each is one (B, M), points (B, M, K, 2), NaN where not labelled, and
            boxes in which no cell is wrong (B, I, 4).
        sigmas: Falloff of each keypoint, K of them.

    Returns:
        Sum over everything, and how much that is.
    """
    logits, boxes, points, centers, picture, cell, row, read, *rulers = outputs
    total, weight = detection_loss((logits, boxes, points, centers), targets, sigmas)
    picture, cell, row = picture.long(), cell.long(), row.long()
    truth, xy = targets[0][picture, row], targets[2][picture, row]
    areas = BODY_SHARE * (truth[:, 2:] - truth[:, :2]).clamp_min(1).prod(dim=1)
    places = place_loss(rulers, xy, areas)
    if len(sigmas):
        told = torch.cat([read, points[picture, cell, :, 2:].detach()], dim=-1)
        mine = targets[1][picture, row]  # where no picture has an instance, cells of none are read
        near = point_loss(told[mine], xy[mine], truth[mine], told.new_tensor(sigmas))
        places = places + near.sum() / mine.sum().clamp_min(1)
    return total + PLACES * weight * places, weight


def place_loss(rulers: Sequence[Tensor], xy: Tensor, areas: Tensor) -> Tensor:
    """-log sum_b p(b) exp(-|b - t| / 2 s) / s of x and y, with the spread s learnt (arXiv 2312.07526).

    Args:
        rulers: Shares of the bins of x (P, K, X) and y (P, K, Y), where the bins are (P, X) and (P, Y), and
            spreads (P, K) as shares of the square root of the area.
        xy: Points, shape (P, K, 2), NaN where not labelled.
        areas: In square pixels, shape (P,).

    Returns:
        Mean over the labelled points of each cell, then over the cells that have one; 0 where none has.
    """
    *shares_and_bins, spreads = rulers
    labelled = xy.isfinite().all(dim=-1)
    target = torch.where(labelled[..., None], xy, 0.0)
    spreads = spreads.clamp_min(LEAST_SPREAD)
    sizes = areas.sqrt().clamp_min(1)[..., None] * spreads
    likely = torch.ones_like(spreads)
    for axis in (0, 1):
        share, bins = shares_and_bins[axis], shares_and_bins[2 + axis]
        away = (bins.unsqueeze(-2) - target[..., axis, None]).abs() / sizes[..., None]
        likely = likely * (share * torch.exp(-away / 2)).sum(dim=-1) / spreads
    cost = torch.where(labelled, -torch.log(likely + 1e-4), 0.0)
    mean = cost.sum(dim=-1) / labelled.sum(dim=-1).clamp_min(1)
    return mean.sum() / labelled.any(dim=-1).sum().clamp_min(1)
