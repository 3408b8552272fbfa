"""How long codecs take to read and to write 32 people with 133 keypoints, against mmpose 1.3.2.

Usage: python benchmarks/codecs.py [read] [write] [--pictures N]
"""

import os
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.codecs.heatmap_offset import HeatmapOffset
from pinpoint.codecs.regression import Regression, ResidualLikelihood
from pinpoint.codecs.simcc import SimCC
from reference import Reference, reference
from report import Report, arguments

SIZE, MAP = (192, 256), (48, 64)
PEOPLE, K = 32, 133
ROUNDS, REPEATS = 5, 5
PARTS = ("read", "write")
NOISE = 0.02
MAPS = {"input_size": SIZE, "heatmap_size": MAP}
RULER = {"input_size": SIZE, "sigma": [4.9, 5.66], "normalize": False}
ROWS: list[tuple[str, Any, str, dict[str, Any], float]] = [
    ("heatmap, DARK", Heatmap(SIZE, MAP), "MSRAHeatmap", MAPS | {"sigma": 2.0, "unbiased": True}, 5),
    ("heatmap, DARK, UDP", Heatmap(SIZE, MAP, udp=True), "UDPHeatmap", MAPS, 5),
    ("heatmap, quarter", Heatmap(SIZE, MAP, refine="quarter"), "MSRAHeatmap", MAPS | {"sigma": 2.0}, 0),
    ("heatmap, integral", Heatmap(SIZE, MAP, refine="integral"), "", {}, 0),
    ("heatmap, integral, 6 cells", Heatmap(SIZE, MAP, refine="integral", beta=2.0, reach=6), "", {}, 0),
    ("heatmap and offsets", HeatmapOffset(SIZE, MAP), "UDPHeatmap", MAPS | {"heatmap_type": "combined"}, 0),
    ("SimCC", SimCC(SIZE, sigma=(4.9, 5.66)), "SimCCLabel", RULER, 3),
    ("regression", Regression(SIZE), "RegressionLabel", {"input_size": SIZE}, 0),
    ("RLE", ResidualLikelihood(SIZE), "RegressionLabel", {"input_size": SIZE}, 0),
]
"""What it is, ours, theirs and its options, and how many times as fast reading has to be."""


def milliseconds(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - start))
    return times


def outputs_of(codec: Any, rng: np.random.Generator, people: int) -> tuple[NDArray[np.float32], ...]:
    """What a network might put out: targets with noise."""
    xy = rng.uniform(0, np.array(SIZE) - 1, (people, K, 2))
    *targets, _ = codec.encode(xy, np.ones((people, K), bool))
    return tuple(part + NOISE * rng.normal(size=part.shape).astype(np.float32) for part in targets)


def read(ask: Reference, people: int) -> list[tuple[object, ...]]:
    rows = []
    for words, codec, name, fields, bar in ROWS:
        outputs = outputs_of(codec, np.random.default_rng(0), people)
        own, theirs, at_once = [], [], []
        for _ in range(ROUNDS):
            own += milliseconds(lambda codec=codec, outputs=outputs: codec.decode(*outputs))
            if name:
                theirs += seconds_of(ask, "decode", name, fields, *outputs)
            if name == "SimCCLabel":
                at_once += seconds_of(ask, "decode-all", name, fields, *outputs)
        rows.append(row(words, own, theirs, bar))
        if at_once:
            rows.append(row(f"{words}, theirs given all at once", own, at_once, 0))
    return rows


def seconds_of(ask: Reference, do: str, name: str, fields: dict, *outputs: NDArray) -> list[float]:
    arrays = {f"output{n}": output for n, output in enumerate(outputs)}
    answer = ask(do, arrays, name=name, fields=fields, rounds=REPEATS)
    return [1e3 * one for one in answer["seconds"]]


def write(ask: Reference, people: int) -> list[tuple[object, ...]]:
    rows, there = [], np.ones((people, K), bool)
    for words, codec, name, fields, _ in ROWS:
        xy = np.random.default_rng(0).uniform(0, np.array(SIZE) - 1, (people, K, 2))
        own, theirs = [], []
        for _ in range(ROUNDS):
            own += milliseconds(lambda codec=codec, xy=xy: codec.encode(xy, there))
            if name:
                answer = ask("encode", {"xy": xy}, name=name, fields=fields, rounds=2)
                theirs += [1e3 * one for one in answer["seconds"]]
        rows.append(row(words, own, theirs, 0))
    return rows


def row(words: str, own: list[float], theirs: list[float], bar: float) -> tuple[object, ...]:
    if not theirs:
        return words, f"{min(own):.2f}", "", "", "", ""
    ratio = min(theirs) / min(own)
    kept = ("yes" if ratio >= bar else "NO") if bar else ""
    return words, f"{min(own):.2f}", f"{min(theirs):.2f}", f"{ratio:.1f}", bar or "", kept


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], PARTS)
    core = None
    if hasattr(os, "sched_setaffinity"):
        core = {max(os.sched_getaffinity(0))}
        os.sched_setaffinity(0, core)
    cv2.setNumThreads(1)
    people = chosen.pictures or PEOPLE
    report = Report("Codecs", kept=chosen.whole)
    report.add(
        f"{people} people with {K} keypoints, input {SIZE[0]} x {SIZE[1]}, maps {MAP[0]} x {MAP[1]}, targets "
        f"with noise of {NOISE} in single precision. Milliseconds of the processor on one core, the quickest "
        f"of {ROUNDS * REPEATS} in turns. Ours takes all people at once; mmpose takes one after the "
        "other, as its heads do."
    )
    with reference(core) as ask:
        for part, measure in (("read", read), ("write", write)):
            if part in chosen.parts:
                report.add(f"## To {part}")
                report.table(
                    ("codec", "ours, ms", "mmpose, ms", "ratio", "bar", "kept"), measure(ask, people)
                )


if __name__ == "__main__":
    main()
