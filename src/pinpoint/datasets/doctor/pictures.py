"""What the pictures of a file are: there or not, how large, and of which look."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, Size
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes
from pinpoint.io.images import read_image

__all__ = ["BLANK", "Look", "look_at", "same_look"]

Progress = Callable[[int, int], None]
SMALL = 32  # side of the grey picture that looks are compared by
BANDS = 8  # side of the block of low frequencies that the hash is made of
APART = 8  # bits of 64 by which hashes of the same look may differ
ALIKE = 0.985  # correlation of the small pictures of the same look
BLANK = 1.5  # standard deviation of grey below which there is nothing to see
CHUNK = 512  # pictures compared with all others at a time, which bounds memory


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
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(bits_a), CHUNK):
        apart = np.bitwise_count(bits_a[start : start + CHUNK, None] ^ bits_b)
        for a, b in np.argwhere(apart <= APART):
            row, column = int(rows_a[start + a]), int(rows_b[b])
            within = second is None and row >= column
            if not within and float(small_a[start + a] @ small_b[b]) > ALIKE:
                pairs.append((row, column))
    return pairs


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
