"""One person in a video, against mediapipe 0.10.21's `solutions` in tracking mode, with the same weights.

Usage: python benchmarks/video_mediapipe.py [body] [face] [hand] [--pictures N]

Both are given the same decoded frames one after the other, in turns of a few frames, in two processes that
wait for each other. Every video is seen three times, and of the times of a frame the shortest counts.
Loading and the first frame are not counted. mediapipe is told to follow one, which suits it best, as it goes
on searching every frame for others; Pinpoint follows whoever is there. Only videos in which both follow as
many count: pictures are mirrored beyond their edges, and may show a second one there.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from environment import Peer, machine, peer
from metrics import COCO17_FROM_BLAZEPOSE33, hull, longer_side
from pinpoint.pipelines.load import load_follower
from pinpoint.skeletons import skeleton
from report import Report, arguments
from samples import Picture, face_pictures, hand_pictures, single_person_pictures
from scenes import PEOPLE, Clip, astronaut_cut, panned, person_cut, walk
from turns import Run, Seer, Turn, in_turns, watching

MODELS = {"body": "mediapipe-pose-full", "face": "mediapipe-face-mesh", "hand": "mediapipe-hand-full"}
LABELS = {"body": "coco17", "face": "face68", "hand": "hand21"}
POINTS = {"body": 33, "face": 468, "hand": 21}
BARS = {"body": 1.4, "face": 1.1, "hand": 1.1}
THREADS = {"1 thread": 1, "as loaded": 0}
SMOOTHED = "body"  # what mediapipe smooths; faces and hands it leaves as they are
SECONDS, CLIPS = 2.0, 4
SEEN = 0.9  # share of the frames in which mediapipe has to find somebody, or the video says nothing
ALIKE = 0.05  # instances per frame: where one of them follows that many more, they do not do the same
NEAR = 0.1  # of the longer side of the box: so near are right points


def theirs(ask: Peer, task: str, file: Path) -> Seer:
    def see(first: int, count: int) -> Turn:
        answer = ask.ask(task=task, video=str(file), first=first, count=count)
        shape = (-1, POINTS[task], 2)
        frames = [np.array([one["xy"] for one in frame]).reshape(shape) for frame in answer["frames"]]
        return Turn(answer["seconds"], answer["cpu"], frames)

    return see


def per_frame(run: Run) -> float:
    """How many are followed, in the mean frame."""
    return float(np.mean([len(points) for points in run.points]))


def _is_alike(runs: dict[str, Run]) -> bool:
    """Whether all follow as many, on the whole."""
    counts = [per_frame(run) for run in runs.values()]
    return max(counts) - min(counts) <= ALIKE


def apart(a: Run, b: Run) -> list[float]:
    """Median distance of the points wherever both find somebody, as a share of the hull's longer side."""
    distances = []
    for one, others in zip(a.points, b.points, strict=True):
        if len(one) and len(others):
            between = np.median(np.linalg.norm(others - one[:1], axis=2), axis=1).min()
            distances.append(float(between / longer_side(hull(one[:1]))[0]))
    return distances


def share_right(clip: Clip, run: Run) -> float:
    """Share of the labelled points of COCO that lie near; who is not found counts as wrong."""
    right, count = 0, 0
    for moment, points in zip(clip.moments, run.points, strict=True):
        truth, side = moment.truth.xy[0], longer_side(np.asarray(moment.truth.boxes))[0]
        labelled = np.isfinite(truth).all(axis=1)
        count += int(labelled.sum())
        if len(points):
            away = np.linalg.norm(points[:, COCO17_FROM_BLAZEPOSE33] - truth, axis=2)[:, labelled]
            right += int((away < NEAR * side).sum(axis=1).max())
    return right / max(count, 1)


def clips(ask: Peer, task: str, count: int) -> Iterator[Clip]:
    """Videos of one person; of hands and faces those pictures in which mediapipe finds exactly one."""
    if task == "body":
        for image_id, row in PEOPLE[:count]:
            yield walk(f"walk {image_id}", person_cut(image_id, row, 380), SECONDS)
    if task == "face":
        yield walk("walk astronaut", astronaut_cut(440), SECONDS)
    columns = skeleton(LABELS[task])
    for picture in _pictures(ask, task, count):
        yield panned(picture, columns, SECONDS)


