"""RTMO, small."""

import copy

import numpy as np
import pytest
import torch

from pinpoint.codecs.rtmo import Rtmo
from pinpoint.losses.rtmo import rtmo_loss
from pinpoint.models.rtmo import CELLS, TAUGHT_CELLS, RtmoNet, _fitting, official

SIZE = (128, 64)
K = 3


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return RtmoNet(Rtmo(SIZE), K, depth=0.33, width=0.25).eval()


@pytest.fixture(scope="module")
def images():
    torch.manual_seed(1)
    return torch.rand(2, 3, *SIZE[::-1]) * 255


@torch.no_grad()
def test_cells_with_the_highest_scores_are_read(network, images):
    outputs = network(images)
    cells = 8 * 4 + 4 * 2
    assert outputs[0].shape == (2, cells)
    assert outputs[4].shape == (2, min(cells, CELLS))
    scores = outputs[0].gather(1, outputs[4])
    assert (scores.diff(dim=1) <= 0).all()


@torch.no_grad()
def test_points_lie_on_rulers_a_quarter_longer_than_the_box(network, images):
    _, boxes, _, _, cells, points, *_ = network(images)
    found = boxes.gather(1, cells[..., None].expand(-1, -1, 4)) + 0.5
    middle, half = (found[..., :2] + found[..., 2:]) / 2, (found[..., 2:] - found[..., :2]) * 1.25 / 2
    assert ((points - middle[:, :, None]).abs() <= half[:, :, None] + 1e-3).all()


@torch.no_grad()
def test_what_is_read_is_what_the_network_says(network, images):
    outputs = network(images[:1])
    found = Rtmo(SIZE, min_score=0.0, max_iou=1.0).decode(*(o.numpy() for o in network.readable(*outputs)))
    best = int(outputs[0].argmax())
    np.testing.assert_allclose(found.boxes[0], outputs[1][0, best], atol=1e-3)
    np.testing.assert_allclose(found.xy[0], outputs[5][0, 0], atol=1e-3)


BOXES = torch.tensor([[[0.0, 0.0, 31.0, 31.0], [64.0, 0.0, 127.0, 63.0]]]).expand(2, -1, -1)


def taught(network, images, valid):
    """Picture, cell and row of what is read in training, and what rulers say of it."""
    with torch.no_grad():
        return network(images, (BOXES, torch.tensor(valid)))[4:]


def test_in_training_some_cells_of_each_instance_are_read(network, images):
    picture, cell, row, *rulers = taught(network, images, [[True, True], [True, False]])
    pairs = list(zip(picture.tolist(), row.tolist(), strict=True))
    assert pairs == [pair for pair in ((0, 0), (0, 1), (1, 0)) for _ in range(TAUGHT_CELLS)]
    assert len(set(cell[:TAUGHT_CELLS].tolist())) == TAUGHT_CELLS
    assert all(len(one) == 3 * TAUGHT_CELLS for one in rulers)


def test_padding_does_not_change_what_norms_of_rulers_see(network, images):
    """Batch norm sees the instances alone, however many rows there are for more."""
    network = copy.deepcopy(network).train()
    few = network(images, (BOXES[:, :1], torch.tensor([[True], [True]])))
    more = network(images, (BOXES, torch.tensor([[True, False], [True, False]])))
    torch.testing.assert_close(more[7], few[7])


def test_rulers_are_laid_around_the_true_box_where_a_cell_misses_it(network, images):
    """A network that was not trained tells small boxes: a large one's far half has no place of theirs."""
    *_, x, y, _ = taught(network, images, [[True, True], [True, True]])
    torch.testing.assert_close(x[TAUGHT_CELLS, [0, -1]], torch.tensor([96 - 63 * 0.625, 96 + 63 * 0.625]))
    torch.testing.assert_close(y[TAUGHT_CELLS, [0, -1]], torch.tensor([32 - 63 * 0.625, 32 + 63 * 0.625]))


def test_rulers_are_read_in_32_bits_whatever_the_rest_is_learnt_in(network):
    """In 16, bins beside each other are at the same place."""
    poses, boxes, centers = (
        torch.randn(1, 4, 128),
        torch.tensor([[[0.0, 0.0, 500.0, 500.0]] * 4]),
        torch.zeros(1, 4, 2),
    )
    with torch.no_grad():
        alone = network.head.dcc(poses, boxes, centers)
        with torch.autocast("cpu", torch.bfloat16):
            beside = network.head.dcc(poses, boxes, centers)
    assert all(torch.equal(one, other) for one, other in zip(alone, beside, strict=True))


def test_pictures_without_anybody_teach_every_parameter_nothing(network, images):
    network = copy.deepcopy(network).train()
    nobody = torch.zeros(2, 2, dtype=torch.bool)
    nowhere = torch.full((2, 2, K, 2), torch.nan)
    targets = (torch.zeros(2, 2, 4), nobody, nowhere, torch.full((2, 1, 4), -1.0))
    total, weight = rtmo_loss(network(images, targets), targets, (0.1,) * K)
    (total / weight).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.head.dcc.parameters())
    assert not any(p.grad.any() for p in network.head.dcc.parameters())


@pytest.mark.parametrize(("fits", "wanted"), [((0, 1), {0, 1, *range(6, 13)}), ((), set(range(5, 14)))])
def test_cells_whose_boxes_fit_come_before_those_that_are_near(fits, wanted):
    centers = torch.stack([torch.arange(20.0), torch.zeros(20)], dim=1)
    truth = torch.tensor([[[8.0, -1.0, 10.0, 1.0]]])
    boxes = torch.full((1, 20, 4), 99.0) + torch.tensor([0.0, 0.0, 1.0, 1.0])
    boxes[:, list(fits)] = truth
    assert set(_fitting(truth, boxes, centers)[0, 0].tolist()) == wanted


def test_published_weights_see_blue_first(network, images):
    """The same picture, its channels turned round, gives the same with weights that are turned round."""
    other = RtmoNet(Rtmo(SIZE), K, depth=0.33, width=0.25).eval()
    other.load_state_dict(official(network.state_dict() | {"data_preprocessor.mean": torch.zeros(3)}))
    with torch.no_grad():
        torch.testing.assert_close(other(images.flip(1))[0], network(images)[0])
