"""What `pinpoint train` says: what it is going to do, how it goes, and what came of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pinpoint.cli.messages import say
from pinpoint.cli.progress import PATIENCE
from pinpoint.geometry import Image
from pinpoint.hub.terminal import on_a_terminal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from pinpoint.training import Plan

__all__ = ["Decoding", "Telling", "plan_lines", "result_lines"]


def plan_lines(plan: "Plan") -> list[str]:
    """What a run is going to do: its data, what is odd in it, and the values that nobody said."""
    data, config = plan.data, plan.config
    lines = [
        f"learning from {_samples(data.train)} of {data.val.skeleton!r}, measuring on {_samples([data.val])}",
        *(f"warning: {line}" for line in data.findings),
    ]
    if not config.val:
        lines.append("no --val: a tenth of the pictures is kept back to measure on")
    if plan.proposals:
        rows = [(p.key, _short(p.value), p.reason) for p in plan.proposals]
        lines += ["taken from the data, as nobody said it (say it with --set key=value):", *_table(rows)]
    return lines


def result_lines(measures: Mapping[str, float], out: Path) -> list[str]:
    """What came of a run, and where it is."""
    return [f"the best weights measure {measured(measures)}", f"see {out / 'best.safetensors'}"]


def measured(measures: Mapping[str, float]) -> str:
    """Measures on one line."""
    return "  ".join(f"{name} {value:.3f}" for name, value in measures.items())


def _samples(sources: Sequence[Any]) -> str:
    count = sum(len(samples) for samples in sources)
    pictures = sum(len(set(samples.picture.tolist())) for samples in sources)
    return f"{count:,} instance{'s' * (count != 1)} in {pictures:,} picture{'s' * (pictures != 1)}"


def _short(value: Any) -> str:
    return " x ".join(map(_short, value)) if isinstance(value, list) else f"{value}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


class Decoding:
    """Shows how far the decoding of pictures is, where somebody watches it for more than a second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: tuple[RichProgress, TaskID] | None = None

    def __call__(self, done: int, count: int) -> None:
        """So many of so many pictures are done."""
        if self._bar is None and on_a_terminal() and time.monotonic() - self._start > PATIENCE:
            self._bar = _rich_bar("decoding pictures", count)
        if self._bar is not None:
            self._bar[0].update(self._bar[1], completed=done, total=count)
            if done == count:
                self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar[0].stop()
        self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Telling:
    """Tells of a run: a line for each measurement, and a bar where somebody watches.

    It is a `pinpoint.training.loop.Reporter`.

    Args:
        batch: Samples per step.
        clock: Tells the time in seconds.
    """

    def __init__(self, batch: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.batch, self._clock = batch, clock
        self._steps, self._first, self._step = 0, 0, 0
        self._start, self._mark, self._losses = clock(), clock(), list[float]()
        self._measures = ""
        self._bar: tuple[RichProgress, TaskID] | None = None

    def begin(self, steps: int, done: int) -> None:
        """The run has so many steps, and so many of them are done."""
        self._steps, self._first, self._step = steps, done, done
        self._start = self._mark = self._clock()
        if on_a_terminal():
            self._bar = _rich_bar("training", steps)

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Show the loss and the rate."""
        self._step = step
        self._losses.append(values["loss"])
        if self._bar is not None:
            note = "  ".join(part for part in (self._pace(), self._measures) if part)
            self._bar[0].update(self._bar[1], completed=step, note=note)

    def measured(self, step: int, measures: Mapping[str, float], pictures: Sequence[Image]) -> None:
        """Say a line."""
        self._measures = measured(measures)
        parts = (
            f"step {step:{len(str(self._steps))}}/{self._steps}",
            self._pace(),
            self._measures,
            self._left(step),
        )
        say("  ".join(part for part in parts if part))
        self._mark, self._losses = self._clock(), []

    def rewind(self, step: int) -> None:
        """Say where the run goes on."""
        if step >= 0:
            say(f"going on after step {step}")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar[0].stop()
        self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pace(self) -> str:
        """Loss and rate since the last measurement."""
        if not self._losses:
            return ""
        rate = len(self._losses) * self.batch / max(self._clock() - self._mark, 1e-6)
        return f"loss {sum(self._losses) / len(self._losses):.4f}  {rate:.0f} samples/s"

    def _left(self, step: int) -> str:
        done = step - self._first
        if done <= 0 or step >= self._steps:
            return ""
        seconds = round((self._clock() - self._start) / done * (self._steps - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"


def _rich_bar(what: str, count: int) -> "tuple[RichProgress, TaskID]":
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=20),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task(what, total=count, note="")
