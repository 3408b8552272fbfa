"""Which cells tell which instance, and how wrong they are."""

import numpy as np
import pytest
import torch

from pinpoint import geometry
from pinpoint.losses.detection import assign, box_loss, detection_loss, iou, point_loss, score_loss

SIGMAS = (0.1, 0.05)
NAN = float("nan")


def cells(width=64, stride=8):
    """Middles of the cells of one square level."""
    y, x = torch.meshgrid(torch.arange(0, width, stride), torch.arange(0, width, stride), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2) + (stride - 1) / 2


def boxes_of(*rows):
    return torch.tensor([rows], dtype=torch.float32)


def assigned(truth, predicted, scores=None):
    n = predicted.shape[1]
    scores = torch.full((1, n), 0.5) if scores is None else scores
    return assign(scores, predicted, cells(), truth, torch.ones(truth.shape[:2], dtype=torch.bool))


def random_boxes(rng, n):
    low = rng.uniform(0, 50, (n, 2))
    return torch.from_numpy(np.concatenate([low, low + rng.uniform(1, 40, (n, 2))], axis=1))


def test_overlap_is_that_of_geometry(rng):
    a, b = random_boxes(rng, 7), random_boxes(rng, 5)
    np.testing.assert_allclose(iou(a[:, None], b), geometry.iou(a.numpy(), b.numpy()), rtol=1e-6)


def test_every_cell_that_tells_an_instance_has_its_middle_in_it():
    truth = boxes_of([10.0, 10, 40, 50])
    pairs = assigned(truth, truth.expand(1, 64, 4))
    middles = cells()[pairs.cell]
    assert 1 < len(pairs.cell) <= 13
    assert ((middles >= truth[0, 0, :2]) & (middles <= truth[0, 0, 2:])).all()


def test_the_cell_that_tells_best_is_to_say_how_well_and_others_less():
    """Cells 9 and 10 are at (11.5, 11.5) and (19.5, 11.5)."""
    truth = boxes_of([4.0, 4, 28, 28])
    predicted = truth.expand(1, 64, 4).clone()
    predicted[0, :, 2:] += 40
    predicted[0, 9], predicted[0, 10] = torch.tensor([[4.0, 4, 28, 26], [4.0, 4, 28, 22]])
    target = dict(zip(*(x.tolist() for x in assigned(truth, predicted)[1::2]), strict=True))
    assert target[9] == pytest.approx(22 / 24)
    assert target[10] == pytest.approx(22 / 24 * (18 / 22) ** 6)


def test_a_cell_in_two_instances_tells_the_one_it_overlaps_more():
    truth = boxes_of([0.0, 0, 30, 30], [8.0, 8, 30, 38])
    pairs = assigned(truth, boxes_of([8.0, 8, 30, 39]).expand(1, 64, 4))
    assert len(set(pairs.cell.tolist())) == len(pairs.cell)
    both = (cells()[pairs.cell] >= 8).all(1) & (cells()[pairs.cell] <= 30).all(1)
    assert (pairs.row[both] == 1).all()


def test_an_instance_too_small_for_a_cell_still_has_one():
    pairs = assigned(boxes_of([15.6, 15.6, 16.0, 16.0]), boxes_of([0.0, 0, 60, 60]).expand(1, 64, 4))
    assert len(pairs.cell) > 0


def test_rows_that_are_no_instance_are_told_by_nobody():
    truth = boxes_of([10.0, 10, 40, 50], [0.0, 0, 0, 0])
    pairs = assign(
        torch.ones(1, 64), truth[:, :1].expand(1, 64, 4), cells(), truth, torch.tensor([[True, False]])
    )
    assert set(pairs.row.tolist()) == {0}


@pytest.mark.parametrize(
    ("box", "loss"),
    [([0.0, 0, 10, 10], 0), ([0.0, 0, 5, 10], 0.5), ([20.0, 0, 30, 10], 1 + 1 / 3), ([10.0, 0, 20, 10], 1)],
)
def test_box_loss_counts_the_room_between_boxes_too(box, loss):
    """Generalised IoU by hand: IoU - (hull - union) / hull."""
    found = box_loss(torch.tensor([box]), torch.tensor([[0.0, 0, 10, 10]]))
    assert found.item() == pytest.approx(loss)


def scored(logits, ignored=None, truth=([4.0, 4, 28, 28],)):
    truth = boxes_of(*truth) if truth else torch.zeros(1, 1, 4)
    pairs = assigned(truth, truth[:, :1].expand(1, 64, 4))
    ignored = torch.zeros(1, 64, dtype=torch.bool) if ignored is None else ignored
    return score_loss(logits, pairs, ignored), pairs


