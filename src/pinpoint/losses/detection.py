"""What one-stage networks are taught with: which cells tell which instance, and how wrong they are."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Pairs", "assign", "box_loss", "detection_loss", "inside", "iou", "point_loss", "score_loss"]

TOP = 13  # cells per instance at most (arXiv 2108.07755)
ALPHA, BETA = 1.0, 6.0  # how score and overlap count in choosing them (same)
FOCUS = 2.0  # how much less a cell counts that is nearly right (arXiv 2006.04388)
BOX_WEIGHT = 2.0
POINT_WEIGHT, VISIBLE_WEIGHT = 2.0, 0.3
FAR = 0.1  # slope for points so far off that their similarity has none
BODY_SHARE = 0.53  # of a box is a person, as COCO's areas have it
LEAST_SIDE = 8.0  # boxes count as this wide when cells are looked for in them: so each has one
LEAST_IOU = 1e-3  # a cell in a box is a candidate even if it tells of another place
EMPTY = 0.1  # what a picture weighs beside its instances, so that those without any teach too


class Pairs(NamedTuple):
    """Cells that are to tell an instance, P of them."""

    picture: Tensor
    """Which picture of the batch, shape (P,)."""
    cell: Tensor
    """Which cell, shape (P,)."""
    row: Tensor
    """Which row of the picture's instances, shape (P,)."""
    target: Tensor
    """Score that the cell should have, shape (P,), in [0, 1]."""


