"""From the weights that others published to a network of ours, and how it is fed and read."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from pinpoint.geometry import Size
from pinpoint.hub import ModelSpec
from pinpoint.models import architecture
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.specs import spec_of
from pinpoint.training.transfer import listed, read_weights, shape_text

__all__ = ["load_official"]


def load_official(
    path: str | Path, model: str, *, columns: Skeleton | None = None, input_size: Size | None = None
) -> tuple[nn.Module, ModelSpec]:
    """Build a network and fill it with the weights of its official checkpoint.

    Args:
        path: A `.safetensors` file or one of torch (`.pth` and the like), with the names that the network's
            makers or the model zoos that carry it give to its tensors.
        model: An architecture, a key of `pinpoint.models.ARCHITECTURES`.
        columns: What its keypoints are; none: those of the published one.
        input_size: Width and height it was trained at; none: the published one's.

    Returns:
        The network, in evaluation mode on the CPU, and how it is fed and read.

    Raises:
        OSError: There is no such file.
        ValueError: There is no such architecture, or the file lacks tensors, or has others.
    """
    kind = architecture(model)
    spec = spec_of(kind, columns or skeleton(kind.skeleton), input_size or kind.input_size)
    network = kind.build(spec.codec, len(spec.skeleton or ()))
    tensors, _ = read_weights(Path(path))
    _fill(network, kind.official(tensors), f"{path} is no checkpoint of {model}")
    return network.eval().requires_grad_(False), spec


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    own = network.state_dict()
    missing = [name for name in own if name not in tensors and not name.endswith("num_batches_tracked")]
    others = [name for name in tensors if name not in own]
    shapes = [
        f"{name} is {shape_text(tensors[name])} there, {shape_text(own[name])} here"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    faults = [("it lacks", missing), ("it has others:", others), ("other shapes:", shapes)]
    if found := [f"{title} {listed(names)}" for title, names in faults if names]:
        raise ValueError(f"{what}: {'; '.join(found)}")
    network.load_state_dict(tensors, strict=False)  # counters of batches are not in every file
