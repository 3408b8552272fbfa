"""Dropping boxes that overlap a better one, for whole batches, in torch and in files for other engines."""

from typing import Any

import torch
from torch import Tensor

from pinpoint.geometry import nms

__all__ = ["clipped", "kept", "overlaps", "sizes"]


def sizes(boxes: Tensor) -> Tensor:
    """Width and height of boxes x1 y1 x2 y2, shapes (..., 4) -> (..., 2)."""
    return boxes[..., 2:] - boxes[..., :2]


def clipped(boxes: Tensor, width: int, height: int) -> Tensor:
    """Boxes cut to 0 .. width and 0 .. height, shape (..., 4)."""
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x, y], dim=-1).flatten(-2)


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every pair, shapes (..., N, 4), (..., M, 4) -> (..., N, M).

    It is 0 where both boxes are empty.
    """
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    shared = (high - low).clamp_min(0).prod(dim=-1)
    union = sizes(a).prod(dim=-1)[..., :, None] + sizes(b).prod(dim=-1)[..., None, :] - shared
    return torch.where(union > 0, shared / union, 0.0)


def kept(boxes: Tensor, scores: Tensor, max_overlap: float) -> Tensor:
    """Which boxes greedy non-maximum suppression keeps, in every picture by itself.

    A box is dropped if it overlaps one that is kept and has a higher score, or the same score and an earlier
    row. Boxes without an area neither drop others nor are dropped. Exported to ONNX this is the operator
    `NonMaxSuppression`.

    Args:
        boxes: x1 y1 x2 y2, shape (B, N, 4).
        scores: Shape (B, N).
        max_overlap: IoU above which the worse of two boxes is dropped.

    Returns:
        Shape (B, N), bool.
    """
    with torch.no_grad():
        return _Kept.apply(boxes, scores, max_overlap) > 0  # pyright: ignore[reportOperatorIssue]


class _Kept(torch.autograd.Function):
    """1 for boxes that are kept, else 0."""

    @staticmethod
    def forward(_: Any, boxes: Tensor, scores: Tensor, max_overlap: float) -> Tensor:
        way = _one_by_one if boxes.device.type == "cpu" else _all_at_once
        return way(boxes, scores, max_overlap)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, max_overlap: float) -> Any:
        """The same as operators of ONNX: indices of what is kept, written as ones among zeros."""
        every = g.op("Constant", value_t=torch.tensor([torch.iinfo(torch.int64).max]))
        limit = g.op("Constant", value_t=torch.tensor([max_overlap], dtype=torch.float32))
        one_class = g.op("Unsqueeze", scores, g.op("Constant", value_t=torch.tensor([1])))
        found = g.op("NonMaxSuppression", boxes, one_class, every, limit)
        picture_and_row = g.op("Constant", value_t=torch.tensor([0, 2]))
        places = g.op("Gather", found, picture_and_row, axis_i=1)
        count = g.op("Gather", g.op("Shape", found), g.op("Constant", value_t=torch.tensor([0])))
        ones = g.op("ConstantOfShape", count, value_t=torch.tensor([1.0]))
        zeros = g.op("ConstantOfShape", g.op("Shape", scores), value_t=torch.tensor([0.0]))
        return g.op("ScatterND", zeros, places, ones).setType(scores.type())


def _one_by_one(boxes: Tensor, scores: Tensor, max_overlap: float) -> Tensor:
    """Picture by picture on the CPU, where that takes a tenth of the time."""
    left = torch.ones_like(scores)
    for own, worth, row in zip(boxes.double(), scores.double(), left, strict=True):
        wide = (sizes(own) > 0).all(dim=1).nonzero()[:, 0]
        row[wide] = 0
        row[wide[torch.from_numpy(nms(own[wide].numpy(), worth[wide].numpy(), max_overlap))]] = 1
    return left


def _all_at_once(boxes: Tensor, scores: Tensor, max_overlap: float) -> Tensor:
    """All pairs of all pictures, for devices that are slow to do one thing after another."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    ranked = boxes.gather(1, order[..., None].expand_as(boxes))
    drops = (overlaps(ranked, ranked) > max_overlap).triu(1)
    return torch.zeros_like(scores).scatter(1, order, _undropped(drops).to(scores.dtype))


def _undropped(drops: Tensor) -> Tensor:
    """Which rows no undropped row above drops, shapes (B, N, N) -> (B, N).

    Judged again and again from what the last round left: after r rounds the first r rows are right at least,
    and when nothing changes all are. Chains of rows that drop each other are short, so a few rounds do.
    """
    left = torch.ones(drops.shape[:2], dtype=torch.bool, device=drops.device)
    for _ in range(drops.shape[1]):
        judged = ~(drops & left[..., None]).any(dim=1)
        if torch.equal(judged, left):
            break
        left = judged
    return left
