import pytest
import torch

from pinpoint.models import architecture
from pinpoint.models.hrnet import HRModule, HRNet


@pytest.mark.parametrize("outputs", [1, 4])
def test_as_many_resolutions_come_out_as_are_asked_for(outputs):
    with torch.device("meta"):
        network = HRNet(32, outputs=outputs)
        maps = network(torch.zeros(1, 3, 128, 96))
    wanted = [(1, 32, 32, 24), (1, 64, 16, 12), (1, 128, 8, 6), (1, 256, 4, 3)]
    assert [tuple(one.shape) for one in maps] == wanted[:outputs]
    assert network.channels == tuple(shape[1] for shape in wanted[:outputs])


def test_every_resolution_learns_of_every_other():
    torch.manual_seed(0)
    module = HRModule((4, 8, 16), 3).eval()
    maps = [torch.rand(1, 4 * 2**i, 16 // 2**i, 16 // 2**i, requires_grad=True) for i in range(3)]
    for one in module(maps):
        slopes = torch.autograd.grad(one.sum(), maps, retain_graph=True)
        assert all(slope.abs().sum() > 0 for slope in slopes)


def test_an_input_that_the_coarsest_map_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="208 x 256 pixels does not fit, expected multiples of 32"):
        architecture("hrnet-w32").codec((208, 256))
