"""Streams: does a video run as fast as its slowest stage, and do eight streams share one engine well?

Usage: python benchmarks/video_streams.py [pipeline] [eight] [--pictures N]

`pipeline`: a video of six people is read, followed by `body`, drawn with trails and written. Each of the
three stages runs alone, with what it needs in memory, then all together by `pinpoint.stream.watch`; in
turns, the best of three rounds counts. A stage that keeps all cores busy alone leaves none for the others:
what the cores could do at most is their number by the processor time of a frame in all stages. `eight`: eight
cameras of 30 frames per second, two people before each, played from memory, newer frames replacing older ones
that wait. All on one engine, then each in a process of its own, which starts when all have loaded, in three
rounds; the first second of each is not counted. The age of a result is the time since its frame came.
`--pictures N` takes so many frames, or seconds of the cameras.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cameras import Camera, Viewer
from environment import machine
from pinpoint.geometry import Image
from pinpoint.io.video import Frame, read_video
from pinpoint.io.video_writer import VideoWriter
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.load import load_follower
from pinpoint.runtime.cores import usable_cores
from pinpoint.stream.engine import Engine
from pinpoint.stream.watch import watch
from pinpoint.stream.watcher import usual_watcher
from pinpoint.viz import Trails, draw
from report import Report, arguments
from scenes import FPS, crowd, write_moments

MODEL = "body"
PIPELINE_BAR, SHARED_BAR = 0.9, 1.3
FRAMES, ROUNDS = 150, 3
STREAMS, CAMERA_FPS, SECONDS = 8, 30.0, 15.0
OLDEST = 0.25
"""Seconds: the age that 95 of 100 results stay under."""

WARM = 1.0
CORES = usable_cores()
WORKERS = CORES + 1  # one has work while another waits


class Drawing:
    """The last stage: draws what was seen, and writes it."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._writer, self._trails = VideoWriter(path, size, fps=FPS), Trails()

    def __call__(self, image: Image, kps: Keypoints, seconds: float) -> None:
        """Draw and write one frame."""
        self._writer.write(draw(self._trails(image, kps, seconds), kps), seconds)

    def close(self) -> None:
        """Finish the video."""
        self._writer.close()


def decoded(source: Path) -> list[Frame]:
    with read_video(source) as frames:
        return list(frames)


def inferred(follower: Any, frames: Sequence[Frame]) -> list[Keypoints]:
    watcher = usual_watcher(follower)
    return [watcher(frame) for frame in frames]


def drawn(out: Path, frames: Sequence[Frame], found: Sequence[Keypoints]) -> None:
    height, width = frames[0].image.shape[:2]
    drawing = Drawing(out, (width, height))
    for frame, kps in zip(frames, found, strict=True):
        drawing(frame.image, kps, frame.seconds)
    drawing.close()


def together(follower: Any, source: Path, out: Path, size: tuple[int, int]) -> None:
    """Read, follow, draw and write at the same time."""
    drawing = Drawing(out, size)
    for seen in watch(source, follower):
        drawing(seen.image, seen.keypoints, seen.seconds)
    drawing.close()


def measure_pipeline(report: Report, count: int | None) -> None:
    rows, told = [], []
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in.mp4"), Path(folder, "out.mp4")
        clip = crowd((count or FRAMES) / FPS)
        write_moments(source, clip.moments)
        frames = decoded(source)
        for name, threads in (("1 thread", 1), ("as loaded", 0)):
            follower = load_follower(MODEL, threads=threads)
            found = inferred(follower, frames)
            stages: dict[str, Callable[[], object]] = {
                "read": lambda: decoded(source),
                "follow": lambda follower=follower: inferred(follower, frames),
                "draw and write": lambda found=found: drawn(out, frames, found),
                "all": lambda follower=follower: together(follower, source, out, clip.size),
            }
            best = _best(stages)
            rates = {stage: len(frames) / took.wall for stage, took in best.items()}
            alone = [stage for stage in stages if stage != "all"]
            whole, slowest = rates["all"], min(rates[stage] for stage in alone)
            most = CORES * len(frames) / sum(best[stage].processor for stage in alone)
            shares = [f"{whole / slowest:.2f}", f"{whole / min(slowest, most):.2f}"]
            rows.append([name, *(f"{rate:.1f}" for rate in (*rates.values(), most)), *shares])
            told.append(f"{name}: {shares[0]}, and {shares[1]} of what {CORES} cores could do")
    report.add(f"## From file to file\n\n{clip.name}, {len(frames)} frames. Frames per second. {machine()}")
    columns = ("network", *rates, "cores could", "all by slowest", "all by the lesser of both")
    report.table(columns, rows)
    report.add(f"All together by the slowest stage alone: {'; '.join(told)}. Bar: {PIPELINE_BAR}.")


class Took(NamedTuple):
    """Seconds that something took."""

    wall: float
    processor: float


