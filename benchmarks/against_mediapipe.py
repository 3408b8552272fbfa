"""Pinpoint against mediapipe 0.10.21's own `solutions` in static mode: same points, more people, less time?

Usage: python benchmarks/against_mediapipe.py [agreement] [people] [speed] [--pictures N]
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

import pinpoint as pp
from environment import Peer, machine, peer
from metrics import COCO17_FROM_BLAZEPOSE33, Float, hull, longer_side, match, overlap
from pinpoint.evaluation.oks import oks
from pinpoint.keypoints import Estimator
from report import Report, arguments
from samples import Picture, body_pictures, face_pictures, hand_pictures, single_person_pictures

MODELS = {"body": "mediapipe-pose-full", "face": "mediapipe-face-mesh", "hand": "mediapipe-hand-full"}
"""What gives the points that mediapipe gives: 33, 468, 21."""

SEARCHES = ("whole", "auto", "tiles")
SAME = 0.5
"""Overlap of the hulls from which both found the same instance."""

MOST = 20
"""So many faces and hands mediapipe is asked for; its Pose finds one."""

BARS = {"body": (0.03, 0.75), "face": (0.015, 1.0), "hand": (0.015, 1.0)}
"""The most that the points may be apart, and the most time we may take."""

EYES_AND_NOSE = (0, 1, 2)
ROUNDS = 3


@dataclass(frozen=True)
class Both:
    """What each finds on a picture."""

    ask: Peer

    def theirs(self, task: str, picture: Picture) -> Float:
        """Points (N, K, 2) of mediapipe."""
        return _theirs(self.ask, task, str(picture.path))

    def ours(self, task: str, picture: Picture, search: str = "auto") -> Float:
        """Points (N, K, 2) of Pinpoint."""
        return _ours(task, str(picture.path), search)


@cache
def _theirs(ask: Peer, task: str, path: str) -> Float:
    instances = ask.ask(task=task, path=path, limit=1 if task == "body" else MOST)["instances"]
    points = {"body": 33, "face": 468, "hand": 21}[task]
    return np.array([one["xy"] for one in instances]).reshape(len(instances), points, 2)


@cache
def _ours(task: str, path: str, search: str) -> Float:
    return _estimator(task, search)(pp.read_image(path)).xy


@cache
def _estimator(task: str, search: str, threads: int = 0) -> Estimator:
    return pp.load(MODELS[task], search=search, looks=1, threads=threads)


# Agreement


def apart(theirs: Float, ours: Float) -> float:
    """Median distance of the points of two instances (1, K, 2), as a share of the hull's longer side."""
    return float(np.median(np.linalg.norm(theirs[0] - ours[0], axis=1)) / longer_side(hull(theirs))[0])


def distances(both: Both, task: str, pictures: Sequence[Picture]) -> list[tuple[float, str]]:
    """How far apart they are wherever both find one instance, the same; with the names of the pictures."""
    found = []
    for picture in pictures:
        theirs, ours = both.theirs(task, picture), both.ours(task, picture)
        if len(theirs) == len(ours) == 1 and overlap(hull(theirs), hull(ours))[0, 0] >= SAME:
            found.append((apart(theirs, ours), picture.path.name))
    return sorted(found)


def measure_agreement(report: Report, both: Both, count: int | None) -> None:
    rows = []
    for task, pictures in _pictures_with_few(count):
        found = distances(both, task, pictures)
        values = [value for value, _ in found] or [np.nan]
        bar = BARS[task][0]
        over = [name for value, name in found if value > bar]
        cells = [f"{100 * np.quantile(values, q):.2f} %" for q in (0.5, 0.9, 1)]
        rows.append([task, len(found), *cells, f"{100 * bar:.1f} %", f"{len(over)} {' '.join(over[-3:])}"])
    report.add(
        "## Agreement\n\nWhere both find a single instance, the same: median distance of the points, "
        "as a share of the longer side of their hull."
    )
    report.table(("task", "pictures", "median", "90 %", "worst", "bar", "pictures above the bar"), rows)


def _pictures_with_few(count: int | None) -> Iterator[tuple[str, list[Picture]]]:
    yield "body", body_pictures()[:count]
    yield "face", [*face_pictures()[:count], *body_pictures()[:count]]
    yield "hand", body_pictures()[:count]


