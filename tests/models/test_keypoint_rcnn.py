"""Keypoint R-CNN with narrow layers: it is taught by what it drew and exports with what it found."""

import copy
import warnings

import numpy as np
import onnxruntime
import pytest
import torch

from pinpoint.codecs.keypoint_rcnn import KeypointRegions
from pinpoint.datasets.whole import Labels, padded
from pinpoint.losses.keypoint_rcnn import keypoint_rcnn_loss
from pinpoint.models import architecture
from pinpoint.models.keypoint_rcnn import FrozenNorm, KeypointRCNN, Widths
from pinpoint.training.export import Readable

SIDE, K, D = 64, 3, 4


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return KeypointRCNN(codec(), K, widths=Widths(18, 8, 16, (8, 8)))


def codec():
    return KeypointRegions((SIDE, SIDE), keypoints=K, instances=D, min_score=0.05)


def excited(network):
    """The same network, which finds something nearly everywhere."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        network.roi_heads.box_predictor.cls_score.bias.zero_()
        network.roi_heads.box_predictor.cls_score.weight.normal_(std=1.0)
        network.rpn.head.cls_logits.weight.normal_(std=1.0)
    return network.eval()


def labels(*, people=True):
    """Of two pictures, the second without anybody; one point is not labelled."""
    xy = np.array([[[20.0, 20.0], [40.0, 30.0], [np.nan, np.nan]]])
    one = Labels(np.array([[10.0, 8.0, 50.0, 44.0]]), xy, np.array([[0.0, 50.0, 20.0, 63.0]]))
    none = Labels(np.zeros((0, 4)), np.zeros((0, K, 2)), np.zeros((0, 4)))
    return tuple(torch.from_numpy(target) for target in padded([one if people else none, none]))


def images(count=2):
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_a_network_by_chance_finds_nothing(network):
    with torch.no_grad():
        boxes, scores, maps = network.eval()(images())
    assert boxes.shape == (2, D, 4)
    assert maps.shape == (2, D, K, 56, 56)
    assert not scores.any()


@pytest.mark.parametrize("people", [True, False])
def test_every_layer_is_taught_where_there_is_somebody(network, people):
    network.train().zero_grad()
    targets = labels(people=people)
    total, weight = keypoint_rcnn_loss(network(images(), targets), targets)
    (total / weight).backward()
    assert weight == 2
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert all(one is None or one.isfinite().all() for one in gradients.values())
    taught = [name for name, one in gradients.items() if one is not None and one.abs().sum() > 0]
    points = [name for name in taught if "keypoint" in name]
    assert len(taught) == len(gradients) if people else not points


def test_regions_drawn_for_people_overlap_them(network):
    targets = labels()
    outputs = network.train()(images(), targets)
    regions, rows = outputs[6:8]
    told = regions[0][rows[0] == 0]
    low, high = torch.maximum(told[:, :2], torch.tensor([10.5, 8.5])), told[:, 2:].clamp(max=50.5)
    high[:, 1] = high[:, 1].clamp(max=44.5)
    shared = (high - low).clamp_min(0).prod(1)
    union = (told[:, 2:] - told[:, :2]).prod(1) + 40 * 36 - shared
    assert len(told)
    assert (shared / union >= 0.5 - 1e-6).all()
    assert not (rows[1] >= 0).any()


@pytest.mark.parametrize(("side", "count"), [(64, 16), (256, 32)])
def test_small_inputs_are_taught_by_few_regions(network, side, count):
    """One for 2048 pixels, 16 at least: 512 at the size that it was published for."""
    pictures = torch.zeros(2, 3, side, side)
    with torch.no_grad():
        assert network.train()(pictures, labels())[6].shape == (2, count, 4)


def test_a_few_steps_lower_the_loss(network):
    network, costs, targets = copy.deepcopy(network).train(), [], labels()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(6):
        optimiser.zero_grad()
        total, weight = keypoint_rcnn_loss(network(images(), targets), targets)
        (total / weight).backward()
        optimiser.step()
        costs.append(total.item())
    assert costs[-1] < 0.9 * costs[0]


@pytest.mark.parametrize("finds", [True, False])
def test_onnx_runtime_finds_what_torch_finds_for_any_batch(network, finds, tmp_path):
    network = excited(network) if finds else network.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter says that it is the older one, and where it traces
        torch.onnx.export(
            Readable(network).eval(),
            (images(1),),
            str(tmp_path / "it.onnx"),
            input_names=["images"],
            dynamic_axes={"images": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 3):
        with torch.no_grad():
            outputs = network(images(count))
        assert bool(outputs[1].any()) == finds
        exported = session.run(None, {"images": images(count).numpy()})
        for ours, theirs in zip(outputs, exported, strict=True):
            np.testing.assert_allclose(
                np.asarray(theirs), ours, atol=1e-4 * max(1.0, float(ours.abs().max()))
            )


def test_half_of_the_bits_find_nearly_the_same(network):
    network = excited(network)
    with torch.no_grad():
        boxes, scores, _ = network(images())
        with torch.autocast("cpu", torch.bfloat16):
            others, coarse, maps = network(images())
    assert maps.dtype == torch.float32
    torch.testing.assert_close(coarse, scores, atol=0.05, rtol=0)
    assert boxes.shape == others.shape


def test_instances_are_apart_and_best_first(network):
    with torch.no_grad():
        found = codec().decode(*(output[:1].numpy() for output in excited(network)(images())))
    assert len(found.boxes) == D
    assert (np.diff(found.box_scores) <= 0).all()
    assert np.isfinite(found.xy).all()


def test_frozen_norms_do_what_batch_norms_do_when_they_are_read():
    norm, frozen = torch.nn.BatchNorm2d(4, eps=0.0).eval(), FrozenNorm(4)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(norm, name).data.uniform_(0.5, 2.0)
        getattr(frozen, name).copy_(getattr(norm, name))
    features = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(frozen(features), norm(features).detach())


def test_older_checkpoints_number_single_convolutions_not_at_all():
    older = ("backbone.fpn.inner_blocks.1.weight", "rpn.head.conv.bias", "rpn.head.cls_logits.bias")
    assert [*architecture("keypoint-rcnn-r50").official(dict.fromkeys(older, torch.zeros(1)))] == [
        "backbone.fpn.inner_blocks.1.0.weight",
        "rpn.head.conv.0.0.bias",
        "rpn.head.cls_logits.bias",
    ]
