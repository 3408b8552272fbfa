"""Small networks, written here, so that tests of the engines need no files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

FLOAT = schema.TensorType.FLOAT32
IMAGE = (1, 4, 4, 3)


@dataclass
class TfliteWriter:
    """Writes a TFLite model one tensor and one operator at a time. Subgraph 0 is the one that runs."""

    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    codes: list[Any] = field(default_factory=list)
    graphs: list[Any] = field(default_factory=list)
    metadata: list[Any] = field(default_factory=list)
    signatures: list[Any] = field(default_factory=list)

    def graph(self) -> None:
        self.graphs.append(schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[]))

    def tensor(
        self,
        name: str,
        shape: Sequence[int] = IMAGE,
        data: np.ndarray | None = None,
        kind: int = FLOAT,
        scale: tuple[float, int] | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        tensor = schema.TensorT(shape=list(shape), type=kind, name=name, shapeSignature=signature)
        if data is not None:
            tensor.buffer = self.buffer(data)
        if scale:
            tensor.quantization = schema.QuantizationParametersT(scale=[scale[0]], zeroPoint=[scale[1]])
        self.graphs[-1].tensors.append(tensor)
        return len(self.graphs[-1].tensors) - 1

    def buffer(self, data: np.ndarray) -> int:
        self.buffers.append(schema.BufferT(data=np.frombuffer(data.tobytes(), np.uint8)))
        return len(self.buffers) - 1

    def operator(self, code: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> None:
        """Add a builtin operator, or a custom one if its name is not among those. Options end in `T`."""
        number = getattr(schema.BuiltinOperator, code, schema.BuiltinOperator.CUSTOM)
        custom = code if number == schema.BuiltinOperator.CUSTOM else None
        self.codes.append(
            schema.OperatorCodeT(
                builtinCode=number, deprecatedBuiltinCode=min(number, 127), customCode=custom, version=1
            )
        )
        operator = schema.OperatorT(
            opcodeIndex=len(self.codes) - 1,
            inputs=list(inputs),
            outputs=list(outputs),
            builtinOptions=options,
        )
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.graphs[-1].operators.append(operator)

    def bytes(self) -> bytes:
        model = schema.ModelT(
            version=3,
            operatorCodes=self.codes,
            subgraphs=self.graphs,
            buffers=self.buffers,
            description="test",
        )
        model.metadata, model.signatureDefs = self.metadata or None, self.signatures or None
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


@pytest.fixture
def writer() -> TfliteWriter:
    """A writer with its main graph open and its input, tensor 0, in place."""
    writer = TfliteWriter()
    writer.graph()
    writer.graphs[0].inputs = [writer.tensor("image")]
    return writer


@pytest.fixture
def two_branches(writer: TfliteWriter) -> bytes:
    """`plus` is image + weights, `times` is (image * weights) * weights, each with weights of its own."""
    rng = np.random.default_rng(0)
    weights = [writer.tensor(f"weights{i}", data=rng.random(IMAGE, np.float32)) for i in range(3)]
    plus, half, times = (writer.tensor(name) for name in ("plus", "half", "times"))
    writer.operator("MUL", [0, weights[1]], [half], schema.MulOptionsT())
    writer.operator("ADD", [0, weights[0]], [plus], schema.AddOptionsT())
    writer.operator("MUL", [half, weights[2]], [times], schema.MulOptionsT())
    writer.graphs[0].outputs = [times, plus]
    return writer.bytes()


@pytest.fixture
def doubling_tflite(writer: TfliteWriter) -> bytes:
    double = writer.tensor("double")
    writer.operator("ADD", [0, 0], [double], schema.AddOptionsT())
    writer.graphs[0].outputs = [double]
    return writer.bytes()


@pytest.fixture
def onnx_network() -> Callable[..., bytes]:
    """Write an ONNX model of these nodes from `image` to these outputs."""

    def network(
        nodes: Sequence[onnx.NodeProto],
        shape: Sequence[int | str],
        outputs: Sequence[str],
        kind: int = TensorProto.FLOAT,
        metadata: dict[str, str] | None = None,
        others: Sequence[str] = (),
    ) -> bytes:
        inputs = [helper.make_tensor_value_info(name, kind, shape) for name in ("image", *others)]
        results = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = helper.make_graph(nodes, "test", inputs, results)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        helper.set_model_props(model, metadata or {})
        return model.SerializeToString()

    return network


@pytest.fixture
def doubling_onnx(onnx_network: Callable[..., bytes]) -> Callable[..., bytes]:
    """Write a network that doubles its input."""

    def network(shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> bytes:
        return onnx_network(
            [helper.make_node("Add", ["image", "image"], ["double"])], shape, ["double"], kind
        )

    return network
