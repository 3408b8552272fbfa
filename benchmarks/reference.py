"""Asks others, each in its own environment, what their codecs and losses make of the same arrays."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from environment import Peer, peer

__all__ = ["Reference", "reference"]


class Reference:
    """A process of its own that runs one of them; see `peers` for what each does."""

    def __init__(self, process: Peer, folder: Path) -> None:
        self._process, self._folder = process, folder

    def __call__(self, do: str, arrays: Mapping[str, NDArray], **request: Any) -> dict[str, NDArray]:
        """Send arrays and return those that come back."""
        given, out = self._folder / "given.npz", self._folder / "out.npz"
        np.savez(given, **arrays)
        self._process.ask(do=do, arrays=str(given), out=str(out), **request)
        with np.load(out) as file:
            return dict(file)


@contextmanager
def reference(cpus: set[int] | None = None, name: str = "mmpose") -> Iterator[Reference]:
    """Run a peer while the block lasts, on some CPUs only if any are named."""
    with tempfile.TemporaryDirectory() as folder, peer(name, cpus) as process:
        yield Reference(process, Path(folder))
