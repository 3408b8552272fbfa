import pytest
import torch

from pinpoint.models.resnet import BasicBlock, Bottleneck, ResNet, residual_layer

TORCHVISION = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
"""Parameters that it prints, of networks that end in 1000 classes."""


@pytest.mark.parametrize("depth", TORCHVISION)
def test_parameters_are_those_of_torchvision_without_its_classifier(depth):
    with torch.device("meta"):
        network = ResNet(depth)
    classifier = 1000 * network.channels[-1] + 1000
    assert sum(p.numel() for p in network.parameters()) == TORCHVISION[depth] - classifier


@pytest.mark.parametrize("depth", [18, 50])
def test_four_maps_each_half_the_size_of_the_one_before(depth):
    with torch.device("meta"):
        network = ResNet(depth)
        maps = network(torch.zeros(1, 3, 64, 96))
    assert [tuple(one.shape[2:]) for one in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert tuple(one.shape[1] for one in maps) == network.channels


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_block_without_its_last_norm_lets_the_input_go_by(block):
    layer = residual_layer(block, 4 * block.expansion, 4, 1).eval()
    torch.nn.init.zeros_(layer[0].get_parameter("bn2.weight" if block is BasicBlock else "bn3.weight"))
    image = torch.rand(1, 4 * block.expansion, 5, 5)
    assert torch.equal(layer(image), image)


def test_what_a_deep_network_puts_out_by_chance_is_of_the_size_of_what_it_sees():
    torch.manual_seed(0)
    with torch.no_grad():
        last = ResNet(50).eval()(torch.randn(1, 3, 64, 64))[-1]
    assert 0.05 < last.std() < 20
