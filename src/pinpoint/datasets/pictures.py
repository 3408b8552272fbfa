"""Pictures by number: decoded once and kept in one file, or read from theirs whenever they are asked for."""

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from pinpoint.geometry import Image, Size
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image
from pinpoint.io.sizes import size_of_picture

__all__ = ["Files", "PictureSource", "Pictures"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
AHEAD = 64  # pictures decoded before they are written, which bounds memory
PROBED = 64  # pictures from whose sizes the size of the whole is told
NAMED = 5  # pictures that cannot be read which are named one by one
KEPT_DAYS = 30
KEY = "[0-9a-f]{24}"


@dataclass(frozen=True)
class _Place:
    """Where one picture lies in the file, and the size that its original had."""

    start: int
    shape: tuple[int, int, int]
    original: Size

    @property
    def stop(self) -> int:
        return self.start + int(np.prod(self.shape))


class PictureSource(Protocol):
    """Pictures by number."""

    paths: tuple[Path, ...]
    """Their files."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Image:
        """A picture, RGB of shape (H, W, 3).

        Raises:
            UnreadableError: The file cannot be read.
        """
        ...

    def size(self, number: int) -> Size:
        """Width and height of a picture, as `[]` gives it."""
        ...

    def original_size(self, number: int) -> Size:
        """Width and height of the file that it is read from."""
        ...

    @property
    def unreadable(self) -> tuple[int, ...]:
        """Numbers of the pictures that are known not to be readable."""
        ...


class Files:
    """Pictures that are read from their files whenever they are asked for, as large as they are.

    Their headers are read when this object is made, which is quick, and those that are no pictures are named
    in a warning. Damage behind a header shows when the picture is asked for.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._sizes = [_size_or_reason(path) for path in self.paths]
        _warn([(self.paths[number], str(self._sizes[number])) for number in self.unreadable])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Image:
        """Read a picture, RGB of shape (H, W, 3).

        Raises:
            UnreadableError: The file cannot be read.
        """
        try:
            return read_image(self.paths[number])
        except OSError as error:
            raise UnreadableError(self.paths[number], error.strerror or str(error)) from error

    def size(self, number: int) -> Size:
        """Width and height of a picture."""
        size = self._sizes[number]
        if isinstance(size, str):
            raise UnreadableError(self.paths[number], size)
        return size

    def original_size(self, number: int) -> Size:
        """The same as `size`."""
        return self.size(number)

    @property
    def unreadable(self) -> tuple[int, ...]:
        """Numbers of the pictures whose headers could not be read."""
        return tuple(number for number, size in enumerate(self._sizes) if isinstance(size, str))


class Pictures:
    """Decoded pictures by number, shrunk where their longer side is above a limit.

    Decoding a photograph takes as long as a small network needs to learn from ten crops of it. The file is
    made when this object is, and used again by the next one made of the same files and limit. Of several
    processes that want it at the same time one makes it and the others wait. Pictures that cannot be read are
    named in a warning. When a file is made, those of the folder that nobody used for 30 days are removed.

    Args:
        paths: The files.
        folder: Where the decoded pictures are kept; they take width * height * 3 bytes each.
        longest: Pictures whose longer side is above this are shrunk to it.
        progress: Told how many of how many pictures are done.

    Raises:
        OSError: There is not enough room in the folder, or it cannot be written to.
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
        if not self._is_whole():
            self._make(longest, progress)
        with suppress(OSError):  # of a folder that only others write to
            os.utime(self._index)
        self._places = self._listed()
        self._bytes = _mapped(self._data)
        _warn([(self.paths[number], str(self._places[number])) for number in self.unreadable])

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file itself: it is not sent what may be many gigabytes."""
        return {name: value for name, value in vars(self).items() if name != "_bytes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _bytes=_mapped(state["_data"]))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Image:
        """A picture, RGB of shape (H, W, 3). It is a view of the file and cannot be written to.

        Raises:
            UnreadableError: The file could not be read when the pictures were decoded.
        """
        place = self._place(number)
        return self._bytes[place.start : place.stop].reshape(place.shape)

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
        return tuple(number for number, place in enumerate(self._places) if isinstance(place, str))

    def _place(self, number: int) -> _Place:
        place = self._places[number]
        if isinstance(place, str):
            raise UnreadableError(self.paths[number], place)
        return place

    def _listed(self) -> list[_Place | str]:
        """What the index holds: places, and the reasons where there is none."""
        rows = json.loads(self._index.read_text("utf-8"))
        return [row if isinstance(row, str) else _Place(row[0], tuple(row[1]), tuple(row[2])) for row in rows]

    def _is_whole(self) -> bool:
        """Whether both files are there, and the data as long as the index says."""
        if not (self._index.exists() and self._data.exists()):
            return False
        ends = [place.stop for place in self._listed() if isinstance(place, _Place)]
        return self._data.stat().st_size == max(ends, default=0)

    def _make(self, longest: int, progress: Progress | None) -> None:
        """Decode, unless another process just did; a lock of a process that was killed is free again."""
        from filelock import FileLock

        self._data.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._data.with_suffix(".lock")):
            if not self._is_whole():
                _forget_unused(self._data.parent)
                self._check_room(longest)
                self._decode(longest, progress)

    def _check_room(self, longest: int) -> None:
        folder = self._data.parent
        needed, free = _bytes_needed(self.paths, longest), shutil.disk_usage(folder).free
        log.info("decoding %d pictures into %s: about %s", len(self.paths), folder, _gigabytes(needed))
        if needed > free:
            raise OSError(
                errno.ENOSPC,
                f"the decoded pictures take about {_gigabytes(needed)} and {_gigabytes(free)} are free: "
                "make room or choose another cache folder",
                str(folder),
            )

    def _decode(self, longest: int, progress: Progress | None) -> None:
        """Write both files; the index last and in one step, so that a half-made one is never used."""
        self._index.unlink(missing_ok=True)
        part = self._data.with_suffix(".part")
        try:
            rows = _write(part, _decoded(self.paths, longest), len(self.paths), progress)
            part.replace(self._data)
            part.write_text(json.dumps(rows), "utf-8")
            part.replace(self._index)
        finally:
            part.unlink(missing_ok=True)


def _warn(broken: Sequence[tuple[Path, str]]) -> None:
    """Say which files cannot be read, and why."""
    for path, reason in broken[:NAMED]:
        log.warning("left out: %s: %s", path, reason)
    if more := broken[NAMED:]:
        log.warning("left out: %d more pictures that cannot be read", len(more))


def _size_or_reason(path: Path) -> Size | str:
    """Width and height by the header, or why it cannot be read."""
    try:
        return size_of_picture(path)
    except UnreadableError as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)


