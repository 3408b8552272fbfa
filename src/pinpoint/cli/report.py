"""What came of a run: counts, failures and the summary."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pinpoint.cli.messages import printable, reason_of, say

__all__ = ["Followed", "Tally", "summary"]

FRAMES = ("frame", "frames")


@dataclass
class Followed:
    """Counts what is done in one video, camera or stream.

    Attributes:
        frames: Frames that were looked at.
        ids: Who was seen.
        dropped: Frames for which newer ones were taken.
        busy: Seconds from the first frame to the last.
    """

    frames: int = 0
    ids: set[int] = field(default_factory=set)
    dropped: int = 0
    busy: float = 0.0
    _start: float = field(default_factory=time.perf_counter)

    def done(self, ids: Iterable[int]) -> None:
        """Count one frame, and who is in it."""
        self.frames += 1
        self.ids.update(ids)
        self.busy = time.perf_counter() - self._start


@dataclass
class Tally:
    """Counts what is done. A failure is said as it happens.

    Attributes:
        pictures: Pictures that were looked at.
        frames: Frames of videos, cameras and streams that were looked at.
        instances: What was found in all of them.
        streams: What came of each video, camera and stream, by its name.
        problems: Things that were named as failed.
        busy: Seconds from the first to the last look.
    """

    pictures: int = 0
    frames: int = 0
    instances: int = 0
    streams: dict[str, Followed] = field(default_factory=dict)
    problems: int = 0
    busy: float = 0.0
    _start: float = field(default_factory=time.perf_counter)

    def start(self) -> None:
        """Start the clock: the models are loaded."""
        self._start = time.perf_counter()

    def done(self, found: int, *, moving: bool) -> None:
        """Count one picture or frame."""
        self.frames += moving
        self.pictures += not moving
        self.instances += found
        self.busy = time.perf_counter() - self._start

    def followed(self, name: str, ids: Iterable[int] | None) -> None:
        """Count one frame of a video, and who is in it."""
        there = [int(one) for one in ([] if ids is None else ids)]
        self.of(name).done(there)
        self.done(len(there), moving=True)

    def of(self, name: str) -> Followed:
        """What came of one video, camera or stream so far."""
        return self.streams.setdefault(name, Followed())

    @property
    def people(self) -> int:
        """How many were followed, in all videos."""
        return sum(len(one.ids) for one in self.streams.values())

    @property
    def dropped(self) -> int:
        """Frames of cameras and streams for which newer ones were taken."""
        return sum(one.dropped for one in self.streams.values())

    def fail(self, name: str, error: Exception) -> None:
        """Count and name something that could not be done."""
        self.complain(name, reason_of(error))

    def complain(self, name: str, reason: str) -> None:
        """Count and name something that is wrong."""
        self.problems += 1
        say(f"failed: {printable(name)}: {reason}")


def summary(
    tally: Tally,
    noun: tuple[str, str],
    *,
    stopped: bool,
    places: Sequence[str],
    apart: Sequence[str] = (),
) -> str:
    """Say what came of a run: at most two lines, and one for each of several streams.

    Args:
        tally: What was counted.
        noun: What to call one and many of what was found.
        stopped: Whether somebody asked for a stop.
        places: Where to look for it.
        apart: Names of the cameras and streams that were followed at the same time.
    """
    looked = [(tally.pictures, ("picture", "pictures")), (tally.frames, FRAMES)]
    seen = " and ".join(_count(number, words) for number, words in looked if number) or "no pictures"
    failed = f", {tally.problems} failed" if tally.problems else ""
    where = "" if tally.frames < 2 else " in all of them" if tally.pictures else " in all frames"
    found = f"{_count(tally.instances, noun)}{where}"
    if tally.people:
        found += f", {tally.people} told apart"
    speed = _rate(tally.pictures + tally.frames, tally.busy, "images")
    first = f"{'stopped: ' if stopped else ''}{seen}, {found}{_drops(tally.dropped)}{failed}{speed}"
    lines = [_of_stream(name, tally.of(name), noun) for name in apart] if len(apart) > 1 else []
    return "\n".join([first, *lines, *([f"see {', '.join(places)}"] if places else [])])


def _of_stream(name: str, one: Followed, noun: tuple[str, str]) -> str:
    told = f"{_count(one.frames, FRAMES)}, {_count(len(one.ids), noun)} told apart{_drops(one.dropped)}"
    return f"  {printable(name)}: {told}{_rate(one.frames - 1, one.busy, FRAMES[1])}"


def _drops(count: int) -> str:
    return f", {_count(count, FRAMES)} dropped" if count else ""


def _rate(count: int, seconds: float, words: str) -> str:
    return f" ({count / seconds:.1f} {words}/s)" if seconds and count > 0 else ""


def _count(number: int, words: tuple[str, str]) -> str:
    return f"{number} {words[number != 1]}"
