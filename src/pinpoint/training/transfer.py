"""Starting from weights that are there: what has the same name and shape, and keypoints by their names."""

import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pinpoint.hub import ModelSpec
from pinpoint.hub.foreign import TORCH_SUFFIXES, is_torch_file
from pinpoint.io.known import skeleton_by_count
from pinpoint.skeletons import Skeleton
from pinpoint.training.checkpoint import read_checkpoint

__all__ = ["Transfer", "listed", "load_weights", "read_weights", "shape_text"]

MAKERS = (np._core.multiarray._reconstruct, np._core.multiarray.scalar)  # pyright: ignore
Renaming = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
NESTED = ("state_dict", "model_state_dict", "model", "network")
"""Under which names files of other programs hold their tensors."""
PREFIXES = ("", "average.", "network.", "module.", "model.", "_orig_mod.")
"""What tensors are called before the names that they have in the network."""
PLAIN = [
    np.ndarray,
    np.dtype,
    np.float64,
    *(type(np.dtype(kind)) for kind in ("bool", "i8", "i4", "f8", "f4")),
    *((maker, f"numpy.{core}.multiarray.{maker.__name__}") for maker in MAKERS for core in ("core", "_core")),
]
"""What checkpoints note beside their tensors: numbers and arrays of numpy, under its old and new names."""
BROKEN = (
    *(pickle.UnpicklingError, struct.error, EOFError, OSError, LookupError, RuntimeError),
    *(AssertionError, AttributeError, TypeError, ValueError),
)
"""What torch's reader ends in where a file is cut, or none of torch's; a line of text may be each of them."""
SHOWN = 6  # of a long list


@dataclass(frozen=True)
class Transfer:
    """What became of some weights in a network.

    Args:
        source: Where they come from.
        taken: Tensors that were taken as they are.
        carried: Keypoints whose rows were carried over by their names.
        fresh: Keypoints that start from chance; none where the network has no part of its own for each.
        left: Tensors of the network that start from chance, and why.
        unused: Tensors that the network has no place for.
    """

    source: str
    taken: tuple[str, ...]
    carried: tuple[str, ...]
    fresh: tuple[str, ...]
    left: Mapping[str, str]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        rows = [
            ("weights", self.source),
            ("taken", f"{len(self.taken)} tensors as they are"),
            ("by name", listed(self.carried)),
            ("from chance", listed(self.fresh)),
            ("left", listed([f"{name} ({why})" for name, why in self.left.items()])),
            ("unused", listed(self.unused)),
        ]
        return "\n".join(f"{title:<12}{text}" for title, text in rows if text)


def load_weights(
    network: nn.Module,
    source: Path | Mapping[str, Tensor],
    columns: Skeleton,
    names_of_source: Sequence[str] | None = None,
    official: Renaming = dict,
) -> Transfer:
    """Start a network from weights of the same architecture, in place.

    Tensors of equal name and shape are taken. Of the parameters that have a group of rows for each keypoint
    (`Network.keypoint_parameters`) the groups of the keypoints that both skeletons have are carried over by
    name; other keypoints start from chance, as the network was made. So do tensors of another shape, such as
    those that depend on the size of the input.

    Args:
        network: See `pinpoint.models.Network`.
        source: A file (`.safetensors`, `.pth` and the like), the folder of a run, or tensors by name.
        columns: What the network's keypoints are.
        names_of_source: The keypoints of the source, in its order. None takes those that the file names, else
            those of the one skeleton of this package that has as many (17: `coco17`).
        official: Gives the tensors of other programs' files the names of ours (`Architecture.official`).

    Raises:
        OSError: There is no such file.
        ValueError: It holds something else than weights, or none that fit.
    """
    tensors, names = read_weights(source) if isinstance(source, Path) else (dict(source), None)
    tensors = official(tensors) if isinstance(source, Path) and names is None else tensors
    tensors = _unprefixed(tensors, network)
    groups: Mapping[str, int] = getattr(network, "keypoint_parameters", {})
    names = names_of_source or names or _names_by_count(tensors, groups)
    shared = [name for name in columns.keypoints if name in (names or ())]
    taken, carried, left = [], [], {}
    with torch.no_grad():
        for name, own in network.state_dict().items():
            given = tensors.get(name)
            if given is not None and name in groups and _fits(own, given, groups[name], names):
                _carry(own, given, groups[name], (columns.keypoints, names or (), shared))
                carried.append(name)
            elif given is None or name in groups or own.shape != given.shape:
                left[name] = _reason(own, given)
            else:
                own.copy_(given)
                taken.append(name)
    title = str(source) if isinstance(source, Path) else "tensors"
    known = shared if carried else []
    fresh = [name for name in columns.keypoints if name not in known] if groups else []
    unused = [name for name in tensors if name not in {*taken, *carried, *left}]
    transfer = Transfer(title, tuple(taken), tuple(known), tuple(fresh), left, tuple(unused))
    _check(transfer, network)
    return transfer


