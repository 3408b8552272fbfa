"""Running networks: one protocol, one file per engine. An engine is imported when a model needs it."""

from collections.abc import Sequence
from pathlib import Path

from pinpoint.runtime.fake import FakeSession
from pinpoint.runtime.session import Session, TensorSpec

__all__ = ["FakeSession", "Session", "TensorSpec", "open_session"]


def open_session(
    path: Path | str,
    *,
    outputs: Sequence[str] = (),
    threads: int = 0,
    providers: Sequence[str] | None = None,
) -> Session:
    """Load a model file with the engine that its suffix names.

    Args:
        path: An `.onnx`, `.tflite`, (OpenVINO) `.xml` or (regression trees) `.npz` file.
        outputs: Names of the wanted outputs in the wanted order, none for all.
        threads: How many to compute with; 0: what suits the engine and the machine.
        providers: What ONNX Runtime is to run on, best first, such as `("cuda", "cpu")`; None is the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        ModuleNotFoundError: The engine is OpenVINO, and it is not installed.
        ValueError: No engine runs such files, the file is damaged, or an output or a provider is not there.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".onnx":
        from pinpoint.runtime.onnx import OnnxSession

        return OnnxSession(path, outputs=outputs, threads=threads, providers=providers)
    if suffix == ".tflite":
        from pinpoint.runtime.litert import LiteRtSession

        if set(providers or ()) - {"cpu"}:
            raise ValueError(f"{path}: TFLite files run on the CPU, not on {', '.join(providers or ())}")
        return LiteRtSession(path, outputs=outputs, threads=threads)
    if suffix == ".xml":
        from pinpoint.runtime.openvino import OpenVinoSession

        if set(providers or ()) - {"cpu"}:
            raise ValueError(f"{path}: OpenVINO files run on the CPU, not on {', '.join(providers or ())}")
        return OpenVinoSession(path, outputs=outputs, threads=threads)
    if suffix == ".npz":
        from pinpoint.runtime.trees import TreesSession

        if set(providers or ()) - {"cpu"}:
            raise ValueError(f"{path}: regression trees run on the CPU, not on {', '.join(providers or ())}")
        return TreesSession(path, outputs=outputs, threads=threads)
    raise ValueError(f"{path} has suffix {suffix!r}, expected .onnx, .tflite, .xml or .npz")
