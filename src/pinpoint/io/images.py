"""Read and write pictures: RGB, 8 bits, upright, whatever the file holds."""

import os
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Image
from pinpoint.io.errors import DefectError, UnreadableError
from pinpoint.io.files import (
    HEAD_BYTES,
    RAW_SUFFIXES,
    UNSUPPORTED,
    VIDEOS,
    file_head,
    file_kind,
    read_bytes,
    replacing,
)
from pinpoint.io.headers import CUT_OFF, exif_orientation, jpeg_header, png_header, tiff_header

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

__all__ = [
    "LONGEST_SIDE",
    "MAX_PIXELS",
    "WRITTEN",
    "decode_image",
    "encode_image",
    "is_animation",
    "over_white",
    "read_image",
    "write_image",
]

MAX_PIXELS = 200_000_000
"""More than the largest phone cameras take, and 600 MB once decoded."""

_PILLOW_FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "pnm": "PPM",
    "jpeg2000": "JPEG2000",
    "avif": "AVIF",
}
_UPRIGHT: dict[int, Callable[[Image], Any]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
# Everything Pillow's decoders are known to raise on damaged files. OSError says so of cut ones.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    cv2.error,
)
_QUALITY = {
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
    ".webp": cv2.IMWRITE_WEBP_QUALITY,
    ".png": None,
    ".bmp": None,
    ".tif": None,
    ".tiff": None,
}
WRITTEN = frozenset(_QUALITY)
"""Suffixes, in small letters, that `write_image` writes."""
_MOVING_MARKS = {"png": b"acTL", "webp": b"ANIM", "avif": b"avis"}  # in the head of what moves
LONGEST_SIDE = {".jpg": 65535, ".jpeg": 65535, ".webp": 16383}
"""Pixels that a side of a picture may have at most, where its format sets a limit."""


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture: JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF, JPEG 2000, PNM, and HEIC with `pillow-heif`.

    The format is told by what is in the file, not by its name. Of an animation the first picture is read, of
    a TIFF the first page. Transparent places are put over white. 16 bits are scaled to 8 by 65535 -> 255.
    Floating numbers and 32-bit ones are scaled by 255 if they lie within [0, 1], kept within [0, 255], and
    otherwise stretched from the least to the greatest. Colour profiles are not applied, to CMYK neither.

    Args:
        path: The file.
        max_pixels: Largest width times height to decode; a small file can claim to be huge.

    Returns:
        RGB, shape (H, W, 3), upright (the EXIF orientation is applied), contiguous and the caller's own.

    Raises:
        UnreadableError: It is missing, damaged, cut off, empty, too large or no picture; the reason says.
        TypeError: It is no path.
    """
    _check_path(path)
    kind = file_kind(file_head(path))
    _check_kind(path, kind, "it is a video: open it with read_video")
    return _decoded(path, read_bytes(path), kind, max_pixels)


def is_animation(path: str | Path) -> bool:
    """Whether a picture that can be read has others after the first: an animated GIF, PNG, WebP or AVIF."""
    head = file_head(path)
    kind = file_kind(head)
    if kind == "gif":
        with _pillow_opener("GIF")(BytesIO(read_bytes(path)), "") as picture:
            return bool(getattr(picture, "is_animated", False))
    return kind in _MOVING_MARKS and _MOVING_MARKS[kind] in head


def decode_image(data: bytes, name: str = "", *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture out of the bytes of a file; see `read_image`.

    Args:
        data: All of the file.
        name: What it is called, for messages.
        max_pixels: Largest width times height to decode.

    Returns:
        RGB, shape (H, W, 3), upright.

    Raises:
        UnreadableError: It is empty, damaged, cut off, too large or no picture; the reason says.
    """
    if not data:
        raise UnreadableError(name, "it is empty")
    kind = file_kind(data[:HEAD_BYTES])
    _check_kind(name, kind, "it is a video: only pictures are read here")
    return _decoded(name, data, kind, max_pixels)


