"""ONNX models on ONNX Runtime."""

import os
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as engine  # pyright: ignore[reportAttributeAccessIssue]

from pinpoint.runtime.batches import Outputs, as_batch, run_in_chunks
from pinpoint.runtime.cores import check_threads, usable_cores
from pinpoint.runtime.session import TensorSpec
from pinpoint.runtime.sources import ModelSource, check_readable, source_name

__all__ = ["OnnxSession", "available_providers"]

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
# OpenVINO computes in bfloat16 on processors that have it, unless it is told to keep what the file says.
_PROVIDER_OPTIONS = {"OpenVINOExecutionProvider": {"precision": "ACCURACY"}}
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(bool)": np.bool_,
    **{f"tensor({name})": np.dtype(name) for name in ("uint8", "int8", "uint16", "int16", "int32", "int64")},
}
_ERRORS = (  # each derives from Exception alone
    engine.Fail,
    engine.InvalidArgument,
    engine.InvalidGraph,
    engine.InvalidProtobuf,
    engine.NoSuchFile,  # weights kept in files beside the model
    engine.NotImplemented,
    engine.RuntimeException,
)
# Threads that spin while they wait bridge the gap between two operators faster than sleeping ones. Spinning
# on after a run halves the speed of whatever comes next, and spinning for long makes a run twice as slow
# where other programs want the cores; benchmarks/runtimes.py shows both.
_SPINNING = {"session.force_spinning_stop": "1", "session.intra_op.spin_duration_us": "500"}
_FATAL_ONLY = 4  # errors are raised; their text need not be on the terminal as well


class OnnxSession:
    """An ONNX model with one picture input.

    Args:
        model: Path or content of an `.onnx` file.
        outputs: Names of the wanted outputs in the wanted order, none for all.
        threads: How many to compute with; 0: one per physical core.
        providers: What to run on, best first: `cpu`, `cuda`, `tensorrt`, `openvino`, `coreml`, `directml`.
            None is the CPU. Operators that none of them can run are run on the CPU.

    Attributes:
        metadata: What the exporter wrote into the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no sound ONNX file, ONNX Runtime cannot run it, it does not have exactly one input,
            it has no output of that name, or a provider is not there.
    """

    def __init__(
        self,
        model: ModelSource,
        *,
        outputs: Sequence[str] = (),
        threads: int = 0,
        providers: Sequence[str] | None = None,
    ) -> None:
        self._name = name = source_name(model, "ONNX")
        check_readable(model)
        self._session = _load(model, name, _options(threads), _provider_names(providers))
        self.input = _picture_input(self._session, name)
        self.outputs = _wanted_outputs(self._session, outputs, name)
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._chunk = self.input.shape[0]
        self._output_names = [output.name for output in self.outputs]

    def run(self, batch: NDArray[Any]) -> Outputs:
        """Run on a batch, shape (B, 3, h, w) or whatever the input states. Safe to call from several threads.

        Raises:
            ValueError: The batch does not have the shape of the input, or the network cannot run on its size.
            TypeError: The batch does not have the type of the input.
        """
        batch = as_batch(batch, self.input)
        try:
            return self._run_any(batch)
        except _ERRORS as error:
            raise ValueError(f"{self._name} cannot run on a batch of shape {batch.shape}: {error}") from error

    def _run_any(self, batch: NDArray[Any]) -> Outputs:
        if self._chunk is None and len(batch) > 1:
            try:
                return self._run(batch)
            except _ERRORS:  # some exporters call the batch free where the graph was traced for one picture
                outputs = run_in_chunks(self._run, batch, 1)
                self._chunk = 1
                return outputs
        return run_in_chunks(self._run, batch, self._chunk)

    def _run(self, batch: NDArray[Any]) -> Outputs:
        outputs = self._session.run(self._output_names, {self.input.name: batch})
        return tuple(cast(list[NDArray[Any]], outputs))


def available_providers() -> tuple[str, ...]:
    """Short names of what the installed ONNX Runtime was built for."""
    there = onnxruntime.get_available_providers()
    return tuple(short for short, full in _PROVIDERS.items() if full in there)


def _provider_names(providers: Sequence[str] | None) -> list[str]:
    if isinstance(providers, str):
        raise TypeError(f"providers is {providers!r}, expected a sequence of names such as ({providers!r},)")
    asked, there = dict.fromkeys([*(providers or ()), "cpu"]), available_providers()
    if missing := [name for name in asked if name not in there]:
        raise ValueError(f"provider {missing[0]!r} is not there; this ONNX Runtime has {', '.join(there)}")
    return [_PROVIDERS[name] for name in asked]


def _options(threads: int) -> onnxruntime.SessionOptions:
    check_threads(threads)
    options = onnxruntime.SessionOptions()
    pinned = usable_cores() < (os.cpu_count() or 1)  # then ONNX Runtime's own count would be too high
    options.intra_op_num_threads = threads or (usable_cores() if pinned else 0)
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    for key, value in _SPINNING.items():
        options.add_session_config_entry(key, value)
    return options


def _load(
    model: ModelSource, name: str, options: onnxruntime.SessionOptions, providers: list[str]
) -> onnxruntime.InferenceSession:
    source = model if isinstance(model, bytes) else os.fspath(model)
    try:
        configured = [(provider, _PROVIDER_OPTIONS.get(provider, {})) for provider in providers]
        session = onnxruntime.InferenceSession(source, options, providers=configured)
    except _ERRORS as error:
        raise ValueError(f"{name} cannot be loaded: {error}") from error
    if failed := [provider for provider in providers if provider not in session.get_providers()]:
        raise ValueError(
            f"{failed[0]} could not be started for {name}: are its driver and libraries installed?"
        )
    return session


def _picture_input(session: onnxruntime.InferenceSession, name: str) -> TensorSpec:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ValueError(f"{name} has inputs {[i.name for i in inputs]}, expected one picture input")
    return _spec(inputs[0], name)


def _wanted_outputs(
    session: onnxruntime.InferenceSession, names: Sequence[str], name: str
) -> tuple[TensorSpec, ...]:
    there = {output.name: output for output in session.get_outputs()}
    if unknown := [wanted for wanted in names if wanted not in there]:
        raise ValueError(f"no output {unknown[0]!r}; {name} has {', '.join(there)}")
    return tuple(_spec(there[wanted], name) for wanted in names or there)


def _spec(node: Any, name: str) -> TensorSpec:
    if node.type not in _DTYPES:
        raise ValueError(f"{name}: {node.name!r} is a {node.type}, expected one of {', '.join(_DTYPES)}")
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape)
    return TensorSpec(node.name, shape, np.dtype(_DTYPES[node.type]))
