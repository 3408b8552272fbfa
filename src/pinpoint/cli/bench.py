"""`pinpoint bench`: what every stage takes, by number of people."""

import json as jsonlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer

from pinpoint.cli import estimators
from pinpoint.cli.frames import Limits, View, opened
from pinpoint.cli.messages import refuse, show_log
from pinpoint.cli.stages import STAGES, Clock, timed
from pinpoint.geometry import Float, boxes_of_points
from pinpoint.io.images import write_image
from pinpoint.io.jsonl import JsonlWriter
from pinpoint.io.records import Record
from pinpoint.io.sources import find_sources
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.viz import draw

__all__ = ["run_bench"]

MOST_VIEWS = 20
"""Pictures and frames that are kept in memory at most."""

COLUMNS = (*STAGES, "total")

Lap = Mapping[str, float]
"""Seconds by stage for one picture."""
Write = Callable[[Keypoints, View], None]


@dataclass(frozen=True)
class Timing:
    """What one number of people took.

    Args:
        people: How many were found in a picture, on average.
        given: Whether they were given as boxes, so that nobody had to be detected.
        laps: What each picture took.
    """

    people: float
    given: bool
    laps: Sequence[Lap]

    def milliseconds(self, stage: str, percentile: float) -> float | None:
        """Return a percentile of a stage, none if it was never entered."""
        values = [lap[stage] for lap in self.laps if stage in lap]
        return float(np.percentile(values, percentile)) * 1e3 if values else None


def run_bench(
    choice: estimators.Choice, inputs: Sequence[str], counts: Sequence[int], repeats: int, *, json: bool
) -> int:
    """Time a model, print what came of it and return the exit status."""
    show_log(verbose=False)
    clock = Clock()
    try:
        read = list(_read_views(inputs))
        estimate = timed(estimators.load_estimator(choice), clock)
    except ValueError as error:
        return refuse(error, 2)
    except OSError as error:
        return refuse(error, 1)
    with tempfile.TemporaryDirectory() as folder, closing(JsonlWriter(Path(folder, "k.jsonl"))) as lines:
        bench = _Bench(estimate, clock, read, _writing(Path(folder), lines), repeats)
        timings = [bench.detecting(), *(bench.given(count) for count in counts)]
    typer.echo(_as_json(choice, timings) if json else _as_table(choice, read, timings))
    return 0


@dataclass(frozen=True)
class _Bench:
    """One model on some pictures.

    Args:
        estimate: The model, whose parts tell the clock what they take.
        clock: What they tell.
        views: The pictures, and the seconds that reading each took.
        write: Writes a drawing and a record.
        repeats: How often each picture is looked at.
    """

    estimate: Estimator
    clock: Clock
    views: Sequence[tuple[View, float]]
    write: Write
    repeats: int

    def detecting(self) -> Timing:
        """Time whoever the model finds itself."""
        return self._timing([None] * len(self.views))

    def given(self, count: int) -> Timing:
        """Time a number of people in every picture: the first one found, so many times over."""
        return self._timing([_first_box(self.estimate(view.image), view, count) for view, _ in self.views])

    def _timing(self, boxes: Sequence[Float | None]) -> Timing:
        self._lap(0, boxes[0])  # the first run of a network is slow
        rounds = [number for _ in range(self.repeats) for number in range(len(self.views))]
        found, laps = zip(*(self._lap(number, boxes[number]) for number in rounds), strict=True)
        return Timing(float(np.mean(found)), boxes[0] is not None, laps)

    def _lap(self, number: int, boxes: Float | None) -> tuple[int, Lap]:
        view, reading = self.views[number]
        self.clock.reset()
        start = time.perf_counter()
        kps = self.estimate(view.image) if boxes is None else self.estimate(view.image, boxes)
        total = time.perf_counter() - start
        other = total - sum(self.clock.seconds.values())
        with self.clock.during("draw"):
            drawing = draw(view.image, kps)
        with self.clock.during("write"):
            self.write(kps, View(drawing, view.index, view.seconds))
        lap = {"read": reading, "other": other, **self.clock.seconds}
        return len(kps), {**lap, "total": sum(lap.values())}


def _read_views(inputs: Sequence[str]) -> Iterator[tuple[View, float]]:
    """Read the first pictures and frames of the inputs, and time it.

    Raises:
        UnreadableError: One cannot be read: a bench of the others would be one of something else.
    """
    sources, errors = find_sources(inputs)
    if errors:
        raise errors[0]
    left = MOST_VIEWS
    for source in sources[:left]:
        with opened(source, Limits(frames=left)) as media:
            start = time.perf_counter()
            for view in media.views:
                yield view, time.perf_counter() - start
                left -= 1
                start = time.perf_counter()
        if left < 1:
            return


def _first_box(kps: Keypoints, view: View, count: int) -> Float:
    """The box of the first one found, or of the picture if there is none, so many times over."""
    height, width = view.image.shape[:2]
    boxes = kps.boxes if kps.boxes is not None else boxes_of_points(kps.xy)
    usable = boxes[np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
    whole = np.array([[0.0, 0.0, width, height]]) - 0.5
    return np.repeat(np.concatenate([usable, whole])[:1], count, axis=0)


def _writing(folder: Path, lines: JsonlWriter) -> Write:
    def write(kps: Keypoints, drawing: View) -> None:
        write_image(folder / "drawing.jpg", drawing.image)
        lines.write(Record(kps, "drawing.jpg"))

    return write


def _as_json(choice: estimators.Choice, timings: Sequence[Timing]) -> str:
    rows = [
        {
            "people": timing.people,
            "given_boxes": timing.given,
            **{f"p{p}": {stage: timing.milliseconds(stage, p) for stage in COLUMNS} for p in (50, 95)},
        }
        for timing in timings
    ]
    return jsonlib.dumps({"model": choice.name, "unit": "milliseconds", "timings": rows})


def _as_table(
    choice: estimators.Choice, read: Sequence[tuple[View, float]], timings: Sequence[Timing]
) -> str:
    height, width = read[0][0].image.shape[:2]
    looked = f"{len(timings[0].laps)} looks at {len(read)} pictures, the first {width}x{height}"
    lines = [f"{choice.name}: milliseconds per picture; {looked}", _line("people", "", COLUMNS)]
    for timing in timings:
        for percentile in (50, 95):
            people = f"{timing.people:g} {'given' if timing.given else 'found'}" if percentile == 50 else ""
            values = [timing.milliseconds(stage, percentile) for stage in COLUMNS]
            shown = ["-" if value is None else f"{value:.2f}" for value in values]
            lines.append(_line(people, f"p{percentile}", shown))
    return "\n".join(lines)


def _line(people: str, percentile: str, cells: Sequence[str]) -> str:
    return f"{people:<12}{percentile:<4}" + "".join(f"{cell:>9}" for cell in cells)
