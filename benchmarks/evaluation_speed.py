"""How long evaluating COCO keypoints takes, and how much memory: Pinpoint, pycocotools and faster-coco-eval.

Usage: python benchmarks/evaluation_speed.py [17] [133] [--pictures N]

Worlds by chance of 5,000 pictures, 11,000 people and 20,000 found instances, about as many as COCO's val2017
with an ordinary detector, are written as COCO's two JSON files. Every evaluation is a process of its own on
one core, in turns, so that load from outside falls on all.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from environment import HERE, peer_python
from report import Report, arguments

PICTURES, PEOPLE, FOUND = 5000, 11000, 20000
ROUNDS = 5
WHOS = ("pinpoint", "pycocotools", "faster-coco-eval")
BARS = {
    "metric": {"pycocotools": 10, "faster-coco-eval": 3},
    "whole": {"pycocotools": 3, "faster-coco-eval": 1.5},
}
WORDS = {"metric": "the metric from what is loaded", "whole": "from two JSON files"}
MOST_MEMORY = 0.5  # of pycocotools'
CLOSE = 1e-9  # the ten numbers


def write_world(folder: Path, k: int, pictures: int) -> None:
    """Write `truth.json`, `found.json` and `sigmas.json`."""
    rng = np.random.default_rng(k)
    people, found = PEOPLE * pictures // PICTURES, FOUND * pictures // PICTURES
    image = np.sort(rng.integers(0, pictures, people))
    sides = np.exp(rng.uniform(np.log(20), np.log(300), (people, 2)))
    low = rng.uniform(0, 340, (people, 2))
    xy = low[:, None] + rng.random((people, k, 2)) * sides[:, None]
    v = 2 * (rng.random((people, k)) < 0.75) * (rng.random((people, 1)) > 0.05)
    areas, crowd = 0.6 * sides.prod(axis=1), rng.random(people) < 0.01
    truth = [
        {
            "id": row + 1,
            "image_id": int(image[row]),
            "category_id": 1,
            "iscrowd": int(crowd[row]),
            "bbox": [*low[row].round(2).tolist(), *sides[row].round(2).tolist()],
            "area": round(float(areas[row]), 2),
            "num_keypoints": int((v[row] > 0).sum()),
            "keypoints": _triples(xy[row].round(2) * (v[row, :, None] > 0), v[row]),
        }
        for row in range(people)
    ]
    owner = rng.integers(0, people, found)
    spread = rng.choice([0.02, 0.05, 0.1, 0.3], found) * np.sqrt(areas[owner])
    near = (xy[owner] + rng.normal(size=(found, k, 2)) * spread[:, None, None]).round(3)
    scores = rng.random(found).round(5)
    results = [
        {
            "image_id": int(image[owner[row]]),
            "category_id": 1,
            "score": float(scores[row]),
            "keypoints": _triples(near[row], rng.random(k).round(3)),
        }
        for row in range(found)
    ]
    labels = {
        "info": {},
        "images": [
            {"id": n, "file_name": f"{n:012}.jpg", "width": 640, "height": 640} for n in range(pictures)
        ],
        "annotations": truth,
        "categories": [{"id": 1, "name": "person"}],
    }
    for name, document in (("truth", labels), ("found", results), ("sigmas", [0.07] * k)):
        (folder / f"{name}.json").write_text(json.dumps(document), "utf-8")


def _triples(xy: np.ndarray, third: np.ndarray) -> list[float]:
    return np.column_stack([xy, third]).ravel().tolist()


def ask(who: str, what: str, folder: Path) -> dict:
    """Run one evaluation in a process of its own, on one core (Linux) and with one thread."""
    python = peer_python(who) if who == "faster-coco-eval" else Path(sys.executable)
    command = [str(python), str(HERE / "peers/evaluation_peer.py"), who, what, str(folder)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(report: Report, k: int, pictures: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(folder, k, pictures)
        rows, answers = [], {}
        for what, words in WORDS.items():
            for _ in range(ROUNDS):
                for who in WHOS:
                    answers.setdefault((who, what), []).append(ask(who, what, folder))
            rows += [_row(answers, who, what, words) for who in WHOS]
    size = (
        f"{pictures} pictures, {PEOPLE * pictures // PICTURES} people, {FOUND * pictures // PICTURES} found"
    )
    report.add(
        f"## {k} keypoints\n\n{size}. Seconds of the processor, median of {ROUNDS}; peak memory of a "
        "process (Python with numpy is some 25 MB). Bars: ratios at least, memory at most."
    )
    report.table(("", "who", "s", "by ours", "bar", "MB", "ours by it", "bar", "most apart"), rows)


def _row(answers: dict, who: str, what: str, words: str) -> list[object]:
    ours, theirs = answers["pinpoint", what], answers[who, what]
    seconds, mine = (median(one["seconds"] for one in all_of) for all_of in (theirs, ours))
    memory, my_memory = (median(one["megabytes"] for one in all_of) for all_of in (theirs, ours))
    apart = max(abs(a - b) for a, b in zip(ours[0]["numbers"], theirs[0]["numbers"], strict=True))
    if apart > CLOSE:
        raise SystemExit(f"{who} says {theirs[0]['numbers']}, but ours is {ours[0]['numbers']}")
    ratios = (
        ("", "", "", "")
        if who == "pinpoint"
        else (
            f"{seconds / mine:.1f}",
            BARS[what][who],
            f"{my_memory / memory:.2f}",
            MOST_MEMORY if who == "pycocotools" else "",
        )
    )
    ratio, bar, share, most = ratios
    return [words, who, f"{seconds:.3f}", ratio, bar, f"{memory:.0f}", share, most, f"{apart:.0e}"]


def main() -> None:
    chosen = arguments(__doc__.splitlines()[0], ("17", "133"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    report = Report("Evaluating COCO keypoints", kept=chosen.whole)
    for k in map(int, chosen.parts):
        measure(report, k, chosen.pictures or PICTURES)


if __name__ == "__main__":
    main()
