"""Files of regression trees, and a session that runs them: pictures in, keypoints out, and no engine."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pinpoint.runtime.batches import Outputs, as_batch
from pinpoint.runtime.cores import check_threads
from pinpoint.runtime.forest import Forest, Level, grey
from pinpoint.runtime.session import TensorSpec
from pinpoint.runtime.sources import ModelSource, check_readable, source_name

__all__ = ["TreesSession", "read_forest", "write_forest"]

MOST_BYTES = 1 << 30  # unpacked: a damaged file may claim more than memory holds
PARTS = tuple(field.name for field in fields(Level))
DAMAGE = (
    *(ValueError, TypeError, EOFError, KeyError, MemoryError, RuntimeError),  # of numpy, and of odd arrays
    *(zipfile.BadZipFile, zlib.error),
)


class TreesSession:
    """A forest as a network: takes RGB pictures, (B, h, w, 3) uint8, and says where their keypoints are.

    Its one output has x and y of each keypoint as shares of width and height, shape (B, K, 2), which is what
    the codec `regression` reads.

    Args:
        model: Path or content of an `.npz` file that `write_forest` wrote.
        outputs: `points`, or none.
        threads: Not used: trees run on one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no forest, is damaged, or has no output of that name.
    """

    def __init__(self, model: ModelSource, *, outputs: Sequence[str] = (), threads: int = 0) -> None:
        check_threads(threads)
        if unknown := set(outputs) - {"points"}:
            raise ValueError(f"no output {min(unknown)!r}; {source_name(model, 'trees')} has points")
        self.forest = forest = read_forest(model)
        width, height = forest.size
        self.input = TensorSpec("pictures", (None, height, width, 3), np.dtype(np.uint8))
        self.outputs = (TensorSpec("points", (None, len(forest.mean), 2), np.dtype(np.float32)),)

    def run(self, batch: NDArray[Any]) -> Outputs:
        """Run on a batch, shape (B, h, w, 3). Safe to call from several threads.

        Raises:
            ValueError: The batch does not have the shape of the input.
            TypeError: The batch does not have the type of the input.
        """
        batch = as_batch(batch, self.input)
        xy = self.forest(np.stack([grey(picture) for picture in batch]))
        return ((xy / np.array(self.forest.size, dtype=np.float32)),)


def write_forest(path: Path | str, forest: Forest, metadata: Mapping[str, str] | None = None) -> None:
    """Write a forest, and what is to be said of it, as a compressed `.npz` without pickles.

    Args:
        path: The file; it is replaced.
        forest: What to write.
        metadata: Texts by their keys.

    Raises:
        ValueError: A key is the name of one of the forest's arrays.
    """
    arrays = {"size": np.array(forest.size), "mean": forest.mean}
    for number, level in enumerate(forest.levels):
        arrays |= {f"{part}-{number}": getattr(level, part) for part in PARTS}
    if taken := set(arrays) & set(metadata or {}):
        raise ValueError(f"metadata has the key {min(taken)!r}, which is an array of the forest")
    texts = {key: np.array(text) for key, text in (metadata or {}).items()}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, **texts)


def read_forest(model: ModelSource) -> Forest:
    """Read what `write_forest` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged or holds no forest.
    """
    name = source_name(model, "trees")
    check_readable(model)
    try:
        with BytesIO(model) if isinstance(model, bytes) else Path(model).open("rb") as file:
            return _forest(file)
    except DAMAGE as error:
        raise ValueError(f"{name} holds no regression trees that can be read: {error}") from error


def _forest(file: BinaryIO) -> Forest:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MOST_BYTES:
        raise ValueError(f"it says that it unpacks to {unpacked} bytes, expected {MOST_BYTES} at most")
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        if missing := {"size", "mean", "leaves-0"} - set(stored):
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        count = sum(name.startswith("leaves-") for name in stored)
        levels = [Level(**{part: stored[f"{part}-{n}"] for part in PARTS}) for n in range(count)]
        size, mean = stored["size"], stored["mean"]
    if size.shape != (2,) or size.dtype.kind not in "iu":
        raise ValueError(f"size is {size.tolist()}, expected width and height")
    return Forest((int(size[0]), int(size[1])), mean, tuple(levels))
