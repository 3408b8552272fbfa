"""Read videos, cameras and streams: RGB frames, upright, each with its own time."""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import EOFError as AvEOFError
from av.error import ExitError, FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from pinpoint.geometry import Image
from pinpoint.io.completeness import lacks_index, missing_bytes
from pinpoint.io.containers import open_container
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import PICTURES, UNSUPPORTED, file_head, file_kind
from pinpoint.io.images import over_white
from pinpoint.io.sources import is_stream_address

__all__ = ["Frame", "VideoReader", "read_video"]

TIMEOUT = 20.0
"""Seconds. A sleeping disk or a camera may take ten to wake."""

_MOVING_PICTURES = frozenset({"gif", "png"})
_ATTACHED_PICTURE = 0x0400  # AV_DISPOSITION_ATTACHED_PIC: the cover of a song is stored as a video
_NOTHING = "it holds no frame: its recording or copying was interrupted, or never began"
_NO_TIMES = 0x80  # AVFMT_NOTIMESTAMPS: the times of such frames are made up at 25 a second
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Args:
        image: RGB, shape (H, W, 3), upright.
        index: 0, 1, 2, ... in the order shown.
        seconds: When it is shown, from the start of the video; always later than the frame before.
    """

    image: Image
    index: int
    seconds: float


class VideoReader:
    """An open video: an iterator of frames, and a context manager.

    Like an open file it is read once, from start to end; open it again to start again.

    Attributes:
        source: What was opened, as the user would write it.
        size: Width and height of the first frame, upright.
        fps: Average frames per second; None where the source does not say.
        frame_count: Number of frames; None where the file does not say, and for cameras and streams.
        duration: Seconds; None where the source does not say.
    """

    source: str
    size: tuple[int, int]
    fps: float | None
    frame_count: int | None
    duration: float | None

    def __init__(self, source: str | Path | int, *, timeout: float = TIMEOUT) -> None:
        self._file = None if _is_live(source) else Path(source)  # pyright: ignore[reportArgumentType]
        self.source = f"camera {source}" if _is_camera(source) else str(source)
        self._container = _open(source, self.source, timeout)
        try:
            self._stream = _video_stream(self._container, self.source)
            # A decoder that works on several frames at once gives each one late by as many.
            self._stream.thread_type = "SLICE" if self._file is None else "AUTO"
            self._describe()
            self._frames = self._decode()
            first = next(self._frames)
        except StopIteration:
            self.close()
            reason = "it gave no frame" if self._file is None else _NOTHING
            raise UnreadableError(self.source, reason) from None
        except BaseException:
            self.close()
            raise
        self.size = (first.image.shape[1], first.image.shape[0])
        self._first: Frame | None = first

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        first, self._first = self._first, None
        return first or next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file or the camera. Harmless when closed already."""
        self._first, self._frames = None, iter(())
        self._container.close()

    def _describe(self) -> None:
        stream, container = self._stream, self._container
        rate = stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate else None
        self.frame_count = stream.frames or None
        self.duration = None
        if stream.duration and stream.time_base:
            self.duration = float(stream.duration * stream.time_base)
        elif container.duration and container.duration > 0:
            self.duration = container.duration / av.time_base

    def _decode(self) -> Iterator[Frame]:
        """Yield every frame that can be decoded, then say where it broke, if it did."""
        picture, clock = _Picture(), self._clock()
        index, damage = 0, ""
        for frames, problem in _decoded(self._container, self._stream):
            for frame in frames:
                yield Frame(picture(frame), index, clock(frame))
                index += 1
            if problem and not damage:
                damage = f"{problem} {_where(index, clock.now)}"
        self._complain(damage, index, clock.now)

    def _clock(self) -> "_Clock | _ArrivalClock":
        if self._file is None and self._container.format.flags & _NO_TIMES:
            return _ArrivalClock()
        return _Clock(self._stream.time_base, self._start(), self.fps)

    def _start(self) -> float | None:
        """Time stamp at which a player's clock would stand at zero."""
        start = self._container.start_time
        return None if start is None or self._file is None else start / av.time_base

    def _complain(self, damage: str, index: int, now: float) -> None:
        if self._file is None:
            if damage.startswith("it breaks off"):
                raise UnreadableError(self.source, damage)
            return
        missing = missing_bytes(self._file)
        if missing:
            reason = f"it is cut off {_where(index, now)}: its last {missing} bytes are missing"
            raise UnreadableError(self.source, f"{reason}; copy or download it again")
        if damage:
            raise UnreadableError(self.source, f"{damage}; {index} frames could be read")


