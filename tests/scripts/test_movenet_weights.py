"""A TensorFlow.js graph model in the layers of `mobile-s`, and norms that were folded into them."""

import base64
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from pinpoint.models import architecture

SCRIPT = Path(__file__).parents[2] / "scripts/movenet_weights.py"
K = 17


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def made():
    torch.manual_seed(0)
    plan = architecture("mobile-s")
    return plan.build(plan.codec((64, 64)), K).eval()


def folded(network):
    """Weights and biases of every convolution by its place, its norm folded in as a converter does."""
    parts = dict(network.named_modules())
    for place, part in parts.items():
        if isinstance(part, torch.nn.Conv2d):
            before, _, last = place.rpartition(".")
            norm = parts.get(f"{before}.{int(last) + 1}") if last.isdigit() else None
            if isinstance(norm, torch.nn.BatchNorm2d):
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                bias = norm.bias - norm.running_mean * scale
                yield part.weight * scale.view(-1, 1, 1, 1), bias
            else:
                yield part.weight, part.bias


def shaken(network):
    """Norms as after a training: none is neutral."""
    rng = torch.Generator().manual_seed(1)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for tensor, low in ((part.weight, 0.5), (part.running_var, 0.5), (part.bias, -0.2)):
                tensor.data.uniform_(low, low + 1, generator=rng)
            part.running_mean.normal_(0, 0.3, generator=rng)
    return network


def test_a_folded_network_computes_the_same_and_its_channels_are_normal_again(script):
    original, network = shaken(made()), made()
    names = script["fill"].__globals__["_names"]()
    layers = {
        name: [tensor.detach().numpy() for tensor in tensors if tensor is not None]
        for name, tensors in zip(names, folded(original), strict=True)
    }
    images = torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        wanted = original(images)[0]
        script["fill"](network, layers)
        torch.testing.assert_close(network(images)[0], wanted, atol=1e-3, rtol=1e-3)
        script["unfold"](network, [images])
        torch.testing.assert_close(network(images)[0], wanted, atol=1e-3, rtol=1e-3)
        away = (network.train()(images)[0] - wanted).abs().mean()
    assert away < 0.1 * wanted.abs().mean()  # what training sees is what was published


def test_kernels_are_read_into_the_layout_of_torch(script, tmp_path):
    plain = np.arange(2 * 3 * 4 * 5, dtype=np.float16).reshape(2, 3, 4, 5)  # height, width, in, out
    within = np.arange(3 * 3 * 6, dtype=np.float16).reshape(3, 3, 6, 1)
    bias = np.arange(5, dtype=np.float32)
    size = {"name": "size", "dtype": "int32", "shape": [1]}
    half = {"quantization": {"dtype": "float16"}}
    model = {
        "modelTopology": {
            "node": [
                {"op": "_FusedConv2D", "name": "a", "input": ["images", "plain", "bias"]},
                {"op": "DepthwiseConv2dNative", "name": "b", "input": ["a", "within"]},
                {"op": "Relu", "name": "c", "input": ["b"], "attr": {"x": base64.b64encode(b"y").decode()}},
            ]
        },
        "weightsManifest": [
            {
                "weights": [
                    size,
                    {"name": "plain", "dtype": "float32", "shape": [2, 3, 4, 5], **half},
                    {"name": "bias", "dtype": "float32", "shape": [5]},
                    {"name": "within", "dtype": "float32", "shape": [3, 3, 6, 1], **half},
                ]
            }
        ],
    }
    (tmp_path / "m.json").write_text(json.dumps(model))
    content = np.int32([7]).tobytes() + plain.tobytes() + bias.tobytes() + within.tobytes()
    (tmp_path / "m.bin").write_bytes(content)
    layers = dict(script["read_layers"](tmp_path / "m.json"))
    assert list(layers) == ["a", "b"]
    assert layers["a"][0].shape == (5, 4, 2, 3)
    assert layers["a"][0][3, 2, 1, 0] == plain[1, 0, 2, 3]
    assert layers["a"][1].tolist() == bias.tolist()
    assert layers["b"][0].shape == (6, 1, 3, 3)
    assert layers["b"][0][4, 0, 2, 1] == within[2, 1, 4, 0]
