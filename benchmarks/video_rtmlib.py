"""Six people in a video, against rtmlib's PoseTracker with the same ONNX file of an RTMPose-m.

Usage: python benchmarks/video_rtmlib.py [float] [int8] [--pictures N]

Both are given the same decoded frames and the same network with as many threads, in turns of a few frames,
in two processes that wait for each other. The detector of both is told where people are and takes no time:
rtmlib's is asked every 10 frames, Pinpoint's when it thinks fit. In between, both look where they saw
people last. The video is seen three times, and of the times of a frame the shortest counts. The first frame
is not counted. The network is computed whole, but its points are steered onto the people
(`video_network.py`): of what is followed, only where and how many people are can be right or wrong. In the
part `int8` Pinpoint has the 8-bit form of the network, and rtmlib the one in float. `--pictures N` sees
only so many frames.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from environment import Peer, machine, peer
from metrics import hull, overlap
from pinpoint.geometry import Image
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.boxes import as_boxes
from pinpoint.pipelines.load import load_follower
from report import Report, arguments
from scenes import FPS, Clip, row
from turns import Run, Seer, Turn, in_turns, watching
from video_network import network, small_network, steered

EVERY = 10
SECONDS = 2.0
THREADS = {"1 thread": 1, "2 threads": 2}
BARS = {"float": 1.05, "int8": 2.5}
SAME = 0.5


@dataclass(frozen=True, eq=False)
class Known:
    """An estimator that knows where people are in the frames of a video."""

    clip: Clip

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """See `Estimator`; the frame has to be one of the video's own."""
        if boxes is not None:
            return as_boxes(boxes)
        (moment,) = (moment for moment in self.clip.moments if moment.frame.image is image)
        return as_boxes(np.asarray(moment.truth.boxes))


def theirs(ask: Peer, folder: Path, clip: Clip, threads: int) -> Seer:
    """Follow people through a video as rtmlib does."""
    np.save(folder / "frames.npy", clip.images)
    boxes = [np.asarray(moment.truth.boxes).tolist() for moment in clip.moments]
    (folder / "boxes.json").write_text(json.dumps(boxes), "utf-8")
    files = {"network": steered(network()), "video": folder / "frames.npy", "boxes": folder / "boxes.json"}
    named = {name: str(path) for name, path in files.items()}

    def see(first: int, count: int) -> Turn:
        answer = ask.ask(**named, threads=threads, every=EVERY, first=first, count=count)
        frames = [np.array(frame).reshape(-1, 17, 2) for frame in answer["frames"]]
        return Turn(answer["seconds"], answer["cpu"], frames)

    return see


def share_followed(clip: Clip, run: Run) -> float:
    """Share of the people on whom some points lie: their hull and the true box overlap by half."""
    found, count = 0, 0
    for moment, points in zip(clip.moments[1:], run.points[1:], strict=True):
        boxes = np.asarray(moment.truth.boxes)
        if len(points):
            found += int((overlap(hull(points), boxes).max(axis=0) >= SAME).sum())
        count += len(boxes)
    return found / count


def measure(report: Report, ask: Peer, part: str, clip: Clip) -> None:
    file = steered(small_network(report) if part == "int8" else network())
    rows, ratios = [], []
    for name, threads in THREADS.items():
        with tempfile.TemporaryDirectory() as folder:
            follower = load_follower(file, detector=Known(clip), threads=threads)
            seers = {
                "rtmlib": theirs(ask, Path(folder), clip, threads),
                "Pinpoint": watching(follower, clip, smooth=False),
            }
            runs = in_turns(seers, len(clip.moments))
        ratios.append(f"{name}: {runs['Pinpoint'].fps / runs['rtmlib'].fps:.2f}")
        for who, run in runs.items():
            people = np.mean([len(points) for points in run.points])
            cells = [f"{run.fps:.1f}", f"{1e3 * run.cpu[1:].mean():.1f}", f"{people:.2f}"]
            rows.append([name if who == "rtmlib" else "", who, *cells, f"{share_followed(clip, run):.3f}"])
    told = "the same file" if part == "float" else "Pinpoint's in 8 bits"
    report.add(f"## {part}\n\n{clip.name}, {len(clip.moments)} frames, {told}. {machine()}")
    report.table(("", "by", "fps", "CPU, ms", "people per frame", "followed"), rows)
    report.add(f"Frames per second by rtmlib's: {'; '.join(ratios)}. Bar: {BARS[part]}.")


def main() -> None:
    chosen = arguments("Six people in a video, against rtmlib's PoseTracker.", list(BARS))
    clip = row(SECONDS if chosen.pictures is None else chosen.pictures / FPS)
    steered(network())  # made before anything is timed
    with peer("rtmlib") as ask:
        told = ask.ask(task="version")
        title = f"Video, against rtmlib {told['rtmlib']} on ONNX Runtime {told['onnxruntime']}"
        report = Report(title, kept=chosen.whole)
        report.add(__doc__.split("\n\n", 2)[2].strip())
        for part in chosen.parts:
            measure(report, ask, part, clip)


if __name__ == "__main__":
    main()
