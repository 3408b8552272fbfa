"""What training and export ask of every architecture of the table."""

import warnings
from functools import cache

import numpy as np
import onnxruntime
import pytest
import torch

from pinpoint.losses import point_loss
from pinpoint.models import ARCHITECTURES, architecture

FIRST = list({name.rpartition("-")[0]: name for name in reversed(ARCHITECTURES)}.values())[::-1]
"""The first and smallest of each family; its sisters differ in width and depth alone."""
TOP_DOWN = [name for name in ARCHITECTURES if architecture(name).pipeline == "top-down"]
SMALL_TOP_DOWN = [name for name in FIRST if name in TOP_DOWN]
K = 5


def made(name, keypoints=K):
    plan = architecture(name)
    codec = plan.codec(plan.input_size)
    return plan.build(codec, keypoints), codec


@cache
def seen(name):
    """A network of weights by chance that has seen two pictures, the pictures, and what it put out."""
    torch.manual_seed(0)
    network, codec = made(name)
    images = torch.randn(2, 3, *codec.input_size[::-1])
    with torch.no_grad():
        return network.eval(), images, network(images)


def test_an_unknown_architecture_is_answered_with_near_ones():
    with pytest.raises(ValueError, match=r"no architecture 'rtmpose-tt' to train; there are .*rtmpose-t"):
        architecture("rtmpose-tt")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_bears_the_name_it_is_asked_by(name):
    assert architecture(name).name == name


@pytest.mark.parametrize("keypoints", [1, 5])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_keypoint_parameters_are_made_of_one_group_per_keypoint(name, keypoints):
    with torch.device("meta"):
        network, _ = made(name, keypoints)
    assert network.keypoint_parameters
    for parameter, rows in network.keypoint_parameters.items():
        assert len(network.get_parameter(parameter)) == rows * keypoints


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_other_parameter_depends_on_the_number_of_keypoints(name):
    """Else weights could not be carried to another skeleton by the names of its keypoints."""
    with torch.device("meta"):
        one, five = (dict(made(name, keypoints)[0].named_parameters()) for keypoints in (1, 5))
    changed = {parameter for parameter in one if one[parameter].shape != five[parameter].shape}
    with torch.device("meta"):
        assert changed == set(made(name)[0].keypoint_parameters)


@pytest.mark.parametrize("name", TOP_DOWN)
def test_outputs_have_the_shapes_of_the_targets(name):
    with torch.device("meta"):
        network, codec = made(name)
        outputs = network(torch.zeros(2, 3, *codec.input_size[::-1]))
    *targets, _ = codec.encode(np.zeros((2, K, 2)), np.ones((2, K), bool))
    assert [tuple(output.shape) for output in outputs] == [target.shape for target in targets]


@pytest.mark.parametrize("name", SMALL_TOP_DOWN)
def test_what_is_readable_is_decoded_within_the_input(name):
    network, images, outputs = seen(name)
    codec = made(name)[1]
    xy, scores = codec.decode(*(output.numpy() for output in network.readable(*outputs)))
    assert xy.shape == (len(images), K, 2)
    inside = (xy >= -1) & (xy <= np.array(codec.input_size))
    assert (inside | np.isnan(xy)).all()
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("name", SMALL_TOP_DOWN)
def test_a_few_steps_lower_the_loss_it_is_taught_with(name):
    torch.manual_seed(0)
    network, codec = made(name)
    loss, images = point_loss(architecture(name).loss), torch.randn(2, 3, *codec.input_size[::-1])
    xy = np.random.default_rng(0).uniform(20, 100, (2, K, 2))
    targets = tuple(torch.from_numpy(t) for t in codec.encode(xy, np.ones((2, K), bool))[:-1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        cost = loss(network(images), targets)
        assert cost.shape == (2, K)
        cost.mean().backward()
        optimiser.step()
        losses.append(cost.mean().item())
    assert losses[-1] < 0.9 * losses[0]


class Readable(torch.nn.Module):
    """What an exported file puts out."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network.readable(*self.network(images))


@pytest.mark.parametrize("name", FIRST)
def test_onnx_runtime_puts_out_what_torch_does_for_any_batch(name, tmp_path):
    network, images, outputs = seen(name)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the exporter that needs no further package says that it is the older
        torch.onnx.export(
            Readable(network).eval(),
            (images[:1],),
            str(tmp_path / "it.onnx"),
            input_names=["images"],
            dynamic_axes={"images": {0: "batch"}},
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    exported = session.run(None, {"images": images.numpy()})
    for ours, theirs in zip(network.readable(*outputs), exported, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4 * float(ours.abs().max()))
