"""What compressing gave and took, in one table with a verdict."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from pinpoint.runtime import open_session
from pinpoint.training.gate import Difference, compare
from pinpoint.training.gate_samples import GateSamples

__all__ = ["Comparison", "Figures", "Limits", "compare_files", "interleaved", "measures_of"]

RUNS = 200  # timed runs of each network


@dataclass(frozen=True)
class Limits:
    """What a compressed network must keep to.

    Args:
        drop: How much lower its main measure may be.
        time: The share of the other's time that it may take.
    """

    drop: float = 0.01
    time: float = 0.6

    def __post_init__(self) -> None:
        if self.drop < 0:
            raise ValueError(f"drop is {self.drop}, expected 0 or more")
        if self.time <= 0:
            raise ValueError(f"time is {self.time}, expected more than 0")


@dataclass(frozen=True)
class Figures:
    """One network in figures.

    Args:
        bytes: Size of its file.
        milliseconds: Median time of one run.
        measures: How well it does, by name; more is better.
    """

    bytes: int
    milliseconds: float
    measures: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """A network before and after, and what was allowed.

    Args:
        before: Without compression, or the teacher.
        after: With it, or the student.
        ratio: Time after by time before, of runs in turns.
        main: The measure that counts.
        limits: What was allowed.
        names: What the two are called.
        subject: What was measured on and timed, for people.
    """

    before: Figures
    after: Figures
    ratio: float
    main: str = "AP"
    limits: Limits = field(default_factory=Limits)
    names: tuple[str, str] = ("before", "after")
    subject: str = ""

    @property
    def drop(self) -> float:
        """How much of the main measure was lost; negative where it was gained."""
        return self.before.measures[self.main] - self.after.measures[self.main]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is above a limit, in words; none where all is within."""
        told = []
        if not self.drop <= self.limits.drop:  # NaN fails too
            told.append(f"{self.main} fell by {self.drop:.4f}, {self.limits.drop:g} is allowed")
        if not self.ratio <= self.limits.time:
            told.append(f"it takes {self.ratio:.3f} of the time, {self.limits.time:g} is allowed")
        return tuple(told)

    @property
    def passes(self) -> bool:
        """Whether everything is within its limit."""
        return not self.reasons

    @property
    def verdict(self) -> str:
        """One line: passes, or fails and why."""
        return "passes" if self.passes else f"fails: {'; '.join(self.reasons)}"

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """The table: a head, then what is measured, before, after, change and limit."""
        before, after = self.before, self.after
        size = after.bytes / before.bytes if before.bytes else math.nan
        rows = [
            ("", *self.names, "change", "limit"),
            ("file, MB", f"{before.bytes / 1e6:.2f}", f"{after.bytes / 1e6:.2f}", f"x {size:.2f}", ""),
            (
                "time, ms",
                f"{before.milliseconds:.2f}",
                f"{after.milliseconds:.2f}",
                f"x {self.ratio:.2f}",
                f"x {self.limits.time:.2f}",
            ),
        ]
        for name in after.measures:
            old, new = before.measures.get(name, math.nan), after.measures[name]
            limit = f"-{self.limits.drop:.4f}" if name == self.main else ""
            rows.append((name, f"{old:.4f}", f"{new:.4f}", f"{new - old:+.4f}", limit))
        return rows

    def text(self) -> str:
        """The table in columns, what it was measured on, and the verdict."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [_line(row, widths) for row in rows]
        return "\n".join([*lines, *([self.subject] if self.subject else []), self.verdict])


def compare_files(before: Path, after: Path, samples: GateSamples, limits: Limits) -> Comparison:
    """Run two files on the same pictures, and time them in turns on one thread.

    Args:
        before: A model file.
        after: Another that is fed and read alike.
        samples: What they are shown.
        limits: What is allowed.
    """
    first, second = (open_session(path, threads=1) for path in (before, after))
    (difference,) = compare(first, second, samples, batches=(1,)).differences
    picture = next(samples.batches(first, 1))
    (old, new), ratio = interleaved([lambda: first.run(picture), lambda: second.run(picture)], RUNS)
    measures = measures_of(difference)
    return Comparison(
        Figures(before.stat().st_size, 1e3 * old, measures[0]),
        Figures(after.stat().st_size, 1e3 * new, measures[1]),
        ratio,
        main=next(iter(measures[1])),
        limits=limits,
        subject=f"{len(samples)} samples, one thread; points moved by {difference.p50:.2f} px (half) and "
        f"{difference.p95:.2f} px (95 %) of the input",
    )


def measures_of(difference: Difference) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """What counts, before and after: AP, or where that is not known (whole pictures) what both find."""
    if math.isnan(difference.before):
        return {"found alike": 1.0}, {"found alike": 1 - difference.unpaired}
    return {"AP": difference.before}, {"AP": difference.after}


def interleaved(calls: Sequence[Callable[[], object]], runs: int = 100) -> tuple[list[float], float]:
    """Time calls in turns, so that whatever else the machine does slows all of them alike.

    Args:
        calls: What is timed; each is called three times beforehand.
        runs: How often each is timed.

    Returns:
        Median seconds of each, and the median of the ratio of the last to the first in the same turn.
    """
    for call in [*calls] * 3:
        call()
    turns = [[_seconds(call) for call in calls] for _ in range(runs)]
    ratio = median(turn[-1] / turn[0] for turn in turns)
    return [median(column) for column in zip(*turns, strict=True)], ratio


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        text.ljust(width) if not place else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()
