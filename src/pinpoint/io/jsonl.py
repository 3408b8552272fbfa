r"""JSON Lines: a line that names the skeleton, then one line for each record.

Every line is one write to the system, so a killed run leaves whole lines, and the file can be continued.
Holds every field of `Keypoints`, to the decimals of `plain`, and the skeleton in full.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pinpoint.io.errors import UnreadableError
from pinpoint.io.growing import read_text
from pinpoint.io.plain import blame, from_plain, header, skeleton_of_header, to_line, to_plain
from pinpoint.io.records import EXTRAS, FIELDS, Admission, Record, RecordWriter
from pinpoint.skeletons import Skeleton

__all__ = ["HOLDS", "JsonlWriter", "read_jsonl"]

log = logging.getLogger(__name__)

HOLDS = frozenset(FIELDS)


class JsonlWriter(RecordWriter):
    """Writes one line for each record.

    Args:
        target: A file, or a binary stream such as `sys.stdout.buffer`, which is flushed but never closed.
        skeleton: The skeleton of all records, or none to take the first record's.
        append: Continue the file if it exists instead of replacing it. A torn last line is cut off.

    Raises:
        ValueError: The file to continue holds another skeleton.
        UnreadableError: The file to continue is not of this form.
    """

    def __init__(
        self, target: str | Path | BinaryIO, skeleton: Skeleton | None = None, *, append: bool = False
    ) -> None:
        self._headed = False
        self._owned = isinstance(target, (str, Path))
        if isinstance(target, (str, Path)):
            path = Path(target)
            if append and path.exists() and path.stat().st_size:
                skeleton = _continued(path, skeleton)
                self._headed = skeleton is not None
            target = path.open("ab" if append else "wb", buffering=0)
        self._file = target
        self._admit = Admission(HOLDS, "JSONL", skeleton, keeps=EXTRAS)

    def write(self, record: Record) -> None:
        """Add one record.

        Raises:
            ValueError: Its skeleton is not that of the file, or a number is infinite.
        """
        self._admit(record)
        self._begin()
        self._line(to_line(to_plain(record)))

    def close(self) -> None:
        """Finish the file; a stream that was handed in stays open."""
        if self._file.closed:
            return
        try:
            self._begin()
        finally:  # a disk that is full leaves none open
            if self._owned:
                self._file.close()

    def _begin(self) -> None:
        if not self._headed:
            self._line(to_line(header(self._admit.skeleton)))
            self._headed = True

    def _line(self, text: str) -> None:
        rest = memoryview(text.encode("ascii") + b"\n")
        while rest:  # an unbuffered file may take less than all, as on a full disk just freed
            rest = rest[self._file.write(rest) :]
        self._file.flush()


def read_jsonl(path: str | Path) -> list[Record]:
    """Read a file that `JsonlWriter` wrote, or several of them put after one another.

    A torn last line, as a killed run may leave, is left out with a warning.

    Raises:
        UnreadableError: The file is damaged or of another form; the line is named.
    """
    path = Path(path)
    skeleton: Skeleton | None = None
    records: list[Record] = []
    for number, plain in _lines(path):
        with blame(path, f"line {number}"):
            if not isinstance(plain, dict):
                raise ValueError(f"it holds {plain!r}, expected an object")
            if "format" in plain:
                skeleton = skeleton_of_header(plain)
            elif skeleton is None:
                raise ValueError("a record comes before the line that names the skeleton")
            else:
                records.append(from_plain(plain, skeleton))
    return records


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    text = read_text(path)
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            plain = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines) > 1:
                log.warning("%s ends within line %d, which is left out", path, number)
                return
            raise UnreadableError(path, f"is damaged: line {number} is not JSON: {error}") from error
        yield number, plain


def _continued(path: Path, skeleton: Skeleton | None) -> Skeleton | None:
    """Make a file end with a whole line and return its skeleton, none if it holds none yet."""
    with path.open("rb") as file, blame(path, "line 1"):
        own = skeleton_of_header(json.loads(file.readline()))
    if own is not None and skeleton is not None and own != skeleton:
        raise ValueError(f"{path} holds {own!r} and cannot be continued with {skeleton!r}")
    _mend_end(path)
    return own


def _mend_end(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        last = _last_line(file, size)
        if last.endswith(b"\n"):
            return
        try:
            json.loads(last)
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
        except ValueError:
            log.warning("%s ends within a line, which is cut off", path)
            file.truncate(size - len(last))


def _last_line(file: BinaryIO, size: int, block: int = 1 << 16) -> bytes:
    """The bytes after the last line end but one, at the least the last byte."""
    start, tail = size, b""
    while start and b"\n" not in tail[:-1]:
        start, end = max(0, start - block), start
        file.seek(start)
        tail = file.read(end - start) + tail
    return tail[tail.rfind(b"\n", 0, -1) + 1 :]
