"""What holds for every loss of points. A new one is tested by adding a line to `WITH`."""

import numpy as np
import pytest
import torch

from pinpoint.codecs import make_codec
from pinpoint.losses import LOSSES, point_loss
from pinpoint.models.flow import Flow

SIZE, MAP = (48, 64), {"heatmap_size": (12, 16)}
HEATMAP, SIMCC = ("heatmap", MAP | {"sigma": 1.5}), ("simcc", {})
ONE_HOT, REGRESSION = ("simcc", {"target": "one-hot"}), ("regression", {})
WITH = {
    "coordinate-mse": REGRESSION,
    "heatmap-adaptive-wing": HEATMAP,
    "heatmap-cross-entropy": HEATMAP,
    "heatmap-focal": HEATMAP,
    "heatmap-integral": HEATMAP,
    "heatmap-mse": HEATMAP,
    "heatmap-mse-stages": HEATMAP,
    "heatmap-offset-mse": ("heatmap-offset", MAP),
    "mae": REGRESSION,
    "rle": ("rle", {}),
    "simcc-cross-entropy": ONE_HOT,
    "simcc-js": SIMCC,
    "simcc-kl": SIMCC,
    "smooth-l1": REGRESSION,
    "wing": REGRESSION,
}
"""The codec whose targets each loss takes."""

every_loss = pytest.mark.parametrize("name", LOSSES)
MISSING = [(0, 1), (1, 0), (1, 3)]


def example(name, rng, missing=MISSING):
    """Outputs that are noise, targets of 2 crops with 4 keypoints, and weights, 0 where one is missing."""
    kind, fields = WITH[name]
    xy = rng.uniform(8, 40, (2, 4, 2))
    for place in missing:
        xy[place] = np.nan
    *targets, weights = make_codec(kind, SIZE, **fields).encode(xy, np.isfinite(xy).all(axis=-1))
    outputs = [torch.from_numpy(rng.normal(0, 0.5, t.shape).astype("f")).requires_grad_() for t in targets]
    return outputs, [torch.from_numpy(t) for t in targets], torch.from_numpy(weights)


def flow(name):
    """What follows the outputs of a network that is taught with `rle`."""
    torch.manual_seed(0)
    return Flow().tensors() if name == "rle" else ()


def taught(name, outputs, targets, weights):
    """The masked loss, and the gradient of each keypoint of the first output, shape (2, 4, n)."""
    each = point_loss(name)((*outputs, *flow(name)), tuple(targets))
    total = (each * weights).sum()
    gradients = torch.autograd.grad(total, outputs)
    return total.detach(), [gradient.reshape(2, 4, -1) for gradient in gradients]


@every_loss
@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf], ids=["zero", "nan", "inf"])
def test_what_is_not_labelled_leaks_into_no_gradient(name, fill, rng):
    outputs, targets, weights = example(name, rng)
    plain, plain_gradients = taught(name, outputs, targets, weights)
    for target in targets:
        for row, column in MISSING:
            target.reshape(2, 4, -1)[row, column] = fill
    total, gradients = taught(name, outputs, targets, weights)
    assert total.isfinite() and total == plain
    for gradient, expected in zip(gradients, plain_gradients, strict=True):
        assert (gradient[weights == 0] == 0).all()
        assert (gradient[weights > 0] != 0).any(dim=1).all()
        torch.testing.assert_close(gradient, expected, rtol=0, atol=0)


@every_loss
def test_a_batch_without_a_label_teaches_nothing(name, rng):
    outputs, targets, weights = example(name, rng, list(np.ndindex(2, 4)))
    total, gradients = taught(name, outputs, targets, weights)
    assert total == 0
    assert all((gradient == 0).all() for gradient in gradients)


@every_loss
def test_every_keypoint_has_a_loss_of_its_own(name, rng):
    """Changing what is said of one keypoint changes the loss of no other."""
    outputs, targets, _ = example(name, rng, [])
    before = point_loss(name)((*outputs, *flow(name)), tuple(targets))
    with torch.no_grad():
        outputs[0].view(2, 4, -1)[1, 2] += torch.randn_like(outputs[0].view(2, 4, -1)[1, 2])
    after = point_loss(name)((*outputs, *flow(name)), tuple(targets))
    changed = before != after
    assert changed.shape == (2, 4) and changed[1, 2] and changed.sum() == 1


@every_loss
def test_following_the_gradient_makes_the_loss_less(name, rng):
    outputs, targets, weights = example(name, rng)
    start, gradients = taught(name, outputs, targets, weights)
    moved = [
        (output - 1e-3 * (gradient / gradient.abs().max()).reshape(output.shape)).detach().requires_grad_()
        for gradient, output in zip(gradients, outputs, strict=True)
    ]
    assert taught(name, moved, targets, weights)[0] < start


@every_loss
def test_half_precision_is_summed_in_single(name, rng):
    outputs, targets, _ = example(name, rng, [])
    each = point_loss(name)((*(output.bfloat16() for output in outputs), *flow(name)), tuple(targets))
    assert each.dtype == torch.float32
    assert each.isfinite().all()
