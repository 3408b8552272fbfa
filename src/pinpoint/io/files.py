"""Files before they are decoded: can they be opened at all, and what are they by their first bytes?"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pinpoint.io.errors import UnreadableError

__all__ = [
    "HEAD_BYTES",
    "PICTURES",
    "RAW_SUFFIXES",
    "UNSUPPORTED",
    "VIDEOS",
    "check_folder",
    "file_head",
    "file_kind",
    "read_bytes",
    "replacing",
]

PICTURES = frozenset({"jpeg", "png", "gif", "webp", "bmp", "tiff", "heif", "avif", "pnm", "jpeg2000"})
VIDEOS = frozenset({"mp4", "matroska", "avi", "mpeg-ts", "mpeg-ps", "flv", "ogg", "wmv"})

HEAD_BYTES = 512
"""How much of a file tells what it is."""
RAW_SUFFIXES = frozenset(
    {".dng", ".nef", ".nrw", ".arw", ".srf", ".cr2", ".pef", ".orf", ".rw2", ".3fr", ".iiq"}
)
UNSUPPORTED = {
    "svg": "it is an SVG drawing, which is not supported: export it as PNG",
    "pdf": "it is a PDF document, which is not supported: export its pages as PNG",
    "photoshop": "it is a Photoshop document, which is not supported: save it as PNG",
    "jpeg-xl": "it is a JPEG XL picture, which is not supported: convert it with djxl",
    "openexr": "it is an OpenEXR picture, which is not supported: convert it to TIFF",
    "radiance": "it is a Radiance HDR picture, which is not supported: convert it to TIFF",
    "camera raw": "it is a camera's raw file: develop it first and save it as JPEG",
    "zip": "it is a ZIP archive: unpack it first",
    "html": "it is a web page: the download probably failed",
    "text": "it is text, not a picture or a video",
    "audio": "it is a sound recording: there is nothing to see in it",
    "": "it is no picture or video of a known format: convert it to JPEG, PNG or MP4",
}
"""What is wrong with every kind of file that is neither a picture nor a video that can be read."""

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"\0\0\0\x0cjP  ", "jpeg2000"),
    (0, b"\xff\x4f\xff\x51", "jpeg2000"),
    (0, b"\0\0\0\x0cJXL ", "jpeg-xl"),
    (0, b"\xff\x0a", "jpeg-xl"),
    (0, b"v/1\x01", "openexr"),
    (0, b"#?R", "radiance"),
    (0, b"8BPS", "photoshop"),
    (0, b"%PDF", "pdf"),
    (0, b"PK\x03\x04", "zip"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (4, b"wide", "mp4"),
    (4, b"free", "mp4"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
    (8, b"WAVE", "audio"),
    (0, b"ID3", "audio"),
    (0, b"fLaC", "audio"),
    (0, b"\0\0\x01\xba", "mpeg-ps"),
    (0, b"\0\0\x01\xb3", "mpeg-ps"),
    (0, b"FLV\x01", "flv"),
    (0, b"OggS", "ogg"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "wmv"),
)
_BRANDS = {
    "heif": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"),
    "avif": (b"avif", b"avis"),
    "audio": (b"M4A ", b"M4B "),
    "camera raw": (b"crx ",),
}
_PNM = tuple(b"P%d" % digit for digit in range(1, 7))
_REASONS = {
    errno.ENOENT: "it does not exist: check the spelling and the folder",
    errno.ENOTDIR: "it does not exist: a part of its path is not a folder",
    errno.EACCES: "it may not be read: ask for permission (chmod +r)",
    errno.EPERM: "it may not be read: ask for permission",
    errno.ELOOP: "it is a link that leads back to itself: remove it",
    errno.ENAMETOOLONG: "it does not exist: its name is too long",
    errno.EIO: "it cannot be read from its disk: copy it from a backup",
}
_NOT_FILES = (
    (stat.S_ISDIR, "it is a folder: name a file in it"),
    (stat.S_ISFIFO, "it is a pipe, not a file: save what comes out of it first"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
)


def file_head(path: str | Path) -> bytes:
    """Read the first bytes of a regular file; never waits on a pipe or a device.

    Raises:
        UnreadableError: It is missing, empty, not a file, or there is no permission.
    """
    return _read(path, HEAD_BYTES)


def read_bytes(path: str | Path) -> bytes:
    """Read a whole regular file; never waits on a pipe or a device.

    Raises:
        UnreadableError: It is missing, empty, not a file, or there is no permission.
    """
    return _read(path, -1)


def file_kind(head: bytes) -> str:
    """Tell what a file is by its first bytes; empty if it is nothing known.

    Returns:
        A member of `PICTURES` or `VIDEOS`, or a key of `UNSUPPORTED`.
    """
    if head[4:8] == b"ftyp":
        return _branded(head)
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    if head[:2] in _PNM and head[2:3].isspace():
        return "pnm"
    if head[::188].startswith(b"GG") or head[4::192].startswith(b"GG"):
        return "mpeg-ts"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    return _text_kind(head)


def check_folder(path: str | Path) -> None:
    """Refuse to write a file into a folder that does not exist.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    parent = Path(path).parent
    if not parent.is_dir():
        raise FileNotFoundError(f"cannot write {str(path)!r}: the folder {str(parent)!r} does not exist")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file so that its name only ever holds a finished one.

    The body writes to the temporary name it is given, in the same folder. Leaving it puts the file in
    place; an exception removes it.

    Raises:
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: The path is a folder.
        OSError: The body failed to write; it names the path, not the temporary name, which nobody knows.
    """
    final = Path(os.path.realpath(path))
    check_folder(final)
    if final.is_dir():
        raise IsADirectoryError(f"cannot write {str(path)!r}: it is a folder")
    temporary = final.parent / f".{secrets.token_hex(8)}.part"
    try:
        yield temporary
        temporary.replace(final)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: str | Path, count: int) -> bytes:
    try:
        mode = Path(path).stat().st_mode
        data = _first_bytes(path, count) if stat.S_ISREG(mode) else b""
    except (OSError, ValueError) as error:
        raise UnreadableError(path, _reason(path, error)) from error
    if not stat.S_ISREG(mode):
        raise UnreadableError(path, _what_it_is(mode))
    if not data:
        raise UnreadableError(path, "it is empty (0 bytes): copy or download it again")
    return data


def _first_bytes(path: str | Path, count: int) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(count)


def _what_it_is(mode: int) -> str:
    return next((reason for is_kind, reason in _NOT_FILES if is_kind(mode)), "it is not a file")


def _reason(path: str | Path, error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return f"it has a name that no file can have ({error})"
    if error.errno == errno.ENOENT and Path(path).is_symlink():
        return "it is a link to a file that does not exist: remove it or mend it"
    return _REASONS.get(error.errno or 0, f"it cannot be opened ({error.strerror})")


def _branded(head: bytes) -> str:
    """ISO media files name a brand; where that is a general one, those it is compatible with tell more."""
    general = head[8:12] in (b"mif1", b"msf1")
    brands = [head[at : at + 4] for at in (16, 20, 24)] if general else [head[8:12]]
    for kind, known in _BRANDS.items():
        if any(brand in known for brand in brands):
            return kind
    return "heif" if general else "mp4"


def _text_kind(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype svg")) and b"<svg" in text):
        return "svg"
    if text.startswith((b"<!doctype html", b"<html")):
        return "html"
    return "text" if text and not any(byte < 9 or 13 < byte < 27 for byte in head) and _is_utf8(head) else ""


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # a character across the end of the head
    return True