def _forget_unused(folder: Path) -> None:
    """Remove decoded pictures that nobody used for long; whoever has them open can go on reading them."""
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    for index in folder.glob("*.json"):
        if re.fullmatch(KEY, index.stem) and index.stat().st_mtime < oldest:
            for suffix in (".json", ".bin", ".lock"):
                index.with_suffix(suffix).unlink(missing_ok=True)


def _write(
    part: Path, found: Iterator[tuple[Image, Size] | str], count: int, progress: Progress | None
) -> list[object]:
    """Write pictures one after the other, and return the rows of the index."""
    rows: list[object] = []
    with part.open("wb") as file:
        for done, one in enumerate(found, 1):
            if isinstance(one, str):
                rows.append(one)
            else:
                picture, original = one
                rows.append([file.tell(), picture.shape, original])
                file.write(np.ascontiguousarray(picture).data)
            if progress is not None:
                progress(done, count)
    return rows


def _mapped(path: Path) -> Image:
    """The bytes of a file, read when they are looked at."""
    if not path.stat().st_size:  # nothing cannot be mapped
        return np.zeros(0, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r"))


def _decoded(paths: Sequence[Path], longest: int) -> Iterator[tuple[Image, Size] | str]:
    """Read in several threads, in order."""
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), AHEAD):
            yield from pool.map(lambda path: _read(path, longest), paths[start : start + AHEAD])


def _read(path: Path, longest: int) -> tuple[Image, Size] | str:
    """A picture and the size of its original, or why there is none."""
    try:
        image = read_image(path)
    except UnreadableError as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)
    height, width = image.shape[:2]
    smaller = _kept_size((width, height), longest)
    if smaller == (width, height):
        return image, smaller
    resized = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    return resized.astype(np.uint8, copy=False), (width, height)


def _kept_size(size: Size, longest: int) -> Size:
    shrink = min(1.0, longest / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def _bytes_needed(paths: Sequence[Path], longest: int) -> int:
    """About how many bytes the decoded pictures take, from the headers of some that stand for all."""
    if not paths:
        return 0
    numbers = np.unique(np.linspace(0, len(paths) - 1, PROBED).astype(int))
    sizes = [size for number in numbers if (size := _size_in_header(paths[number])) is not None]
    areas = [np.prod(_kept_size(size, longest)) for size in sizes]
    return int(3 * sum(areas) / len(numbers) * len(paths))


def _size_in_header(path: Path) -> Size | None:
    """Width and height of a picture, none where Pillow cannot tell."""
    import PIL.Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with a picture is said when it is read
            with PIL.Image.open(path) as picture:
                return picture.size
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _key(paths: Sequence[Path], longest: int) -> str:
    """Name that changes when a file is changed, added or taken away."""
    digest = hashlib.sha256(str(longest).encode())
    for path in paths:
        state = path.stat() if path.exists() else None
        digest.update(f"{path.resolve()}|{state and state.st_size}|{state and state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]