def read_weights(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...] | None]:
    """Read tensors by name, and the names of their keypoints where the file tells them.

    Nothing is unpickled but tensors and plain values.

    Args:
        path: A `.safetensors` file, one of torch (`TORCH_SUFFIXES`), or the folder of a run, whose best
            weights are read.

    Raises:
        OSError: There is no such file.
        ValueError: It is of another form.
    """
    path = path / "best.safetensors" if path.is_dir() else path
    if path.suffix == ".safetensors":
        tensors, facts = read_checkpoint(path)
        columns = ModelSpec.from_dict(facts["spec"]).skeleton if "spec" in facts else None
        return tensors, None if columns is None else columns.keypoints
    if is_torch_file(path):
        return _tensors(_loaded(path), path), None
    known = ", ".join((".safetensors", *TORCH_SUFFIXES))
    raise ValueError(f"{path} is no file of weights, expected {known} or the folder of a run")


def _loaded(path: Path) -> Any:
    with path.open("rb") as file, torch.serialization.safe_globals(PLAIN):
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except BROKEN as error:
            raise ValueError(
                f"{path} is damaged, or holds more than tensors and plain values ({_why(error)}): fetch it "
                "again, or save its state_dict alone"
            ) from error


def _why(error: Exception) -> str:
    """What torch says of a file, without its advice to let the file run code."""
    _, _, said = str(error).partition("WeightsUnpickler error: ")
    return said.partition("\n")[0].strip() or "torch cannot read it"


def _tensors(stored: Any, path: Path) -> dict[str, Tensor]:
    """The tensors of a file, which may hold them beside other things."""
    parts = [*(stored.get(name) for name in NESTED), stored] if isinstance(stored, Mapping) else []
    for part in parts:
        items = part.items() if isinstance(part, Mapping) else ()
        if found := {name: value for name, value in items if isinstance(value, Tensor)}:
            return found
    raise ValueError(f"{path} holds no tensors by name")


def _unprefixed(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Tensors by the names that the network gives them: without the prefix that makes most of them fit."""
    own = set(network.state_dict())
    readings = [
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        for prefix in PREFIXES
    ]
    return max(readings, key=lambda reading: len(own & set(reading)))


def _names_by_count(tensors: Mapping[str, Tensor], groups: Mapping[str, int]) -> tuple[str, ...] | None:
    """The keypoints that their number in the source means, if it means any."""
    counts = {len(tensors[name]) // rows for name, rows in groups.items() if name in tensors}
    try:
        return skeleton_by_count(counts.pop()).keypoints if len(counts) == 1 else None
    except ValueError:
        return None


def _fits(own: Tensor, given: Tensor, rows: int, names: Sequence[str] | None) -> bool:
    return names is not None and given.shape == (rows * len(names), *own.shape[1:])


def _carry(
    own: Tensor, given: Tensor, rows: int, names: tuple[Sequence[str], Sequence[str], Sequence[str]]
) -> None:
    """Copy the rows of shared keypoints; names are those of the network, of the source, and of both."""
    here, there, shared = names
    target, source = own.unflatten(0, (len(here), rows)), given.unflatten(0, (len(there), rows))
    for name in shared:
        target[here.index(name)] = source[there.index(name)].to(own.dtype)


def _reason(own: Tensor, given: Tensor | None) -> str:
    if given is None:
        return "not there"
    if own.shape == given.shape:
        return "the names of its keypoints are not known"
    return f"{shape_text(given)} there, {shape_text(own)} here"


def shape_text(tensor: Tensor) -> str:
    """Sides with a cross between them, for people: `64x3x7x7`; of a number, `1`."""
    return "x".join(map(str, tensor.shape)) or "1"


def _check(transfer: Transfer, network: nn.Module) -> None:
    """Counters and norms of one number fit anywhere: something of more than one axis has to."""
    state = network.state_dict()
    if transfer.carried or any(state[name].ndim > 1 for name in transfer.taken):
        return
    raise ValueError(
        f"no weights of {transfer.source} fit the network: it needs "
        f"{listed([f'{name} ({why})' for name, why in transfer.left.items()])}"
        + (f"; it is offered {listed(transfer.unused)}" if transfer.unused else "")
    )


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
