"""What JPEG, PNG and TIFF files say of themselves before a pixel is decoded.

Reading this much ourselves is what lets OpenCV, the faster decoder, be trusted: it may fill what a cut file
lacks with grey, turns pictures on its own account and warns on stderr.
"""

import struct
import zlib
from dataclasses import dataclass

from pinpoint.geometry import Size
from pinpoint.io.errors import DefectError

__all__ = [
    "CUT_OFF",
    "JpegHeader",
    "PngHeader",
    "TiffHeader",
    "exif_orientation",
    "jpeg_header",
    "png_header",
    "tiff_header",
]

CUT_OFF = "it is cut off: copy or download it again"
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


@dataclass(frozen=True)
class JpegHeader:
    """The frame of a JPEG.

    Args:
        size: Width and height as stored, before it is turned upright.
        precision: Bits per sample.
        components: 1 grey, 3 colour, 4 CMYK.
        orientation: EXIF orientation, 1 to 8.
        ended: Whether the picture's end is there.
    """

    size: Size
    precision: int
    components: int
    orientation: int
    ended: bool


@dataclass(frozen=True)
class PngHeader:
    """The chunks of a PNG.

    Args:
        size: Width and height as stored, before it is turned upright.
        depth: Bits per sample.
        alpha: Whether some pixels may be transparent.
        orientation: EXIF orientation, 1 to 8.
        picture: The file with its pixels, palette and transparency alone; decoders act on the rest or warn.
    """

    size: Size
    depth: int
    alpha: bool
    orientation: int
    picture: bytes


@dataclass(frozen=True)
class TiffHeader:
    """The first page of a TIFF.

    Args:
        size: Width and height as stored, before it is turned upright.
        depth: Bits per sample, the most of any channel.
        orientation: TIFF orientation, 1 to 8.
        raw: Whether this is a camera's raw file, whose first page is only a thumbnail.
        end: Where the last strip or tile ends, in bytes.
    """

    size: Size
    depth: int
    orientation: int
    raw: bool
    end: int


def jpeg_header(data: bytes) -> JpegHeader:
    """Read the markers of a JPEG up to its first scan.

    Raises:
        DefectError: The file ends before the scan, or what comes is no marker.
    """
    at, frame, orientation = 2, (0, 0, 0, 0), 1
    while True:
        marker, start, end = _jpeg_segment(data, at)
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame = struct.unpack_from(">BHHB", data, start)
        if marker == 0xE1 and data.startswith(b"Exif\0\0", start) and orientation == 1:
            orientation = exif_orientation(data[start:end])
        at = end
    precision, height, width, components = frame
    # Backwards, because the end is mostly the last two bytes; inside a scan FF is never followed by D9.
    return JpegHeader((width, height), precision, components, orientation, data.rfind(b"\xff\xd9", at) >= 0)


def png_header(data: bytes) -> PngHeader:
    """Read and check the chunks of a PNG, without decoding.

    Raises:
        DefectError: The file is cut, or a chunk that matters does not have the checksum it says.
    """
    at, kept, alpha, orientation = 8, [slice(0, 8)], False, 1
    width, height, depth, color = struct.unpack_from(">IIBB", data.ljust(26, b"\0"), 16)
    while True:
        kind, end = _png_chunk(data, at)
        if kind == b"tRNS" or not kind[0] & 0x20:  # a small first letter means that decoders may ignore it
            _check_png_chunk(data, at, end, kind)
            kept.append(slice(at, end))
        alpha |= kind == b"tRNS"
        if kind == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end - 4])
        if kind == b"IEND":
            break
        at = end
    return PngHeader((width, height), depth, alpha or bool(color & 4), orientation, _joined(data, kept))


def tiff_header(data: bytes) -> TiffHeader | None:
    """Read the first directory of a TIFF; none for a BigTIFF.

    Raises:
        DefectError: There is no such directory.
    """
    if data[2:4] in (b"+\0", b"\0+"):
        return None
    tags = _directory(data)
    if not tags.get(256) or not tags.get(257):
        raise DefectError("it is damaged: it does not say how large it is")
    starts, counts = tags.get(273, tags.get(324, ())), tags.get(279, tags.get(325, ()))
    return TiffHeader(
        size=(int(tags[256][0]), int(tags[257][0])),
        depth=max(tags.get(258) or (1,)),
        orientation=_known_orientation(tags),
        raw=50706 in tags or 50740 in tags or data[8:10] == b"CR",
        end=max((start + count for start, count in zip(starts, counts, strict=False)), default=0),
    )


def exif_orientation(exif: bytes) -> int:
    """Read the orientation out of an EXIF block, with or without its `Exif` prefix.

    Returns:
        1 to 8; 1, upright, where the block is broken or does not say.
    """
    try:
        return _known_orientation(_directory(exif.removeprefix(b"Exif\0\0")))
    except DefectError:
        return 1


def _jpeg_segment(data: bytes, at: int) -> tuple[int, int, int]:
    """Marker of the next segment, and where its payload starts and ends."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    if len(data) < at + 4:
        raise DefectError(CUT_OFF)
    if data[at] != 0xFF:
        raise DefectError("it is damaged: its header breaks off into something else")
    marker = data[at + 1]
    if marker == 0x01 or 0xD0 <= marker <= 0xD9:
        return marker, at + 2, at + 2
    return marker, at + 4, at + 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))


def _png_chunk(data: bytes, at: int) -> tuple[bytes, int]:
    """Name of the chunk that starts here, and where the next one starts."""
    if len(data) < at + 12:
        raise DefectError(CUT_OFF)
    end = at + 12 + int.from_bytes(data[at : at + 4], "big")
    if end > len(data):
        raise DefectError(CUT_OFF)
    return data[at + 4 : at + 8], end


def _joined(data: bytes, kept: list[slice]) -> bytes:
    """Return the parts to keep, without copying where that is everything."""
    if sum(part.stop - part.start for part in kept) == len(data):
        return data
    view = memoryview(data)
    return b"".join(view[part] for part in kept)


def _check_png_chunk(data: bytes, at: int, end: int, kind: bytes) -> None:
    if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
        name = kind.decode() if kind.isalpha() else "broken"
        raise DefectError(
            f"it is damaged: the checksum of its {name} chunk is wrong; copy or download it again"
        )


def _known_orientation(tags: dict[int, tuple[int, ...]]) -> int:
    value = (tags.get(274) or (1,))[0]
    return value if 1 <= value <= 8 else 1


def _directory(data: bytes) -> dict[int, tuple[int, ...]]:
    """Whole-number tags of the first directory of a TIFF or EXIF block.

    Raises:
        DefectError: There is none.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise DefectError("it is damaged: it has no directory")
    at = struct.unpack_from(order + "I", data, 4)[0]
    if at + 2 > len(data):
        raise DefectError(CUT_OFF)
    count = struct.unpack_from(order + "H", data, at)[0]
    entries = data[at + 2 : at + 2 + 12 * count]
    tags = {}
    for tag, kind, length, inline in struct.iter_unpack(order + "HHI4s", entries[: len(entries) // 12 * 12]):
        tags[tag] = _values(data, order, kind, length, inline)
    return tags


def _values(data: bytes, order: str, kind: int, length: int, inline: bytes) -> tuple[int, ...]:
    code = _TIFF_TYPES.get(kind)
    if code is None:
        return ()
    form = f"{order}{length}{code}"
    wanted = struct.calcsize(form)
    at = struct.unpack(order + "I", inline)[0]
    stored = inline[:wanted] if wanted <= 4 else data[at : at + wanted]
    return struct.unpack(form, stored) if len(stored) == wanted else ()
