"""RTMO, small."""

import numpy as np
import pytest
import torch

from pinpoint.codecs.rtmo import Rtmo
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


def test_in_training_some_cells_of_each_instance_are_read(network, images):
    boxes = torch.tensor([[[0.0, 0.0, 31.0, 31.0], [64.0, 0.0, 127.0, 63.0]]]).expand(2, -1, -1)
    with torch.no_grad():
        cells = network(images, (boxes,))[4]
    assert cells.shape == (2, 2 * TAUGHT_CELLS)


@pytest.mark.parametrize(("fits", "wanted"), [((0, 1), {0, 1, *range(6, 13)}), ((), set(range(5, 14)))])
def test_cells_whose_boxes_fit_come_before_those_that_are_near(fits, wanted):
    centers = torch.stack([torch.arange(20.0), torch.zeros(20)], dim=1)
    truth = torch.tensor([[[8.0, -1.0, 10.0, 1.0]]])
    boxes = torch.full((1, 20, 4), 99.0) + torch.tensor([0.0, 0.0, 1.0, 1.0])
    boxes[:, list(fits)] = truth
    assert set(_fitting(truth, boxes, centers)[0].tolist()) == wanted


def test_published_weights_see_blue_first(network, images):
    """The same picture, its channels turned round, gives the same with weights that are turned round."""
    other = RtmoNet(Rtmo(SIZE), K, depth=0.33, width=0.25).eval()
    other.load_state_dict(official(network.state_dict() | {"data_preprocessor.mean": torch.zeros(3)}))
    with torch.no_grad():
        torch.testing.assert_close(other(images.flip(1))[0], network(images)[0])
