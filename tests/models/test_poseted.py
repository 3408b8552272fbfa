import numpy as np
import pytest
import torch

from pinpoint.codecs.regression import Regression
from pinpoint.models.poseted import PoseTED, SpatialTransformer, sines

SIZE = (96, 64)


def painted(x, y):
    images = torch.zeros(1, 3, SIZE[1], SIZE[0])
    images[..., y, x] = 1
    return images


def filtering(*numbers):
    """A filter that applies one affine map to everything."""
    unit = SpatialTransformer(SIZE).eval()
    unit.affine.bias.data = torch.tensor(numbers)
    return unit


def test_the_filter_starts_by_changing_nothing():
    images = torch.rand(2, 3, SIZE[1], SIZE[0])
    seen, maps = SpatialTransformer(SIZE).eval()(images)
    torch.testing.assert_close(seen, images, atol=1e-4, rtol=0)
    assert maps.tolist() == [[[1, 0, 0], [0, 1, 0]]] * 2


def test_the_filter_takes_what_its_map_points_at():
    """Half the size around the middle: the pixel that lights up is twice as far from it."""
    seen, _ = filtering(0.5, 0.0, 0.0, 0.0, 0.5, 0.0)(painted(60, 40))
    rows, columns = (seen[0, 0] > 0.5).nonzero().T
    assert (columns.float().mean().item() + 0.5 - 48) == pytest.approx(2 * (60.5 - 48), abs=0.5)
    assert (rows.float().mean().item() + 0.5 - 32) == pytest.approx(2 * (40.5 - 32), abs=0.5)


def made(seed=0, keypoints=3):
    torch.manual_seed(seed)
    return PoseTED(Regression(SIZE), keypoints, depth=18).eval()


def test_coordinates_are_those_of_the_crop_that_came_in():
    """Where all keypoints are told to be in the middle of what is seen, they are where the filter points."""
    network = made()
    for part in (network.regressor[-1].weight, network.regressor[-1].bias):
        part.data.zero_()
    network.filter.affine.bias.data = torch.tensor([0.5, 0.1, 0.25, -0.1, 0.5, -0.5])
    with torch.no_grad():
        (shares,) = network(painted(0, 0))
    decoded, _ = Regression(SIZE).decode(shares.numpy())
    middle = (np.array(SIZE) * (np.array([0.25, -0.5]) + 1) - 1) / 2
    np.testing.assert_allclose(decoded[0], [middle] * 3, atol=1e-4)


def test_the_filter_learns_from_coordinates():
    network = made()
    network(torch.randn(1, 3, SIZE[1], SIZE[0]))[0].sum().backward()
    assert network.filter.affine.bias.grad.abs().min() > 0


def test_keypoints_change_places_with_their_queries():
    network, images = made(keypoints=4), torch.randn(2, 3, SIZE[1], SIZE[0])
    order = [2, 0, 3, 1]
    with torch.no_grad():
        before = network(images)[0]
        network.queries.copy_(network.queries[order].clone())
        after = network(images)[0]
    torch.testing.assert_close(after, before[:, order], atol=1e-5, rtol=1e-4)


def test_no_two_cells_have_the_same_position():
    positions = sines(9, 12, 32)
    assert positions.shape == (108, 32)
    apart = torch.cdist(positions, positions) + 9 * torch.eye(108)
    assert apart.min() > 0.1


def test_an_input_that_the_backbone_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"an input of \(100, 64\) does not fit, expected multiples of 32"):
        PoseTED(Regression((100, 64)), 3, depth=18)
