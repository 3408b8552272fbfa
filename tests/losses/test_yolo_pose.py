import math

import pytest
import torch
from torch.nn import functional

from pinpoint.losses.yolo_pose import complete_iou_loss, side_loss, yolo_pose_loss

BINS = 16


def test_a_box_on_its_truth_costs_nothing():
    box = torch.tensor([[2.0, 3.0, 10.0, 30.0]])
    torch.testing.assert_close(complete_iou_loss(box, box), torch.zeros(1), atol=1e-6, rtol=0)


def test_a_box_of_the_same_shape_apart_costs_its_distance_too():
    """Two squares side by side: IoU 0, hull 20 x 10, middles 10 apart."""
    one, two = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[10.0, 0.0, 20.0, 10.0]])
    torch.testing.assert_close(complete_iou_loss(one, two), torch.tensor([1 + 100 / 500]))


def test_a_box_of_another_shape_costs_its_angle_too():
    """Same middle, IoU 1/3, v = (2/pi)^2 (atan 2 - atan 1/2)^2."""
    wide, tall = torch.tensor([[-2.0, -1.0, 2.0, 1.0]]), torch.tensor([[-1.0, -2.0, 1.0, 2.0]])
    v = (2 / math.pi) ** 2 * (math.atan(2) - math.atan(0.5)) ** 2
    torch.testing.assert_close(complete_iou_loss(wide, tall), torch.tensor([2 / 3 + v * v / (2 / 3 + v)]))


@pytest.mark.parametrize("reach", [0.0, 3.25, 7.5, 14.9])
def test_a_side_is_best_told_by_its_two_neighbours(reach):
    """The best distribution's mean is the side, and its cost the entropy of the two shares."""
    share = reach - math.floor(reach)
    best = torch.full((1, 4, BINS), 1e-9)
    best[..., math.floor(reach)] += 1 - share
    best[..., math.floor(reach) + 1] += share
    entropy = -sum(p * math.log(p) for p in (share, 1 - share) if p > 0)
    cost = side_loss(best.log(), torch.full((1, 4), reach))
    torch.testing.assert_close(cost, torch.tensor([entropy]), atol=1e-4, rtol=0)


def test_a_side_too_far_to_tell_is_told_as_far_as_can_be():
    logits = torch.zeros(1, 4, BINS)
    far, last = (side_loss(logits, torch.full((1, 4), side)) for side in (99.0, 14.99))
    torch.testing.assert_close(far, last)


@pytest.fixture
def scene():
    """What 16 cells of a grid say of a picture with one instance, one of whose points is not labelled."""
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    centers = torch.stack([x, y], dim=-1).reshape(-1, 2) * 8 + 3.5
    outputs = (
        torch.randn(1, 16),
        torch.cat([centers - 8, centers + 8], dim=1)[None].clone(),
        torch.randn(1, 16, 2, 3),
        centers,
        torch.randn(1, 16, 4, BINS),
        torch.full((16, 1), 8.0),
    )
    boxes, xy = torch.tensor([[[4.0, 4.0, 20.0, 22.0]]]), torch.tensor([[[[8.0, 9.0], [math.nan] * 2]]])
    targets = (boxes, torch.ones(1, 1, dtype=torch.bool), xy, torch.full((1, 1, 4), -1.0))
    return tuple(o.requires_grad_() for o in outputs), targets


def test_a_point_that_is_not_labelled_is_not_told_where_to_be(scene):
    outputs, targets = scene
    total, weight = yolo_pose_loss(outputs, targets, (0.05, 0.05))
    (total / weight).backward()
    assert outputs[2].grad.isfinite().all()
    assert not outputs[2].grad[:, :, 1, :2].any()
    assert outputs[2].grad[:, :, 0, :2].any()


def test_a_picture_of_nobody_teaches_scores_alone(scene):
    outputs, (boxes, valid, xy, ignored) = scene
    total, weight = yolo_pose_loss(outputs, (boxes, ~valid, xy, ignored), (0.05, 0.05))
    (total / weight).backward()
    torch.testing.assert_close(total, 0.5 * functional.softplus(outputs[0]).sum())
    assert all(outputs[place].grad is None or not outputs[place].grad.any() for place in (1, 2, 4))


def test_what_lies_in_a_crowd_is_not_wrong(scene):
    outputs, (boxes, valid, xy, _) = scene
    everywhere = torch.tensor([[[-1.0, -1.0, 99.0, 99.0]]])
    total, _ = yolo_pose_loss(outputs, (boxes, ~valid, xy, everywhere))
    assert total == 0
