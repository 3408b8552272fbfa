"""What every engine does with a batch: check it, and feed it in the sizes that the network takes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pinpoint.runtime.session import TensorSpec

__all__ = ["as_batch", "run_in_chunks"]

Outputs = tuple[NDArray[Any], ...]


def as_batch(batch: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Return the batch contiguous and of the network's type; the same array where it is that already.

    Raises:
        ValueError: The shape is not the input's, or the batch is empty.
        TypeError: The type cannot become the input's without loss of meaning, such as float32 to uint8.
    """
    expected = (None, *spec.shape[1:])
    fits = len(batch.shape) == len(expected) and all(
        free is None or free == size for free, size in zip(expected, batch.shape, strict=True)
    )
    if not fits or 0 in batch.shape:
        raise ValueError(
            f"batch has shape {batch.shape}, input {spec.name!r} expects {_shape_text(expected)}"
        )
    if not _converts(batch.dtype, spec.dtype):
        raise TypeError(f"batch is {batch.dtype}, input {spec.name!r} expects {spec.dtype}")
    return np.ascontiguousarray(batch, dtype=spec.dtype)


def run_in_chunks(run: Callable[[NDArray[Any]], Outputs], batch: NDArray[Any], size: int | None) -> Outputs:
    """Run a network that takes exactly `size` pictures (None: any number) as often as the batch needs.

    Raises:
        ValueError: An output does not have one entry per picture, so that several runs cannot be joined.
    """
    if size is None or size == len(batch):
        return run(batch)
    runs = [run(_filled(batch[start : start + size], size)) for start in range(0, len(batch), size)]
    return tuple(_joined(parts, size)[: len(batch)] for parts in zip(*runs, strict=True))


def _filled(chunk: NDArray[Any], size: int) -> NDArray[Any]:
    """Repeat the last picture until the chunk is full."""
    missing = size - len(chunk)
    return np.concatenate([chunk, chunk[-1:].repeat(missing, axis=0)]) if missing else chunk


def _joined(parts: tuple[NDArray[Any], ...], size: int) -> NDArray[Any]:
    shapes = sorted({part.shape for part in parts})
    if len(shapes) > 1 or shapes[0][:1] != (size,):
        raise ValueError(
            f"the network takes {size} picture(s) at a time and one output has shape {shapes[0]}, "
            f"which is not one entry for each: run such a network on {size} picture(s)"
        )
    return np.concatenate(parts)


def _converts(source: DTypeLike, target: DTypeLike) -> bool:
    floats = np.issubdtype(source, np.floating) and np.issubdtype(target, np.floating)
    return bool(floats or np.can_cast(source, target, "safe"))


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