def read_video(source: str | Path | int, *, timeout: float = TIMEOUT) -> VideoReader:
    """Open a video file, a camera or a stream.

    Times are the video's own, so a variable frame rate stays as it is; a stream without times, such as MJPEG
    from a camera in the network, is timed by the arrival of its frames. A damaged or cut file gives every
    frame that can be decoded and then raises `UnreadableError`.

    Args:
        source: A file; a camera number (an int, or digits when there is no such file); or an address starting
            with `rtsp://`, `http://`, `https://`, `rtmp://`, `udp://`, `rtp://`, `srt://` or `tcp://`.
        timeout: Seconds to wait for a camera or a stream.

    Returns:
        An iterator of `Frame`, and a context manager that closes the source.

    Raises:
        UnreadableError: It is missing, no video, without frames, or does not answer. Raised while iterating:
            it is damaged or cut; the reason says after which frame.
    """
    return VideoReader(source, timeout=timeout)


def _is_camera(source: str | Path | int) -> bool:
    return isinstance(source, int) or (str(source).isdecimal() and not Path(source).exists())


def _is_live(source: str | Path | int) -> bool:
    return _is_camera(source) or is_stream_address(str(source))


def _open(source: str | Path | int, name: str, timeout: float) -> InputContainer:
    if not _is_live(source):
        return _open_file(Path(source), timeout)  # pyright: ignore[reportArgumentType]
    try:
        if _is_camera(source):
            device, form, options = _camera(int(source))  # pyright: ignore[reportArgumentType]
            return av.open(device, format=form, options=options, timeout=timeout)
        options = {"rtsp_transport": "tcp"} if str(source).lower().startswith("rtsp") else {}
        return open_container(str(source), options=options, timeout=timeout)
    except FFmpegError as error:
        if _is_camera(source) and isinstance(error, FileNotFoundError):
            raise UnreadableError(name, f"it does not exist: {_cameras()}") from error
        raise UnreadableError(name, f"it cannot be opened ({_words(error)}): is it on and free?") from error


def _open_file(path: Path, timeout: float) -> InputContainer:
    head = file_head(path)
    kind = file_kind(head)
    if kind in PICTURES - _MOVING_PICTURES or (kind == "png" and b"acTL" not in head):
        raise UnreadableError(path, "it is a picture: open it with read_image")
    if kind in UNSUPPORTED and kind not in ("", "audio"):
        raise UnreadableError(path, UNSUPPORTED[kind])
    try:
        return open_container(f"file:{path}", timeout=timeout)
    except FFmpegError as error:
        raise UnreadableError(path, _why_not_opened(path, kind, error)) from error


def _why_not_opened(path: Path, kind: str, error: FFmpegError) -> str:
    if kind == "mp4" and lacks_index(path):
        return "it has no index (moov): its recording or copying was interrupted; untrunc may mend it"
    if isinstance(error, AvEOFError):
        return _NOTHING
    return f"it is damaged or of an unknown format ({_words(error)})" if kind else UNSUPPORTED[""]


def _camera(number: int) -> tuple[str, str, dict[str, str]]:
    """Device, FFmpeg input format and options of a camera, by operating system."""
    if sys.platform == "darwin":
        return f"{number}:none", "avfoundation", {"framerate": "30"}
    if sys.platform == "win32":
        cameras = [d for d in av.enumerate_input_devices("dshow") if "video" in d.media_types]
        if number >= len(cameras):
            raise UnreadableError(f"camera {number}", f"it does not exist: {len(cameras)} cameras were found")
        return f"video={cameras[number].name}", "dshow", {}
    return f"/dev/video{number}", "v4l2", {}


def _cameras() -> str:
    """Which cameras there are, where Linux tells."""
    numbers = sorted(int(path.name.removeprefix("video")) for path in Path("/dev").glob("video[0-9]*"))
    return f"those here are {', '.join(map(str, numbers))}" if numbers else "none is connected"


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    moving = [stream for stream in container.streams.video if not stream.disposition & _ATTACHED_PICTURE]
    if not moving:
        others = _other_streams(container)
        raise UnreadableError(name, f"it holds no video, only {others}" if others else _NOTHING)
    return moving[0]


