"""A catalogue of odd and damaged files, each with what has to come of it.

`make_odd_inputs(folder)` writes them; `ODD_INPUTS` names them for parametrising.
"""

import io
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

__all__ = ["ODD_INPUTS", "OddInput", "jpeg_with_orientation", "make_odd_inputs", "make_video", "picture"]


@dataclass(frozen=True)
class OddInput:
    """One file of the catalogue.

    Args:
        name: File name.
        make: Writes it to the path given.
        reason: A word of the reason why it cannot be read; empty: it can.
        unless: Why it cannot be tried here; empty: it can.
    """

    name: str
    make: Callable[[Path], object]
    reason: str = ""
    unless: str = ""

    @property
    def good(self) -> bool:
        return not self.reason

    def __repr__(self) -> str:
        return ascii(self.name)


def make_odd_inputs(folder: Path, wanted: Sequence[OddInput] = ()) -> list[Path]:
    """Write odd inputs, by default all that can be made here, and return their paths."""
    chosen = wanted or [odd for odd in ODD_INPUTS if not odd.unless]
    for odd in chosen:
        odd.make(folder / odd.name)
    return [folder / odd.name for odd in chosen]


def picture(width: int = 64, height: int = 48) -> np.ndarray:
    """RGB with a texture, so that no encoder makes it tiny and no half of it looks like the other."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def jpeg_with_orientation(path: Path, image: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(path, "JPEG", exif=exif, quality=95, subsampling=0)


def make_video(
    path: Path,
    images: Sequence[np.ndarray] = (),
    *,
    seconds: Sequence[float] = (),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rotation: int = 0,
    flip: bool = False,
    sound: bool = False,
    faststart: bool = True,
) -> None:
    """Write a video with PyAV alone: 25 frames a second unless `seconds` are given."""
    images = images or [np.roll(picture(), 3 * shift, axis=1) for shift in range(50)]
    options = {"movflags": "faststart"} if faststart and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 1000) if seconds else Fraction(1, 25)
        if rotation or flip:
            stream.set_display_rotation(rotation, hflip=flip)
        voice = container.add_stream("aac", rate=8000) if sound else None
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(seconds[index] * 1000) if seconds else index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice:
            _add_tone(container, voice, len(images) / 25)


def _add_tone(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    wave = np.sin(np.arange(int(8000 * seconds)) * 0.3).astype(np.float32)[None]
    for start in range(0, wave.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(wave[:, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _sound_alone(path: Path) -> None:
    with av.open(str(path), "w") as container:
        _add_tone(container, container.add_stream("aac", rate=8000), 1.0)


def _encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def _saved(form: str, mode: str = "RGB", **options: object) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(_encoded(form, mode, **options))


def _sized(form: str, width: int, height: int) -> Callable[[Path], object]:
    return lambda path: Image.fromarray(picture(width, height)).save(path, form)


def _by_opencv(suffix: str, convert: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(cv2.imencode(suffix, convert(picture()))[1].tobytes())


def _cut(data: bytes, share: float = 0.5) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data[: int(len(data) * share)])


def _holding(data: bytes | str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data.encode() if isinstance(data, str) else data)


def _animated(form: str) -> Callable[[Path], object]:
    pages = [Image.fromarray(np.roll(picture(), 5 * shift, axis=0)) for shift in range(3)]
    return lambda path: pages[0].save(path, form, save_all=True, append_images=pages[1:])


def _video_cut(share: float, **options: object) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        make_video(path, **options)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return make


def _video_hit(path: Path) -> None:
    make_video(path, faststart=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)


def _jpeg_with(segment: bytes, marker: int = 0xE1) -> bytes:
    data = _encoded("JPEG")
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(segment) + 2) + segment + data[2:]


def _without_adobe_marker(data: bytes) -> bytes:
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 2 + struct.unpack_from(">H", data, start + 2)[0] :]


def _without_end(data: bytes) -> bytes:
    return data[: data.rindex(b"\xff\xd9")]


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: bytes, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _interlaced() -> bytes:
    """Adam7, which Pillow and OpenCV read but do not write (PNG specification, 8.2)."""
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    parts = [picture()[top::down, left::right] for top, left, down, right in passes]
    return _png(64, 48, b"".join(b"\0" + row.tobytes() for part in parts for row in part), interlace=1)


def _with_bad_checksum(data: bytes) -> bytes:
    at = data.index(b"IDAT") + 40
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def _with_raw_version(path: Path) -> None:
    Image.fromarray(picture()).save(path, "TIFF", tiffinfo={50706: b"\1\4\0\0"})


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _forbidden(path: Path) -> None:
    path.write_bytes(_encoded("JPEG"))
    path.chmod(0)


def _heic(path: Path) -> None:
    import pillow_heif

    pillow_heif.from_pillow(Image.fromarray(picture())).save(path)


_JPEG, _PNG = _encoded("JPEG"), _encoded("PNG")
_ROOT = "root may read everything" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
_NO_HEIF = "" if find_spec("pillow_heif") else "pillow-heif is not installed"
_SVG = "<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"

ODD_INPUTS: tuple[OddInput, ...] = (
    # Pictures that are fine
    OddInput("plain.jpg", _holding(_JPEG)),
    OddInput("progressive.jpg", _saved("JPEG", progressive=True)),
    OddInput("grey.jpg", _saved("JPEG", "L")),
    OddInput("cmyk_adobe.jpg", _saved("JPEG", "CMYK")),
    OddInput("cmyk_no_marker.jpg", _holding(_without_adobe_marker(_encoded("JPEG", "CMYK")))),
    OddInput("huge_exif.jpg", _holding(_jpeg_with(b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(65_000)))),
    OddInput("broken_exif.jpg", _holding(_jpeg_with(b"Exif\0\0II*\0\xff\xff\xff\xff\x01\0\x12\x01"))),
    OddInput("after_the_end.jpg", _holding(_JPEG + b"\xff\xd8 something else " * 50)),
    OddInput("png_inside.jpg", _holding(_PNG)),
    OddInput("jpeg_inside.png", _holding(_JPEG)),
    OddInput("picture_inside.mp4", _holding(_JPEG)),
    *(
        OddInput(
            f"orientation_{turn}.jpg", lambda path, turn=turn: jpeg_with_orientation(path, picture(), turn)
        )
        for turn in range(1, 9)
    ),
    OddInput("one_pixel.jpg", _sized("JPEG", 1, 1)),
    OddInput("one_pixel.png", _sized("PNG", 1, 1)),
    OddInput("wide.png", _sized("PNG", 30_000, 2)),
    OddInput("tall.png", _sized("PNG", 2, 30_000)),
    OddInput("wide.jpg", _sized("JPEG", 30_000, 2)),
    OddInput("rgb16.png", _by_opencv(".png", lambda image: image.astype(np.uint16) * 257)),
    OddInput("grey16.png", _by_opencv(".png", lambda image: image[..., 0].astype(np.uint16) * 257)),
    OddInput("rgb16.tiff", _by_opencv(".tiff", lambda image: image.astype(np.uint16) * 257)),
    OddInput("grey16.tiff", _by_opencv(".tiff", lambda image: image[..., 0].astype(np.uint16) * 257)),
    OddInput("float.tiff", _by_opencv(".tiff", lambda image: image[..., 0].astype(np.float32) / 255)),
    OddInput("float_rgb.tiff", _by_opencv(".tiff", lambda image: image.astype(np.float32) / 255)),
    OddInput("palette_transparent.png", _saved("PNG", "P", transparency=3)),
    OddInput("grey_alpha.png", _saved("PNG", "LA")),
    OddInput("alpha.png", _saved("PNG", "RGBA")),
    OddInput("one_bit.png", _saved("PNG", "1")),
    OddInput("interlaced.png", _holding(_interlaced())),
    OddInput("one_bit.tiff", _saved("TIFF", "1")),
    OddInput("cmyk.tiff", _saved("TIFF", "CMYK")),
    OddInput("pages.tiff", _animated("TIFF")),
    OddInput("animated.gif", _animated("GIF")),
    OddInput("animated.webp", _animated("WEBP")),
    OddInput("animated.png", _animated("PNG")),
    OddInput("lossless.webp", _saved("WEBP", lossless=True)),
    OddInput("plain.bmp", _saved("BMP")),
    OddInput("plain.ppm", _saved("PPM")),
    OddInput("plain.jp2", _saved("JPEG2000")),
    OddInput("phone.heic", _heic, unless=_NO_HEIF),
    OddInput("ünïcode 猫.jpg", _holding(_JPEG)),
    OddInput("two\nlines.jpg", _holding(_JPEG)),
    OddInput("-dash.jpg", _holding(_JPEG)),
    OddInput("100%[1]*.jpg", _holding(_JPEG)),
    OddInput("without_suffix", _holding(_JPEG)),
    # Pictures that are not
    OddInput("cut.jpg", _cut(_JPEG), "cut off"),
    OddInput("cut_progressive.jpg", _cut(_encoded("JPEG", progressive=True)), "cut off"),
    OddInput("cut_in_header.jpg", _holding(_JPEG[:60]), "cut off"),
    OddInput("no_end.jpg", _cut(_without_end(_JPEG), 0.99), "cut off"),
    OddInput("cut.png", _cut(_PNG), "cut off"),
    OddInput("cut.webp", _cut(_encoded("WEBP")), "cut off"),
    OddInput("cut.gif", _cut(_encoded("GIF")), "cut off"),
    OddInput("cut.bmp", _cut(_encoded("BMP")), "cut off"),
    OddInput("cut.tiff", _cut(_encoded("TIFF")), "cut off"),
    OddInput("cut16.tiff", _cut(cv2.imencode(".tiff", picture().astype(np.uint16))[1].tobytes()), "cut off"),
    OddInput("zero_bytes.jpg", _holding(b""), "empty"),
    OddInput("text.jpg", _holding("These are not the pixels you are looking for.\n" * 9), "text"),
    OddInput("web_page.jpg", _holding("<!DOCTYPE html><html>404</html>"), "web page"),
    OddInput("drawing.svg", _holding(_SVG), "SVG"),
    OddInput("document.pdf", _holding(b"%PDF-1.7\n" + bytes(99)), "PDF"),
    OddInput("archive.jpg", _holding(b"PK\x03\x04" + bytes(99)), "ZIP"),
    OddInput("noise.jpg", _holding(bytes(range(128, 256)) * 9), "known format"),
    OddInput("raw.dng", _with_raw_version, "raw file"),
    OddInput(
        "nan.tiff", _by_opencv(".tiff", lambda image: np.where(image > 9, image, np.float32(np.nan))), "NaN"
    ),
    OddInput("bomb.png", _holding(_png(60_000, 60_000, b"")), "60000 x 60000"),
    OddInput("no_width.png", _holding(_png(0, 48, b"")), "0 x 48"),
    OddInput("bad_checksum.png", _holding(_with_bad_checksum(_PNG)), "checksum"),
    OddInput("folder.jpg", lambda path: path.mkdir(), "folder"),
    OddInput("circle.jpg", _loop, "link"),
    OddInput("dangling.jpg", lambda path: path.symlink_to("nowhere.jpg"), "link"),
    OddInput("pipe.jpg", os.mkfifo, "pipe"),
    OddInput("forbidden.jpg", _forbidden, "permission", unless=_ROOT),
    OddInput("missing.jpg", lambda path: None, "does not exist"),
    # Videos that are fine
    OddInput("plain.mp4", make_video),
    OddInput("one_frame.mp4", lambda path: make_video(path, [picture()])),
    OddInput("rotated.mp4", lambda path: make_video(path, rotation=90)),
    OddInput("uneven.mp4", lambda path: make_video(path, [picture()] * 4, seconds=(0, 0.04, 0.5, 2))),
    OddInput("odd_size.mkv", lambda path: make_video(path, [picture(65, 49)] * 3, pixels="yuv444p")),
    OddInput("with_sound.mp4", lambda path: make_video(path, sound=True)),
    OddInput("old.avi", lambda path: make_video(path, codec="mpeg4")),
    # Videos that are not
    OddInput("cut.mp4", _video_cut(0.5), "cut off after frame"),
    OddInput("cut.mkv", _video_cut(0.5), "cut off after frame"),
    OddInput("cut.avi", _video_cut(0.5, codec="mpeg4"), "cut off after frame"),
    OddInput("no_index.mp4", _video_cut(0.5, faststart=False), "moov"),
    OddInput("hit_in_the_middle.mp4", _video_hit, "damaged"),
    OddInput("sound_alone.mp4", _sound_alone, "no video"),
    OddInput("zero_bytes.mp4", _holding(b""), "empty"),
    OddInput("text.mp4", _holding("Not a video either.\n" * 9), "text"),
    OddInput("folder.mp4", lambda path: path.mkdir(), "folder"),
    OddInput("pipe.mp4", os.mkfifo, "pipe"),
)
