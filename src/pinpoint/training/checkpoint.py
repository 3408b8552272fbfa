"""Weights on disk: safetensors with what they mean in the file's own metadata, written in one step."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

__all__ = ["read_checkpoint", "write_checkpoint"]

KEY = "pinpoint"


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and facts; a reader or a power cut sees the old file or the new one, never half of one.

    The facts are written beside it as JSON too, for people to read.

    Args:
        path: A `.safetensors` file.
        tensors: By name.
        facts: Plain values.
    """
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    part = path.with_name(f".{path.name}.part")
    save_file(own, part, metadata={KEY: text})
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    readable = path.with_suffix(".json")
    part.write_text(text, "utf-8")
    part.replace(readable)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_checkpoint` wrote; of a safetensors file of another origin the facts are empty.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a safetensors file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, expected a .safetensors file")
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            facts = (file.metadata() or {}).get(KEY, "{}")
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    return tensors, json.loads(facts)


def grouped(tensors: Mapping[str, Tensor], group: str) -> dict[str, Tensor]:
    """The tensors whose names start with `group.`, without it."""
    return {name[len(group) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{group}.")}


def prefixed(group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `grouped`."""
    return {f"{group}.{name}": torch.as_tensor(value) for name, value in tensors.items()}