def detection_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Loss of scores, boxes and keypoints, in two parts that several processes can add up.

    Args:
        outputs: Logits (B, n), boxes (B, n, 4), x, y and logit of visibility of the keypoints (B, n, K, 3),
            middles of the cells (n, 2).
        targets: Boxes (B, M, 4), whether each is one (B, M), points (B, M, K, 2), NaN where not labelled, and
            boxes in which no cell is wrong (B, I, 4).
        sigmas: Falloff of each keypoint, K of them.

    Returns:
        Sum over everything, and how much that is.
    """
    logits, predicted, points, centers = outputs
    boxes, valid, xy, ignored = targets
    pairs = assign(logits.detach().sigmoid(), predicted.detach(), centers, boxes, valid)
    truth = boxes[pairs.picture, pairs.row]
    own = predicted[pairs.picture, pairs.cell]
    total = score_loss(logits, pairs, inside(centers, ignored).any(dim=1))
    total = total + BOX_WEIGHT * (pairs.target * box_loss(own, truth)).sum()
    if len(sigmas):
        told = points[pairs.picture, pairs.cell]
        each = point_loss(told, xy[pairs.picture, pairs.row], truth, told.new_tensor(sigmas))
        total = total + (pairs.target * each).sum()
    return total, pairs.target.sum() + EMPTY * len(logits)


def assign(scores: Tensor, predicted: Tensor, centers: Tensor, boxes: Tensor, valid: Tensor) -> Pairs:
    """Task-aligned assignment (arXiv 2108.07755): each instance takes the cells that tell it best already.

    How well is score^alpha * IoU^beta, of cells whose middle is in the box. A cell that several instances
    take goes to the one it overlaps most. The best cell's target is its IoU, the others' fall with how well.

    Args:
        scores: Shape (B, n), in [0, 1].
        predicted: Boxes, shape (B, n, 4).
        centers: Shape (n, 2).
        boxes: Of instances, shape (B, M, 4).
        valid: Whether each is one, shape (B, M).
    """
    picture, row = valid.nonzero(as_tuple=True)
    truth = boxes[picture, row]
    overlap = iou(truth[:, None], predicted[picture]).clamp_min(LEAST_IOU)
    worth = scores[picture] ** ALPHA * overlap**BETA * inside(centers, truth, LEAST_SIDE)
    worth, cell = worth.topk(min(TOP, worth.shape[1]), dim=1)
    overlap = overlap.gather(1, cell)
    mine = _claimed(picture[:, None] * len(centers) + cell, overlap, worth > 0, scores.numel())
    worth, overlap = worth * mine, overlap * mine
    best = worth.amax(dim=1, keepdim=True).clamp_min(torch.finfo(worth.dtype).tiny)
    target = worth / best * overlap.amax(dim=1, keepdim=True)
    at, place = mine.nonzero(as_tuple=True)
    return Pairs(picture[at], cell[at, place], row[at], target[at, place])


def _claimed(place: Tensor, overlap: Tensor, wanted: Tensor, count: int) -> Tensor:
    """Which claims hold where each of `count` places goes to the claim that overlaps most, shapes (G, T)."""
    claims = torch.where(wanted, overlap, -1.0)
    most = claims.new_full((count,), -1.0).scatter_reduce(0, place.flatten(), claims.flatten(), "amax")
    return wanted & (claims == most[place])


def score_loss(logits: Tensor, pairs: Pairs, ignored: Tensor) -> Tensor:
    """Sum of |p - t|^2 times cross entropy (arXiv 2006.04388); t is 0 for cells that tell nothing.

    Args:
        logits: Shape (B, n).
        pairs: Cells that have a target.
        ignored: Cells that are not wrong, whatever they say, unless they have a target, shape (B, n).
    """
    target = torch.zeros_like(logits)
    target[pairs.picture, pairs.cell] = pairs.target.to(target.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    each = each * (logits.sigmoid() - target).abs() ** FOCUS
    return torch.where(ignored & (target == 0), 0.0, each).sum()


def box_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """1 - generalised IoU (arXiv 1902.09630) of boxes with their truth, shapes (P, 4) -> (P,)."""
    shared, union = _shared_and_union(predicted, truth)
    low = torch.minimum(predicted[:, :2], truth[:, :2])
    high = torch.maximum(predicted[:, 2:], truth[:, 2:])
    hull = (high - low).prod(dim=1).clamp_min(1e-6)
    return 1 - shared / union + (hull - union) / hull


def point_loss(told: Tensor, xy: Tensor, boxes: Tensor, sigmas: Tensor) -> Tensor:
    """1 - object keypoint similarity (arXiv 2204.06806) and the cross entropy of what is labelled.

    Instances without a labelled point give 0.

    Args:
        told: x, y and logit of visibility, shape (P, K, 3).
        xy: Shape (P, K, 2), NaN where not labelled.
        boxes: Shape (P, 4).
        sigmas: Shape (K,).

    Returns:
        Shape (P,).
    """
    labelled = xy.isfinite().all(dim=-1)
    squared = (told[..., :2] - torch.where(labelled[..., None], xy, 0.0)).square().sum(dim=-1)
    areas = BODY_SHARE * (boxes[:, 2:] - boxes[:, :2]).prod(dim=1, keepdim=True)
    away = squared / (2 * (2 * sigmas) ** 2 * areas)
    each = (1 - torch.exp(-away) + FAR * torch.log1p(away)) * labelled
    count = labelled.sum(dim=1)
    seen = functional.binary_cross_entropy_with_logits(told[..., 2], labelled.float(), reduction="none")
    near = each.sum(dim=1) / count.clamp_min(1)
    return POINT_WEIGHT * near + VISIBLE_WEIGHT * seen.mean(dim=1) * (count > 0)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes with an area, shapes (..., 4) that broadcast -> (...)."""
    shared, union = _shared_and_union(a, b)
    return shared / union


def _shared_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp_min(0).prod(dim=-1)
    union = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1) - shared
    return shared, union.clamp_min(1e-6)


def inside(centers: Tensor, boxes: Tensor, least: float = 0.0) -> Tensor:
    """Whether each middle is in each box grown to a least side, shapes (n, 2), (..., 4) -> (..., n)."""
    middle, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    reach = half.clamp_min(least / 2) if least else half
    return ((centers - middle[..., None, :]).abs() <= reach[..., None, :]).all(dim=-1)