def test_scores_that_are_as_they_should_be_cost_nothing():
    _, pairs = scored(torch.zeros(1, 64))
    right = torch.full((1, 64), -30.0)
    right[pairs.picture, pairs.cell] = torch.logit(pairs.target, eps=1e-6)
    assert scored(right)[0].item() < 1e-4


def test_ignored_cells_may_say_anything_unless_they_tell_an_instance():
    everywhere = torch.ones(1, 64, dtype=torch.bool)
    logits = torch.full((1, 64), 5.0)
    _, pairs = scored(logits)
    silent = logits.clone()
    silent[pairs.picture, pairs.cell] = -5
    assert scored(logits, everywhere)[0].item() < 0.1
    assert scored(silent, everywhere)[0].item() > 10
    assert scored(logits)[0].item() > 100


def told(xy, logit=0.0):
    xy = torch.tensor([xy], dtype=torch.float32)
    return torch.cat([xy, torch.full((*xy.shape[:2], 1), logit)], dim=-1)


def test_points_cost_what_their_similarity_lacks():
    """At a distance of s * 2 sigma * sqrt(2) the similarity is 1 / e."""
    box, sigmas = torch.tensor([[0.0, 0, 20, 50]]), torch.tensor(SIGMAS)
    away = (0.53 * 20 * 50) ** 0.5 * 2 * 0.1 * 2**0.5
    xy = torch.tensor([[[10.0, 10], [NAN, NAN]]])
    near, far = (point_loss(told([[10 + d, 10], [3, 3]]), xy, box, sigmas).item() for d in (0, away))
    assert far - near == pytest.approx(2 * (1 - np.exp(-1) + 0.1 * np.log(2)), rel=1e-5)


def test_an_instance_without_labelled_points_costs_nothing():
    unknown, box = torch.full((1, 2, 2), NAN), torch.tensor([[0.0, 0, 9, 9]])
    assert point_loss(told([[1, 2], [3, 4]], 2.0), unknown, box, torch.tensor(SIGMAS)).tolist() == [0]


def whole_batch(rng, batch=3):
    """Raw outputs and targets of a batch; one of its pictures is empty."""
    logits, points = torch.randn(batch, 64), torch.randn(batch, 64, 2, 3)
    predicted = torch.cat([cells() - 8, cells() + 8], dim=1).expand(batch, 64, 4).contiguous()
    outputs = [t.requires_grad_() for t in (logits, predicted.clone(), points)]
    boxes = torch.stack([random_boxes(rng, 4) for _ in range(batch)]).float()
    valid = torch.tensor([[True] * 4, [True, False, False, False], [False] * 4])[:batch]
    xy = torch.where(torch.rand(batch, 4, 2, 1) < 0.5, torch.rand(batch, 4, 2, 2) * 64, NAN)
    ignored = torch.tensor([[[-1.0] * 4]]).expand(batch, 1, 4)
    return (*outputs, cells()), (boxes, valid, xy, ignored)


def part(outputs, targets, rows):
    return (*(o[rows] for o in outputs[:3]), outputs[3]), tuple(t[rows] for t in targets)


def test_parts_of_a_batch_add_up_to_the_whole(rng):
    """So that several processes do what one does."""
    torch.manual_seed(0)
    outputs, targets = whole_batch(rng)
    whole = torch.stack(detection_loss(outputs, targets, SIGMAS))
    parts = [torch.stack(detection_loss(*part(outputs, targets, [i]), SIGMAS)) for i in range(3)]
    torch.testing.assert_close(torch.stack(parts).sum(dim=0), whole)


def test_gradients_are_numbers_where_nothing_is_labelled(rng):
    torch.manual_seed(0)
    outputs, targets = whole_batch(rng)
    total, _ = detection_loss(outputs, targets, SIGMAS)
    total.backward()
    assert all(output.grad.isfinite().all() for output in outputs[:3])
    assert all(output.grad.abs().sum() > 0 for output in outputs[:3])


def test_a_batch_without_an_instance_teaches_scores_alone(rng):
    outputs, targets = whole_batch(rng)
    total, weight = detection_loss(*part(outputs, targets, [2]), SIGMAS)
    total.backward()
    assert total > 0
    assert weight > 0
    assert outputs[0].grad[2].min() > 0
    assert outputs[1].grad is None or not outputs[1].grad.any()
