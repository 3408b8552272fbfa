"""From what a run wrote to a file that other engines run and that says itself how it is fed and read."""

import copy
import inspect
import io
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from pinpoint.hub import ModelSpec
from pinpoint.hub.add import METADATA_KEY
from pinpoint.models import architecture
from pinpoint.models.resized import resize
from pinpoint.training.checkpoint import grouped, read_checkpoint
from pinpoint.training.loop import BEST, LAST

__all__ = ["WRITERS", "Readable", "export_onnx", "export_openvino", "load_trained"]

OPSET = 17  # the newest that every ONNX Runtime from 1.13 on and OpenVINO run, and all that is needed
INPUT = "images"
TEACHING = "teaching."  # starts the names of what only learning needs, such as an adapter to a teacher
SMALL = 32  # numbers in an array that is not worth a Cast


class Readable(nn.Module):
    """A network that puts out what its codec decodes.

    Args:
        network: See `pinpoint.models.Network`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Readable outputs of images (B, 3, h, w) that are normalised."""
        return self.network.readable(*self.network(images))  # pyright: ignore[reportCallIssue]


def load_trained(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """Build the network of a run, with the running mean of its weights.

    Args:
        path: Folder of a run, whose best weights are taken, or its `best.safetensors` or `last.safetensors`.
            The last ones need the best beside them, for these say what network it is.

    Returns:
        The network, in evaluation mode on the CPU, and how it is fed and read.

    Raises:
        FileNotFoundError: There is no such file, or the folder holds no weights.
        ValueError: The weights are not those of a run, or do not fit the network that they name.
    """
    path = Path(path)
    file = _best_of(path) if path.is_dir() else path
    tensors, facts = read_checkpoint(file)
    if mean := grouped(tensors, "average"):
        tensors, facts = mean, _facts_beside(file, facts)
    if not {"model", "spec"} <= facts.keys():
        raise ValueError(f"{file} does not say which network it is of, expected the weights of a run")
    spec = ModelSpec.from_dict(facts["spec"])
    network = architecture(facts["model"]).build(spec.codec, len(spec.skeleton or ()))
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(TEACHING)}
    resize(network, tensors)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{file} does not hold the weights of {facts['model']}: {error}") from error
    return network.eval().requires_grad_(False), spec


def export_onnx(network: nn.Module, spec: ModelSpec, path: str | Path, *, half: bool = False) -> None:
    """Write an ONNX file that takes any number of pictures and carries its description.

    Batch norms are folded into the convolutions before them.

    Args:
        network: See `pinpoint.models.Network`. It stays as it is.
        spec: How it is fed and read.
        path: An `.onnx` file; one that is there is replaced when the new one is complete.
        half: Store weights in 16 bits, which halves the file. They become 32 bits again when it is loaded, so
            that it runs as fast, and computes as finely, as the file twice its size.
    """
    model = _traced(network, spec)
    if half:
        _halve(model)
    helper.set_model_props(model, {METADATA_KEY: _description(spec)})
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(model.SerializeToString())
    part.replace(path)


def export_openvino(network: nn.Module, spec: ModelSpec, path: str | Path, *, half: bool = False) -> None:
    """Write an OpenVINO IR model: an `.xml` file with its description and, beside it, a `.bin` file.

    Args:
        network: See `export_onnx`, as for the others.
        spec: How it is fed and read.
        path: An `.xml` file.
        half: Store weights in 16 bits; they become 32 bits again when the model is loaded.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
    """
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(NO_OPENVINO, name=error.name) from error
    # `openvino.convert_model` would do, but reports its use to the makers; reading does not
    model = openvino.Core().read_model(_traced(network, spec).SerializeToString())
    model.set_rt_info(_description(spec), METADATA_KEY)
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}", dir=path.parent) as folder:
        part = Path(folder) / path.name
        openvino.save_model(model, part, compress_to_fp16=half)
        part.with_suffix(".bin").replace(path.with_suffix(".bin"))
        part.replace(path)


WRITERS: Mapping[str, Callable[..., None]] = {".onnx": export_onnx, ".xml": export_openvino}
"""What writes a file of each suffix."""

NO_OPENVINO = 'OpenVINO is not installed: pip install "pinpoint-keypoints[openvino]"'


def _description(spec: ModelSpec) -> str:
    return replace(spec, files=()).to_json()


def _best_of(folder: Path) -> Path:
    """The best weights of a run, or the last of one that has measured nothing yet."""
    for name in (BEST, LAST):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} holds neither {BEST} nor {LAST}, expected the folder of a run")


def _facts_beside(last: Path, facts: dict) -> dict:
    """What the best weights say of the network; their measures are not those of the last ones."""
    if "spec" in facts:
        return facts
    beside = last.with_name(BEST)
    if not beside.is_file():
        raise ValueError(f"{last} needs {beside}, which says what network it is of")
    _, facts = read_checkpoint(beside)
    return {**facts, "spec": {**facts.get("spec", {}), "metrics": {}}}


def _traced(network: nn.Module, spec: ModelSpec) -> onnx.ModelProto:
    """An ONNX model of the network and its reading.

    The exporter that walks through TorchScript needs the package `onnx` alone and a second's time.
    """
    width, height = spec.input_size
    readable = Readable(copy.deepcopy(network)).cpu().float().eval()
    images = torch.zeros(1, 3, height, width)
    with torch.no_grad():
        outputs = readable(images)
    names = _output_names(spec, len(outputs))
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is the older one, and where it traces
        torch.onnx.export(
            readable,
            (images,),
            content,  # pyright: ignore[reportArgumentType] - it takes a stream, too
            input_names=[INPUT],
            output_names=names,
            dynamic_axes={name: {0: "batch"} for name in (INPUT, *names)},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(content.getvalue())
    for stated, output in zip(model.graph.output, outputs, strict=True):  # all but the batch is known
        for size, known in list(zip(stated.type.tensor_type.shape.dim, output.shape, strict=True))[1:]:
            size.dim_value = known
    return model


def _output_names(spec: ModelSpec, count: int) -> list[str]:
    """What the codec calls the arrays that it decodes."""
    if spec.codec is None:
        raise ValueError(f"{spec.name} has no codec, so nothing says how its outputs are read")
    parameters = inspect.signature(spec.codec.decode).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
    return names if len(names) == count else [f"output_{number}" for number in range(count)]


def _halve(model: onnx.ModelProto) -> None:
    """Store large arrays in 16 bits, each followed by a Cast that the engine computes once, at the start."""
    casts = []
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if weights.data_type != TensorProto.FLOAT or values.size < SMALL or not _fits_half(values):
            continue
        name = weights.name
        weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _fits_half(values: np.ndarray) -> bool:
    return float(np.abs(values).max(initial=0)) <= float(np.finfo(np.float16).max)
