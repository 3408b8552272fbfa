"""How good Pinpoint's own embedded networks are, and how quick, beside MediaPipe's.

Usage: python benchmarks/own_weights.py [body] [people] [face] [speed] [--pictures N]
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

import pinpoint as pp
from accuracy import body_cells, estimated, face_cells, with_labels
from metrics import match
from pinpoint.hub import find, pull
from pinpoint.runtime import Session, open_session
from report import Report, arguments
from samples import body_pictures, face_pictures

BODIES = ("body-s", "mediapipe-pose-full")
DETECTORS = ("person-n", "mediapipe-pose-detector")
SMALLEST, OVERLAP = 32, 0.5
ROUNDS = 60


def measure_body(report: Report, count: int | None) -> None:
    pictures = body_pictures()[:count]
    people = [with_labels(picture) for picture in pictures]
    report.add(
        f"## coco17\n\n{len(pictures)} photographs, {sum(map(len, people))} people with labelled points, OKS "
        "by pycocotools. The weights were chosen on these same pictures (which step of a run is best)."
    )
    rows = []
    for name in BODIES:
        for looks in (1, 2):
            estimate = _coco17(name, looks=looks)
            rows.append([name, "true", looks, *body_cells(estimated(estimate, people, boxes=True))])
            rows.append([name, "found", looks, *body_cells(estimated(estimate, pictures))])
    report.table(("network", "boxes", "looks", "AP", "AP50", "AP75", "AR"), rows)


def measure_people(report: Report, count: int | None) -> None:
    pictures = body_pictures()[:count]
    rows = []
    for name in DETECTORS:
        found = total = further = 0
        for picture in pictures:
            sides = (picture.boxes[:, 2:] - picture.boxes[:, :2]).max(axis=1)
            boxes = _boxes_by(name)(pp.read_image(picture.path))
            pairs = match(boxes, picture.boxes, OVERLAP)
            found += sum(sides[true] >= SMALLEST for _, true in pairs)
            total += int((sides >= SMALLEST).sum())
            further += len(boxes) - len(pairs)
        rows.append([name, f"{found} of {total}", f"{found / total:.1%}", f"{further / len(pictures):.2f}"])
    report.add(
        f"## Persons\n\nThose of {SMALLEST} pixels or more that a box overlaps by {OVERLAP} (IoU); "
        "further boxes are mistakes, or people whom nobody labelled."
    )
    report.table(("detector", "found", "share", "further boxes a picture"), rows)


def measure_face(report: Report, count: int | None) -> None:
    pictures = face_pictures()[:count]
    report.add(f"## face68\n\n{len(pictures)} photographs, detection included, outer eye corners = 1.")
    rows = [
        [name, looks, *face_cells(estimated(pp.load(name, looks=looks), pictures))]
        for name in ("face-s", "mediapipe-face68")
        for looks in (1, 2)
    ]
    report.table(("network", "looks", "NME, mean", "NME, median", "found", "further faces"), rows)


def measure_speed(report: Report, count: int | None) -> None:
    report.add(
        "## Time of a network for one person\n\nMilliseconds, in turns, median of "
        f"{count or ROUNDS}; without what Pinpoint does around it."
    )
    rows = []
    for threads in (1, 2):
        runs = {
            name: _ready(name, threads) for name in ("mediapipe-pose-full", "body-s", "person-n", "face-s")
        }
        times = _in_turns(list(runs.values()), count or ROUNDS)
        for name, milliseconds in zip(runs, times, strict=True):
            rows.append([name, threads, f"{milliseconds:.2f}", f"{milliseconds / times[0]:.2f}"])
    report.table(("network", "threads", "ms", "of mediapipe-pose-full"), rows)


def _coco17(name: str, looks: int) -> Callable[..., pp.Keypoints]:
    estimate = pp.load(name, looks=looks)
    return lambda image, boxes=None: pp.convert(estimate(image, boxes), "coco17")


_DETECTORS: dict[str, Callable[..., pp.Keypoints]] = {}


def _boxes_by(name: str) -> Callable[..., np.ndarray]:
    """Boxes of persons; MediaPipe's detector knows those of bodies by the points in them."""
    own = name == "person-n"
    estimate = _DETECTORS.setdefault(name, pp.load(name if own else "mediapipe-pose-full"))
    return lambda image: np.asarray(estimate(image).boxes)


def _ready(name: str, threads: int) -> Callable[[], object]:
    session: Session = open_session(next(iter(pull(find(name)).values())), threads=threads)
    shape = [size or 1 for size in session.input.shape]
    batch = np.random.default_rng(0).random(shape).astype(session.input.dtype)
    return lambda: session.run(batch)


def _in_turns(runs: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median milliseconds of each, one call of each in every round."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(rounds + 5):
        for run, kept in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            if turn >= 5:
                kept.append((time.perf_counter() - start) * 1e3)
    return [median(kept) for kept in times]


PARTS = {"body": measure_body, "people": measure_people, "face": measure_face, "speed": measure_speed}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    report = Report("Own weights", kept=chosen.whole)
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
