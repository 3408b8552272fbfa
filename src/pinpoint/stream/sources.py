"""Where frames come from: files, cameras, addresses and whatever a user's own code gives."""

import logging
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol, Self
from urllib.parse import urlsplit

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import file_head
from pinpoint.io.sources import Source, is_stream_address, name_of
from pinpoint.io.video import TIMEOUT, Frame, read_video
from pinpoint.stream.reconnect import BACKOFF, Backoff, Timeline

__all__ = ["FileSource", "FrameSource", "IterableSource", "LiveSource", "OpenVideo", "Video", "open_source"]

log = logging.getLogger(__name__)

# A recording that is fetched from the web: it has an end, and each of its frames counts.
_RECORDINGS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".mpg", ".mpeg", ".3gp"})


class Video(Protocol):
    """An open video: `pinpoint.io.video.VideoReader`, or what stands in for it."""

    fps: float | None
    frame_count: int | None
    duration: float | None

    def __iter__(self) -> Iterator[Frame]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class OpenVideo(Protocol):
    """Opens a video: `read_video`, or what stands in for it."""

    def __call__(self, source: str | Path | int, /, *, timeout: float) -> Video:
        """Open.

        Raises:
            UnreadableError: It does not answer, or gives no pictures.
        """
        ...


class FrameSource(Protocol):
    """What gives the frames of one stream."""

    @property
    def name(self) -> str:
        """What it is called in results and messages."""
        ...

    @property
    def live(self) -> bool:
        """Whether it goes on by itself, so that frames nobody has time for are dropped."""
        ...

    def read(self, stop: Event) -> Generator[Frame]:
        """Yield its frames until they end, or until the frame after a stop is asked for.

        Raises:
            UnreadableError: It cannot be read, or not to its end.
        """
        ...


@dataclass
class FileSource:
    """A recording: it is read once, as fast as its frames are taken.

    Args:
        given: A file, or the address of one.
        name: What it is called in results.
        live: Whether it is treated as if it were a camera.
        timeout: Seconds to wait for an address.
        open_video: Opens it.

    Attributes:
        fps: Frames per second; none until it is open and where it does not say.
        frame_count: Number of frames; none until it is open and where it does not say.
    """

    given: str | Path
    name: str
    live: bool = False
    timeout: float = TIMEOUT
    open_video: OpenVideo = read_video
    fps: float | None = None
    frame_count: int | None = None

    def read(self, stop: Event) -> Generator[Frame]:
        """See `FrameSource`."""
        try:
            with self.open_video(self.given, timeout=self.timeout) as video:
                self.fps, self.frame_count = video.fps, video.frame_count
                yield from _until(stop, video)
        except UnreadableError as error:
            raise UnreadableError(self.name, error.reason) from error


@dataclass
class LiveSource:
    """A camera or an address, through as many connections as it takes.

    When it breaks off it is opened again, after longer and longer waits. Numbers and times of its frames go
    on growing; those that were missed while it was away have none. An address that says how long it lasts,
    such as a recording over RTSP, ends where it ends.

    Args:
        given: Number of a camera, or an address.
        name: What it is called in results, without a password.
        live: Whether frames nobody has time for are dropped.
        backoff: How long to wait before it is opened again.
        timeout: Seconds to wait for it to answer, and for each frame.
        open_video: Opens it.

    Attributes:
        reconnects: How often it was opened again and gave a frame.
        problem: Why it is away; none while it is there.
    """

    given: str | int
    name: str
    live: bool = True
    backoff: Backoff = BACKOFF
    timeout: float = TIMEOUT
    open_video: OpenVideo = read_video
    reconnects: int = 0
    problem: UnreadableError | None = None

    def read(self, stop: Event) -> Generator[Frame]:
        """See `FrameSource`."""
        line, failures, waited = Timeline(), 0, 0.0
        while True:
            began = time.monotonic()
            try:
                with self.open_video(self.given, timeout=self.timeout) as video:
                    yield from _until(stop, self._welcomed(line.through(video)))
                    if stop.is_set() or video.duration is not None:
                        return
                problem = UnreadableError(self.name, "it ended")
            except (UnreadableError, OSError) as error:
                problem = UnreadableError(self.name, _reason(error))
            lasted = self.problem is None and time.monotonic() - began > waited
            failures = 1 if lasted else failures + 1
            waited = self._wait(problem, failures, stop, worked=line.count > 0)
            if stop.is_set():
                return

    def _welcomed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if self.problem is not None and frame.index > 0:
                self.reconnects += 1
                log.info("%s is back", self.name)
            self.problem = None
            yield frame

    def _wait(self, problem: UnreadableError, failures: int, stop: Event, *, worked: bool) -> float:
        """Wait before the next try, or give up.

        Raises:
            UnreadableError: There will be no next one.
        """
        self.problem = problem
        if stop.is_set():
            return 0.0
        if not self.backoff.bears(failures, worked=worked):
            raise problem
        seconds = self.backoff.wait(failures)
        log.warning("%s: %s; trying again in %.1f s", self.name, problem.reason, seconds)
        stop.wait(seconds)
        return seconds


