"""What stands between layers in 8 bits."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pinpoint.training.compress.between import BETWEEN, CLIPPING, clipped, on_the_way
from pinpoint.training.compress.int8 import Quantizer

CHANNELS = 16
ATTRIBUTES = {
    "AveragePool": {"kernel_shape": [2, 2]},
    "Concat": {"axis": 1},
    "LeakyRelu": {"alpha": 0.1},
    "MaxPool": {"kernel_shape": [2, 2]},
}
OF_TWO = ("Add", "Concat", "Mul")


def _model(*nodes: onnx.NodeProto, output: str, constants: dict[str, float] | None = None) -> onnx.ModelProto:
    """A network of 1 x 1 convolutions of 16 channels, whose weights are made as they are named."""
    rng, graph = np.random.default_rng(0), onnx.GraphProto(name="network")
    for node in nodes:
        wide = 2 * CHANNELS if node.name == "wide" else CHANNELS
        if node.op_type == "Conv":
            weights = rng.normal(0, 0.25, (CHANNELS, wide, 1, 1)).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(weights, node.input[1]))
    for name, value in (constants or {}).items():
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    graph.node.extend(nodes)
    shape = ["batch", CHANNELS, 8, 8]
    graph.input.append(helper.make_tensor_value_info("images", TensorProto.FLOAT, shape))
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _node(kind: str, inputs: str, output: str, **attributes) -> onnx.NodeProto:
    name = attributes.pop("name", output)
    more = [f"{name}.weight"] if kind == "Conv" else []
    return helper.make_node(kind, [*inputs.split(), *more], [output], name=name, **attributes)


def _between_two(kind: str) -> onnx.ModelProto:
    """Two convolutions of the input, something, and a third of that."""
    inputs = "left right" if kind in OF_TWO else "left"
    return _model(
        _node("Conv", "images", "left"),
        *([_node("Conv", "images", "right")] if kind in OF_TWO else []),
        _node(kind, inputs, "middle", **ATTRIBUTES.get(kind, {})),
        _node("Conv", "middle", "last", name="wide" if kind == "Concat" else "last"),
        output="last",
    )


def _quantizer(model: onnx.ModelProto, folder: Path) -> Quantizer:
    onnx.save(model, folder / "float.onnx")
    batches = [
        np.random.default_rng(seed).normal(size=(4, CHANNELS, 8, 8)).astype(np.float32) for seed in (1, 2)
    ]
    return Quantizer(folder / "float.onnx", batches, folder)


def _run(path: Path, optimised: Path | None = None) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(3).normal(size=(4, CHANNELS, 8, 8)).astype(np.float32)
    return np.asarray(session.run(None, {"images": batch})[0])


@pytest.mark.parametrize("kind", [*BETWEEN, *CLIPPING])
def test_between_two_layers_nothing_leaves_8_bits(kind, tmp_path):
    """So the engine turns into 8 bits and back only at the input and at the output."""
    _quantizer(_between_two(kind), tmp_path).write(tmp_path / "small.onnx", "minmax")
    before, after = _run(tmp_path / "float.onnx"), _run(tmp_path / "small.onnx", tmp_path / "optimised.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert (kinds.count("QuantizeLinear"), kinds.count("DequantizeLinear")) == (1, 1)
    assert np.abs(after - before).mean() < 0.02 * np.ptp(before)


@pytest.mark.parametrize(("between", "turns"), [(True, 1), (False, 3)])
def test_silu_is_in_8_bits_unless_it_is_to_stay_in_float(between, turns, tmp_path):
    """In float its two parts are each given what the layer before it says, out of 8 bits."""
    silu = _model(
        _node("Conv", "images", "first"),
        _node("Sigmoid", "first", "gate"),
        _node("Mul", "first gate", "silu"),
        _node("Conv", "silu", "last"),
        output="last",
    )
    _quantizer(silu, tmp_path).write(tmp_path / "small.onnx", "minmax", between=between)
    before, after = _run(tmp_path / "float.onnx"), _run(tmp_path / "small.onnx", tmp_path / "optimised.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("DequantizeLinear") == turns
    assert np.abs(after - before).mean() < 0.02 * np.ptp(before)


def test_only_what_is_on_a_way_between_layers_in_8_bits_is_named():
    """Neither what comes before the first, nor after the last, nor beside a layer in float."""
    graph = _model(
        _node("Sigmoid", "images", "before"),
        _node("Conv", "before", "first"),
        _node("Sigmoid", "first", "gate"),
        _node("Mul", "first gate", "silu"),
        _node("Conv", "silu", "float"),
        _node("Sigmoid", "float", "beside"),
        _node("Add", "silu beside", "sum"),
        _node("Conv", "sum", "second"),
        _node("Sigmoid", "second", "after"),
        output="after",
    ).graph
    assert on_the_way(graph, ["first", "second"]) == ["gate", "silu", "sum"]
    assert on_the_way(graph, ["first", "float", "second"]) == ["gate", "silu", "beside", "sum"]
    assert on_the_way(graph, ["second"]) == []


def test_what_has_a_weight_or_is_an_output_is_not_named():
    graph = _model(
        _node("Conv", "images", "first"),
        _node("Mul", "first half", "scaled"),
        _node("Sigmoid", "scaled", "gate"),
        _node("Conv", "gate", "last"),
        output="gate",
        constants={"half": 0.5},
    ).graph
    assert on_the_way(graph, ["first", "last"]) == []


@pytest.mark.parametrize(("low", "named"), [(0.0, True), (-1.0, True), (0.5, False)])
def test_a_clip_that_keeps_values_away_from_0_is_no_range(low, named):
    graph = _model(
        _node("Conv", "images", "first"),
        _node("Clip", "first low", "cut"),
        _node("Conv", "cut", "last"),
        output="last",
        constants={"low": low},
    ).graph
    assert clipped(graph, ["first"]) == (["cut"] if named else [])
    assert on_the_way(graph, ["first", "last"]) == (["cut"] if named else [])


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_a_sigmoid_keeps_its_whole_range(method, tmp_path):
    """Of 256 steps the 255th is 1, however rarely it comes so far."""
    _quantizer(_between_two("Sigmoid"), tmp_path).write(tmp_path / "small.onnx", method)
    graph = onnx.load(tmp_path / "small.onnx").graph
    (turned,) = (
        node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "middle"
    )
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert values[turned.input[1]] == pytest.approx(1 / 255) and values[turned.input[2]] == 0
