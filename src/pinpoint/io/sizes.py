"""How large a picture is, by its header alone."""

from pathlib import Path

from pinpoint.geometry import Size
from pinpoint.io.errors import DefectError, UnreadableError
from pinpoint.io.files import PICTURES, UNSUPPORTED, file_head, file_kind, read_bytes
from pinpoint.io.headers import exif_orientation, jpeg_header

__all__ = ["size_of_picture"]

_HEAD = 1 << 16
_TURNED = 5  # from this EXIF orientation on, width and height change places


def size_of_picture(path: str | Path) -> Size:
    """Read the width and height of a picture, upright, without decoding it.

    Raises:
        UnreadableError: It is missing, no picture, or its header is damaged.
    """
    kind = file_kind(file_head(path))
    if kind not in PICTURES:
        raise UnreadableError(path, UNSUPPORTED.get(kind, UNSUPPORTED[""]))
    return _size_of_jpeg(Path(path)) if kind == "jpeg" else _size_by_pillow(path)


def _size_of_jpeg(path: Path) -> Size:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        header = jpeg_header(head)
    except DefectError:  # its scan begins later
        try:
            header = jpeg_header(read_bytes(path))
        except DefectError as error:
            raise UnreadableError(path, str(error)) from error
    return _upright(header.size, header.orientation)


def _size_by_pillow(path: str | Path) -> Size:
    import PIL.Image

    try:
        with PIL.Image.open(path) as picture:
            if picture.format == "TIFF":  # which Pillow turns upright itself
                return picture.size
            # Not `getexif`, which decodes a PNG to look behind its pixels.
            return _upright(picture.size, exif_orientation(picture.info.get("exif", b"")))
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableError(path, f"its header cannot be read: {error}") from error


def _upright(size: Size, orientation: int) -> Size:
    return (size[1], size[0]) if orientation >= _TURNED else size