def write_image(path: str | Path, image: Image, *, quality: int = 95) -> None:
    """Write a picture in the format that its suffix names: JPEG, PNG, WebP, BMP or TIFF.

    The name only ever holds a finished file. An existing one is replaced.

    Args:
        path: Where; the folder must exist.
        image: RGB, shape (H, W, 3).
        quality: Of JPEG and WebP, 1 to 100.

    Raises:
        ValueError: The suffix is not known, or the picture does not fit the format or is none.
        TypeError: The picture is not uint8.
        OSError: The folder does not exist or cannot be written to.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _QUALITY:
        raise ValueError(
            f"cannot write {str(path)!r}: the suffix {suffix!r} is none of {', '.join(_QUALITY)}"
        )
    encoded = encode_image(image, suffix, quality=quality)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def encode_image(image: Image, suffix: str, *, quality: int = 95) -> bytes:
    """Return the bytes of the file that `write_image` would write.

    Args:
        image: RGB, shape (H, W, 3).
        suffix: A member of `WRITTEN`, such as `.jpg`.
        quality: Of JPEG and WebP, 1 to 100.

    Raises:
        ValueError: The suffix is not known, or the picture does not fit the format or is none.
        TypeError: The picture is not uint8.
    """
    if suffix not in _QUALITY:
        raise ValueError(f"the suffix {suffix!r} is none of {', '.join(_QUALITY)}")
    _check_writable(image, suffix)
    setting = _QUALITY[suffix]
    if setting is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}, expected 1 to 100")
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(suffix, bgr, [] if setting is None else [setting, quality])
    if not done:
        raise ValueError(f"OpenCV does not encode {image.shape} as {suffix}")
    return encoded.tobytes()


def over_white(rgba: Image) -> Image:
    """Put a picture with transparency on white, as a page would show it, (H, W, 4) -> (H, W, 3)."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _check_path(path: object) -> None:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is a {type(path).__name__}, expected the path of a file")
    if re.match(r"(https?|ftp|s3)://", str(path), re.IGNORECASE):
        raise UnreadableError(
            str(path), "it is an address, and pictures are read from files: download it first"
        )


def _check_kind(name: str | Path, kind: str, if_video: str) -> None:
    if kind in VIDEOS:
        raise UnreadableError(name, if_video)
    if kind == "tiff" and Path(name).suffix.lower() in RAW_SUFFIXES:
        raise UnreadableError(name, UNSUPPORTED["camera raw"])
    if kind in UNSUPPORTED:
        raise UnreadableError(name, UNSUPPORTED[kind])


def _decoded(name: str | Path, data: bytes, kind: str, max_pixels: int) -> Image:
    try:
        return _decode(data, kind, max_pixels)
    except DefectError as error:
        raise UnreadableError(name, str(error)) from error
    except _DECODER_ERRORS as error:
        raise UnreadableError(name, _reason(error)) from error


def _decode(data: bytes, kind: str, max_pixels: int) -> Image:
    own = {"jpeg": _decode_jpeg, "png": _decode_png, "tiff": _decode_tiff, "heif": _decode_heif}
    if kind == "webp" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise DefectError(CUT_OFF)
    image = own[kind](data, max_pixels) if kind in own else _decode_with_pillow(data, kind, max_pixels)
    return np.require(image, requirements=["C", "W"])


def _decode_jpeg(data: bytes, max_pixels: int) -> Image:
    """OpenCV reads the ordinary ones, twice as fast; Pillow the others, and has the last word on damage."""
    header = jpeg_header(data)
    _check_size(header.size, max_pixels)
    ordinary = header.ended and header.precision == 8 and header.components in (1, 3)
    image = _decode_with_opencv(data, cv2.IMREAD_COLOR_RGB) if ordinary else None
    if image is None:
        return _decode_with_pillow(data, "jpeg", max_pixels)
    return _upright(image, header.orientation)


def _decode_png(data: bytes, max_pixels: int) -> Image:
    _check_size(struct.unpack(">II", data[16:24].ljust(8, b"\0")), max_pixels)
    header = png_header(data)
    plain = header.depth <= 8 and not header.alpha
    image = _decode_with_opencv(header.picture, cv2.IMREAD_COLOR_RGB if plain else cv2.IMREAD_UNCHANGED)
    if image is None:
        return _decode_with_pillow(data, "png", max_pixels)
    return _upright(image if plain else _rgb_from_opencv(image), header.orientation)


