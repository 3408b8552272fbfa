"""Proposing regions and choosing which of them a network learns from (Faster R-CNN, arXiv 1506.01497)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pinpoint.models.nms import clipped, kept, overlaps, sizes

__all__ = ["BACKGROUND", "UNDECIDED", "Proposer", "Targets", "chosen", "drawn", "matched", "moved"]

SIDES = (32, 64, 128, 256, 512)  # of the anchors of each level
ASPECTS = (0.5, 1.0, 2.0)  # their height by their width
AT_ONCE = {True: 2000, False: 1000}  # best anchors of each level, and proposals in all: training or not
MAX_OVERLAP = 0.7
LEAST_SIDE = 1e-3
LARGEST_LOG = math.log(1000 / 16)  # how much a side may grow, so that the exponential stays finite
BACKGROUND, UNDECIDED = -1, -2
ANCHORS, ANCHOR_SHARE = 256, 0.5  # learnt from in each picture, and how many of them tell an instance


class Targets(NamedTuple):
    """What is in a batch of pictures, as `pinpoint.datasets.whole.padded` gives it."""

    boxes: Tensor
    """Shape (B, M, 4)."""
    valid: Tensor
    """Whether each is one, shape (B, M)."""
    xy: Tensor
    """Shape (B, M, K, 2), NaN where not labelled."""
    ignored: Tensor
    """Boxes in which nothing is background, shape (B, I, 4)."""


def moved(deltas: Tensor, boxes: Tensor, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)) -> Tensor:
    """Boxes moved by shares of their sides and stretched by logarithms, shapes (..., 4).

    Args:
        deltas: x, y, log width, log height, each times its weight.
        boxes: x1 y1 x2 y2.
        weights: What the deltas are divided by first.
    """
    deltas = deltas / deltas.new_tensor(weights)
    side = sizes(boxes)
    middle = boxes[..., :2] + 0.5 * side + deltas[..., :2] * side
    half = 0.5 * side * deltas[..., 2:].clamp(max=LARGEST_LOG).exp()
    return torch.cat([middle - half, middle + half], dim=-1)


def chosen(table: Tensor, rows: Tensor) -> Tensor:
    """Rows of each picture's table, shapes (B, N, C), (B, R) -> (B, R, C)."""
    return table.gather(1, rows[..., None].expand(-1, -1, table.shape[2]))


class ProposalHead(nn.Module):
    """How likely each anchor holds something, and where its box is better put.

    Args:
        width: Channels of every level.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)))
        self.cls_logits = nn.Conv2d(width, len(ASPECTS), 1)
        self.bbox_pred = nn.Conv2d(width, 4 * len(ASPECTS), 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, n) and deltas (B, n, 4) of the n anchors of a level (B, C, h, w).

        They are in 32 bits: in 16, many anchors would be equally good.
        """
        features = self.conv(features)
        maps = (self.cls_logits(features), self.bbox_pred(features))
        logits, deltas = (told.permute(0, 2, 3, 1).flatten(1).float() for told in maps)
        return logits, deltas.unflatten(1, (-1, 4))


class Proposer(nn.Module):
    """Proposes regions that may hold an instance (RPN).

    Args:
        width: Channels of every level.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = ProposalHead(width)

    def forward(
        self, pyramid: Sequence[Tensor], width: int, height: int
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """What is said of the anchors of each level of an input of a size.

        Returns:
            Logits (B, n), deltas (B, n, 4) and anchors (n, 4) of each level.
        """
        logits, deltas = zip(*(self.head(level) for level in pyramid), strict=True)
        anchors = [_anchors(level, side, width, height) for level, side in zip(pyramid, SIDES, strict=True)]
        return list(logits), list(deltas), anchors

    @torch.no_grad()
    def proposals(
        self, found: tuple[list[Tensor], list[Tensor], list[Tensor]], width: int, height: int
    ) -> tuple[Tensor, Tensor]:
        """The best distinct regions of each picture.

        Args:
            found: What `forward` returns.
            width: Of the input.
            height: Of the input.

        Returns:
            Boxes (B, P, 4), best first, and whether each is one (B, P).
        """
        most = AT_ONCE[self.training]
        boxes, scores = zip(
            *(_best(*level, most, (width, height)) for level in zip(*found, strict=True)), strict=True
        )
        every = torch.cat(scores, dim=1)
        best, rows = every.topk(min(most, every.shape[1]), dim=1)
        return chosen(torch.cat(boxes, dim=1), rows), best > 0

    def lessons(
        self, found: tuple[list[Tensor], list[Tensor], list[Tensor]], targets: Targets
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A draw of anchors to learn from.

        Returns:
            Logits (B, A), deltas (B, A, 4), anchors (B, A, 4) and the row of the instance that each is to
            tell, `BACKGROUND` or, where it does not count, `UNDECIDED` (B, A).
        """
        logits, deltas = (torch.cat(levels, dim=1) for levels in found[:2])
        anchors = torch.cat(found[2]).expand(len(logits), -1, -1)
        rows = matched(anchors, targets, high=0.7, low=0.3, best=True)
        places, rows = drawn(rows, ANCHORS, ANCHOR_SHARE)
        return logits.gather(1, places), chosen(deltas, places), chosen(anchors, places), rows


