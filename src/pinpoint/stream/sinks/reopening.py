"""Sinks at the other end of a network whose libraries do not connect again by themselves."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pinpoint.stream.reconnect import BACKOFF, Backoff
from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import Sink

__all__ = ["Reopening"]

log = logging.getLogger(__name__)

_BACKOFF: Final = replace(BACKOFF, tries=15)  # five minutes


class Reopening:
    """A sink that is opened again when it fails with `OSError`, and given the frame again that it failed at.

    That frame may have come through all the same; it has a number by which to tell.

    Args:
        open_sink: Opens it. The first time at once, so that a wrong address is told to whoever wrote it.
        name: What it is called in messages.
        backoff: How long to wait before each try.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, open_sink: Callable[[], Sink], name: str, *, backoff: Backoff = _BACKOFF) -> None:
        self._open, self._name, self._backoff = open_sink, name, backoff
        self._sink: Sink | None = open_sink()

    def write(self, seen: Seen) -> None:
        """See `Sink`; waits while the other end is away.

        Raises:
            OSError: It stayed away.
        """
        failures = 0
        while True:
            try:
                if self._sink is None:
                    self._sink = self._open()
                    log.info("sink %s is back", self._name)
                self._sink.write(seen)
                return
            except OSError as error:
                failures += 1
                self._give_up()
                if not self._backoff.bears(failures, worked=True):
                    raise
                seconds = self._backoff.wait(failures)
                log.warning("sink %s: %s; trying again in %.1f s", self._name, error, seconds)
            time.sleep(seconds)

    def close(self) -> None:
        """See `Sink`."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _give_up(self) -> None:
        try:
            self.close()
        except OSError as error:
            log.info("sink %s could not be closed: %s", self._name, error)
