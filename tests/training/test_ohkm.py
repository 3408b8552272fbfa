"""Only the worst keypoints of each crop count, if so asked (arXiv 1711.07319)."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pinpoint.training.top_down import TopDownTask

EACH = torch.tensor([[1.0, 5.0, 3.0, 2.0], [4.0, 0.5, 9.0, 9.0]])
WEIGHTS = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])


def loss_of(ohkm):
    """The loss of a task whose keypoints have the losses `EACH`; the last two of the second have no label."""
    task = SimpleNamespace(_point_loss=lambda outputs, targets: outputs[0], _ohkm=ohkm)
    return TopDownTask.loss(task, (EACH.clone().requires_grad_(),), (torch.zeros(2, 4), WEIGHTS))


@pytest.mark.parametrize(("ohkm", "total", "weight"), [(0, 15.5, 6), (4, 15.5, 6), (2, 12.5, 4), (1, 9, 2)])
def test_only_the_worst_labelled_keypoints_of_each_crop_count(ohkm, total, weight):
    """By hand; what is not labelled is never among the worst, be its loss what it may."""
    loss = loss_of(ohkm)
    np.testing.assert_allclose([loss.total.item(), loss.weight.item()], [total, weight])


def test_a_crop_with_fewer_labels_than_are_asked_for_counts_with_those_it_has():
    assert loss_of(3).weight.item() == 5
