"""What the pictures of a file are: there or not, how large, and of which look."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from os import cpu_count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, Size
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes
from pinpoint.io.images import read_image

__all__ = ["BLANK", "Look", "look_at", "near_hashes", "same_look"]

Progress = Callable[[int, int], None]
SMALL = 32  # side of the grey picture that looks are compared by
BANDS = 8  # side of the block of low frequencies that the hash is made of
APART = 8  # bits of 64 by which hashes of the same look may differ
ALIKE = 0.985  # correlation of the small pictures of the same look
BLANK = 1.5  # standard deviation of grey below which there is nothing to see
CHUNK = 4096  # pairs of small pictures that are compared at a time, which bounds memory
PAIRS = 1 << 21  # pairs of hashes, likewise
FEW = 1 << 18  # pairs up to which it is no use to look for likely ones
EDGES = (0, 13, 26, 39, 52, 64)  # of bands of bits: APART bits in five of them are at most one in some

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Look:
    """One picture as it lies on the disk.

    Args:
        path: Where it is, or should be.
        reason: Why it cannot be read; empty where it can.
        size: Width and height, upright; none where it cannot be read.
        digest: Hash of its bytes; empty where it cannot be read.
        bits: Perceptual hash of 64 bits, which scaling, compression and slight changes leave almost as it is.
        small: 32 x 32 grey levels.
    """

    path: Path
    reason: str = ""
    size: Size | None = None
    digest: str = ""
    bits: int = 0
    small: NDArray[np.uint8] | None = None

    @property
    def there(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()


def look_at(paths: Sequence[Path], progress: Progress | None = None) -> tuple[Look, ...]:
    """Open pictures, several at a time; a path that is listed twice is opened once.

    Args:
        paths: The files, which may not be there.
        progress: Told how many of how many are done.
    """
    unique = list(dict.fromkeys(paths))
    found: dict[Path, Look] = {}
    with ThreadPoolExecutor(max_workers=min(8, cpu_count() or 1)) as pool:
        for done, look in enumerate(pool.map(_look, unique), 1):
            found[look.path] = look
            if progress is not None:
                progress(done, len(unique))
    return tuple(found[path] for path in paths)


def same_look(first: Sequence[Look], second: Sequence[Look] | None = None) -> list[tuple[int, int]]:
    """Pairs of pictures that look the same: within one list each pair once, or between two lists.

    The hashes agree to 8 of 64 bits, and so do small grey versions by their correlation, which tells apart
    what the hash takes for the same. Blank pictures look like nothing.

    Returns:
        Pairs of numbers in the lists, copies of the same bytes included.
    """
    other = first if second is None else second
    bits_a, rows_a, small_a = _columns(first)
    bits_b, rows_b, small_b = _columns(other)
    a, b = near_hashes(bits_a, None if second is None else bits_b)
    alike = np.zeros(len(a), bool)
    for start in range(0, len(a), CHUNK):
        part = slice(start, start + CHUNK)
        alike[part] = np.einsum("pd,pd->p", small_a[a[part]], small_b[b[part]]) > ALIKE
    return list(zip(rows_a[a[alike]].tolist(), rows_b[b[alike]].tolist(), strict=True))


def near_hashes(first: Hashes, second: Hashes | None = None, *, few: int = FEW) -> tuple[Rows, Rows]:
    """Rows of hashes that differ in 8 bits or fewer, sorted: within one list each pair once, or between two.

    Few are compared with all others. Of many, only those that nearly agree in one of five bands of their bits
    are: 8 differences in five bands leave one with no more than one, so that nothing is missed.

    Args:
        first: 64 bits each, shape (N,).
        second: The same, shape (M,), or none.
        few: Up to so many pairs, all are compared.
    """
    other = first if second is None else second
    groups = _all_rows(len(first), len(other)) if len(first) * len(other) <= few else _in_bands(first, other)
    found: list[NDArray[np.int64]] = []
    for a, b in groups:
        near = np.bitwise_count(first[a] ^ other[b]) <= APART
        near &= (a < b) | (second is not None)
        found.append(a[near] * max(1, len(other)) + b[near])
    pairs = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return np.divmod(pairs, max(1, len(other)))


def _all_rows(count: int, others: int) -> Iterator[tuple[Rows, Rows]]:
    step = max(1, PAIRS // max(1, others))
    for start in range(0, count, step):
        a, b = np.indices((min(step, count - start), others))
        yield a.ravel() + start, b.ravel()


def _in_bands(first: Hashes, other: Hashes) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows that differ in one bit of a band or in none, some at a time; a pair may come twice."""
    for start, end in pairwise(EDGES):
        mask = np.uint64((1 << (end - start)) - 1)
        keys_a, keys_b = ((bits >> np.uint64(start) & mask).astype(np.int64) for bits in (first, other))
        order = np.argsort(keys_b, kind="stable")
        starts = np.searchsorted(keys_b[order], np.arange((1 << (end - start)) + 1))
        for change in (0, *(1 << bit for bit in range(end - start))):
            keys = keys_a ^ change
            yield from _buckets(starts[keys], starts[keys + 1], order)


def _buckets(low: Rows, high: Rows, order: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Each row with all of its bucket, some rows at a time."""
    total = np.append(0, np.cumsum(high - low))
    edges = np.unique(np.searchsorted(total, np.arange(0, total[-1] + PAIRS, PAIRS)).clip(max=len(low)))
    for start, end in pairwise([0, *edges.tolist(), len(low)]):
        count = high[start:end] - low[start:end]
        a = np.repeat(np.arange(start, end), count)
        within = np.arange(len(a)) - np.repeat(np.cumsum(count) - count, count)
        yield a, order[np.repeat(low[start:end], count) + within]


def _look(path: Path) -> Look:
    try:
        data = read_bytes(path)
        image = read_image(path)
    except UnreadableError as error:
        return Look(path, error.reason)
    except OSError as error:
        return Look(path, error.strerror or str(error))
    height, width = image.shape[:2]
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    small = _small(image)
    return Look(path, "", (width, height), digest, _bits(small), small)


def _small(image: Image) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA), np.uint8)


def _bits(small: NDArray[np.uint8]) -> int:
    """Which of the low frequencies are above their median, as Marr's and Zauner's pHash has it."""
    low = cv2.dct(small.astype(np.float32))[:BANDS, :BANDS].reshape(-1)
    above = low > np.median(low[1:])
    return int.from_bytes(np.packbits(above).tobytes(), "big")


def _columns(looks: Sequence[Look]) -> tuple[NDArray[np.uint64], NDArray[np.intp], Float]:
    """Hashes, numbers and centred unit vectors of the pictures that have something to see."""
    rows = [row for row, look in enumerate(looks) if look.small is not None and look.small.std() > BLANK]
    smalls = [np.asarray(looks[row].small, dtype=np.float32).reshape(-1) for row in rows]
    vectors = np.array(smalls, dtype=np.float32).reshape(len(rows), SMALL * SMALL)
    vectors -= vectors.mean(axis=1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.array([looks[row].bits for row in rows], dtype=np.uint64), np.array(rows, np.intp), vectors
