"""The plain one-stage network."""

import numpy as np
import pytest
import torch

from pinpoint.models import architecture
from pinpoint.models.plain_detector import STRIDES

NAMES = ("plain-det-n", "plain-one-n", "plain-one-s")


def made(name="plain-one-n", keypoints=2, seed=0):
    torch.manual_seed(seed)
    plan = architecture(name)
    return plan.build(plan.codec(plan.input_size), keypoints).eval()


@torch.no_grad()
def run(network, width=96, height=64, batch=1):
    outputs = network(torch.randn(batch, 3, height, width))
    return outputs, network.readable(*outputs)[0]


@pytest.mark.parametrize("name", NAMES)
def test_there_is_one_row_per_cell_of_three_grids(name):
    _, table = run(made(name), 96, 64, batch=2)
    assert table.shape == (2, 12 * 8 + 6 * 4 + 3 * 2, 5 + 3 * 2)


def test_middles_of_cells_lie_between_the_pixels_they_cover():
    """The first cell of stride 8 covers pixels 0 to 7, whose middle is 3.5."""
    (*_, centers), _ = run(made())
    assert centers[[0, 1, 12, 96, 120]].tolist() == [
        [3.5, 3.5],
        [11.5, 3.5],
        [3.5, 11.5],
        [7.5] * 2,
        [15.5] * 2,
    ]


def test_every_box_is_around_the_middle_of_its_cell():
    (_, boxes, _, centers), _ = run(made())
    assert (boxes[..., :2] < centers).all()
    assert (boxes[..., 2:] > centers).all()


def test_a_network_that_says_zero_tells_boxes_of_two_strides_with_the_points_in_their_middle():
    network = made()
    for head in network.heads:
        for layer in (head.sides, head.points[1]):
            torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    (_, boxes, points, centers), _ = run(network)
    sides = np.repeat([2.0 * stride for stride in STRIDES], [96, 24, 6])
    np.testing.assert_allclose((boxes[0, :, 2:] - boxes[0, :, :2]).numpy(), np.stack([sides, sides], 1))
    np.testing.assert_allclose(points[0, :, 1, :2], centers)


@pytest.mark.parametrize("name", NAMES)
def test_scores_start_near_the_share_of_cells_that_see_something(name):
    (logits, *_), _ = run(made(name))
    assert 0.003 < logits.sigmoid().mean() < 0.03


def test_keypoints_do_not_pull_at_boxes():
    """A gradient through the points ends before the sides that they are told by."""
    network = made()
    network(torch.randn(1, 3, 64, 64))[2].sum().backward()
    assert all(not head.sides.weight.grad.any() for head in network.heads)
    assert all(head.points[1].weight.grad.abs().sum() > 0 for head in network.heads)


def test_a_detector_has_no_keypoint_parameters():
    network = made("plain-det-n", keypoints=0)
    assert not network.keypoint_parameters
    assert run(network)[1].shape[2] == 5


def test_numbers_that_run_away_stay_finite():
    network = made()
    for head in network.heads:
        torch.nn.init.constant_(head.sides.bias, 1e4)
    (_, boxes, *_), _ = run(network)
    assert boxes.isfinite().all()
