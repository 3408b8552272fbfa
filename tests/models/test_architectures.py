"""What training and export ask of every architecture of the table."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from pinpoint.codecs import Instances
from pinpoint.datasets.whole import Labels, padded
from pinpoint.losses import picture_loss, point_loss
from pinpoint.models import ARCHITECTURES, architecture, fitted
from pinpoint.pipelines.load import load
from pinpoint.runtime import open_session
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.export import export_onnx
from pinpoint.training.gate_samples import NetworkSession
from pinpoint.training.specs import spec_of

TOP_DOWN = [name for name in ARCHITECTURES if architecture(name).pipeline == "top-down"]
K = 5
STICK = Skeleton(
    "stick",
    tuple("abcde"),
    edges=(("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")),
    swaps=(("a", "e"),),
    sigmas=(0.05,) * 5,
)
LARGE = 80e6  # parameters; more are built on paper only


def codec_for(plan, size, columns=STICK):
    return fitted(plan.codec(size), columns)


def made(name, keypoints=K):
    plan = architecture(name)
    ends = {"edges": STICK.edges[: keypoints - 1], "swaps": (), "sigmas": STICK.sigmas[:keypoints]}
    codec = codec_for(plan, plan.input_size, replace(STICK, keypoints=STICK.keypoints[:keypoints], **ends))
    return plan.build(codec, keypoints), codec


def affordable(name):
    """Keypoint R-CNN reads as many regions as it finds: it is run with narrow layers in tests of its own."""
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in made(name)[0].parameters())
    return not name.startswith("keypoint-rcnn") and count < LARGE


FIRST = [
    name
    for name in {name.rpartition("-")[0]: name for name in reversed(ARCHITECTURES)}.values()
    if affordable(name)
][::-1]
"""The first and smallest of each family; its sisters differ in width and depth alone."""
SMALL_TOP_DOWN = [name for name in FIRST if name in TOP_DOWN]
SMALL_ONE_STAGE = [name for name in FIRST if name not in TOP_DOWN]


def small(plan):
    """A network for inputs of about a quarter as many pixels, of 128 a side at most, and its codec."""
    codec = codec_for(plan, small_size(plan))
    return plan.build(codec, K), codec


def small_size(plan):
    return tuple(min(128, max(64, side // 128 * 64)) for side in plan.input_size)


@cache
def seen(name):
    """A network of weights by chance that has seen two pictures, the pictures, and what it put out."""
    torch.manual_seed(0)
    network, codec = small(architecture(name))
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
def test_what_depends_on_the_number_of_keypoints_is_said(name):
    """Else weights could not be carried to another skeleton by the names of its keypoints."""
    with torch.device("meta"):
        one, five = (dict(made(name, keypoints)[0].named_parameters()) for keypoints in (1, 5))
        network = made(name)[0]
    changed = {
        parameter
        for parameter in five
        if parameter not in one or one[parameter].shape != five[parameter].shape
    }
    listed, others = set(network.keypoint_parameters), getattr(network, "keypoint_inputs", ())
    assert {name for name in changed if name in listed or not name.startswith(others)} == listed


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if architecture(name).published])
def test_parameters_are_as_many_as_published(name):
    plan = architecture(name)
    with torch.device("meta"):
        network = plan.build(plan.codec(plan.input_size), len(skeleton(plan.skeleton)))
    published = plan.published.parameters
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    digits = len(published.partition(".")[2])
    if published:  # most tables round, some cut
        assert published in {
            f"{count:.{digits}f}",
            f"{math.floor(count * 10**digits) / 10**digits:.{digits}f}",
        }


def test_what_others_made_says_what_was_published_of_it():
    """PoseTED's paper prints no size, and the plain ones are our own."""
    silent = {name for name in ARCHITECTURES if architecture(name).published is None}
    assert {name for name in silent if not name.startswith("plain-")} == {"poseted-r50"}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_size_is_read_by_its_codec(name):
    """The codec refuses shapes that are not its own."""
    with torch.device("meta"):
        network, codec = made(name)
        if name.startswith("keypoint-rcnn"):
            pytest.skip("how much it puts out depends on what it sees")
        outputs = network.eval().readable(*network(torch.zeros(1, 3, *codec.input_size[::-1])))
    found = codec.decode(*(np.zeros(tuple(output.shape), np.float32) for output in outputs))
    xy = found[0] if name in TOP_DOWN else found.xy
    assert xy.shape[1:] == (K, 2)


@pytest.mark.parametrize("name", SMALL_TOP_DOWN)
def test_what_is_readable_is_decoded_near_the_input(name):
    """Coordinates that a network tells outright may lie outside, as a person may."""
    network, images, outputs = seen(name)
    codec = small(architecture(name))[1]
    xy, scores = codec.decode(*(output.numpy() for output in network.readable(*outputs)))
    assert xy.shape == (len(images), K, 2)
    size = np.array(codec.input_size)
    near = (xy >= -size) & (xy <= 2 * size)
    assert (near | np.isnan(xy)).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def steps(network, cost, learn=8):
    """The costs of learning a batch by heart."""
    optimiser = torch.optim.AdamW(network.train().parameters(), lr=1e-3)
    costs = []
    for _ in range(learn):
        optimiser.zero_grad()
        value = cost()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimiser.step()
        costs.append(value.item())
    return costs


