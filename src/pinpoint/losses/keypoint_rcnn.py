"""What Keypoint R-CNN is taught with: five sums over what it drew to learn from (arXiv 1703.06870)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pinpoint.codecs.keypoint_rcnn import BOX_WEIGHTS, EDGE, LAG

__all__ = ["box_change", "keypoint_cells", "keypoint_rcnn_loss"]

BACKGROUND = -1
BETA = 1 / 9  # where the loss of a box turns from a square into a line


def keypoint_rcnn_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Loss of proposals, boxes and keypoints, in two parts that several processes can add up.

    Cross entropy of what anchors and regions hold, smooth L1 of where the boxes of those are that hold an
    instance, both by how many were drawn, and the cross entropy of each labelled keypoint's cell among all
    cells of its map, by how many there are. A point outside its region is as one that is not labelled.

    Args:
        outputs: Of anchors and then of regions: logits (B, A) and (B, R, 2), deltas (B, A, 4), boxes
            (B, A, 4), and the row of the instance that each tells, -1 for background, -2 where it does not
            count (B, A). Then logits of heatmaps (P, K, s, s), index of the picture and box of each (P, 5),
            and its row (P,).
        targets: Boxes (B, M, 4), whether each is one (B, M), points (B, M, K, 2), NaN where not labelled, and
            boxes in which nothing counts (B, I, 4).
        sigmas: Not used.

    Returns:
        Sum over the pictures, and how many there are.
    """
    truth = targets[0] + EDGE
    logits, deltas, anchors, rows = outputs[:4]
    counts, holds = rows > BACKGROUND - 1, (rows > BACKGROUND).float()
    each = functional.binary_cross_entropy_with_logits(logits, holds, reduction="none")
    total = _mean(each, counts) + _box_loss(deltas, anchors, rows, truth, (1.0,) * 4)
    logits, deltas, regions, rows = outputs[4:8]
    counts, holds = rows > BACKGROUND - 1, (rows > BACKGROUND).long()
    each = functional.cross_entropy(logits.flatten(0, 1), holds.flatten(), reduction="none")
    total = total + _mean(each, counts.flatten()) + _box_loss(deltas, regions, rows, truth, BOX_WEIGHTS)
    maps, rois, rows = outputs[8:]
    total = total + _keypoint_loss(maps, rois, rows, targets[2])
    return total * len(truth), total.new_tensor(float(len(truth)))


def box_change(truth: Tensor, boxes: Tensor, weights: Sequence[float]) -> Tensor:
    """How boxes are moved and stretched to become others, times weights, shapes (P, 4), (P, 4) -> (P, 4)."""
    side, other = (_sides(one).clamp_min(1e-3) for one in (boxes, truth))
    step = (truth[:, :2] + truth[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2 / side
    return torch.cat([step, torch.log(other / side)], dim=1) * boxes.new_tensor(weights)


def keypoint_cells(xy: Tensor, boxes: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Which cell of a map over a box each point lies in.

    Args:
        xy: Input pixels whose centres are on whole numbers, shape (P, K, 2), NaN where not labelled.
        boxes: Measured from the outer edge of the input, shape (P, 4).
        cells: Of a map, each way.

    Returns:
        Number of the cell, row by row (P, K), and whether there is one (P, K).
    """
    labelled = xy.isfinite().all(dim=-1)
    place = (torch.where(labelled[..., None], xy, 0.0) - LAG - boxes[:, None, :2]) * cells
    cell = (place / _sides(boxes)[:, None].clamp_min(1e-3)).floor()
    there = labelled & ((cell >= 0) & (cell < cells)).all(dim=-1)
    column, row = torch.where(there[..., None], cell, 0.0).long().unbind(dim=-1)
    return row * cells + column, there


def _box_loss(deltas: Tensor, boxes: Tensor, rows: Tensor, truth: Tensor, weights: Sequence[float]) -> Tensor:
    holds = rows > BACKGROUND
    picture, _ = holds.nonzero(as_tuple=True)
    wanted = box_change(truth[picture, rows[holds].long()], boxes[holds], weights)
    far = functional.smooth_l1_loss(deltas[holds], wanted, beta=BETA, reduction="sum")
    return far / (rows > BACKGROUND - 1).sum().clamp_min(1)


def _keypoint_loss(maps: Tensor, rois: Tensor, rows: Tensor, xy: Tensor) -> Tensor:
    own = xy[rois[:, 0].long(), rows.long()]
    cell, there = keypoint_cells(own, rois[:, 1:], maps.shape[-1])
    each = functional.cross_entropy(maps.flatten(0, 1).flatten(1), cell.flatten(), reduction="none")
    return _mean(each, there.flatten())


def _mean(each: Tensor, counts: Tensor) -> Tensor:
    return (each * counts).sum() / counts.sum().clamp_min(1)


def _sides(boxes: Tensor) -> Tensor:
    return boxes[:, 2:] - boxes[:, :2]