@dataclass(frozen=True)
class IterableSource:
    """Frames that a user's own code gives.

    Args:
        frames: Read in a thread of its own, once.
        name: What it is called in results.
        live: Whether frames nobody has time for are dropped.
    """

    frames: Iterable[Frame]
    name: str
    live: bool = False

    def read(self, stop: Event) -> Generator[Frame]:
        """See `FrameSource`; whatever the user's code raises comes through.

        Raises:
            TypeError: It gives something else than frames.
        """
        for frame in _until(stop, self.frames):
            if not isinstance(frame, Frame):
                kind = type(frame).__name__
                raise TypeError(f"{self.name} gave one of type {kind}, expected Frame(image, index, seconds)")
            yield frame


def open_source(
    given: str | Path | int | Source | Iterable[Frame],
    *,
    name: str | None = None,
    live: bool | None = None,
    backoff: Backoff = BACKOFF,
    timeout: float = TIMEOUT,
    open_video: OpenVideo = read_video,
) -> FrameSource:
    """Say where the frames of a stream come from. Nothing but the head of a file is read yet.

    Args:
        given: A file; a camera number (an int, or digits when there is no such file); an address starting
            with `rtsp://`, `http://`, `udp://` and so on; a source that `find_sources` found; or frames.
        name: What the stream is called in results. None: the file, `camera 0`, or the address without a
            password.
        live: Whether the oldest frame is dropped when they come faster than they are looked at. None: for
            cameras and addresses, except those of recordings (`http://host/people.mp4`).
        backoff: How cameras and addresses are opened again.
        timeout: Seconds to wait for a camera or an address.
        open_video: Opens files, cameras and addresses.

    Raises:
        UnreadableError: The file is missing, empty, or may not be read.
        ValueError: It is a source of pictures, not of a video.
    """
    if isinstance(given, (str, Path, int)):
        given = _meant(given)
    if not isinstance(given, Source):
        return IterableSource(given, "frames" if name is None else name, bool(live))
    if given.kind == "image":
        raise ValueError(f"{given.path!r} is a picture, expected a video, a camera or a stream")
    called = name_of(given) if name is None else name
    if given.kind == "video" or _is_recording(given):
        return FileSource(given.path, called, bool(live), timeout, open_video)
    number = int(given.path) if given.kind == "camera" else given.path
    return LiveSource(number, called, live is not False, backoff, timeout, open_video)


def _meant(given: str | Path | int) -> Source:
    text = str(given)
    if isinstance(given, str) and is_stream_address(given):
        return Source("stream", given)
    if isinstance(given, int) or (text.isdecimal() and not Path(text).exists()):
        return Source("camera", text)
    file_head(text)
    return Source("video", text)


def _is_recording(source: Source) -> bool:
    address = urlsplit(source.path)
    return address.scheme.lower().startswith("http") and Path(address.path).suffix.lower() in _RECORDINGS


def _until(stop: Event, frames: Iterable[Frame]) -> Generator[Frame]:
    for frame in frames:
        if stop.is_set():
            return
        yield frame


def _reason(error: UnreadableError | OSError) -> str:
    return error.reason if isinstance(error, UnreadableError) else error.strerror or type(error).__name__
