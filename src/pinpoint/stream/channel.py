"""One stream of an engine: frames go in, what was seen comes out."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Condition, RLock
from typing import NamedTuple, Self

import numpy as np

from pinpoint.io.video import Frame
from pinpoint.stream.seen import Seen
from pinpoint.stream.watcher import Watcher

__all__ = ["Arrival", "Channel", "Counts"]

LATE = 2.0
"""Times the pace of a stream after which its next frame is not waited for any more."""

WAITING = 4
"""Frames and results that wait in each queue of a file; enough to bridge a slow frame."""


class Arrival(NamedTuple):
    """A frame, and when it came."""

    frame: Frame
    at: float
    """Seconds of `time.monotonic`."""


@dataclass(frozen=True)
class Counts:
    """What became of the frames of a stream so far.

    Args:
        received: Frames that came.
        dropped: Those for which newer ones were taken, and results that nobody fetched in time.
        processed: Those that were looked at.
        age: Seconds from arrival to result of the last one.
    """

    received: int = 0
    dropped: int = 0
    processed: int = 0
    age: float = 0.0


class Channel:
    """One stream of an engine, as `Engine.open` returns it. Safe to use from several threads.

    Put frames in from one thread, and iterate over what was seen in another or the same one.

    Args:
        name: What the stream is called.
        watcher: Follows whoever is in it.
        lock: What everything is changed under; shared with the engine.
        work: Told of what the engine waits for, a condition of that lock.
        live: Whether newer frames and results replace those that wait; if not, whoever puts waits.
    """

    def __init__(self, name: str, watcher: Watcher, lock: RLock, work: Condition, *, live: bool) -> None:
        self.name, self.live, self.watcher = name, live, watcher
        # Each is woken by what it waits for alone: waking all threads of all streams for every frame costs
        # more than following somebody through it.
        self._lock, self._work = lock, work
        self._has_room, self._has_news = Condition(lock), Condition(lock)
        self._frames: deque[Arrival] = deque()
        self._results: deque[tuple[Seen, float]] = deque()
        self._room = 1 if live else WAITING
        self._received = self._dropped = self._processed = 0
        self._age = 0.0
        self._last, self._pace = -np.inf, np.inf
        self._at_work = self._ended = self._closed = False
        self._error: BaseException | None = None

    @property
    def counts(self) -> Counts:
        """What became of the frames so far."""
        with self._lock:
            return Counts(self._received, self._dropped, self._processed, self._age)

    @property
    def waits(self) -> bool:
        """Whether a frame waits to be looked at; where the stream is live, another one would replace it."""
        with self._lock:
            return bool(self._frames)

    def put(self, frame: Frame) -> bool:
        """Give the engine a frame.

        Where the stream is live, the frame that waits is dropped for it; else this waits for room.

        Returns:
            Whether it was taken: not after the channel has ended, was closed or has failed.
        """
        with self._lock:
            self._received += 1
            if self.live and not self._ended and len(self._frames) >= self._room:
                self._frames.popleft()
                self._dropped += 1
            self._has_room.wait_for(lambda: self._ended or len(self._frames) < self._room)
            if self._ended:
                self._dropped += 1
                return False
            now = time.monotonic()
            self._pace = now - self._last
            self._last = now
            self._frames.append(Arrival(frame, now))
            self._offer()
            return True

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more frames will come; what was put is still looked at.

        Args:
            error: Why they end before their time; whoever fetches results is given it after the last one.
        """
        with self._lock:
            self._error = self._error or error
            self._ended = True
            self._wake_all()

    def fail(self, error: BaseException) -> None:
        """End the stream with an error at once; frames that wait are thrown away."""
        with self._lock:
            self._end_with(error)

    def get(self, timeout: float | None = None) -> Seen | None:
        """Fetch what was seen in the next frame; none at the end.

        Raises:
            TimeoutError: Nothing came in so many seconds.
            Exception: What the stream failed with, such as `ValueError` for a frame that is no picture.
        """
        with self._lock:
            if not self._has_news.wait_for(lambda: self._results or self._drained, timeout):
                raise TimeoutError(f"stream {self.name!r}: nothing came in {timeout} s")
            if self._results:
                seen, at = self._results.popleft()
                self._offer()
                return replace(seen, age=time.monotonic() - at)
            if self._error is not None and not self._closed:
                raise self._error
            return None

    def __iter__(self) -> Iterator[Seen]:
        while (seen := self.get()) is not None:
            yield seen

    def close(self) -> None:
        """Stop at once; what waits is thrown away. Harmless when closed already."""
        with self._lock:
            self._closed = self._ended = True
            self._frames.clear()
            self._results.clear()
            self._wake_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _drained(self) -> bool:
        return self._ended and not self._frames and not self._at_work

    # What follows is the engine's, which holds the lock while it calls them.

    @property
    def ready(self) -> bool:
        """Whether a frame waits and its result will have room."""
        return bool(self._frames) and not self._at_work and (self.live or len(self._results) < self._room)

    @property
    def coming(self) -> bool:
        """Whether a frame may come soon: it is worth waiting a little for it."""
        idle = not self._at_work and not self._ended and (self.live or len(self._results) < self._room)
        return idle and time.monotonic() - self._last < LATE * self._pace

    @property
    def waiting_since(self) -> float:
        """When the frame came that waits longest."""
        return self._frames[0].at

    @property
    def over(self) -> bool:
        """Whether the engine has nothing more to do for it."""
        return self._closed or self._drained

    def taken(self) -> Arrival:
        """Take the frame that waits longest to work on it."""
        self._at_work = True
        arrival = self._frames.popleft()
        self._has_room.notify_all()
        return arrival

    def told(self, seen: Seen, at: float) -> None:
        """Take the result of the frame in work, which came at a time."""
        self._at_work = False
        if not self._closed:
            if self.live and len(self._results) >= self._room:
                self._results.popleft()
                self._dropped += 1
            self._results.append((seen, at))
            self._processed += 1
            self._age = seen.age
        self._has_news.notify_all()
        self._offer()

    def failed(self, error: BaseException) -> None:
        """Take the error of the frame in work."""
        self._at_work = False
        self._end_with(error)

    def _end_with(self, error: BaseException) -> None:
        self._error = self._error or error
        self._frames.clear()
        self._ended = True
        self._wake_all()

    def _offer(self) -> None:
        """Tell the engine if there is something to do."""
        if self.ready:
            self._work.notify_all()

    def _wake_all(self) -> None:
        for condition in (self._has_room, self._has_news, self._work):
            condition.notify_all()
