"""Write videos: every frame at its own time, with the sound of another file if wanted."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pinpoint.geometry import Image
from pinpoint.io.containers import open_container
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import file_head, replacing

__all__ = ["SUFFIXES", "VideoWriter"]

log = logging.getLogger(__name__)
_TICK = Fraction(1, 60_000)
"""Unit of time. A multiple of all usual frame rates; MPEG-4 admits no finer one than 1/65535."""

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SUFFIXES = frozenset(_FORMATS)
"""Of the files that can be written."""

_H264 = ("libx264", "libopenh264", "mpeg4")
_ENCODERS = {"mp4": _H264, "mov": _H264, "matroska": _H264, "webm": ("libvpx-vp9", "libvpx")}
_QUALITY = {
    "libx264": {"crf": "20", "preset": "veryfast"},
    "libvpx-vp9": {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
    "libvpx": {"crf": "12", "deadline": "realtime", "cpu-used": "6"},
}
_BITS_PER_PIXEL = 0.2  # for encoders that know no constant quality
_BT709 = 1  # the same number for matrix, primaries and transfer (ITU-T H.273)
_LIMITED_RANGE = 1


class VideoWriter:
    """A video being written: a context manager that finishes it, also when something goes wrong inside.

    The name only ever holds a finished video; a killed run leaves none, or the one that was there before.
    H.264 in MP4, MOV and MKV, VP9 in WebM. An odd width or height grows by one pixel at the right or the
    bottom, so coordinates stay true.

    Args:
        path: Where; the suffix names the container: .mp4, .m4v, .mov, .mkv or .webm. The folder must exist.
        size: Width and height of the frames.
        fps: Frames per second; only for frames that are written without a time, and as a hint to the encoder.
        audio_from: A file whose first sound track is copied as it is, up to the end of the last frame. A
            container that cannot hold it, or a file without sound, gives a silent video.

    Raises:
        ValueError: The suffix is not known, or a size or rate is not positive.
        UnreadableError: `audio_from` cannot be opened.
        OSError: The folder does not exist or cannot be written to.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        *,
        fps: float | None = 30.0,
        audio_from: str | Path | None = None,
    ) -> None:
        self.path, self.size, self.frame_count = Path(path), size, 0
        self._fps = 30.0 if fps is None else fps
        _check(self.path, size, self._fps)
        self._last, self._closed = -1, False
        self._step = round(1 / (self._fps * _TICK))
        with ExitStack() as stack:
            form = _FORMATS[self.path.suffix.lower()]
            temporary = stack.enter_context(replacing(path))
            self._container = stack.enter_context(_create(temporary, form))
            self._stream = _video_stream(self._container, form, size, self._fps)
            self._audio = _Audio(stack, self._container, audio_from) if audio_from is not None else None
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or self.frame_count:
            self.close()
        else:
            self._discard()

    def write(self, image: Image, seconds: float | None = None) -> None:
        """Add a frame.

        Args:
            image: RGB, shape (H, W, 3) of the writer's size.
            seconds: When it is shown. None: one frame's time after the one before. A time that is not later
                than the frame before is moved to just after it.

        Raises:
            ValueError: The frame has another shape, or the writer is closed.
            TypeError: The frame is not uint8.
            OSError: It cannot be stored; the disk may be full.
        """
        if self._closed:
            raise ValueError(f"cannot write to {str(self.path)!r}: it is closed")
        _check_frame(image, self.size)
        following = self._last + self._step if self.frame_count else 0
        wanted = following if seconds is None else round(seconds / _TICK)
        self._last = max(wanted, self._last + 1)
        self._container.mux(self._stream.encode(self._encodable(image)))
        if self._audio:
            self._audio.copy_until(float(self._last * _TICK))
        self.frame_count += 1

    def close(self) -> None:
        """Finish the video and give it its name. Harmless when closed already.

        Raises:
            ValueError: No frame was written; no file is made.
        """
        if self._closed:
            return
        if not self.frame_count:
            self._discard()
            raise ValueError(f"cannot write {str(self.path)!r}: it was given no frame")
        self._closed = True
        with self._stack:
            self._container.mux(self._stream.encode(None))
            if self._audio:
                self._audio.copy_until(float((self._last + self._step) * _TICK))

    def _discard(self) -> None:
        self._closed = True
        nothing = ValueError("no frame")
        self._stack.__exit__(type(nothing), nothing, None)

    def _encodable(self, image: Image) -> VideoFrame:
        height, width = image.shape[:2]
        if width % 2 or height % 2:
            border = cv2.BORDER_REPLICATE
            image = np.asarray(cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, border), np.uint8)
        rgb = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.duration, frame.time_base = self._last, self._step, _TICK
        return frame


