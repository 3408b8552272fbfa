"""OpenVINO IR models: an `.xml` file with its weights beside it in a `.bin` file."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from pinpoint.runtime.batches import Outputs, as_batch, run_in_chunks
from pinpoint.runtime.cores import check_threads
from pinpoint.runtime.session import TensorSpec

try:
    import openvino
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'OpenVINO is not installed: pip install "pinpoint-keypoints[openvino]"', name=error.name
    ) from error

__all__ = ["OpenVinoSession"]

# By itself it computes in bfloat16 on processors that have it, which moves points by whole pixels.
_OPTIONS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


class OpenVinoSession:
    """An OpenVINO IR model with one picture input, run on the CPU in the precision of the file.

    Args:
        model: Path of the `.xml` file.
        outputs: Names of the wanted outputs in the wanted order, none for all.
        threads: How many to compute with; 0: what OpenVINO chooses.

    Raises:
        FileNotFoundError: There is no such file, or no `.bin` file beside it.
        ValueError: It is no sound IR file, does not have exactly one input, or has no output of that name.
    """

    def __init__(self, model: Path | str, *, outputs: Sequence[str] = (), threads: int = 0) -> None:
        check_threads(threads)
        path = Path(model)
        self._name = str(model)
        self._compiled = _compiled(path, threads)
        if len(self._compiled.inputs) != 1:
            names = [port.get_any_name() for port in self._compiled.inputs]
            raise ValueError(f"{self._name} has inputs {names}, expected one picture input")
        self.input = _spec(self._compiled.inputs[0])
        ports = {port.get_any_name(): port for port in self._compiled.outputs}
        if unknown := [name for name in outputs if name not in ports]:
            raise ValueError(f"no output {unknown[0]!r}; {self._name} has {', '.join(ports)}")
        self._ports = [ports[name] for name in outputs or ports]
        self.outputs = tuple(map(_spec, self._ports))
        self._idle: deque[Any] = deque()

    def run(self, batch: NDArray[Any]) -> Outputs:
        """Run on a batch, shape (B, 3, h, w) or whatever the input states. Safe to call from several threads.

        Raises:
            ValueError: The batch does not have the shape of the input, or the network cannot run on its size.
            TypeError: The batch does not have the type of the input.
        """
        return run_in_chunks(self._run, as_batch(batch, self.input), self.input.shape[0])

    def _run(self, batch: NDArray[Any]) -> Outputs:
        request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        try:
            found = request.infer({0: batch}, share_inputs=True)
        except RuntimeError as error:
            raise ValueError(f"{self._name} cannot run on a batch of shape {batch.shape}: {error}") from error
        outputs = tuple(np.array(found[port]) for port in self._ports)
        self._idle.append(request)
        return outputs


def _compiled(path: Path, threads: int) -> Any:
    for file in (path, path.with_suffix(".bin")):
        if not file.is_file():
            raise FileNotFoundError(f"there is no file {file}; an OpenVINO model is an .xml and a .bin file")
    _check_form(path)
    options = {**_OPTIONS, **({"INFERENCE_NUM_THREADS": threads} if threads else {})}
    try:
        return openvino.Core().compile_model(str(path), "CPU", options)
    except RuntimeError as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error


def _check_form(path: Path) -> None:
    """OpenVINO takes what is no IR for a file of another kind, and writes to the terminal."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is not an OpenVINO model: {error}") from error
    if root.tag != "net":
        raise ValueError(f"{path} is not an OpenVINO model: it holds a <{root.tag}>, expected a <net>")


def _spec(port: Any) -> TensorSpec:
    shape = tuple(None if size.is_dynamic else size.get_length() for size in port.get_partial_shape())
    return TensorSpec(port.get_any_name(), shape, np.dtype(port.get_element_type().to_dtype()))
