"""Networks of other widths."""

import pytest
import torch

from pinpoint.models import architecture
from pinpoint.models.resized import resize

SIZE = (64, 64)


def _network(name: str, keypoints: int = 4) -> torch.nn.Module:
    kind = architecture(name)
    return kind.build(kind.codec(SIZE), keypoints).eval()


@pytest.mark.parametrize(("narrow", "wide"), [("plain-n", "plain-s"), ("rtmpose-t", "rtmpose-s")])
def test_a_network_takes_the_widths_of_the_weights_it_is_given(narrow, wide):
    """Where depths agree, the resized network is the other one."""
    source, target = _network(narrow), _network(wide)
    weights = {name: tensor for name, tensor in source.state_dict().items() if name.startswith("head.")}
    stem = next(iter(source.state_dict()))
    weights[stem] = source.state_dict()[stem]
    resize(target, weights)
    shapes = {name: tensor.shape for name, tensor in target.state_dict().items() if name in weights}
    assert shapes == {name: tensor.shape for name, tensor in weights.items()}


def test_a_depthwise_convolution_keeps_one_group_per_channel():
    network = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=8), torch.nn.BatchNorm2d(8))
    other = torch.nn.Sequential(torch.nn.Conv2d(5, 5, 3, groups=5), torch.nn.BatchNorm2d(5)).eval()
    resize(network, other.state_dict())
    network.load_state_dict(other.state_dict())
    image = torch.rand(1, 5, 9, 9)
    torch.testing.assert_close(network.eval()(image), other(image))


def test_the_number_of_keypoints_is_never_resized():
    network, other = _network("plain-n", 4), _network("plain-n", 5)
    resize(network, other.state_dict())
    with pytest.raises(RuntimeError, match=r"head\.weight"):
        network.load_state_dict(other.state_dict())
