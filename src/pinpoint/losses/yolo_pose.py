"""What YOLO-pose is taught with: scores, boxes, the distributions of their sides, and keypoints."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pinpoint.losses.detection import Pairs, assign, inside, iou, point_loss

__all__ = ["complete_iou_loss", "side_loss", "yolo_pose_loss"]

SCORE, BOX, SIDES, POINTS = 0.5, 7.5, 1.5, 6.0
"""Published gains; with the weights of `point_loss` places count 12, as published, visibility 1.8, not 1."""


def yolo_pose_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Cross entropy of scores, complete IoU, distributions of the sides, and OKS (arXiv 2204.06806).

    What lies in an ignored box and tells nothing is not wrong; keypoints that are NaN give nothing.

    Args:
        outputs: Logits (B, n), boxes (B, n, 4), x, y and logit of visibility of the keypoints (B, n, K, 3),
            middles of the cells (n, 2), logits of the sides (B, n, 4, bins), strides of the cells (n, 1).
        targets: Boxes (B, M, 4), whether each is one (B, M), points (B, M, K, 2), NaN where not labelled, and
            boxes in which no cell is wrong (B, I, 4).
        sigmas: Falloff of each keypoint, K of them.

    Returns:
        Sum over everything, and how much that is.
    """
    logits, predicted, points, centers, sides, strides = outputs
    boxes, valid, xy, ignored = targets
    pairs = assign(logits.detach().sigmoid(), predicted.detach(), centers, boxes, valid)
    truth = boxes[pairs.picture, pairs.row]
    total = SCORE * _score_loss(logits, pairs, inside(centers, ignored).any(dim=1))
    each = BOX * complete_iou_loss(predicted[pairs.picture, pairs.cell], truth)
    reach = _reach(truth, centers[pairs.cell]) / strides[pairs.cell]
    each = each + SIDES * side_loss(sides[pairs.picture, pairs.cell], reach)
    if len(sigmas):
        told = points[pairs.picture, pairs.cell]
        places = point_loss(told, xy[pairs.picture, pairs.row], truth, told.new_tensor(sigmas))
        each = each + POINTS * places
    return total + (pairs.target * each).sum(), pairs.target.sum().clamp_min(1.0)


def complete_iou_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """1 - IoU + (distance of the middles / diagonal of the hull)^2 + a v (arXiv 1911.08287).

    v is how far the angles of the diagonals differ, in square and times (2 / pi)^2; a = v / (1 - IoU + v).

    Args:
        predicted: x1 y1 x2 y2, shape (P, 4).
        truth: Shape (P, 4).

    Returns:
        Shape (P,).
    """
    overlap = iou(predicted, truth)
    low, high = torch.minimum(predicted[:, :2], truth[:, :2]), torch.maximum(predicted[:, 2:], truth[:, 2:])
    diagonal = (high - low).square().sum(dim=1).clamp_min(1e-6)
    apart = ((predicted[:, :2] + predicted[:, 2:] - truth[:, :2] - truth[:, 2:]) / 2).square().sum(dim=1)
    turn = (2 / math.pi) ** 2 * (_angle(truth) - _angle(predicted)).square()
    with torch.no_grad():
        weight = turn / (1 - overlap + turn).clamp_min(1e-6)
    return 1 - overlap + apart / diagonal + weight * turn


def side_loss(logits: Tensor, reach: Tensor) -> Tensor:
    """Cross entropy of a side's two nearest whole numbers, each by how near it is (arXiv 2006.04388).

    Args:
        logits: Shape (P, 4, bins).
        reach: Distances to the sides in strides, shape (P, 4); they are cut to what the bins can tell.

    Returns:
        Mean of the four sides, shape (P,).
    """
    last = logits.shape[2] - 1
    reach = reach.clamp(0, last - 0.01)
    left = reach.floor()
    told = functional.log_softmax(logits, dim=2)
    low = told.gather(2, left.long()[..., None]).squeeze(2)
    high = told.gather(2, left.long()[..., None] + 1).squeeze(2)
    return -((left + 1 - reach) * low + (reach - left) * high).mean(dim=1)


def _score_loss(logits: Tensor, pairs: Pairs, ignored: Tensor) -> Tensor:
    target = torch.zeros_like(logits)
    target[pairs.picture, pairs.cell] = pairs.target.to(target.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return torch.where(ignored & (target == 0), 0.0, each).sum()


def _reach(boxes: Tensor, centers: Tensor) -> Tensor:
    """From the middle of a cell to the left, top, right and bottom, shape (P, 4)."""
    return torch.cat([centers - boxes[:, :2], boxes[:, 2:] - centers], dim=1)


def _angle(boxes: Tensor) -> Tensor:
    width, height = (boxes[:, 2:] - boxes[:, :2]).unbind(dim=1)
    return torch.atan2(width, height.clamp_min(1e-6))
