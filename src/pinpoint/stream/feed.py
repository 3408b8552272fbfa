"""Carrying frames from a source to a channel."""

import logging
from contextlib import closing
from threading import Event
from typing import Protocol, Self

from pinpoint.io.video import Frame
from pinpoint.stream.sources import FrameSource
from pinpoint.stream.tasks import Task

__all__ = ["Feed", "FrameTarget"]

log = logging.getLogger(__name__)

_GRACE = 0.5  # seconds; most stop at once, and one that waits for a dead camera is not waited for


class FrameTarget(Protocol):
    """Where frames go: the channel of an engine."""

    def put(self, frame: Frame) -> bool:
        """Take a frame; wait while there is no room, or drop the oldest one that waits if it is live.

        Returns:
            Whether it was taken: not once it has ended.
        """
        ...

    def end(self, error: BaseException | None = None) -> None:
        """Be told that no more frames will come, and why, if something went wrong.

        What was put is still looked at. Then whoever fetches results is given the error. Harmless when it has
        ended before.
        """
        ...


class Feed:
    """Reads a source in a thread of its own and puts its frames into a channel, which ends when it ends.

    It begins at once. What goes wrong in it concerns this stream alone: its channel ends with the error, for
    whoever fetches the results.

    Args:
        source: Where frames come from.
        channel: Where they go.

    Attributes:
        source: Where frames come from.
        frames: How many were put into the channel.
    """

    def __init__(self, source: FrameSource, channel: FrameTarget) -> None:
        self.source, self.frames = source, 0
        self._channel, self._stop = channel, Event()
        self._task = Task(self._carry, f"pinpoint source {source.name}", then=self._end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def error(self) -> BaseException | None:
        """What ended the source before its time, none if nothing did or it goes on."""
        return None if self._stop.is_set() else self._task.error

    def close(self) -> None:
        """Stop reading, within a second. Harmless when it has ended.

        A thread that waits for a camera is left behind; it ends, and closes the camera, once that answers or
        its time is up.
        """
        self._stop.set()
        self._channel.end()  # nobody waits for more, and a thread that waits for room gives up
        if not self._task.join(_GRACE):
            log.warning("%s does not answer and is left to end by itself", self.source.name)

    def _carry(self) -> None:
        with closing(self.source.read(self._stop)) as frames:
            for frame in frames:
                if self._stop.is_set() or not self._channel.put(frame):
                    return
                self.frames += 1

    def _end(self, error: BaseException | None) -> None:
        if self._stop.is_set():
            error = None  # stopping disturbs some sources, and nobody asks any more
        if error is not None:
            log.info("%s has ended: %s", self.source.name, error)
        self._channel.end(error)
