import pytest
import torch
from torch.nn import functional

from pinpoint.models import architecture
from pinpoint.models.mobile import InvertedResidual, Layer


@pytest.mark.parametrize(("name", "millions"), [("mobile-s", 2.3), ("mobile-m", 6.2)])
def test_parameters_are_as_many_as_documented(name, millions):
    plan = architecture(name)
    with torch.device("meta"):
        network = plan.build(plan.codec(plan.input_size), 17)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == millions


def test_an_input_that_the_coarsest_map_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="144 x 192 pixels does not fit, expected multiples of 32"):
        architecture("mobile-s").codec((144, 192))


def test_a_stride_of_two_looks_right_and_below_as_tensorflow_does():
    """TensorFlow's `SAME` puts the one line that an even size lacks behind the picture, not before it."""
    layer = Layer(1, 1, 3, stride=2).eval()
    image = torch.randn(1, 1, 8, 8)
    weight = dict(layer.named_parameters())["1.weight"]
    wanted = functional.conv2d(functional.pad(image, (0, 1, 0, 1)), weight, stride=2)
    torch.testing.assert_close(layer(image), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("outside", "stride", "passes"), [(8, 1, True), (8, 2, False), (16, 1, False)])
def test_the_input_goes_by_only_where_shapes_allow(outside, stride, passes):
    block = InvertedResidual(8, outside, factor=2, stride=stride).eval()
    for parameter in list(block.parameters())[-2:]:  # of the last norm
        torch.nn.init.zeros_(parameter)
    image = torch.randn(1, 8, 4, 4)
    assert torch.equal(block(image), image) == passes