# People


@dataclass(frozen=True)
class Count:
    """How many of the labelled instances a set of answers holds.

    Args:
        found: Labelled ones that were found, as (picture, row).
        good: How many of them are right to OKS .5 (bodies only).
        unlabelled: Answers that lie on none that is labelled.
    """

    found: frozenset[tuple[int, int]]
    good: int
    unlabelled: int


Pairing = Callable[[Picture, Float], list[tuple[int, int]]]


def pair_bodies(picture: Picture, xy: Float) -> list[tuple[int, int]]:
    """Bodies (N, 17, 2) whose hulls overlap the labelled boxes by .3."""
    width, height = picture.size
    return match(np.clip(hull(xy), 0, [width, height, width, height]), picture.boxes, 0.3) if len(xy) else []


def pair_faces(picture: Picture, xy: Float) -> list[tuple[int, int]]:
    """Faces (N, K, 2) that hold the middle of labelled eyes and nose, each in its middle half."""
    middles = picture.xy[:, EYES_AND_NOSE].mean(axis=1)
    boxes = hull(xy)
    away = np.linalg.norm((boxes[:, None, :2] + boxes[:, None, 2:]) / 2 - middles, axis=2)
    away = np.nan_to_num(away / longer_side(boxes)[:, None], nan=np.inf)
    pairs: list[tuple[int, int]] = []
    while away.size and away.min() < 0.4:
        found, true = np.unravel_index(away.argmin(), away.shape)
        pairs.append((int(found), int(true)))
        away[found, :] = away[:, true] = np.inf
    return pairs


def pair_hands(picture: Picture, xy: Float) -> list[tuple[int, int]]:
    """Hands (N, 21, 2) whose hulls overlap those of the labelled points by .2."""
    return match(hull(xy), hull(picture.xy), 0.2) if len(xy) else []


def counted(pictures: Sequence[Picture], answers: Sequence[Float], pair: Pairing) -> Count:
    found: set[tuple[int, int]] = set()
    good = unlabelled = 0
    for index, (picture, xy) in enumerate(zip(pictures, answers, strict=True)):
        pairs = pair(picture, xy)
        found |= {(index, true) for _, true in pairs}
        unlabelled += len(xy) - len(pairs)
        good += sum(_similarity(picture, xy, *one) >= 0.5 for one in pairs) if xy.shape[1] == 17 else 0
    return Count(frozenset(found), good, unlabelled)


def _similarity(picture: Picture, xy: Float, found: int, true: int) -> float:
    size = picture.boxes[true, 2:] - picture.boxes[true, :2]
    sigmas = np.array(pp.skeleton("coco17").sigmas)
    return oks(picture.xy[true][None], xy[found][None], np.array([0.53 * size.prod()]), sigmas)[0, 0]


def measure_people(report: Report, both: Both, count: int | None) -> None:
    rows, lost = [], []
    for task, words, pictures, pair in _pictures_with_several(count):
        columns = COCO17_FROM_BLAZEPOSE33 if task == "body" else slice(None)
        theirs = counted(pictures, [both.theirs(task, p)[:, columns] for p in pictures], pair)
        total = sum(_labelled(task, picture) for picture in pictures)
        rows.append([words, len(pictures), total, "mediapipe", *_cells(task, theirs), ""])
        for search in SEARCHES:
            ours = counted(pictures, [both.ours(task, p, search)[:, columns] for p in pictures], pair)
            missing = sorted(theirs.found - ours.found)
            rows.append(["", "", "", f"Pinpoint, {search}", *_cells(task, ours), len(missing)])
            lost += [f"{words}, {search}: {pictures[index].path.name} #{row}" for index, row in missing]
    report.add(
        "## People found\n\nOn pictures with several labelled instances. Not every hand, face and person is "
        "labelled, so one found where none is labelled may be right. Lost: labelled ones that mediapipe "
        "finds and Pinpoint does not."
    )
    names = ("set", "pictures", "labelled", "by", "found", "right to OKS .5", "not labelled", "lost")
    report.table(names, rows)
    report.add("Lost: " + ("; ".join(lost) or "none") + ".")