@pytest.mark.parametrize("name", SMALL_TOP_DOWN)
def test_a_few_steps_lower_the_loss_it_is_taught_with(name):
    torch.manual_seed(0)
    network, codec = small(architecture(name))
    loss, images = point_loss(architecture(name).loss), torch.randn(2, 3, *codec.input_size[::-1])
    xy = np.random.default_rng(0).uniform(8, np.array(codec.input_size) - 8, (2, K, 2))
    targets = tuple(torch.from_numpy(t) for t in codec.encode(xy, np.ones((2, K), bool))[:-1])

    def cost():
        each = loss(network(images), targets)
        assert each.shape == (2, K)
        return each.mean()

    costs = steps(network, cost)
    assert np.isfinite(costs).all()
    assert min(costs[-2:]) < costs[0]


@pytest.mark.parametrize("name", SMALL_ONE_STAGE)
def test_a_few_steps_lower_the_loss_of_a_picture(name):
    torch.manual_seed(0)
    plan = architecture(name)
    network, codec = small(plan)
    loss, images = picture_loss(plan.loss), torch.randn(2, 3, *codec.input_size[::-1])
    targets = [torch.from_numpy(target) for target in picture_targets(codec)]

    def cost():
        outputs = network(images, targets) if getattr(network, "guided", False) else network(images)
        total, weight = loss(outputs, tuple(targets), STICK.sigmas)
        return total / weight

    costs = steps(network, cost)
    assert np.isfinite(costs).all()
    assert min(costs[-2:]) < costs[0]


def picture_targets(codec):
    """Of two pictures with two instances each, one of which lacks a point, and a crowd."""
    rng = np.random.default_rng(0)
    size = np.array(codec.input_size, float)
    labels = []
    for _ in range(2):
        low = rng.uniform(0, 0.3, (2, 2)) * size
        boxes = np.concatenate([low, low + 0.5 * size], axis=1)
        xy = low[:, None] + rng.uniform(0.05, 0.45, (2, K, 2)) * size
        xy[0, :1] = np.nan
        labels.append(Labels(boxes, xy, np.array([[0.0, 0.0, 8.0, 8.0]])))
    if not hasattr(codec, "encode"):
        return padded(labels)
    return [np.stack(each) for each in zip(*(codec.encode(*one) for one in labels), strict=True)]


def exported(name, folder):
    """A network of weights by chance, what it says of itself, and the engine that runs its file."""
    network, _, _ = seen(name)
    plan = architecture(name)
    size = small_size(plan)
    spec = replace(spec_of(plan, STICK, size), codec=codec_for(plan, size))
    export_onnx(network, spec, folder / "it.onnx")
    return network, spec, open_session(folder / "it.onnx", threads=1)


@pytest.mark.parametrize("name", FIRST)
def test_the_exported_file_reads_one_and_eight_as_the_network_does(name, tmp_path):
    network, spec, session = exported(name, tmp_path)
    sessions, rng = (session, NetworkSession(network, spec)), np.random.default_rng(0)
    for count in (1, 8):
        batch = rng.normal(size=(count, 3, *spec.input_size[::-1])).astype(np.float32)
        for file, torch_says in zip(*(readings(spec.codec, one.run(batch)) for one in sessions), strict=True):
            rows = same_instances(file.xy, torch_says.xy)
            np.testing.assert_allclose(file.xy, torch_says.xy[rows], atol=0.02)
            np.testing.assert_allclose(file.scores, torch_says.scores[rows], atol=1e-3)


def readings(codec, outputs):
    """What a codec reads of each input of a batch; of whole pictures all that is there, however unsure."""
    if not hasattr(codec, "min_score"):
        return [Instances(None, None, *codec.decode(*outputs))]
    fields = {"min_score": 0.0, "max_iou": 1.0}
    everything = replace(codec, **{name: value for name, value in fields.items() if hasattr(codec, name)})
    return [everything.decode(*one) for one in zip(*(output[:, None] for output in outputs), strict=True)]


def same_instances(xy, others):
    """Which of the others each instance is nearest to: scores by chance tie, so their order may differ."""
    assert len(xy) == len(others)
    apart = np.abs(np.nan_to_num(xy)[:, None] - np.nan_to_num(others)).sum(axis=(2, 3))
    return apart.argmin(axis=1) if len(xy) else np.zeros(0, int)


@pytest.mark.parametrize("name", FIRST)
def test_the_exported_file_runs_through_the_same_pipeline(name, tmp_path, monkeypatch):
    """Whatever the network is, a picture and boxes go in and keypoints come out."""
    exported(name, tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    found = load(tmp_path / "it.onnx", threads=1)(image, boxes=[[10, 10, 60, 80], [40, 0, 110, 85]])
    assert (found.xy.shape, found.skeleton.keypoints) == ((2, K, 2), STICK.keypoints)