def _anchors(level: Tensor, side: int, width: int, height: int) -> Tensor:
    """Boxes of one area and three aspects around every cell, shape (3hw, 4), in input pixels."""
    rows, columns = (int(size) for size in level.shape[2:])  # fixed in an exported file
    root = torch.tensor(ASPECTS, device=level.device).sqrt()
    half = torch.stack([side / root, side * root], dim=1) / 2
    boxes = torch.cat([-half, half], dim=1).round()
    y = torch.arange(rows, device=level.device) * (height // rows)
    x = torch.arange(columns, device=level.device) * (width // columns)
    y, x = torch.meshgrid(y, x, indexing="ij")
    return (torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4) + boxes).reshape(-1, 4)


def _best(
    logits: Tensor, deltas: Tensor, anchors: Tensor, most: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Boxes (B, n, 4) of the best anchors of a level and their scores (B, n), 0 for those to leave out."""
    best, rows = logits.topk(min(most, len(anchors)), dim=1)
    boxes = clipped(moved(chosen(deltas, rows), anchors[rows]), *size)
    sound = (sizes(boxes) >= LEAST_SIDE).all(dim=-1)
    boxes = boxes * sound[..., None]  # what has no area drops nothing
    return boxes, best.sigmoid() * (kept(boxes, best, MAX_OVERLAP) & sound)


def matched(boxes: Tensor, targets: Targets, *, high: float, low: float, best: bool = False) -> Tensor:
    """Which instance each box is to tell.

    Args:
        boxes: Shape (B, N, 4).
        targets: What is in the pictures.
        high: IoU from which a box tells the instance that it overlaps most.
        low: IoU below which it tells the background, unless most of it is to be ignored.
        best: Whether those boxes that overlap an instance most tell one too, however little.

    Returns:
        Row of the instance, `BACKGROUND` or `UNDECIDED`, shape (B, N).
    """
    quality = torch.where(targets.valid[..., None], overlaps(targets.boxes, boxes), 0.0)
    most, row = quality.max(dim=1)
    rows = torch.where(most < low, BACKGROUND, UNDECIDED)
    rows = torch.where((rows == BACKGROUND) & _within(boxes, targets.ignored), UNDECIDED, rows)
    tells = most >= high
    if best:
        top = quality.amax(dim=2, keepdim=True)
        tells = tells | ((quality == top) & (top > 0)).any(dim=1)
    return torch.where(tells, row, rows)


def _within(boxes: Tensor, ignored: Tensor) -> Tensor:
    """Whether half of each box or more is in one box to ignore, shapes (B, N, 4), (B, I, 4) -> (B, N)."""
    low = torch.maximum(boxes[:, :, None, :2], ignored[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], ignored[:, None, :, 2:])
    shared = (high - low).clamp_min(0).prod(dim=-1).amax(dim=2)
    area = sizes(boxes).prod(dim=-1)
    return (shared >= 0.5 * area) & (area > 0)


def drawn(rows: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw boxes by chance, so many that tell an instance at most, and background for the rest.

    Args:
        rows: What each box tells, shape (B, N).
        count: How many to draw.
        share: How many of them may tell an instance.

    Returns:
        Which boxes (B, R), R being `count` or N if that is less, and what each tells (B, R); it is
        `UNDECIDED` where there are not enough.
    """
    chance = torch.rand(rows.shape, device=rows.device) + 1
    some = min(int(count * share), rows.shape[1])
    fronts, which = ((rows >= 0) * chance).topk(some, dim=1)
    worth = torch.zeros_like(chance).scatter(1, which, 2 * fronts)
    worth = torch.where(rows == BACKGROUND, chance, worth)
    worth, places = worth.topk(min(count, rows.shape[1]), dim=1)
    return places, torch.where(worth > 0, rows.gather(1, places), UNDECIDED)
