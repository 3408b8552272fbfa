"""Deformable convolution against plain convolution and against its definition, tap by tap."""

import itertools
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from pinpoint.models.deformable import DeformConv, deform_conv2d

STEPS = [(1, 1, 1), (2, 0, 1), ((2, 1), (0, 2), (1, 2))]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def by_definition(x, offset, mask, weight, steps):
    """Sum over taps of weight * mask * x, read between its cells; one group of each kind, one picture."""
    (stride_y, stride_x), (pad_y, pad_x), (dil_y, dil_x) = (
        (s, s) if isinstance(s, int) else s for s in steps
    )
    kh, kw = weight.shape[2:]
    result = torch.zeros(weight.shape[0], *offset.shape[2:])

    def cell(y, xx):
        inside = 0 <= y < x.shape[2] and 0 <= xx < x.shape[3]
        return x[0, :, y, xx] if inside else torch.zeros(x.shape[1])

    for i, j, a, b in itertools.product(*map(range, (*offset.shape[2:], kh, kw))):
        tap = a * kw + b
        y = i * stride_y - pad_y + a * dil_y + offset[0, 2 * tap, i, j].item()
        xx = j * stride_x - pad_x + b * dil_x + offset[0, 2 * tap + 1, i, j].item()
        low_y, low_x = int(np.floor(y)), int(np.floor(xx))
        fy, fx = y - low_y, xx - low_x
        read = (1 - fy) * ((1 - fx) * cell(low_y, low_x) + fx * cell(low_y, low_x + 1)) + fy * (
            (1 - fx) * cell(low_y + 1, low_x) + fx * cell(low_y + 1, low_x + 1)
        )
        result[:, i, j] += weight[:, :, a, b] @ read * mask[0, tap, i, j]
    return result


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("groups", "offset_groups"), [(1, 1), (2, 1), (1, 4), (4, 2)])
def test_without_offsets_it_is_a_plain_convolution(groups, offset_groups, steps):
    x, weight, bias = torch.randn(2, 8, 9, 7), torch.randn(4, 8 // groups, 3, 2), torch.randn(4)
    plain = functional.conv2d(x, weight, bias, *steps, groups)
    offset = torch.zeros(2, 2 * 6 * offset_groups, *plain.shape[2:])
    torch.testing.assert_close(deform_conv2d(x, offset, None, weight, bias, *steps), plain, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", STEPS)
def test_every_tap_reads_where_its_offset_points(steps):
    """Offsets reach beyond the picture, whose outside is 0."""
    x, weight = torch.randn(1, 2, 6, 5), torch.randn(3, 2, 3, 2)
    size = functional.conv2d(x, weight, None, *steps).shape[2:]
    offset, mask = 3 * torch.randn(1, 12, *size), torch.rand(1, 6, *size)
    ours = deform_conv2d(x, offset, mask, weight, None, *steps)[0]
    torch.testing.assert_close(ours, by_definition(x, offset, mask, weight, steps), atol=1e-4, rtol=0)


def test_groups_of_channels_have_offsets_of_their_own():
    x, weight = torch.randn(2, 6, 5, 5), torch.randn(4, 6, 3, 3)
    offset, mask = torch.randn(2, 36, 5, 5), torch.rand(2, 18, 5, 5)
    halves = [
        deform_conv2d(
            x[:, c : c + 3], offset[:, o : o + 18], mask[:, m : m + 9], weight[:, c : c + 3], padding=1
        )
        for c, o, m in ((0, 0, 0), (3, 18, 9))
    ]
    whole = deform_conv2d(x, offset, mask, weight, padding=1)
    torch.testing.assert_close(whole, sum(halves), atol=1e-4, rtol=0)


def test_gradients_reach_features_offsets_masks_and_weights():
    inputs = [torch.randn(1, 2, 4, 4), 0.3 * torch.randn(1, 8, 3, 3) + 0.2, torch.rand(1, 4, 3, 3)]
    inputs = [one.double().requires_grad_() for one in (*inputs, torch.randn(2, 2, 2, 2))]
    assert torch.autograd.gradcheck(deform_conv2d, inputs)


def test_offsets_that_do_not_fit_the_taps_are_refused():
    with pytest.raises(ValueError, match="offset has 17 channels, expected 18 for each group of 4 channels"):
        deform_conv2d(
            torch.zeros(1, 4, 5, 5), torch.zeros(1, 17, 5, 5), None, torch.zeros(1, 4, 3, 3), padding=1
        )


def test_an_exported_one_takes_any_batch(tmp_path):
    layer = DeformConv(4, 6, 3, padding=1).eval()
    x, offset, mask = torch.randn(3, 4, 5, 6), torch.randn(3, 18, 5, 6), torch.rand(3, 9, 5, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            layer,
            (x[:1], offset[:1], mask[:1]),
            str(tmp_path / "it.onnx"),
            input_names=["x", "offset", "mask"],
            dynamic_axes={name: {0: "batch"} for name in ("x", "offset", "mask")},
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    (exported,) = session.run(None, {"x": x.numpy(), "offset": offset.numpy(), "mask": mask.numpy()})
    np.testing.assert_allclose(exported, layer(x, offset, mask).detach(), atol=1e-4)