def _other_streams(container: InputContainer) -> str:
    words = {"audio": "sound", "video": "a cover picture", "subtitle": "subtitles"}
    kinds = dict.fromkeys(stream.type for stream in container.streams)
    return " and ".join(words.get(kind, kind) for kind in kinds)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[list[VideoFrame], str]]:
    """Frames of each packet, and what is wrong with it, if anything."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, AvEOFError):
            return
        except FFmpegError as error:
            yield _drained(stream), f"it breaks off ({_words(error)})"
            return
        yield _frames_of(packet)


def _frames_of(packet: Packet) -> tuple[list[VideoFrame], str]:
    if packet.is_corrupt:
        return [], "it is damaged"  # half a picture, which would also cost those that wait in the decoder
    try:
        frames: list[Any] = packet.decode()
    except AvEOFError:
        return [], ""
    except FFmpegError:
        return [], "it is damaged"
    return frames, "it is damaged" if any(frame.is_corrupt for frame in frames) else ""


def _drained(stream: VideoStream) -> list[VideoFrame]:
    """What the decoder still holds."""
    try:
        return stream.decode(None)
    except FFmpegError:
        return []


def _words(error: FFmpegError) -> str:
    silent = isinstance(error, ExitError | TimeoutError)
    return "no picture came in time" if silent else error.strerror or "unknown error"


def _where(index: int, seconds: float) -> str:
    return f"after frame {index - 1} ({seconds:.2f} s)" if index else "before its first frame"


class _Clock:
    """Seconds of each frame from the start, strictly increasing even where the file's own stamps are not."""

    def __init__(self, unit: Fraction | None, start: float | None, fps: float | None) -> None:
        self._unit, self._start = unit, start
        self._step = 1 / (fps or 30.0)
        self.now = -math.inf

    def __call__(self, frame: VideoFrame) -> float:
        # Not frame.time, which is not a number for what the decoder gives after the last packet.
        stamp = None if frame.pts is None or not self._unit else float(frame.pts * self._unit)
        if self._start is None and stamp is not None:
            self._start = stamp
        if stamp is None or stamp - (self._start or 0.0) <= self.now:
            self.now = max(self.now + self._step, 0.0)
        else:
            self.now = stamp - (self._start or 0.0)
        return self.now


class _ArrivalClock:
    """Seconds at which frames arrive, for streams that do not say when theirs were taken, such as MJPEG."""

    def __init__(self) -> None:
        self._start: float | None = None
        self.now = -math.inf

    def __call__(self, _frame: VideoFrame) -> float:
        arrived = time.monotonic()
        if self._start is None:
            self._start = arrived
        self.now = max(arrived - self._start, math.nextafter(self.now, math.inf))
        return self.now


class _Picture:
    """RGB of a frame, upright. Keeps the converter, which is costly to set up."""

    def __init__(self) -> None:
        self._convert = VideoReformatter().reformat

    def __call__(self, frame: VideoFrame) -> Image:
        alpha = any(component.is_alpha for component in frame.format.components)
        full = {"src_color_range": _FULL_RANGE} if frame.color_range == _FULL_RANGE else {}
        converted = self._convert(frame, format="rgba" if alpha else "rgb24", **full)
        pixels = np.asarray(converted.to_ndarray(), np.uint8)
        image = over_white(pixels) if alpha else _owned(pixels, shared=converted is frame)
        matrix = frame.side_data.get("DISPLAYMATRIX")
        return image if matrix is None else _turned(image, np.frombuffer(bytes(matrix), np.int32))


def _owned(pixels: Image, *, shared: bool) -> Image:
    """Rows without gaps, and never the memory that the decoder works in."""
    return pixels.copy() if shared else np.ascontiguousarray(pixels)


def _turned(image: Image, matrix: NDArray[np.int32]) -> Image:
    """Turn by a display matrix: x' = a x + c y, y' = b x + d y (ISO/IEC 14496-12, 8.3.2), right angles."""
    a, b, _, c, d = (int(value) for value in matrix[:5])
    across = abs(b) > abs(a)
    if across:
        image = np.asarray(cv2.transpose(image), np.uint8)
    mirrored = {(True, False): 1, (False, True): 0, (True, True): -1}
    turn = mirrored.get(((c if across else a) < 0, (b if across else d) < 0))
    return image if turn is None else np.asarray(cv2.flip(image, turn), np.uint8)
