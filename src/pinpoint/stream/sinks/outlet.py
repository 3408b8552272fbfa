"""A sink in a thread of its own, behind a bounded queue."""

import logging
from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import NamedTuple

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import Sink
from pinpoint.stream.tasks import Task

__all__ = ["Outlet", "SinkCounts"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SinkCounts:
    """What became of the frames that a sink was given.

    Args:
        written: Frames that it took.
        dropped: Frames of live streams for which newer ones were taken, and all that were lost as it failed.
        waiting: Frames that wait for it.
    """

    written: int = 0
    dropped: int = 0
    waiting: int = 0


class _Item(NamedTuple):
    seen: Seen
    live: bool


class Outlet:
    """Hands frames to a sink in a thread of its own, so that a slow one delays nobody who is live.

    A sink that fails is closed, and what comes for it from then on is dropped; `error` says why.

    Args:
        sink: Where they go; it is used, and closed, in that thread alone.
        name: What it is called in messages.
        room: How many frames wait at the most.
    """

    def __init__(self, sink: Sink, name: str, *, room: int = 8) -> None:
        self.name = name
        self._sink, self._room = sink, room
        self._items: deque[_Item] = deque()
        self._changed = Condition()
        self._ended = self._failed = False
        self._written = self._dropped = 0
        self._task = Task(self._work, f"pinpoint sink {name}", then=self._done)

    @property
    def counts(self) -> SinkCounts:
        """What became of the frames so far."""
        with self._changed:
            return SinkCounts(self._written, self._dropped, len(self._items))

    @property
    def error(self) -> BaseException | None:
        """What the sink failed with, none if it did not."""
        return self._task.error

    def write(self, seen: Seen, *, live: bool = False) -> None:
        """Hand a frame over.

        Args:
            seen: The frame.
            live: What to do where there is no room: drop the oldest live frame that waits, this one if there
                is no other; or wait.
        """
        with self._changed:
            if live:
                self._drop_oldest()
            else:
                self._changed.wait_for(lambda: self._shut or len(self._items) < self._room)
            if self._shut or len(self._items) >= self._room:
                self._dropped += 1
                return
            self._items.append(_Item(seen, live))
            self._changed.notify_all()

    def end(self) -> None:
        """Say that no more will come; what waits is still written, and then the sink is closed."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the sink is closed, so many seconds at the most; say whether it is."""
        return self._task.join(timeout)

    @property
    def _shut(self) -> bool:
        return self._ended or self._failed

    def _drop_oldest(self) -> None:
        if len(self._items) < self._room:
            return
        oldest = next((at for at, item in enumerate(self._items) if item.live), None)
        if oldest is not None:
            del self._items[oldest]
            self._dropped += 1

    def _work(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._sink.write(item.seen)
                with self._changed:
                    self._written += 1
        except BaseException:
            self._fail()
            raise
        else:
            self._sink.close()

    def _next(self) -> _Item | None:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    def _fail(self) -> None:
        with self._changed:
            self._failed = True
            self._dropped += 1 + len(self._items)
            self._items.clear()
            self._changed.notify_all()
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001 - it failed before, and that is what is told
            log.info("sink %s could not be closed either: %s", self.name, error)

    def _done(self, error: BaseException | None) -> None:
        if error is not None:
            log.error(
                "sink %s has failed after %d frames and is closed: %s", self.name, self.counts.written, error
            )
