"""What came of a run: counts, failures and the summary."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pinpoint.cli.messages import printable, reason_of, say

__all__ = ["Tally", "summary"]


@dataclass
class Tally:
    """Counts what is done. A failure is said as it happens.

    Attributes:
        pictures: Pictures that were looked at.
        frames: Frames of videos, cameras and streams that were looked at.
        instances: What was found in all of them.
        people: Who was followed, in all videos.
        dropped: Frames of cameras and streams for which newer ones were taken.
        problems: Things that were named as failed.
        busy: Seconds from the first to the last look.
    """

    pictures: int = 0
    frames: int = 0
    instances: int = 0
    people: set[tuple[str, int]] = field(default_factory=set)
    dropped: int = 0
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
        there = [(name, int(one)) for one in ([] if ids is None else ids)]
        self.people.update(there)
        self.done(len(there), moving=True)

    def fail(self, name: str, error: Exception) -> None:
        """Count and name something that could not be done."""
        self.complain(name, reason_of(error))

    def complain(self, name: str, reason: str) -> None:
        """Count and name something that is wrong."""
        self.problems += 1
        say(f"failed: {printable(name)}: {reason}")


def summary(tally: Tally, noun: tuple[str, str], *, stopped: bool, places: Sequence[str]) -> str:
    """Say what came of a run: at most two lines."""
    looked = [(tally.pictures, ("picture", "pictures")), (tally.frames, ("frame", "frames"))]
    seen = " and ".join(_count(number, words) for number, words in looked if number) or "no pictures"
    rate = (tally.pictures + tally.frames) / tally.busy if tally.busy else 0.0
    failed = f", {tally.problems} failed" if tally.problems else ""
    speed = f" ({rate:.1f} images/s)" if rate else ""
    where = "" if tally.frames < 2 else " in all of them" if tally.pictures else " in all frames"
    found = f"{_count(tally.instances, noun)}{where}"
    if tally.people:
        found += f", {len(tally.people)} told apart"
    drops = f", {_count(tally.dropped, ('frame', 'frames'))} dropped" if tally.dropped else ""
    first = f"{'stopped: ' if stopped else ''}{seen}, {found}{drops}{failed}{speed}"
    return "\n".join([first, *([f"see {', '.join(places)}"] if places else [])])


def _count(number: int, words: tuple[str, str]) -> str:
    return f"{number} {words[number != 1]}"
