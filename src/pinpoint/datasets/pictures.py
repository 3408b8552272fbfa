"""Pictures that are read thousands of times: decoded once, kept in one file, mapped into memory."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pinpoint.geometry import Image, Size
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image

__all__ = ["Pictures"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
AHEAD = 64  # pictures decoded before they are written, which bounds memory


@dataclass(frozen=True)
class _Place:
    """Where one picture lies in the file, and the size that its original had."""

    start: int
    shape: tuple[int, int, int]
    original: Size


class Pictures:
    """Decoded pictures by number, shrunk where their longer side is above a limit.

    Decoding a photograph takes as long as a small network needs to learn from ten crops of it. The file is
    made when this object is, and used again by the next one made of the same files and limit.

    Args:
        paths: The files.
        folder: Where the decoded pictures are kept; they take width * height * 3 bytes each.
        longest: Pictures whose longer side is above this are shrunk to it.
        progress: Told how many of how many pictures are done.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        folder: Path,
        *,
        longest: int = 1024,
        progress: Progress | None = None,
    ) -> None:
        self.paths = tuple(paths)
        name = _key(self.paths, longest)
        self._index, self._data = folder / f"{name}.json", folder / f"{name}.bin"
        if not self._index.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._decode(longest, progress)
        listed = json.loads(self._index.read_text("utf-8"))
        self._places = [row and _Place(row[0], tuple(row[1]), tuple(row[2])) for row in listed]
        size = self._data.stat().st_size
        self._bytes = np.memmap(self._data, np.uint8, "r") if size else np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Image:
        """A picture, RGB of shape (H, W, 3). It may be a view of a file: do not write to it.

        Raises:
            UnreadableError: The file could not be read when the pictures were decoded.
        """
        place = self._place(number)
        return self._bytes[place.start : place.start + int(np.prod(place.shape))].reshape(place.shape)

    def size(self, number: int) -> Size:
        """Width and height of a picture, as `[]` gives it."""
        height, width, _ = self._place(number).shape
        return width, height

    def original_size(self, number: int) -> Size:
        """Width and height of the file that it was read from."""
        return self._place(number).original

    @property
    def unreadable(self) -> tuple[int, ...]:
        """Numbers of the pictures whose files could not be read."""
        return tuple(number for number, place in enumerate(self._places) if place is None)

    def _place(self, number: int) -> _Place:
        place = self._places[number]
        if place is None:
            raise UnreadableError(self.paths[number], "it could not be decoded; a warning said why")
        return place

    def _decode(self, longest: int, progress: Progress | None) -> None:
        """Write both files; the index last and in one step, so that a half-made one is never used."""
        part = self._data.with_suffix(f".{os.getpid()}.part")
        rows: list[list[object] | None] = []
        start = 0
        with part.open("wb") as file:
            for done, found in enumerate(_decoded(self.paths, longest), 1):
                if found is None:
                    rows.append(None)
                else:
                    picture, original = found
                    file.write(picture.tobytes())
                    rows.append([start, picture.shape, original])
                    start += picture.nbytes
                if progress is not None:
                    progress(done, len(self.paths))
        part.replace(self._data)
        part.write_text(json.dumps(rows), "utf-8")
        part.replace(self._index)


def _decoded(paths: Sequence[Path], longest: int) -> Iterator[tuple[Image, Size] | None]:
    """Read in several threads, in order."""
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), AHEAD):
            yield from pool.map(lambda path: _read(path, longest), paths[start : start + AHEAD])


def _read(path: Path, longest: int) -> tuple[Image, Size] | None:
    try:
        image = read_image(path)
    except (UnreadableError, OSError) as error:
        log.warning("left out: %s", error)
        return None
    height, width = image.shape[:2]
    shrink = longest / max(width, height)
    if shrink >= 1:
        return image, (width, height)
    smaller = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    resized = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return resized.astype(np.uint8, copy=False), (width, height)


def _key(paths: Sequence[Path], longest: int) -> str:
    """Name that changes when a file is changed, added or taken away."""
    digest = hashlib.sha256(str(longest).encode())
    for path in paths:
        state = path.stat() if path.exists() else None
        digest.update(f"{path.resolve()}|{state and state.st_size}|{state and state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]
