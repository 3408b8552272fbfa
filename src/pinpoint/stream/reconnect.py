"""Trying again: how long to wait, and times that go on growing through every connection."""

import math
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pinpoint.io.video import Frame

__all__ = ["BACKOFF", "Backoff", "Timeline"]

_LEAST_STEP = 1e-3
_MOST_DOUBLINGS = 64  # far beyond any cap, and no overflow


@dataclass(frozen=True)
class Backoff:
    """How long to wait before trying again: longer each time up to a cap, and not in step with others.

    Args:
        first: Seconds after the first failure.
        factor: How much longer after each further one.
        longest: Seconds at the most.
        jitter: Share of each wait that is left to chance, 0 to 1, so that many do not come back at once.
        tries: How many failures in a row are borne; none for any number.
        from_start: Whether what never worked is tried again, too. Otherwise its first failure is the last: it
            is more likely a wrong address than a passing fault.

    Raises:
        ValueError: A number is out of its range.
    """

    first: float = 0.5
    factor: float = 2.0
    longest: float = 30.0
    jitter: float = 0.3
    tries: int | None = None
    from_start: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.longest and self.factor >= 1 and 0 <= self.jitter <= 1):
            raise ValueError(f"{self} expects 0 < first <= longest, factor >= 1 and jitter from 0 to 1")

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, from 1."""
        full = self.first * self.factor ** min(failures - 1, _MOST_DOUBLINGS)
        return min(self.longest, full) * (1 - self.jitter * random.random())

    def bears(self, failures: int, *, worked: bool) -> bool:
        """Whether to try again after so many failures in a row, of what once worked or never did."""
        return (worked or self.from_start) and (self.tries is None or failures <= self.tries)


BACKOFF = Backoff()
"""Half a second at first, half a minute at most, as often as it takes."""


class Timeline:
    """Numbers the frames of several connections as if they were one.

    The first connection keeps its own times. Each further one begins at the time that has passed since, or
    just after the last frame where that is later.

    Attributes:
        count: Frames so far.
        seconds: Time of the last frame.
    """

    def __init__(self) -> None:
        self.count, self.seconds = 0, -math.inf
        self._began: float | None = None

    def through(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames of one more connection, with their own numbers and times changed."""
        base, shift = self.count, 0.0
        for at, frame in enumerate(frames):
            if at == 0:
                shift = self._shift(frame.seconds)
            self.count, self.seconds = base + frame.index + 1, frame.seconds + shift
            yield Frame(frame.image, base + frame.index, self.seconds)

    def _shift(self, seconds: float) -> float:
        now = time.monotonic()
        if self._began is None:
            self._began = now - seconds
            return 0.0
        return max(now - self._began, self.seconds + _LEAST_STEP) - seconds
