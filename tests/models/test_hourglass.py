import torch

from pinpoint.models import architecture
from pinpoint.models.hourglass import Hourglass


def test_the_maps_of_the_last_stack_are_read():
    torch.manual_seed(0)
    plan = architecture("hourglass-2")
    network = plan.build(plan.codec((64, 64)), 3).eval()
    with torch.no_grad():
        first, last = network(torch.rand(1, 3, 64, 64))
    assert not torch.allclose(first, last)
    assert network.readable(first, last)[0] is last


def test_what_a_stack_found_goes_into_the_next():
    torch.manual_seed(0)
    plan = architecture("hourglass-2")
    network = plan.build(plan.codec((64, 64)), 3)
    network(torch.rand(2, 3, 64, 64))[1].sum().backward()
    slope = network.get_parameter("outs.0.conv.weight").grad
    assert slope is not None
    assert slope.abs().sum() > 0


def test_an_hourglass_sees_the_whole_map_from_each_place():
    hourglass = Hourglass(2, 8).eval()
    image = torch.rand(1, 8, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(hourglass(image)[..., 0, 0].sum(), image)
    assert (slope.abs().sum(dim=1) > 0).float().mean() > 0.5


def test_convolutions_that_nothing_runs_are_left_out_of_the_authors_files():
    """Of two residuals, one needs its `skip_layer`, for its channels change."""
    tensors = {
        f"model.module.pre.{place}.skip_layer.conv.{name}": torch.zeros(shape)
        for place, shapes in {1: (128, 64), 3: (128, 128)}.items()
        for name, shape in {"weight": (*shapes, 1, 1), "bias": shapes[:1]}.items()
    }
    kept = architecture("hourglass-8").official(tensors)
    assert set(kept) == {"pre.1.skip_layer.conv.weight", "pre.1.skip_layer.conv.bias"}
