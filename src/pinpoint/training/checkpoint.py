"""Weights on disk: safetensors with what they mean in the file's own metadata, written in one step."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

__all__ = ["grouped", "prefixed", "read_checkpoint", "read_facts", "write_checkpoint"]

KEY = "pinpoint"


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and facts; a reader or a power cut sees the old file or the new one, never half of one.

    The facts are written beside it as JSON too, for people to read.

    Args:
        path: A `.safetensors` file; its folder is made if it is not there.
        tensors: By name.
        facts: Plain values.

    Raises:
        OSError: The disk is full, or the folder cannot be written to. The old file is as it was.
    """
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(own, metadata={KEY: text})  # save_file leaves a temporary file of its own when killed
    _replace(path, lambda part: part.write_bytes(content))
    _replace(path.with_suffix(".json"), lambda part: part.write_text(text, "utf-8"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside a file, see that it is on the disk, and only then take its name."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OSError(f"{path} cannot be written, and is left as it was: {error}") from error


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_checkpoint` wrote; of a safetensors file of another origin the facts are empty.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a safetensors file.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _facts(file)  # noqa: SIM118 (not a mapping)


def read_facts(path: Path) -> dict[str, Any]:
    """Read the facts of a checkpoint, and leave its tensors where they are; raises as `read_checkpoint`."""
    with _opened(path) as file:
        return _facts(file)


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, expected a .safetensors file")
    try:
        return safe_open(path, "pt")
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error


def _facts(file: Any) -> dict[str, Any]:
    return json.loads((file.metadata() or {}).get(KEY, "{}"))


def grouped(tensors: Mapping[str, Tensor], group: str) -> dict[str, Tensor]:
    """The tensors whose names start with `group.`, without it."""
    return {name[len(group) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{group}.")}


def prefixed(group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `grouped`."""
    return {f"{group}.{name}": torch.as_tensor(value) for name, value in tensors.items()}
