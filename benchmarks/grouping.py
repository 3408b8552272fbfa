"""How fast part affinity fields are read: vectorised, and by a loop over all pairs of points.

Usage: python benchmarks/grouping.py [--rounds N]

The reference follows arXiv 1611.08050 in plain Python: for each limb, for each pair of candidates, ten
samples of the field along the line between them; the best pairs first; then people are put together limb by
limb. Both are given the same maps of the same crowds, and find the same people. Needs `torch`.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs.paf import Links, Paf, Peaks, find_links, find_peaks, joined
from pinpoint.models.openpose import COCO18_LIMBS
from report import Report

SIZE = (656, 368)
CODEC = Paf(SIZE, 18, COCO18_LIMBS)
CROWDS = (1, 5, 20)
SAMPLES, SHARE = 10, 0.8
BAR, AT = 3.0, 20
ACROSS = [0, 0, -1, -1.3, -1.4, 1, 1.3, 1.4, -0.6, -0.7, -0.7, 0.6, 0.7, 0.7, -0.25, 0.25, -0.6, 0.6]
DOWN = [-3, -2, -2, -1, 0, -2, -1, 0, 0.2, 1.6, 3, 0.2, 1.6, 3, -3.2, -3.2, -3.1, -3.1]
STANDING = np.column_stack([ACROSS, DOWN])
"""A person, in units of half the width of the shoulders."""

Array = NDArray[np.floating]


def crowd(people: int, rng: np.random.Generator) -> Array:
    """People who stand in rows, shape (people, 18, 2)."""
    columns = 1 if people == 1 else 5 if people <= 5 else 10
    rows = -(-people // columns)
    cell = np.array(SIZE) / (columns, rows)
    unit = min(cell[0] / 4.2, cell[1] / 7.2)
    places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)[:people]
    bodies = STANDING * unit + rng.normal(0, 0.05 * unit, (people, 18, 2))
    return bodies + ((places + 0.5) * cell)[:, None]


def reference(fields: Array, peaks: Peaks) -> list[list[int]]:
    """People, by loops."""
    people: list[dict[int, int]] = []
    for number, (a, b) in enumerate(COCO18_LIMBS):
        first, second = (np.flatnonzero(peaks.kinds == kind).tolist() for kind in (a, b))
        candidates = []
        for i in first:
            for j in second:
                score = integral(fields[2 * number : 2 * number + 2], peaks.cells[i], peaks.cells[j])
                if score > 0:
                    candidates.append((score, i, j))
        used: set[int] = set()
        for _, i, j in sorted(candidates, reverse=True):
            if i not in used and j not in used:
                used |= {i, j}
                put(people, (a, i), (b, j))
    return [list(person.values()) for person in people]


def integral(field: Array, start: Array, stop: Array) -> float:
    """Mean of a field along a line; 0 where too few samples agree."""
    way = stop - start
    length = float(np.hypot(*way))
    if length < 1e-6:
        return 0.0
    agree = []
    for step in range(SAMPLES):
        column, row = start + way * (step / (SAMPLES - 1))
        x = min(max(round(column), 0), field.shape[2] - 1)
        y = min(max(round(row), 0), field.shape[1] - 1)
        agree.append((field[0, y, x] * way[0] + field[1, y, x] * way[1]) / length)
    enough = sum(one > CODEC.min_link for one in agree) >= SHARE * SAMPLES
    return sum(agree) / SAMPLES if enough else 0.0


def put(people: list[dict[int, int]], start: tuple[int, int], stop: tuple[int, int]) -> None:
    """Give a limb to whoever has one of its ends, or to two people who become one."""
    holders = [one for one in people if one.get(start[0]) == start[1] or one.get(stop[0]) == stop[1]]
    if not holders:
        people.append(dict([start, stop]))
    elif len(holders) == 1:
        holders[0].setdefault(*start)
        holders[0].setdefault(*stop)
    elif not set(holders[0]) & set(holders[1]):
        holders[0].update(holders[1])
        people.remove(holders[1])


def vectorised(fields: Array, peaks: Peaks) -> list[list[int]]:
    """People, as the codec groups them."""
    links: Links = find_links(peaks, fields, COCO18_LIMBS, CODEC.min_link)
    return joined(peaks.kinds, links.ends)


def timed(call: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of processor time."""
    laps = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        laps.append(time.process_time() - start)
    return 1e3 * median(laps)


def measured(people: int, rounds: int) -> list[object]:
    """A row of the table.

    Raises:
        AssertionError: The two find other people.
    """
    xy = crowd(people, np.random.default_rng(0))
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    heatmaps, fields, _ = CODEC.encode(boxes, xy, np.zeros((0, 4)))
    peaks = find_peaks(heatmaps[:-1], CODEC.min_peak, CODEC.sigma)
    groups = [sorted(map(sorted, way(fields, peaks))) for way in (vectorised, reference)]
    assert groups[0] == groups[1]
    assert len(groups[0]) == people
    ours, theirs = (
        timed(lambda: vectorised(fields, peaks), rounds),
        timed(lambda: reference(fields, peaks), 3),
    )
    whole = timed(lambda: CODEC.decode(heatmaps[None], fields[None]), rounds)
    kept = "" if people != AT else "yes" if theirs >= BAR * ours else "**no**"
    return [people, f"{ours:.2f}", f"{theirs:.1f}", f"{theirs / ours:.0f}", f"{whole:.2f}", kept]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30, help="of ours; the reference runs three times")
    chosen = parser.parse_args()
    report = Report("Reading part affinity fields", kept=chosen.rounds >= 30)
    report.add(
        f"{len(COCO18_LIMBS)} limbs of 18 keypoints, maps of {CODEC.size[0]} x {CODEC.size[1]} cells, people "
        "who stand in rows. Medians of processor time: grouping alone, and the whole of `Paf.decode`."
    )
    columns = ("people", "ours, ms", "plain Python, ms", "times as fast", "decode, ms", f"{BAR:g}x at {AT}")
    report.table(columns, [measured(people, chosen.rounds) for people in CROWDS])


if __name__ == "__main__":
    main()
