import numpy as np
import torch

from pinpoint.losses import point_loss
from pinpoint.models import architecture


def made(name, size=(64, 64)):
    torch.manual_seed(0)
    plan = architecture(name)
    codec = plan.codec(size)
    return plan.build(codec, 3), codec


def test_the_density_of_errors_is_learnt_with_the_network():
    network, codec = made("deeppose-rle-r50")
    targets = codec.encode(np.full((2, 3, 2), 30.0), np.ones((2, 3), bool))[:-1]
    outputs = network(torch.rand(2, 3, 64, 64))
    point_loss("rle")(outputs, tuple(map(torch.from_numpy, targets))).sum().backward()
    slopes = [parameter.grad for parameter in network.flow.parameters()]
    assert all(slope is not None and slope.isfinite().all() for slope in slopes)
    assert any(slope.abs().sum() > 0 for slope in slopes)


def test_a_point_is_the_surer_the_narrower_its_spread():
    network, codec = made("deeppose-rle-r50")
    table = torch.tensor([[[0.5, 0.25, -3.0, -3.0], [0.5, 0.25, 0.0, 0.0], [0.5, 0.25, 3.0, 3.0]]])
    xy, scores = codec.decode(*(one.numpy() for one in network.readable(table)))
    np.testing.assert_allclose(xy[0], [[32, 16]] * 3)
    np.testing.assert_allclose(scores[0], 1 / (1 + np.exp([-3.0, 0.0, 3.0])), rtol=1e-5)


def test_the_flow_of_a_file_from_before_mmpose_1_finds_its_place():
    """It was part of `keypoint_head.loss` then."""
    tensors = {
        "keypoint_head.loss.flow_model.s.0.0.weight": torch.zeros(64, 2),
        "keypoint_head.fc.bias": torch.zeros(68),
    }
    assert set(architecture("deeppose-rle-r50").official(tensors)) == {"flow.s.0.0.weight", "head.fc.bias"}
