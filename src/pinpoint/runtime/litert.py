"""TFLite models on LiteRT's interpreter and its XNNPACK kernels (CPU)."""

import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from pinpoint.runtime.batches import Outputs, as_batch, run_in_chunks
from pinpoint.runtime.cores import check_threads, usable_cores
from pinpoint.runtime.session import TensorSpec
from pinpoint.runtime.sources import ModelSource, check_readable, source_name

__all__ = ["LiteRtSession"]

log = logging.getLogger(__name__)
_stderr_lock = threading.Lock()

# MediaPipe's networks run 1.7 to 2 times as fast on two threads as on one, and up to 1.2 times slower on four
# threads than on two where there are only two cores (benchmarks/runtimes.py). A millisecond of work does not
# keep more than four busy.
_MOST_THREADS = 4


class LiteRtSession:
    """A TFLite model with one picture input.

    A model that was exported for one picture is run once for each: its kernels fill the cores with a single
    picture already, and a resized batch gained nothing on any of MediaPipe's models that allow it.

    Outputs in integers with a scale are returned as the float32 they stand for. A quantised input takes its
    own integers as they are (a `uint8` one takes pictures), and quantises floats by its scale and zero point.

    Args:
        model: Path or content of a `.tflite` file.
        outputs: Names of the wanted outputs in the wanted order, none for all. What only the others need is
            cut out of the model before it is loaded.
        threads: How many to compute with; 0: one per core, at most four.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no sound TFLite file, LiteRT cannot run it, it does not have exactly one input, or
            it has no output of that name.
    """

    def __init__(self, model: ModelSource, *, outputs: Sequence[str] = (), threads: int = 0) -> None:
        self._name = name = source_name(model, "TFLite")
        check_readable(model)
        check_threads(threads)
        try:
            self._interpreter = _load(model, outputs, threads or min(_MOST_THREADS, usable_cores()))
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{name} cannot be loaded: {error}") from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ValueError(f"{name} has inputs {[i['name'] for i in inputs]}, expected one picture input")
        self.input = _spec(inputs[0])
        self._input = inputs[0]
        self._shape = tuple(inputs[0]["shape"])
        self._outputs = _in_order(self._interpreter.get_output_details(), outputs)
        self.outputs = tuple(_dequantised_spec(details) for details in self._outputs)
        self._lock = threading.Lock()

    def run(self, batch: NDArray[Any]) -> Outputs:
        """Run on a batch, shape (B, h, w, 3) or whatever the input states. Safe to call from several threads.

        Raises:
            ValueError: The batch does not have the shape of the input, or the network cannot run on its size.
            TypeError: The batch does not have the type of the input.
        """
        batch = as_batch(_quantised(batch, self._input), self.input)
        return run_in_chunks(self._invoke, batch, self.input.shape[0])

    def _invoke(self, batch: NDArray[Any]) -> Outputs:
        with self._lock:
            if batch.shape != self._shape:
                self._resize(batch.shape)
            self._interpreter.set_tensor(self._input["index"], batch)
            self._interpreter.invoke()
            outputs = [self._interpreter.get_tensor(details["index"]) for details in self._outputs]
        return tuple(_dequantised(*pair) for pair in zip(outputs, self._outputs, strict=True))

    def _resize(self, shape: tuple[int, ...]) -> None:
        self._shape = ()  # a failure leaves the interpreter without a shape
        self._interpreter.resize_tensor_input(self._input["index"], shape, strict=True)
        try:
            self._interpreter.allocate_tensors()
        except RuntimeError as error:
            raise ValueError(f"{self._name} cannot run on a batch of shape {shape}: {error}") from error
        self._shape = shape


def _load(model: ModelSource, outputs: Sequence[str], threads: int) -> Interpreter:
    interpreter = _open(model, threads)
    there = {details["name"] for details in interpreter.get_output_details()}
    if outputs and set(outputs) != there:
        interpreter = _open(_pruned(model, outputs), threads)
    with _without_delegate_message():
        interpreter.allocate_tensors()
    return interpreter


def _open(model: ModelSource, threads: int) -> Interpreter:
    if isinstance(model, bytes):
        return Interpreter(model_content=model, num_threads=threads)
    return Interpreter(model_path=str(model), num_threads=threads)


def _pruned(model: ModelSource, outputs: Sequence[str]) -> bytes:
    from pinpoint.runtime.tflite import prune_tflite  # imports the schema, which most models do without

    return prune_tflite(model if isinstance(model, bytes) else Path(model).read_bytes(), outputs)


def _in_order(details: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    by_name = {output["name"]: output for output in details}
    return [by_name[name] for name in names] or details


def _spec(details: dict[str, Any]) -> TensorSpec:
    signature = details["shape_signature"] if len(details["shape_signature"]) else details["shape"]
    shape = tuple(None if size < 0 else int(size) for size in signature)
    return TensorSpec(details["name"], shape, np.dtype(details["dtype"]))


def _dequantised_spec(details: dict[str, Any]) -> TensorSpec:
    spec = _spec(details)
    return spec._replace(dtype=np.dtype(np.float32)) if _is_quantised(details) else spec


def _is_quantised(details: dict[str, Any]) -> bool:
    scale, _ = details["quantization"]
    return scale > 0 and np.issubdtype(details["dtype"], np.integer)


def _dequantised(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    if not _is_quantised(details):
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def _quantised(batch: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    if not (_is_quantised(details) and np.issubdtype(batch.dtype, np.floating)):
        return batch
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.rint(batch / scale) + zero_point, limits.min, limits.max).astype(details["dtype"])


@contextmanager
def _without_delegate_message() -> Iterator[None]:
    """Keep LiteRT's note that it uses XNNPACK off the terminal; pass on whatever else is written meanwhile.

    The note comes from C++, past `sys.stderr`, and no setting of LiteRT's turns it off.
    """
    with _stderr_lock, tempfile.TemporaryFile() as written:
        try:
            terminal = os.dup(2)
        except OSError:  # a program without a stderr has nothing to keep clean
            yield
            return
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            written.seek(0)
            _pass_on(written.readlines())


def _pass_on(lines: list[bytes]) -> None:
    for line in lines:
        if b"Created TensorFlow Lite XNNPACK delegate" in line:
            log.debug("%s", line.decode(errors="replace").strip())
        else:
            with suppress(OSError):
                os.write(2, line)
