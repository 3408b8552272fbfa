"""What a client sends over a WebSocket: encoded frames, each with a few words about it in front."""

import asyncio
import json
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["LEARNING", "Arrived", "Newest", "UnderWay", "Words", "words_of"]


@dataclass(frozen=True)
class Words:
    """What a client says of the next frame.

    Args:
        id: Its name for it, told back with the answer.
        seconds: The frame's own time; none: that of its arrival.
    """

    id: int | str | None = None
    seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Arrived:
    """A frame as it came.

    Args:
        index: Its number in the stream.
        data: A picture file.
        words: What the client said of it.
        at: When it came, in seconds of `time.monotonic`.
    """

    index: int
    data: bytes
    words: Words
    at: float


def words_of(text: str) -> Words:
    """Read the words before a frame.

    Raises:
        ValueError: They are not of the form that is expected.
    """
    if len(text) > LONGEST:
        raise ValueError(f"these are {len(text)} letters, over the limit of {LONGEST}: send fewer")
    try:
        plain = json.loads(text)
    except RecursionError:
        raise ValueError(f"this is nested too deeply: send an object such as {EXAMPLE}") from None
    except ValueError as error:
        raise ValueError(f"this is no JSON ({error}): send an object such as {EXAMPLE}") from error
    if not isinstance(plain, dict):
        raise ValueError(f"this is no JSON object: send one such as {EXAMPLE}")
    return Words(_id(plain.get("id")), _seconds(plain.get("seconds")))


EXAMPLE = '{"id": 7, "seconds": 0.28}'
LONGEST = 4096
LONGEST_ID = 100
LEARNING = 0.2
"""Share of the newest frame in the mean time that one takes."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a letter, which JSON can name but nobody can send."""


def _id(value: Any) -> int | str | None:
    if value is None or (isinstance(value, int) and abs(value) < 1 << 53):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_ID and not SURROGATE.search(value):
        return value
    raise ValueError(f"id is none that is told back: send a whole number or at most {LONGEST_ID} letters")


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"seconds is a {type(value).__name__}, expected a number")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValueError(f"seconds is {str(value)[:40]}, expected a number that a double can hold")
    return seconds


class Newest:
    """A place for one frame: a newer one takes it, and the older is dropped.

    Attributes:
        dropped: How often.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._there = asyncio.Event()
        self._frame: Arrived | None = None
        self._ended = False
        self._count = 0

    def put(self, data: bytes, words: Words) -> None:
        """Put a frame there; not after the end."""
        if self._ended:
            return
        self.dropped += self._frame is not None
        self._frame = Arrived(self._count, data, words, time.monotonic())
        self._count += 1
        self._there.set()

    def end(self) -> None:
        """Say that no more will come."""
        self._ended = True
        self._there.set()

    async def get(self) -> Arrived | None:
        """Take the frame, once there is one; none after the last."""
        await self._there.wait()
        frame, self._frame = self._frame, None
        if not self._ended:
            self._there.clear()
        return frame


class UnderWay:
    """The frames that the engine has, told in their order, and when it will want the next.

    It has one at work, and another from shortly before that is done: so no frame is decoded for which a newer
    one is taken, and the engine does not wait for it either.

    Args:
        waits: Whether the last frame still waits to be looked at.
    """

    def __init__(self, waits: Callable[[], bool]) -> None:
        self._waits = waits
        self._frames: dict[int, Arrived] = {}
        self._told = asyncio.Event()
        self._begun = 0.0
        self._pace = math.inf

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, arrived: Arrived) -> None:
        """Note a frame that the engine is given."""
        if not self._frames:
            self._begun = time.monotonic()
        self._frames[arrived.index] = replace(arrived, data=b"")

    def take(self, index: int) -> Arrived:
        """Return the frame of an answer, without its data; those before it will not be answered."""
        now = time.monotonic()
        taken = now - self._begun
        self._pace = taken if self._pace == math.inf else self._pace + LEARNING * (taken - self._pace)
        self._begun = now  # the next one's turn
        arrived = self._frames[index]
        self._frames = {later: frame for later, frame in self._frames.items() if later > index}
        self._told.set()
        return arrived

    async def nearly_done(self, early: float) -> None:
        """Wait until the engine wants a frame, or is likely to in so many seconds."""
        while self._frames:
            left = self._begun + self._pace - early - time.monotonic()
            if len(self._frames) > 1 or (left <= 0 and self._waits()):
                left = math.inf
            if left <= 0:
                return
            self._told.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if left < math.inf else None):
                    await self._told.wait()
