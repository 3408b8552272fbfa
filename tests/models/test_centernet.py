"""CenterNet's networks: deep layer aggregation and two hourglasses."""

import pytest
import torch
from torch.nn import functional

from pinpoint.models import architecture
from pinpoint.models.dla import Aggregation, Modulated, Tree


def test_deformable_layers_start_as_convolutions_of_half_the_strength():
    torch.manual_seed(0)
    layer, features = Modulated(3, 5), torch.randn(2, 3, 6, 7)
    plain = functional.conv2d(features, layer.weight / 2, layer.bias, padding=1)
    torch.testing.assert_close(layer(features), plain, atol=1e-5, rtol=1e-5)


def test_levels_are_enlarged_bilinearly_at_first():
    up = Aggregation(1, (1, 1), (1, 4)).get_submodule("up_1")
    slope = torch.arange(6.0).expand(1, 1, 6, 6)
    wanted = functional.interpolate(slope, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up(slope)[..., 4:-4, 4:-4], wanted[..., 4:-4, 4:-4])


@pytest.mark.parametrize(("depth", "rooted", "width"), [(1, False, 16), (1, True, 20), (2, True, 28)])
def test_the_last_root_takes_what_every_level_found(depth, rooted, width):
    """Two blocks of 8 channels, the first tree of 8 where there is one, and the 4 that come in."""
    tree = Tree(depth, 4, 8, stride=2, rooted=rooted)
    last = tree if depth == 1 else tree.tree2
    assert last.get_submodule("root.conv").in_channels == width
    assert tree(torch.randn(1, 4, 8, 6)).shape == (1, 8, 4, 3)


def test_official_names_lose_what_nothing_runs_and_first_layers_their_order():
    first = torch.arange(6.0).reshape(2, 3, 1, 1)
    official = {
        "module.base.base_layer.0.weight": first,
        "module.base.fc.bias": first,
        "module.base.level3.project.0.weight": first,
        "module.kps.0.low1.0.skip.0.weight": first,
    }
    ours = architecture("centernet-dla34").official(official)
    assert list(ours) == ["base.base_layer.0.weight", "kps.0.low1.0.downsample.0.weight"]
    assert ours["base.base_layer.0.weight"].flatten().tolist() == [2, 1, 0, 5, 4, 3]


def test_every_stack_is_taught_and_the_last_is_read():
    outputs = tuple(torch.full((1, 1, 1, 1), float(place)) for place in range(12))
    with torch.device("meta"):
        plan = architecture("centernet-hourglass")
        network = plan.build(plan.codec((128, 128)), 17).eval()
        assert len(network(torch.zeros(1, 3, 128, 128))) == 12
        hm, wh, *_ = network.readable(*outputs)  # pyright: ignore[reportCallIssue]
    assert wh.item() == 7
    assert hm.item() == pytest.approx(torch.tensor(6.0).sigmoid().item())