def _pictures(ask: Peer, task: str, count: int) -> list[Picture]:
    sets = {"body": lambda: single_person_pictures(40), "face": face_pictures, "hand": hand_pictures}
    chosen = []
    for picture in sets[task]():
        if len(chosen) == count:
            break
        if (
            len(ask.ask(task=task, path=str(picture.path), limit=1 if task == "body" else 4)["instances"])
            == 1
        ):
            chosen.append(picture)
    return chosen


def measure(report: Report, ask: Peer, task: str, count: int) -> None:
    followers = {name: load_follower(MODELS[task], threads=threads) for name, threads in THREADS.items()}
    pairs: list[tuple[Clip, dict[str, Run]]] = []
    lost: list[tuple[Clip, dict[str, Run]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips(ask, task, count):
            file = Path(folder, "frames.npy")
            np.save(file, clip.images)
            seers = {"mediapipe": theirs(ask, task, file)}
            seers |= {
                f"Pinpoint, {name}": watching(follower, clip, smooth=task == SMOOTHED)
                for name, follower in followers.items()
            }
            runs = in_turns(seers, len(clip.moments))
            seen = np.mean([len(points) > 0 for points in runs["mediapipe"].points])
            (pairs if seen >= SEEN else lost).append((clip, runs))
    report.add(f"## {task.capitalize()}\n\n{machine()}")
    names = ("video", "by", "followed per frame", "fps", "CPU, ms", "ratio", "apart, median", "apart, 90 %")
    report.table((*names, "right points") if task == "body" else names, list(_rows(task, pairs)))
    alike = [(clip, runs) for clip, runs in pairs if _is_alike(runs)]
    report.add(_verdict(task, [runs for _, runs in alike]))
    if unlike := [clip.name for clip, runs in pairs if not _is_alike(runs)]:
        report.add(f"Not counted, as one of them follows more than the other: {', '.join(unlike)}.")
    if lost:
        names = ", ".join(clip.name for clip, _ in lost)
        report.add(f"Left out, as mediapipe finds nobody in one of ten frames or more: {names}.")


def _rows(task: str, pairs: Sequence[tuple[Clip, dict[str, Run]]]) -> Iterator[list[object]]:
    for clip, runs in pairs:
        peer_run = runs["mediapipe"]
        for name, run in runs.items():
            found = f"{per_frame(run):.2f}"
            ratio, distances = run.fps / peer_run.fps, apart(peer_run, run)
            far = [f"{100 * np.quantile(distances, q):.2f} %" for q in (0.5, 0.9)] if distances else ["", ""]
            cells = ["", "", ""] if run is peer_run else [f"{ratio:.2f}", *far]
            times = [f"{run.fps:.1f}", f"{1e3 * run.cpu[1:].mean():.2f}"]
            row = [clip.name if run is peer_run else "", name, found, *times, *cells]
            yield [*row, f"{share_right(clip, run):.3f}"] if task == "body" else row


def _verdict(task: str, runs: Sequence[dict[str, Run]]) -> str:
    """Ratios of the sums of all videos, and of the median video."""
    if not runs:
        return "In no video do both follow as many."
    told = []
    for name in list(runs[0])[1:]:
        ratios = [one[name].fps / one["mediapipe"].fps for one in runs]
        sums = [sum(one[who].spent for one in runs) for who in ("mediapipe", name)]
        told.append(
            f"{name}: {sums[0] / sums[1]:.2f} over all videos, {np.median(ratios):.2f} in the median one"
        )
    return f"Frames per second by mediapipe's: {'; '.join(told)}. Bar: {BARS[task]}."


def main() -> None:
    chosen = arguments("One person in a video, against mediapipe in tracking mode.", list(MODELS))
    with peer("mediapipe") as ask:
        report = Report(f"Video, against mediapipe {ask.ask(task='version')['mediapipe']}", kept=chosen.whole)
        report.add(__doc__.split("\n\n", 2)[2].strip())
        for task in chosen.parts:
            measure(report, ask, task, chosen.pictures or CLIPS)


if __name__ == "__main__":
    main()
