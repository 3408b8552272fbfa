"""Cameras for tests: made up ones, and senders of MJPEG and MPEG-TS on this machine that can be killed."""

import io
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, cycle
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.stream.seen import Seen

__all__ = [
    "FakeVideo",
    "Queue",
    "RtspCamera",
    "Scatter",
    "Sender",
    "endless",
    "flat",
    "look",
    "mjpeg",
    "paced",
]

_HEADER = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def flat(value: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A picture of one grey."""
    return np.full((height, width, 3), value % 256, np.uint8)


class FakeVideo:
    """What `read_video` gives, made of whatever is wanted.

    Args:
        steps: A frame to yield, an exception to raise, or an event to wait for.
        duration: Seconds; none as for a camera.
    """

    fps: float | None = 25.0
    frame_count: int | None = None

    def __init__(
        self, steps: Iterable[Frame | Exception | threading.Event], duration: float | None = None
    ) -> None:
        self._steps = iter(steps)
        self.duration = duration
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[Frame]:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, threading.Event):
                step.wait(60)
            else:
                yield step


class Queue:
    """Takes frames as the channel of an engine does, and hands them out as they came.

    Args:
        room: How many wait at the most.
        live: Whether the oldest one makes room; if not, whoever puts waits.
    """

    def __init__(self, room: int = 4, *, live: bool = False) -> None:
        self.dropped, self.error = 0, None
        self._room, self._live = room, live
        self._frames: deque[Frame] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> bool:
        with self._changed:
            if self._live and len(self._frames) >= self._room:
                self._frames.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: self._ended or len(self._frames) < self._room)
            if not self._ended:
                self._frames.append(frame)
                self._changed.notify_all()
            return not self._ended

    def end(self, error: BaseException | None = None) -> None:
        with self._changed:
            self._ended, self.error = True, self.error or error
            self._changed.notify_all()

    def get(self, timeout: float = 60.0) -> Frame | None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._frames or self._ended, timeout), (
                "nothing came in time"
            )
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
        if frame is None and self.error is not None:
            raise self.error
        return frame

    def taken(self) -> list[Frame]:
        """Whatever waits."""
        with self._changed:
            frames = list(self._frames)
            self._frames.clear()
            self._changed.notify_all()
            return frames

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.get()) is not None:
            yield frame


class Sender:
    """Sends the same chunks to whoever connects, until it is killed; a new one may take its port.

    Args:
        chunks: What is sent, one by one.
        port: Where; 0 for any that is free.
        greets: Whether a request is read first, as in HTTP.
    """

    def __init__(self, chunks: Sequence[bytes], *, port: int = 0, pause: float = 0.01, greets: bool = True):
        self._chunks, self._pause, self._greets = chunks, pause, greets
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(0.05)
        self.port: int = self._server.getsockname()[1]
        self.connections = 0
        self._killed = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Go away: no more connections, and those that there are end at once."""
        self._killed.set()
        self._server.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._killed.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._send, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _send(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                self._begin(connection)
                for number, chunk in enumerate(self._chunks):
                    if self._killed.is_set():
                        return
                    connection.sendall(self._framed(chunk, number))
                    time.sleep(self._pause)
            except OSError:
                return

    def _begin(self, connection: socket.socket) -> None:
        if self._greets:
            connection.recv(4096)

    def _framed(self, chunk: bytes, number: int) -> bytes:
        return chunk


class RtspCamera(Sender):
    """Speaks just enough RTSP to send MPEG-TS in RTP over the one connection (RFC 2326, 3550 and 2250)."""

    _SDP = "v=0\r\ns=door\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"

    def _begin(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as requests:
            method = b""
            while method != b"PLAY":
                method = requests.readline().split(b" ")[0]
                headers = dict(iter(lambda: tuple(requests.readline().strip().split(b": ", 1)), (b"",)))
                body = self._SDP if method == b"DESCRIBE" else ""
                transport = headers.get(b"Transport", b"").decode()
                answer = [
                    "RTSP/1.0 200 OK",
                    f"CSeq: {headers[b'CSeq'].decode()}",
                    "Session: 7",
                    "Public: OPTIONS, DESCRIBE, SETUP, PLAY",
                    *([f"Transport: {transport}"] if transport else []),
                    *(["Content-Type: application/sdp"] if body else []),
                    f"Content-Length: {len(body)}",
                ]
                connection.sendall("\r\n".join([*answer, "", body]).encode())

    def _framed(self, chunk: bytes, number: int) -> bytes:
        packet = struct.pack("!BBHII", 0x80, 33, number % 65536, 90 * number, 7) + chunk
        return b"$\0" + struct.pack("!H", len(packet)) + packet


class Scatter:
    """Sends datagrams to a port of this machine again and again, whether or not anybody listens."""

    def __init__(self, chunks: Sequence[bytes], *, port: int = 0, pause: float = 0.005) -> None:
        self.port = port or _free_port()
        self._chunks, self._pause = chunks, pause
        self._killed = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._killed.set()
        self._thread.join(5)

    def _send(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for chunk in cycle(self._chunks):
                if self._killed.wait(self._pause):
                    return
                sender.sendto(chunk, ("127.0.0.1", self.port))


def look(index: int, stream: str = "door", size: tuple[int, int] = (64, 48)) -> Seen:
    """One person in a frame, standing further to the right in each."""
    xy = np.full((1, 5, 2), 10.5)
    xy[..., 0] += index % 40
    kps = Keypoints(xy, np.full((1, 5), 0.5), skeleton("face5"), track_ids=np.array([7]))
    return Seen(stream, flat(5 * index, *size), index, index / 25, kps, 0.0123)


def mjpeg(images: Iterable[np.ndarray]) -> list[bytes]:
    """What a camera in the network answers to a request: JPEG after JPEG."""
    parts = [_part(image) for image in images]
    return [_HEADER + parts[0], *parts[1:]]


def paced(path: Path, size: int = 4 * 188) -> list[bytes]:
    """A file in small chunks."""
    data = path.read_bytes()
    return [data[at : at + size] for at in range(0, len(data), size)]


def endless(values: Iterable[int] = count()) -> Iterator[Frame]:
    """Frames every 40 ms, as fast as they are asked for."""
    for index, value in enumerate(values):
        yield Frame(flat(value), index, index / 25)


def _part(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG")
    data = buffer.getvalue()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
