"""What pipelines cost beyond the bare calls of their networks, with 1 and 10 people.

Usage: python benchmarks/overhead.py [given] [found] [--pictures N]
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pinpoint as pp
from pinpoint import hub
from pinpoint.keypoints import Estimator
from pinpoint.pipelines.one_stage import OneStage
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.top_down import TopDown
from pinpoint.runtime import Session, TensorSpec, open_session
from report import Report, arguments
from samples import DATA, Picture, face_pictures, hand_pictures, single_person_pictures

CALLS = 5
HEAVY = 10.0
"""Milliseconds from which the bar is a share of the network's time, and not a time per person."""

MOST_SHARE, MOST_MILLISECONDS = 0.10, 0.4


@dataclass(frozen=True)
class Stopwatch:
    """A session that adds up the seconds its network runs, and the pictures.

    Args:
        session: The network.
        laps: What each call took, and how many pictures it was shown.
    """

    session: Session
    laps: list[tuple[float, int]] = field(default_factory=list)

    @property
    def input(self) -> TensorSpec:
        """The network's."""
        return self.session.input

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The network's."""
        return self.session.outputs

    def run(self, batch: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run the network, and note what it took."""
        start = time.perf_counter()
        outputs = self.session.run(batch)
        self.laps.append((time.perf_counter() - start, len(batch)))
        return outputs


def with_stopwatches(part: Any, watches: list[Stopwatch]) -> Any:
    """Return the same estimator, its sessions replaced by stopwatches, which are put into the list."""
    if not is_dataclass(part) or isinstance(part, type):
        return part
    values = {one.name: getattr(part, one.name) for one in fields(part) if one.init}
    watched = {name: _watched(name, value, watches) for name, value in values.items()}
    changed = {name: value for name, value in watched.items() if value is not values[name]}
    return replace(part, **changed) if changed else part


def _watched(name: str, value: Any, watches: list[Stopwatch]) -> Any:
    if name != "session":
        return with_stopwatches(value, watches)
    watches.append(Stopwatch(value))
    return watches[-1]


@dataclass(frozen=True)
class Lap:
    """One call of an estimator: milliseconds in all and inside networks, pictures shown to networks."""

    total: float
    networks: float
    shown: int


def laps(estimate: Estimator, calls: Sequence[Callable[[Estimator], object]]) -> list[Lap]:
    """Time each call several times, in turns."""
    watches: list[Stopwatch] = []
    watched = with_stopwatches(estimate, watches)
    for call in calls[:1]:
        call(watched)
    return [_lap(watched, call, watches) for _ in range(CALLS) for call in calls]


def _lap(watched: Estimator, call: Callable[[Estimator], object], watches: Sequence[Stopwatch]) -> Lap:
    for watch in watches:
        watch.laps.clear()
    start = time.perf_counter()
    call(watched)
    total = time.perf_counter() - start
    inside = sum(seconds for watch in watches for seconds, _ in watch.laps)
    return Lap(1e3 * total, 1e3 * inside, sum(shown for watch in watches for _, shown in watch.laps))


def row(words: str, people: int, timed: Sequence[Lap]) -> list[object]:
    """The cells of `COLUMNS`: medians of all calls, the least beyond networks, whether the bar is kept."""
    beyonds = [lap.total - lap.networks for lap in timed]
    beyond, inside = median(beyonds), median(lap.networks for lap in timed)
    heavy = min(lap.networks / lap.shown for lap in timed) > HEAVY  # other load makes no network heavy
    kept = beyond <= (MOST_SHARE * inside if heavy else MOST_MILLISECONDS * max(people, 1))
    looks = median(lap.shown for lap in timed)
    times = [f"{value:.2f}" for value in (inside + beyond, inside, beyond, beyond / looks)]
    share, least = f"{100 * beyond / inside:.1f} %", f"{min(beyonds):.2f}"
    bar = f"{100 * MOST_SHARE:.0f} %" if heavy else f"{MOST_MILLISECONDS} ms each"
    return [words, people, f"{looks:g}", *times, share, least, bar, "yes" if kept else "NO"]


COLUMNS = (
    *("estimator", "people", "looks", "all, ms", "networks", "beyond", "beyond, a look"),
    *("share", "least beyond", "bar", "kept"),
)


def estimators() -> Iterator[tuple[str, Estimator, Sequence[Picture]]]:
    """Estimators as they are loaded, each with pictures that it is for."""
    people, faces = single_person_pictures(6), face_pictures()[:6]
    hands = [picture for picture in hand_pictures() if len(picture) == 1][:6]
    yield "body", pp.load("body"), people
    yield "body, `threads=1`", pp.load("body", threads=1), people
    yield "face", pp.load("face"), faces
    yield "face, `looks=1`", pp.load("face", looks=1), faces
    yield "hand", pp.load("hand"), hands
    yield "hand, `threads=1`", pp.load("hand", threads=1), hands
    yield "MoveNet after RTMDet-nano", movenet(), people


def movenet() -> TopDown:
    """A light point network after a detector of another family, put together by hand."""
    movenet, rtmdet = hub.find("movenet-lightning"), hub.find("rtmdet-nano")
    session = open_session(DATA / "weights/movenet_single_pose_lightning_ptq.tflite")
    points = PointNetwork(session, movenet.codec, Preparation.of(movenet, session.input), movenet.skeleton)
    session = open_session(DATA / "weights/rtmdet_nano_person_end2end.onnx")
    prepare = Preparation.of(rtmdet, session.input)
    boxes = OneStage(session, rtmdet.codec, prepare, pp.skeleton("box"), rtmdet.align)
    region = BoxRegion(1.0, movenet.box_scale)
    return TopDown(boxes, points, region, region)


def measure_given(report: Report, count: int | None) -> None:
    report.add(f"## With given boxes\n\n{CALLS} calls on each of a few pictures; medians.")
    rows = []
    for words, estimate, pictures in estimators():
        images = [(pp.read_image(picture.path), picture.boxes[:1]) for picture in pictures[:count]]
        for people in (1, 10):
            calls = [partial(_given, image, box.repeat(people, axis=0)) for image, box in images]
            rows.append(row(words, people, laps(estimate, calls)))
    report.table(COLUMNS, rows)


def measure_found(report: Report, count: int | None) -> None:
    report.add(
        "## With their own detectors\n\nPictures of one person, and the same ten times on one picture."
    )
    rows = []
    for words, estimate, pictures in estimators():
        images = [pp.read_image(picture.path) for picture in pictures[:count]]
        for shown in (images, [tenfold(image) for image in images]):
            people = median(len(estimate(image)) for image in shown)
            calls = [partial(_found, image) for image in shown]
            rows.append(row(words, round(people), laps(estimate, calls)))
    report.table(COLUMNS, rows)


def _given(image: NDArray[np.uint8], boxes: NDArray[np.float64], estimate: Estimator) -> object:
    return estimate(image, boxes)


def _found(image: NDArray[np.uint8], estimate: Estimator) -> object:
    return estimate(image)


def tenfold(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture five times beside itself, in two rows."""
    return np.tile(image, (2, 5, 1))


MEASURES = {"given": measure_given, "found": measure_found}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(MEASURES))
    report = Report("Overhead of pipelines", kept=chosen.whole)
    for part in chosen.parts:
        MEASURES[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
