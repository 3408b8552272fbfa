"""What stands between two layers in 8 bits, and is better in 8 bits too.

In float, each SiLU between two convolutions costs five passes over the picture, two of them only to leave
8 bits and to return to them. In 8 bits its sigmoid is a table of 256 entries (QLinearSigmoid), and a ReLU is
the lower end of the range that its layer has anyway.
"""

from collections.abc import Collection, Iterator, Mapping

import onnx
import onnx.numpy_helper

__all__ = ["BETWEEN", "CLIPPING", "clipped", "on_the_way"]

CLIPPING = ("Clip", "Relu")
"""What the range of the layer before it does just as well."""
BETWEEN = ("Add", "AveragePool", "Concat", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul", "Sigmoid")
"""What ONNX Runtime computes in 8 bits on a CPU, beside layers."""


def clipped(graph: onnx.GraphProto, layers: Collection[str]) -> list[str]:
    """Names of what only cuts off the values of a layer, at 0 or around it.

    Args:
        graph: A network in float whose nodes have names.
        layers: Names of the layers in 8 bits.
    """
    values = {output for node in graph.node if node.name in layers for output in node.output}
    return [node.name for node in _clipping(graph) if node.input[0] in values]


def on_the_way(graph: onnx.GraphProto, layers: Collection[str]) -> list[str]:
    """Names of what stands on a way from a layer in 8 bits to another one.

    So what comes after the last layer, where small differences count, is never named.

    Args:
        graph: A network in float whose nodes have names, in the order in which they are computed.
        layers: Names of the layers in 8 bits.
    """
    candidates, own = list(_candidates(graph)), [node for node in graph.node if node.name in layers]
    reached, behind = {output for node in own for output in node.output}, []
    for node in candidates:
        if reached & set(node.input):
            reached |= set(node.output)
            behind.append(node)
    wanted, found = {node.input[0] for node in own}, []
    for node in reversed(behind):
        if wanted & set(node.output):
            wanted |= set(node.input)
            found.append(node.name)
    return found[::-1]


def _candidates(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """What can be in 8 bits where it stands: neither with weights of its own nor an output of the network."""
    weights, outputs = {tensor.name for tensor in graph.initializer}, {value.name for value in graph.output}
    clipping = {node.name for node in _clipping(graph)}
    for node in graph.node:
        computed = node.op_type in BETWEEN and not weights & set(node.input)
        if (computed or node.name in clipping) and not outputs & set(node.output):
            yield node


def _clipping(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """What cuts values off above or below 0: a range of 8 bits always holds 0, so it cannot do more."""
    numbers = {tensor.name: tensor for tensor in graph.initializer if not tensor.dims}
    for node in graph.node:
        bounds = [name for name in node.input[1:] if name]
        if node.op_type in CLIPPING and all(name in numbers for name in bounds):
            low, high = (_bound(node, place, numbers) for place in (1, 2))
            if low <= 0 <= high:
                yield node


def _bound(node: onnx.NodeProto, place: int, numbers: Mapping[str, onnx.TensorProto]) -> float:
    """The lower (1) or upper (2) bound of what cuts off; 0 where there is none."""
    name = node.input[place] if place < len(node.input) else ""
    return float(onnx.numpy_helper.to_array(numbers[name])) if name else 0.0