class _Audio:
    """The sound of a file, copied into another packet by packet, in step with the pictures."""

    def __init__(self, stack: ExitStack, output: OutputContainer, path: str | Path) -> None:
        self._packets: Iterator[tuple[float, Packet]] = iter(())
        file_head(path)
        try:
            source = stack.enter_context(open_container(f"file:{path}"))
        except FFmpegError as error:
            raise UnreadableError(path, f"its sound cannot be read ({error.strerror})") from error
        if source.streams.audio:
            self._connect(source, output, str(path))
        self._next = next(self._packets, None)

    def copy_until(self, seconds: float) -> None:
        """Copy what is heard before a time."""
        while self._next and self._next[0] < seconds:
            self._output.mux(self._next[1])
            self._next = next(self._packets, None)

    def _connect(self, source: Any, output: OutputContainer, name: str) -> None:
        stream = source.streams.audio[0]
        codec = stream.codec_context.name
        try:
            target = output.add_stream_from_template(stream)
        except (ValueError, FFmpegError):
            log.warning(
                "%s sound of %r does not fit into %s: the video is silent", codec, name, output.format.name
            )
            return
        self._output = output
        self._packets = _packets(source, stream, target, name)


def _packets(source: Any, stream: Any, target: Any, name: str) -> Iterator[tuple[float, Packet]]:
    """Packets of a stream with the time of each, counted from the start of its file."""
    start = Fraction(source.start_time or 0, av.time_base)
    try:
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            shift = round(start / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, target
            yield float(packet.pts * packet.time_base), packet
    except FFmpegError as error:
        log.warning("the sound of %r breaks off (%s)", name, error.strerror)


def _create(path: Path, form: str) -> OutputContainer:
    options = {"movflags": "+faststart"} if form in ("mp4", "mov") else {}
    return av.open(str(path), "w", format=form, options=options)


def _video_stream(container: OutputContainer, form: str, size: tuple[int, int], fps: float) -> VideoStream:
    encoder = next(name for name in _ENCODERS[form] if name in av.codecs_available)
    rate = Fraction(fps).limit_denominator(1001)
    stream: Any = container.add_stream(encoder, rate=rate, options=_QUALITY.get(encoder, {}))
    stream.width, stream.height = (side + side % 2 for side in size)
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = _TICK
    context.max_b_frames = 0  # frames reordered at unequal times make MP4 players misjudge the end
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE
    if encoder not in _QUALITY:
        context.bit_rate = max(int(stream.width * stream.height * fps * _BITS_PER_PIXEL), 100_000)
    return stream


def _check(path: Path, size: tuple[int, int], fps: float) -> None:
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(
            f"cannot write {str(path)!r}: the suffix {path.suffix!r} is not in {', '.join(_FORMATS)}"
        )
    if min(size) < 1:
        raise ValueError(f"size is {size}, expected width and height of at least 1")
    if not 0.01 <= fps <= 1000:
        raise ValueError(f"fps is {fps}, expected 0.01 to 1000")


def _check_frame(image: Image, size: tuple[int, int]) -> None:
    if image.dtype != np.uint8:
        raise TypeError(f"frame is {image.dtype}, expected uint8")
    if image.shape != (size[1], size[0], 3):
        raise ValueError(f"frame has shape {image.shape}, expected {(size[1], size[0], 3)}")
