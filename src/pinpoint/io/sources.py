"""What a user means by an input: pictures, folders of them, patterns, videos, cameras and streams."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import PICTURES, UNSUPPORTED, VIDEOS, file_head, file_kind

__all__ = ["PICTURE_SUFFIXES", "VIDEO_SUFFIXES", "Source", "find_sources", "is_stream_address", "name_of"]

Kind = Literal["image", "video", "camera", "stream"]

PICTURE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".webp",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".gif",
        ".heic",
        ".heif",
        ".avif",
        ".jp2",
        ".j2k",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    ]
)
VIDEO_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
        ".wmv",
        ".asf",
        ".flv",
        ".3gp",
        ".3g2",
        ".ogv",
    ]
)
_DEVICE = re.compile(r"/dev/video([0-9]{1,3})")  # how Linux names the cameras that others number
_NUMBERED = re.compile(r"%[0-9]*d")
_STREAM = re.compile(r"(?:rtsps?|rtmps?|https?|udp|rtp|srt|tcp)://", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One thing to look at.

    Args:
        kind: What it is.
        path: The file, the camera's number in digits, or the stream's address.
    """

    kind: Kind
    path: str


Finding = Source | UnreadableError


def find_sources(inputs: Sequence[str]) -> tuple[list[Source], list[UnreadableError]]:
    """Find everything that the inputs of a command mean.

    Each is, in this order: the address of a stream; a camera of Linux (`/dev/video0`); a file or a folder
    that exists; a camera's number; a pattern with `*`, `?`, `[]` or `**`. A folder gives the pictures and
    videos in it and in its subfolders by their suffixes, in natural order (`2.jpg` before `10.jpg`), without
    hidden ones. A file named outright is taken for what it holds, whatever its suffix.

    Returns:
        What was found, in the order of the inputs and each file once; and an error for each input that means
        nothing, so that the others can be done.
    """
    found: dict[str, Source] = {}
    errors: list[UnreadableError] = []
    for given in inputs:
        for finding in _meant_by(given):
            if isinstance(finding, UnreadableError):
                errors.append(finding)
            else:
                found.setdefault(_identity(finding), finding)
    return list(found.values()), errors


def is_stream_address(source: str) -> bool:
    """Whether this is the address of a stream, not the name of a file."""
    return _STREAM.match(source) is not None


def name_of(source: Source) -> str:
    """What a source is called in results and messages: an address without the name and password in it."""
    if source.kind != "stream":
        return f"camera {source.path}" if source.kind == "camera" else source.path
    parts = urlsplit(source.path)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _meant_by(given: str) -> Iterator[Finding]:
    if is_stream_address(given):
        yield _addressed(given)
    elif device := _DEVICE.fullmatch(given):
        yield Source("camera", str(int(device[1])))
    elif given and os.path.lexists(given):
        yield from _in_folder(given) if Path(given).is_dir() else _named(given)
    elif given == "-":
        yield UnreadableError(given, "stdin is not read: save what comes through the pipe and name the file")
    elif re.fullmatch(r"[0-9]{1,3}", given):
        yield Source("camera", str(int(given)))
    elif glob.has_magic(given):
        yield from _matching(given)
    elif _NUMBERED.search(given):
        yield UnreadableError(given, f"it does not exist: for numbered pictures write {_starred(given)}")
    else:
        yield UnreadableError(given, "it does not exist: check the spelling and the folder")


def _starred(given: str) -> str:
    """The pattern that finds what FFmpeg's `%04d` does, quoted, so that no shell cuts it short."""
    return f'"{_NUMBERED.sub("*", given)}"'


def _addressed(address: str) -> Finding:
    place = re.split("[?#]", address)[0]
    if place.lower().startswith("http") and Path(place).suffix.lower() in PICTURE_SUFFIXES:
        public = re.sub("//[^/]*@", "//", address)  # without the name and password in it
        return UnreadableError(public, "pictures are not fetched from the web: download it first")
    return Source("stream", address)


def _named(path: str) -> Iterator[Finding]:
    try:
        kind = file_kind(file_head(path))
    except UnreadableError as error:
        by_suffix = _kind_by_suffix(path)
        yield Source(by_suffix, path) if by_suffix else error  # reading it will say the same, beside its name
        return
    by_content = _kind_by_content(kind) or _kind_by_suffix(path)
    yield Source(by_content, path) if by_content else UnreadableError(path, UNSUPPORTED[kind])


def _in_folder(folder: str) -> Iterator[Finding]:
    findings = list(_walk(folder, set()))
    if not findings:
        yield UnreadableError(folder, "it is a folder without pictures or videos")
    yield from findings


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[Finding]:
    """Go down a folder, once into each, so that links in a circle come to an end."""
    try:
        status = Path(folder).stat()
        names = sorted(os.listdir(folder), key=_natural)  # noqa: PTH208 - keeps the path as it was given
    except OSError as error:
        yield UnreadableError(folder, f"it is a folder that cannot be listed ({error.strerror})")
        return
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    paths = [str(Path(folder, name)) for name in names if not name.startswith(".")]
    folders = dict.fromkeys(path for path in paths if Path(path).is_dir())
    for path in paths:
        if path not in folders and (kind := _kind_by_suffix(path)):
            yield Source(kind, path)
    for path in folders:
        yield from _walk(path, seen)


def _matching(pattern: str) -> Iterator[Finding]:
    """A pattern passes over what is no picture or video, as a folder does."""
    found = False
    for path in sorted(glob.glob(pattern, recursive=True), key=_natural):  # noqa: PTH207 - Path.glob takes no absolute one
        findings = _walk(path, set()) if Path(path).is_dir() else _named(path)
        for finding in findings:
            if isinstance(finding, Source):
                found = True
                yield finding
    if not found:
        yield UnreadableError(pattern, "no picture or video matches it")


def _kind_by_content(kind: str) -> Kind | None:
    return "image" if kind in PICTURES else "video" if kind in VIDEOS else None


def _kind_by_suffix(path: str) -> Kind | None:
    suffix = Path(path).suffix.lower()
    return "image" if suffix in PICTURE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else None


def _identity(source: Source) -> str:
    is_file = source.kind in ("image", "video")
    return os.path.realpath(source.path) if is_file else f"{source.kind} {source.path}"


def _natural(name: str) -> tuple[list[tuple[int, int]], str]:
    """Sort key that counts: 2 before 10, and letters regardless of case."""
    tokens = re.findall(r"[0-9]+|[^0-9]", name.casefold())
    return [(ord("0"), int(token)) if "0" <= token[0] <= "9" else (ord(token), 0) for token in tokens], name
