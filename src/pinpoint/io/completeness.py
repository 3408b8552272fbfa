"""Whether all of a video file is there, by what its container says of its own length.

FFmpeg reads a file that was cut in the middle up to the cut and calls that its end.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pinpoint.io.files import file_kind

__all__ = ["lacks_index", "missing_bytes"]

_SEGMENT = b"\x18\x53\x80\x67"


def missing_bytes(path: Path) -> int:
    """Count the bytes that a video says it has beyond its end; 0 where it is whole or does not say.

    MP4, MOV, Matroska, WebM and AVI say; MPEG streams, FLV and Ogg do not.
    """
    with path.open("rb") as file:
        parts = {"mp4": _boxes, "matroska": _segments, "avi": _riffs}.get(file_kind(file.read(512)))
        said = max((end for _, end in parts(file)), default=0) if parts else 0
        return max(0, said - _length(file))


def lacks_index(path: Path) -> bool:
    """Whether an MP4 or MOV has no `moov` box, without which nothing in it can be found."""
    with path.open("rb") as file:
        return all(name != b"moov" for name, _ in _boxes(file))


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and end of each outermost box of an ISO media file (ISO/IEC 14496-12, 4.2)."""
    at, length = 0, _length(file)
    while at < length:
        header = _read(file, at, 16)
        size, name = int.from_bytes(header[:4], "big"), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if size < 8 or not name.isalnum():  # 0 means up to the end of the file, anything else is padding
            yield name, length
            return
        at += size
        yield name, at


def _riffs(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and end of each RIFF chunk; long files have several. One that was never finished says 0."""
    at, length = 0, _length(file)
    while at < length:
        header = _read(file, at, 8)
        size = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or size == 0:
            return
        at += 8 + size + size % 2
        yield header[:4], at


def _segments(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """End of the Matroska segment (RFC 9559), unless it was written without knowing."""
    at = 4
    size, width = _ebml_number(_read(file, at, 8))
    at += width + size
    if _read(file, at, 4) != _SEGMENT:
        return
    size, width = _ebml_number(_read(file, at + 4, 8))
    if size != (1 << 7 * width) - 1:  # all ones: unknown, as in a recording that is still going on
        yield _SEGMENT, at + 4 + width + size


def _ebml_number(data: bytes) -> tuple[int, int]:
    """Value and width of a variable-size integer (RFC 8794, 4)."""
    width = min(9 - data[0].bit_length(), 8)
    return int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1), width


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count).ljust(count, b"\0")


def _length(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)