def _pictures_with_several(count: int | None) -> Iterator[tuple[str, str, list[Picture], Pairing]]:
    bodies = body_pictures()
    for low, high in ((2, 2), (3, 4), (5, 99)):
        chosen = [picture for picture in bodies if low <= len(picture) <= high]
        yield (
            "body",
            f"bodies, {low} to {high}" if high < 99 else f"bodies, {low} up",
            chosen[:count],
            pair_bodies,
        )
    faces = [picture for picture in bodies if _labelled("face", picture) > 1]
    yield "face", "faces, 2 up", faces[:count], pair_faces
    hands = [picture for picture in hand_pictures() if len(picture) > 1]
    yield "hand", "hands, 2 up", hands[:count], pair_hands


def _labelled(task: str, picture: Picture) -> int:
    if task != "face" or not len(picture):
        return len(picture)
    return int(np.isfinite(picture.xy[:, EYES_AND_NOSE]).all(axis=(1, 2)).sum())


def _cells(task: str, count: Count) -> list[object]:
    return [len(count.found), count.good if task == "body" else "-", count.unlabelled]


# Speed

Times = dict[str, list[float]]


def timed(ask: Peer, task: str, pictures: Sequence[Picture]) -> list[Times]:
    """Seconds per call of mediapipe and of ours, by picture, taken in turns."""
    estimators = {
        "1 thread": _estimator(task, "auto", 1),
        "1 thread, whole": _estimator(task, "whole", 1),
        "default": _estimator(task, "auto"),
    }
    laps: list[Times] = [{name: [] for name in ("mediapipe", *estimators)} for _ in pictures]
    for _ in range(ROUNDS):
        for picture, times in zip(pictures, laps, strict=True):
            times["mediapipe"] += ask.ask(task=task, path=str(picture.path), repeats=2)["seconds"]
            image = pp.read_image(picture.path)
            for name, estimate in estimators.items():
                times[name] += [_seconds(estimate, image) for _ in range(2)]
    return laps


def _seconds(estimate: Estimator, image: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    estimate(image)
    return time.perf_counter() - start


def measure_speed(report: Report, both: Both, count: int | None) -> None:
    rows = []
    for task, pictures in _pictures_with_one(both, count):
        laps = timed(both.ask, task, pictures)
        theirs = [median(times["mediapipe"]) for times in laps]
        rows.append([task, len(pictures), "mediapipe", f"{1e3 * median(theirs):.1f}", "", "", "", ""])
        for name in list(laps[0])[1:]:
            rows.append(["", "", f"Pinpoint, {name}", *_ratios(laps, name), BARS[task][1]])
    report.add(
        f"## Time\n\nOf one call on a decoded picture on which both find one instance; {2 * ROUNDS} calls of "
        f"each on each picture, in turns. mediapipe computes on one thread. {machine()}"
    )
    names = ("task", "pictures", "by", "ms", "ratio, median", "ratio of sums", "ratio of best", "bar")
    report.table(names, rows)


def _ratios(laps: Sequence[Times], name: str) -> list[str]:
    middle = [(median(times[name]), median(times["mediapipe"])) for times in laps]
    best = [(min(times[name]), min(times["mediapipe"])) for times in laps]
    ours, theirs = np.array(middle).T
    return [
        f"{1e3 * np.median(ours):.1f}",
        f"{np.median(ours / theirs):.2f}",
        f"{ours.sum() / theirs.sum():.2f}",
        f"{median(a / b for a, b in best):.2f}",
    ]


def _pictures_with_one(both: Both, count: int | None) -> Iterator[tuple[str, list[Picture]]]:
    for task, pictures, most in (
        ("body", single_person_pictures(40), 22),
        ("face", face_pictures(), 22),
        ("hand", body_pictures(), 22),
    ):
        ones = (p for p in pictures if len(both.theirs(task, p)) == len(both.ours(task, p)) == 1)
        yield task, [picture for picture, _ in zip(ones, range(count or most), strict=False)]


PARTS = {"agreement": measure_agreement, "people": measure_people, "speed": measure_speed}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    with peer("mediapipe") as ask:
        report = Report(f"Against mediapipe {ask.ask(task='version')['mediapipe']}", kept=chosen.whole)
        for part in chosen.parts:
            PARTS[part](report, Both(ask), chosen.pictures)


if __name__ == "__main__":
    main()
