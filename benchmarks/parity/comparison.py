"""Comparing networks of ours with reference implementations that have the same weights."""

import gzip
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
__all__ = ["BAR", "FIXTURES", "filled", "largest", "scramble", "write_names"]

BAR = 1e-4
"""How far an output may be from the reference's."""
FIXTURES = ROOT / "tests" / "models" / "official"


def scramble(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter and every statistic of a norm a value by chance, outputs staying about as large.

    What a network starts with hides faults: biases are 0, norms do nothing, heads put out next to nothing.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=rng)
            elif tensor.ndim > 1:
                fan = math.prod(tensor.shape[1:])
                tensor.normal_(0, 1 / math.sqrt(fan), generator=rng)
            else:
                base = 1.0 if name.endswith("weight") else 0.0
                tensor.normal_(base, 0.1, generator=rng)
    network.eval()
    return network


def filled(network: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network with given weights, all of them and no others."""
    network.load_state_dict(dict(tensors), strict=True, assign=True)
    return network.eval()


def largest(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> tuple[float, float]:
    """The largest absolute difference of outputs, and the largest absolute output.

    Raises:
        ValueError: They have other shapes.
    """
    pairs = list(zip(ours, theirs, strict=True))
    for own, other in pairs:
        if own.shape != other.shape:
            raise ValueError(f"shapes {tuple(own.shape)} and {tuple(other.shape)} differ")
    differences = [float((own - other).abs().max()) for own, other in pairs]
    return max(differences), max(float(other.abs().max()) for other in theirs)


def write_names(name: str, tensors: Mapping[str, Tensor], source: str = "") -> None:
    """Write down what a checkpoint of a name holds, one line per tensor: its name and shape, `2x3`.

    Args:
        name: The architecture.
        tensors: By the names of the reference implementation.
        source: Whose names they are, where an architecture has several.
    """
    FIXTURES.mkdir(exist_ok=True)
    lines = [f"{key} {'x'.join(map(str, tensor.shape))}".rstrip() + "\n" for key, tensor in tensors.items()]
    path = FIXTURES / f"{name}{'.' + source if source else ''}.txt.gz"
    path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