def _decode_tiff(data: bytes, max_pixels: int) -> Image:
    """Pillow reads 8 bits in every colour system, OpenCV the deeper ones, which Pillow cuts or refuses."""
    header = tiff_header(data)
    if header is None or (header.depth <= 8 and not header.raw):
        return _decode_with_pillow(data, "tiff", max_pixels)
    if header.raw:
        raise DefectError(UNSUPPORTED["camera raw"])
    _check_size(header.size, max_pixels)
    if header.end > len(data):
        raise DefectError(CUT_OFF)
    image = _decode_with_opencv(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        return _decode_with_pillow(data, "tiff", max_pixels)
    return _upright(_rgb_from_opencv(image), header.orientation)


def _decode_heif(data: bytes, max_pixels: int) -> Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        need = "it is a HEIC picture, which needs one more package: pip install pillow-heif"
        raise DefectError(need) from error
    with _quiet(), HeifImageFile(BytesIO(data)) as picture:
        return _from_pillow(picture, max_pixels)  # turned upright by the library, as the format demands


def _decode_with_opencv(data: bytes, mode: int) -> Any:
    """Decode, or return None; it is not turned upright."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), mode | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None


def _decode_with_pillow(data: bytes, kind: str, max_pixels: int) -> Image:
    from PIL.Image import DecompressionBombError

    name = _PILLOW_FORMATS[kind]
    try:
        with _quiet(), _pillow_opener(name)(BytesIO(data), "") as picture:
            image = _from_pillow(picture, max_pixels)
    except DecompressionBombError as error:  # from within a decoder; PIL.Image.MAX_IMAGE_PIXELS is the user's
        raise DefectError(
            f"it is over the limit of PIL.Image.MAX_IMAGE_PIXELS ({error}): raise it"
        ) from error
    turned_already = name == "TIFF"  # Pillow does so itself, for this format alone
    return image if turned_already else _upright(image, exif_orientation(picture.info.get("exif", b"")))


def _pillow_opener(name: str) -> Callable[..., "PillowImage"]:
    """The part of Pillow that opens one format.

    `Image.open` would try them all, has a pixel limit of its own which is global, and warns below it.
    """
    import PIL.Image

    PIL.Image.preinit()
    if name not in PIL.Image.OPEN:
        PIL.Image.init()
    if name not in PIL.Image.OPEN:
        raise DefectError(f"it is a picture in {name}, which this Pillow cannot read: pip install -U pillow")
    return PIL.Image.OPEN[name][0]


def _from_pillow(picture: "PillowImage", max_pixels: int) -> Image:
    _check_size(picture.size, max_pixels)
    picture.load()
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        sixteen = picture.mode.startswith("I;16") or (picture.mode, picture.format) == ("I", "PPM")
        return _rgb_from_opencv(np.asarray(picture, np.uint16 if sixteen else None))
    if picture.has_transparency_data:
        return over_white(np.array(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"))


def _rgb_from_opencv(values: NDArray) -> Image:
    """Grey, BGR or BGRA of any depth, shape (H, W) or (H, W, C), to 8-bit RGB."""
    eight = _eight_bits(values)
    channels = 1 if eight.ndim == 2 else eight.shape[2]
    if channels == 4:
        return over_white(np.asarray(cv2.cvtColor(eight, cv2.COLOR_BGRA2RGBA), np.uint8))
    if channels not in (1, 3):
        raise DefectError(f"it has {channels} channels: only grey, RGB and RGBA pictures can be read")
    code = cv2.COLOR_GRAY2RGB if channels == 1 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(eight, code), np.uint8)


def _eight_bits(values: NDArray) -> Image:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return np.asarray(cv2.convertScaleAbs(values, alpha=1 / 257), np.uint8)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise DefectError(f"it holds {bad} values that are NaN or infinite: fill them before saving it")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 255:
        scaled = (values - low) * (255 / max(high - low, 1e-300))
    else:
        scaled = values * (255.0 if high <= 1 else 1.0)
    return np.rint(scaled).astype(np.uint8)


def _upright(image: Image, orientation: int) -> Image:
    return np.asarray(_UPRIGHT[orientation](image)) if orientation in _UPRIGHT else image


def _check_size(size: tuple[int, ...], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise DefectError(f"it is damaged: it says that it is {width} x {height} pixels")
    if width * height > max_pixels:
        raise DefectError(
            f"it is {width} x {height} pixels, over the limit of {max_pixels} pixels: make it smaller"
        )


def _check_writable(image: Image, suffix: str) -> None:
    if image.dtype != np.uint8:
        raise TypeError(f"image is {image.dtype}, expected uint8")
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image has shape {image.shape}, expected (H, W, 3) with H, W >= 1")
    longest = LONGEST_SIDE.get(suffix)
    if longest and max(image.shape) > longest:
        raise ValueError(f"image has shape {image.shape}, but {suffix} ends at {longest} pixels a side")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Pillow warns about: either the picture decodes, or its error is ours to tell.

    Only Pillow's own, so that nobody else's are lost should two threads restore the filters out of turn.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\b")
        yield


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than there is: make it smaller"
    text = " ".join(str(error).split())
    if isinstance(error, EOFError) or "truncated" in text:
        return CUT_OFF
    detail = f" ({text})" if " " in text else ""  # a key or an index alone says nothing
    return f"it is damaged{detail}: copy or download it again"