def _best(stages: dict[str, Callable[[], object]]) -> dict[str, Took]:
    best = dict.fromkeys(stages, Took(np.inf, np.inf))
    for _ in range(ROUNDS):
        for name, run in stages.items():
            start, spent = time.perf_counter(), time.process_time()
            run()
            took = time.perf_counter() - start, time.process_time() - spent
            best[name] = Took(*(min(pair) for pair in zip(best[name], took, strict=True)))
    return best


class Watched(NamedTuple):
    """What came of some streams: ages of the results of each, and seconds of CPU that they took together."""

    ages: list[list[float]]
    spent: float


def on_one_engine(images: Sequence[Sequence[Image]], threads: int, workers: int, seconds: float) -> Watched:
    follower = load_follower(MODEL, threads=threads)
    inferred(follower, [Frame(images[0][0], 0, 0.0)])
    with Engine(follower, workers=workers) as engine:
        return _watched([engine] * len(images), images, seconds)


def _watched(engines: Sequence[Engine], images: Sequence[Sequence[Image]], seconds: float) -> Watched:
    channels = [engine.open(live=True) for engine in engines]
    viewers = [Viewer(channel) for channel in channels]
    cameras = [Camera(each, CAMERA_FPS, channel) for each, channel in zip(images, channels, strict=True)]
    time.sleep(WARM)
    start, spent = time.monotonic(), time.process_time()
    time.sleep(seconds)
    spent = time.process_time() - spent
    for camera in cameras:
        camera.stop()
    for viewer in viewers:
        viewer.join()
    return Watched([_counted(viewer, start, start + seconds) for viewer in viewers], spent)


def _counted(viewer: Viewer, start: float, end: float) -> list[float]:
    return [age for at, age in zip(viewer.times, viewer.ages, strict=True) if start <= at <= end]


def in_processes(files: Sequence[Path], threads: int, seconds: float) -> Watched:
    spawn = multiprocessing.get_context("spawn")
    ready, results = spawn.Barrier(len(files)), spawn.Queue()
    tasks = [spawn.Process(target=_one, args=(file, threads, seconds, ready, results)) for file in files]
    for task in tasks:
        task.start()
    found: list[Watched] = [results.get() for _ in tasks]
    for task in tasks:
        task.join()
    return Watched([ages for one in found for ages in one.ages], sum(one.spent for one in found))


def _one(file: Path, threads: int, seconds: float, ready: Barrier, results: Any) -> None:
    images = list(np.load(file))
    follower = load_follower(MODEL, threads=threads)
    inferred(follower, [Frame(images[0], 0, 0.0)])
    with Engine(follower) as engine:
        ready.wait()
        results.put(_watched([engine], [images], seconds))


def measure_eight(report: Report, count: int | None) -> None:
    seconds = SECONDS if count is None else float(count)
    rows: list[list[object]] = []
    totals: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        images = [list(crowd(1.0, count=2, seed=seed).images) for seed in range(STREAMS)]
        files = [Path(folder, f"{number}.npy") for number in range(STREAMS)]
        for file, each in zip(files, images, strict=True):
            np.save(file, each)
        runs: dict[str, Callable[[], Watched]] = {
            f"one engine, {WORKERS} workers of 1 thread": lambda: on_one_engine(images, 1, WORKERS, seconds),
            f"one engine, {CORES} workers of 1 thread": lambda: on_one_engine(images, 1, CORES, seconds),
            "one engine, 1 worker, as loaded": lambda: on_one_engine(images, 0, 1, seconds),
            "8 processes, as loaded": lambda: in_processes(files, 0, seconds),
            "8 processes, 1 thread each": lambda: in_processes(files, 1, seconds),
        }
        watched = [{name: run() for name, run in runs.items()} for _ in range(ROUNDS)]
        for name in runs:
            ages = [np.concatenate(parts) for parts in zip(*(one[name].ages for one in watched), strict=True)]
            spent = sum(one[name].spent for one in watched)
            every = np.concatenate(ages)
            totals[name] = len(every)
            each = [len(one) for one in ages]
            quantiles = [f"{np.quantile(every, q):.3f}" for q in (0.5, 0.95)]
            rates = [f"{len(every) / (ROUNDS * seconds):.1f}", f"{len(every) / spent:.1f}"]
            rows.append([name, len(every), *rates, f"{min(each)} to {max(each)}", *quantiles])
    report.add(f"## Eight streams\n\nIn {ROUNDS} rounds of {seconds:g} seconds. {machine()}")
    report.table(
        ("", "frames", "per second", "per second of CPU", "of each stream", "age, median", "age, 95 %"), rows
    )
    shared = next(iter(totals.values()))
    others = {name: total for name, total in totals.items() if "processes" in name}
    told = "; ".join(f"{shared / total:.2f} of {name}" for name, total in others.items())
    report.add(f"Frames on one engine: {told}. Bar: {SHARED_BAR}, and 95 % of ages under {OLDEST} s.")


PARTS = {"pipeline": measure_pipeline, "eight": measure_eight}


def main() -> None:
    chosen = arguments("Streams: stages that overlap, and streams that share an engine.", list(PARTS))
    report = Report("Streams", kept=chosen.whole)
    report.add(__doc__.split("\n\n", 2)[2].strip())
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
