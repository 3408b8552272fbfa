import pytest
import torch

from pinpoint.codecs.regression import Regression
from pinpoint.models import architecture


@pytest.mark.parametrize("keypoints", [21, 68, 98])
@pytest.mark.parametrize("size", [(112, 112), (96, 128), (120, 72)])
def test_faces_and_hands_of_any_size_are_told(keypoints, size):
    with torch.device("meta"):
        network = architecture("pfld-s").build(Regression(size), keypoints)
        (table,) = network(torch.zeros(2, 3, *size[::-1]))
    assert tuple(table.shape) == (2, keypoints, 2)


def test_it_can_learn_from_one_crop_alone():
    """The last batch of an epoch may be one; a norm over a single number has no spread."""
    torch.manual_seed(0)
    network = architecture("pfld-s").build(Regression((32, 32)), 5)
    network(torch.rand(1, 3, 32, 32))[0].sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_points_start_in_the_middle():
    torch.manual_seed(0)
    network = architecture("pfld-s").build(Regression((64, 64)), 5).eval()
    with torch.no_grad():
        (table,) = network(torch.rand(1, 3, 64, 64))
    assert ((table > 0.2) & (table < 0.8)).all()


def test_an_input_smaller_than_a_cell_is_refused():
    with pytest.raises(ValueError, match=r"input of \(112, 12\) does not fit, expected 16 pixels or more"):
        architecture("pfld-s").build(Regression((112, 12)), 5)
