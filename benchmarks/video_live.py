"""A camera that is faster than the network, for minutes: is the memory flat, and what is shown young?

Usage: python benchmarks/video_live.py [--minutes 10]

Six people before a camera of 120 frames per second, played from memory into one live stream of an engine,
with `body` as it is loaded. Memory is what the process holds in RAM; it is compared from the second minute
on (or the second tenth, of shorter runs), once every buffer has its size.
"""

import argparse
import threading
import time
from pathlib import Path

import numpy as np

from cameras import Camera, Viewer
from environment import machine
from pinpoint.pipelines.load import load_follower
from pinpoint.stream.engine import Engine
from report import Report
from scenes import crowd
from turns import watcher_of

MODEL, CAMERA_FPS = "body", 120.0
WHOLE = 10.0
ROWS = 10
GROWTH, OLDEST = 0.05, 0.5
"""What memory may grow by, and the age in seconds that no result but one in a thousand may have."""


def resident() -> float:
    """Megabytes of this process that are in RAM (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def watch(minutes: float) -> tuple[list[list[object]], Viewer, list[float], str]:
    """Rows of the table, what was shown, memory from the second minute on, and the sum of what came."""
    follower = load_follower(MODEL)
    images = list(crowd(1.0).images)
    rows: list[list[object]] = []
    memory: list[float] = []
    with Engine(follower, lambda: watcher_of(follower)) as engine:
        channel = engine.open("camera", live=True)
        viewer = Viewer(channel)
        camera, start = Camera(images, CAMERA_FPS, channel), time.monotonic()
        while (now := time.monotonic() - start) < 60 * minutes:
            rows += [_row(now, channel, viewer)] if now >= len(rows) * 60 * minutes / ROWS else []
            memory += [resident()] if now >= min(60, 6 * minutes) else []
            time.sleep(min(1.0, 6 * minutes / 10))
        rows.append(_row(now, channel, viewer))
        camera.stop()
        viewer.join()
        counts = channel.counts
    told = f"{counts.received} frames came, {counts.processed} were processed, {counts.dropped} dropped"
    return rows, viewer, memory, told


def _row(now: float, channel, viewer: Viewer) -> list[object]:
    recent = viewer.ages[-300:] or [np.nan]
    counts = channel.counts
    ages = [f"{value:.3f}" for value in (np.median(recent), np.max(recent))]
    people = f"{np.mean(viewer.people[-300:] or [np.nan]):.2f}"
    figures = [counts.received, counts.processed, counts.dropped, *ages, people, threading.active_count()]
    return [f"{now:.0f}", f"{resident():.1f}", *figures]


def main() -> None:
    parser = argparse.ArgumentParser(description="A camera that is faster than the network, for minutes.")
    parser.add_argument("--minutes", type=float, default=WHOLE)
    chosen = parser.parse_args()
    report = Report("A camera faster than the network", kept=chosen.minutes >= WHOLE)
    report.add(__doc__.split("\n\n", 2)[2].strip())
    rows, viewer, memory, told = watch(chosen.minutes)
    columns = ("second", "MB", "came", "processed", "dropped", "age, median", "oldest", "people", "threads")
    report.table(columns, rows)
    growth = np.mean(memory[-len(memory) // 4 :]) / np.mean(memory[: max(len(memory) // 4, 1)]) - 1
    ages = [f"{np.quantile(viewer.ages, q):.3f}" for q in (0.5, 0.95, 0.999, 1.0)]
    report.add(
        f"{told}. Age of what was shown: half below {ages[0]} s, 95 % below {ages[1]}, 999 of 1000 below "
        f"{ages[2]}, none above {ages[3]}; bar {OLDEST} s. Memory in the last quarter, by the first: "
        f"{growth:+.1%}; bar {GROWTH:.0%}. {machine()}"
    )


if __name__ == "__main__":
    main()
