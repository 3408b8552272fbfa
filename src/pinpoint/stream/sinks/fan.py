"""One stream, or several, into several sinks."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Self

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.outlet import Outlet, SinkCounts
from pinpoint.stream.sinks.sink import Sink

__all__ = ["Fan"]

log = logging.getLogger(__name__)


class Fan:
    """Hands every frame to each of several sinks, each of them in a thread of its own.

    A slow sink holds back recordings, which lose nothing, but never a live stream, whose oldest frames are
    dropped and counted for that sink alone. A sink that fails is closed and told in `errors`; the others go
    on. It is a sink itself, and several streams may share it.

    Args:
        sinks: Each with what it is called in messages.
        room: How many frames wait for each at the most.
        timeout: Seconds that closing gives them to write what waits.
    """

    def __init__(self, sinks: Mapping[str, Sink], *, room: int = 8, timeout: float = 10.0) -> None:
        self._outlets = [Outlet(sink, name, room=room) for name, sink in sinks.items()]
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counts(self) -> dict[str, SinkCounts]:
        """What became of the frames so far, by sink."""
        return {outlet.name: outlet.counts for outlet in self._outlets}

    @property
    def errors(self) -> dict[str, BaseException]:
        """What sinks failed with, by sink; those that work are not in it."""
        return {outlet.name: outlet.error for outlet in self._outlets if outlet.error is not None}

    def write(self, seen: Seen, *, live: bool = False) -> None:
        """Hand a frame to every sink; see `Outlet.write`."""
        for outlet in self._outlets:
            outlet.write(seen, live=live)

    def take(self, results: Iterable[Seen], *, live: bool = False) -> None:
        """Hand over everything that a stream gives, to its end."""
        for seen in results:
            self.write(seen, live=live)

    def close(self) -> None:
        """Let every sink write what waits for it, and close it. Harmless when closed already.

        One that takes longer than the timeout is left to end by itself.
        """
        for outlet in self._outlets:
            outlet.end()
        deadline = time.monotonic() + self._timeout
        for outlet in self._outlets:
            if not outlet.join(max(deadline - time.monotonic(), 0.0)):
                waiting = outlet.counts.waiting
                log.error("sink %s is not done in time; %d frames wait for it", outlet.name, waiting)
