import numpy as np
import pytest
import torch

from pinpoint.codecs.simcc import SimCC
from pinpoint.models.cspnext import ChannelAttention, CSPNeXt
from pinpoint.models.rtmpose import GatedAttention, RTMPose, ScaleNorm


@pytest.mark.parametrize(
    ("name", "shape"),
    {
        "backbone.stem.2.conv.weight": (24, 12, 3, 3),
        "backbone.stage1.0.bn.running_mean": (48,),
        "backbone.stage1.1.blocks.0.conv2.depthwise_conv.conv.weight": (24, 1, 5, 5),
        "backbone.stage3.1.attention.fc.bias": (192,),
        "backbone.stage4.1.conv2.conv.weight": (384, 768, 1, 1),
        "backbone.stage4.2.final_conv.bn.weight": (384,),
        "head.final_layer.weight": (17, 384, 7, 7),
        "head.mlp.0.g": (1,),
        "head.mlp.1.weight": (256, 48),
        "head.gau.uv.weight": (1152, 256),
        "head.gau.ln.g": (1,),
        "head.gau.res_scale.scale": (256,),
        "head.cls_y.weight": (512, 256),
    }.items(),
)
def test_parts_are_named_and_shaped_as_in_published_checkpoints(name, shape):
    """After mmdet's CSPNeXt and mmpose's RTMCC head, at the size `t`."""
    with torch.device("meta"):
        state = RTMPose(SimCC((192, 256)), 17, depth=0.167, width=0.375).state_dict()
    assert tuple(state[name].shape) == shape


def test_features_are_an_eighth_a_sixteenth_and_a_thirty_second():
    with torch.device("meta"):
        network = CSPNeXt(0.167, 0.25)
        features = network(torch.zeros(1, 3, 96, 64))
    assert [tuple(level.shape[1:]) for level in features] == [(64, 12, 8), (128, 6, 4), (256, 3, 2)]


def test_scale_norm_gives_every_vector_the_same_length():
    norm = ScaleNorm(9)
    norm.g.data.fill_(2.0)
    lengths = norm(torch.randn(4, 5, 9) * 100).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.full((4, 5), 2.0 * 3))
    assert (norm(torch.zeros(1, 9)) == 0).all()


def slow_attention(unit, tokens):
    """Gated attention after arXiv 2202.10447, one token at a time."""
    weights = {name: value.detach().double().numpy() for name, value in unit.state_dict().items()}
    normed = [t / np.sqrt((t**2).mean()) * weights["ln.g"] for t in tokens]
    hidden = [h / (1 + np.exp(-h)) for h in (weights["uv.weight"] @ t for t in normed)]
    gates, values, bases = zip(*(np.split(h, np.cumsum(unit.widths)[:2]) for h in hidden), strict=True)
    queries, keys = ([b * weights["gamma"][i] + weights["beta"][i] for b in bases] for i in (0, 1))
    read = [
        sum(max(q @ k / np.sqrt(len(q)), 0) ** 2 * v for k, v in zip(keys, values, strict=True))
        for q in queries
    ]
    added = [weights["o.weight"] @ (g * r) for g, r in zip(gates, read, strict=True)]
    return np.array(tokens) * weights["res_scale.scale"] + added


def test_gated_attention_is_what_a_loop_over_tokens_makes(rng):
    unit = GatedAttention(8, 4)
    unit.res_scale.scale.data.uniform_()
    tokens = rng.normal(size=(3, 8))
    with torch.no_grad():
        fast = unit(torch.from_numpy(tokens[None].astype("f")))[0]
    np.testing.assert_allclose(fast, slow_attention(unit, tokens), rtol=1e-4, atol=1e-5)


def test_channel_attention_only_scales_each_channel():
    features = torch.rand(2, 6, 4, 3) + 0.5
    ratio = ChannelAttention(6)(features) / features
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ratio.min() >= 0
    assert ratio.max() <= 1


def test_rulers_start_flat():
    """Nothing is preferred before anything is learnt."""
    network = RTMPose(SimCC((64, 64)), 3, depth=0.167, width=0.25).eval()
    with torch.no_grad():
        rulers = network(torch.randn(2, 3, 64, 64))
    assert all(ruler.abs().max() < 0.1 for ruler in rulers)


def test_keypoints_change_places_with_their_rows():
    """A head whose rows are permuted puts out the same rulers, permuted."""
    network = RTMPose(SimCC((64, 64)), 4, depth=0.167, width=0.25).eval()
    images, order = torch.randn(1, 3, 64, 64), [2, 0, 3, 1]
    with torch.no_grad():
        before = network(images)
        for name in network.keypoint_parameters:
            rows = network.get_parameter(name)
            rows.copy_(rows[order].clone())
        after = network(images)
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new, old[:, order], rtol=1e-4, atol=1e-6)
