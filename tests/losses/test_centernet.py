"""What CenterNet is taught with."""

import numpy as np
import pytest
import torch

from pinpoint.codecs.centernet import CenterNet
from pinpoint.losses.centernet import centernet_loss
from pinpoint.losses.focal import bell_focal

K = 3
CODEC = CenterNet((64, 64), keypoints=K, most=4)


def targets(*, people=True):
    boxes = np.array([[4.0, 6.0, 50.0, 58.0]])
    xy = np.array([[[10.0, 12.0], [30.0, 41.0], [np.nan, np.nan]]])
    some = (boxes, xy, np.zeros((0, 4)))
    none = (np.zeros((0, 4)), np.zeros((0, K, 2)), np.zeros((0, 4)))
    pictures = [CODEC.encode(*(some if people else none)), CODEC.encode(*none)]
    return tuple(torch.from_numpy(np.stack(each)) for each in zip(*pictures, strict=True))


def learnt(targets, sure=30.0):
    """Outputs that say what is right, surely."""
    hm, hm_hp, _, _, places, boxes, ways, _, cells, rests = targets

    def painted(places, values):
        maps = torch.zeros(2, values.shape[2], 256)
        index = places[:, None].expand(-1, values.shape[2], -1)
        return maps.scatter_add(2, index, values.transpose(1, 2)).unflatten(2, (16, 16))

    logits = [torch.where(bells == 1, sure, -sure) for bells in (hm, hm_hp)]
    wh, reg = painted(places, boxes[..., :2]), painted(places, boxes[..., 2:])
    hps, offset = painted(places, ways.flatten(2)), painted(cells.flatten(1), rests.flatten(1, 2))
    return logits[0], wh, hps, reg, logits[1], offset


def test_what_is_said_surely_and_right_costs_nothing():
    own = targets()
    total, weight = centernet_loss(learnt(own), own)
    assert total.item() == pytest.approx(0, abs=1e-6)
    assert weight.item() == 2


@pytest.mark.parametrize(("place", "cost"), [(1, 0.1), (2, 1.0), (3, 1.0), (5, 1.0)])
def test_lengths_cost_what_they_are_off_and_sizes_a_tenth(place, cost):
    own = targets()
    outputs = list(learnt(own))
    outputs[place] = outputs[place] + 1
    total, weight = centernet_loss(tuple(outputs), own)
    assert (total / weight).item() == pytest.approx(cost, rel=1e-3)


@pytest.mark.parametrize("place", [0, 4])
def test_a_peak_that_is_missed_costs_its_surprise(place):
    """By the number of peaks: one middle, and two points of which both are missed."""
    own = targets()
    outputs = list(learnt(own))
    outputs[place] = torch.full_like(outputs[place], -30.0)
    total, weight = centernet_loss(tuple(outputs), own)
    assert (total / weight).item() == pytest.approx(30, rel=1e-3)


def test_stacks_are_taught_alike():
    own = targets()
    good, bad = learnt(own), tuple(output + 1 for output in learnt(own))
    (two, _), (one, _) = centernet_loss((*good, *bad), own), centernet_loss(bad, own)
    assert two.item() == pytest.approx(one.item() / 2, rel=1e-6)


@pytest.mark.parametrize("people", [True, False])
def test_gradients_are_finite_with_and_without_people(people):
    own = targets(people=people)
    outputs = tuple(torch.randn_like(output).requires_grad_() for output in learnt(own))
    total, _ = centernet_loss(outputs, own)
    total.backward()
    gradients = [torch.zeros(()) if output.grad is None else output.grad for output in outputs]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert [bool(gradient.any()) for gradient in gradients] == [True, people, people, people, True, people]


def test_the_focal_loss_is_its_formula():
    logits, bells = torch.tensor([0.7, -1.2, 0.4]), torch.tensor([1.0, 0.0, 0.8])
    p = logits.sigmoid()
    expected = [
        -((1 - p[0]) ** 2) * p[0].log(),
        -(p[1] ** 2) * (1 - p[1]).log(),
        -((1 - 0.8) ** 4) * p[2] ** 2 * (1 - p[2]).log(),
    ]
    torch.testing.assert_close(bell_focal(logits, bells), torch.stack(expected))
