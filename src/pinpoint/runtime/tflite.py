"""Rewriting TFLite files, so that outputs which nobody asks for cost nothing."""

from collections.abc import Iterable, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

__all__ = ["prune_tflite"]

Index = NDArray[np.int32]

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # the schema's force_align of Buffer.data, which the generated Python leaves out
_POSITIONAL = {b"TFLITE_METADATA", b"model_control_dependencies"}  # these count outputs and operators


def prune_tflite(model: bytes, outputs: Sequence[str]) -> bytes:
    """Return the model with these outputs only, without what only other outputs needed.

    Operators, tensors and weights that no wanted output depends on are dropped; what stays computes the same
    bits as before. Inputs stay, used or not, and so do the subgraphs that control flow calls. Metadata that
    describes outputs or operators by position is dropped.

    Args:
        model: Content of a TFLite file.
        outputs: Names of the wanted outputs, in the order they are to have.

    Raises:
        ValueError: This is no sound TFLite file, it keeps weights outside its table (larger than 2 GB), no
            output is wanted, or there is no output of that name.
    """
    if model[4:8] != _IDENTIFIER:
        raise ValueError("this is no TFLite file: its identifier is missing")
    Interpreter(model_content=model)  # verifies; the Python reader believes whatever a damaged file states
    network: Any = schema.ModelT.InitFromPackedBuf(model)
    _refuse_outside_data(network)
    main = network.subgraphs[0]
    main.outputs = _wanted_outputs(main, outputs)
    main.operators = _needed_operators(main)
    _prune_tensors(network, main)
    _prune_operator_codes(network)
    _prune_buffers(network)
    return _packed(network, len(model))


def _refuse_outside_data(network: Any) -> None:
    operators = [operator for graph in network.subgraphs for operator in graph.operators or ()]
    tensors = [tensor for graph in network.subgraphs for tensor in graph.tensors or ()]
    outside = (
        any(buffer.offset > 1 for buffer in network.buffers)
        or any(operator.largeCustomOptionsOffset > 1 for operator in operators)
        or any(tensor.externalBuffer for tensor in tensors)
    )
    if outside:
        raise ValueError("this TFLite file keeps weights outside its table; such files cannot be pruned")


def _wanted_outputs(graph: Any, names: Sequence[str]) -> Index:
    there = {(graph.tensors[index].name or b"").decode(): index for index in _given(graph.outputs)}
    if not names:
        raise ValueError(f"no output is asked for; the model has {', '.join(there)}")
    if unknown := [name for name in names if name not in there]:
        raise ValueError(f"no output {unknown[0]!r}; the model has {', '.join(there)}")
    return np.array([there[name] for name in names], dtype=np.int32)


def _needed_operators(graph: Any) -> list[Any]:
    """Keep what the outputs depend on. Operators are stored as they run, so one pass backwards is enough."""
    needed, kept = set(_given(graph.outputs)), []
    for operator in reversed(graph.operators or ()):
        state = [index for index in _given(operator.inputs) if graph.tensors[index].isVariable]
        without_output = not _given(operator.outputs)  # such as an assignment, which later operators see
        if without_output or needed.intersection([*_given(operator.outputs), *state]):
            needed.update(_given(operator.inputs))
            kept.append(operator)
    return kept[::-1]


def _prune_tensors(network: Any, graph: Any) -> None:
    kept = _used_tensors(graph)
    renumbered = _renumbering(kept, len(graph.tensors))
    graph.tensors = [graph.tensors[index] for index in kept]
    graph.inputs, graph.outputs = renumbered[graph.inputs], renumbered[graph.outputs]
    for operator in graph.operators:
        for role in ("inputs", "outputs", "intermediates"):
            if (indices := getattr(operator, role)) is not None:
                setattr(operator, role, renumbered[indices])
    for scaled in filter(None, map(_blockwise, graph.tensors)):
        scaled.scales, scaled.zeroPoints = (int(renumbered[i]) for i in (scaled.scales, scaled.zeroPoints))
    _prune_signatures(network, graph, renumbered)


def _used_tensors(graph: Any) -> list[int]:
    used = {*_given(graph.inputs), *_given(graph.outputs)}
    for operator in graph.operators:
        used.update(_given(operator.inputs), _given(operator.outputs), _given(operator.intermediates))
    scaled = filter(None, [_blockwise(graph.tensors[index]) for index in used])
    used.update(_given(index for details in scaled for index in (details.scales, details.zeroPoints)))
    return sorted(used)


def _blockwise(tensor: Any) -> Any:
    """Return the quantisation whose scales are tensors themselves, or None."""
    blockwise = schema.QuantizationDetails.BlockwiseQuantization
    quantization = tensor.quantization
    return quantization.details if quantization and quantization.detailsType == blockwise else None


def _prune_signatures(network: Any, graph: Any, renumbered: Index) -> None:
    signatures = network.signatureDefs or ()
    for signature in signatures:
        if network.subgraphs[signature.subgraphIndex] is graph:
            for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
                entry.tensorIndex = int(renumbered[entry.tensorIndex])
            outputs = signature.outputs or ()
            signature.outputs = [entry for entry in outputs if entry.tensorIndex in graph.outputs]
    network.signatureDefs = [signature for signature in signatures if signature.outputs] or None


def _prune_operator_codes(network: Any) -> None:
    """An operator that no engine knows does no harm once nothing uses it, unless it is still declared."""
    operators = [operator for graph in network.subgraphs for operator in graph.operators or ()]
    kept = sorted({operator.opcodeIndex for operator in operators})
    renumbered = _renumbering(kept, len(network.operatorCodes))
    network.operatorCodes = [network.operatorCodes[index] for index in kept]
    for operator in operators:
        operator.opcodeIndex = int(renumbered[operator.opcodeIndex])


def _prune_buffers(network: Any) -> None:
    network.metadata = [entry for entry in network.metadata or () if entry.name not in _POSITIONAL]
    users = [*network.metadata, *(tensor for graph in network.subgraphs for tensor in graph.tensors or ())]
    kept = sorted({0, *(user.buffer for user in users)})  # by convention buffer 0 is the empty one
    renumbered = _renumbering(kept, len(network.buffers))
    network.buffers = [_aligned(network.buffers[index]) for index in kept]
    network.metadataBuffer = [int(renumbered[entry.buffer]) for entry in network.metadata] or None
    for user in users:
        user.buffer = int(renumbered[user.buffer])


def _renumbering(kept: Sequence[int], count: int) -> Index:
    """New index by old index; -1, which stands for an optional tensor that is left out, stays -1."""
    renumbered = np.full(count + 1, -1, dtype=np.int32)
    renumbered[kept] = np.arange(len(kept))
    return renumbered


def _given(indices: Iterable[int] | None) -> list[int]:
    return [int(index) for index in indices if index >= 0] if indices is not None else []


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802, the schema's name
        if self.data is not None:
            builder.Prep(_ALIGNMENT, len(self.data))
        return super().Pack(builder)


def _aligned(buffer: Any) -> _AlignedBuffer:
    return _AlignedBuffer(data=buffer.data)


def _packed(network: Any, size: int) -> bytes:
    builder = flatbuffers.Builder(size)
    builder.Finish(network.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())
