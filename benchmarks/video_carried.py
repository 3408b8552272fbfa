"""Regions carried over: what it saves, and what it costs, to let the detector rest.

Usage: python benchmarks/video_carried.py [--pictures N]

Each video of known people is seen in three ways on one thread: picture by picture, as `pinpoint.load` does it
(every fourth frame, since each costs as much as any other); followed by a detector that looks at every frame;
and followed by one that rests (`pinpoint.stream.Pauses`), as `pinpoint.stream.watch` does it. Of people of
whom at least half is in view, right are those visible points for which whoever fits best has that point
within a tenth of the longer side of their box; who is not found has none right. Milliseconds are of the
processor, per frame; followed ones are seen in turns, three times, and the least counts. `--pictures N` takes
so many frames.
"""

import time

import numpy as np

from environment import machine
from metrics import Float
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.pipelines.following import Follower
from pinpoint.pipelines.load import load, load_follower
from pinpoint.skeletons import skeleton
from pinpoint.stream.lookout import Pauses
from pinpoint.stream.watch import PAUSES
from pinpoint.stream.watcher import Watcher
from pinpoint.tracking import OneEuro
from report import Report, arguments
from scenes import Clip, astronaut_cut, crowd, person_cut, walk
from turns import Seer, Turn, following, in_turns

FRAMES, FPS = 60, 30.0
MODELS = ("body", "mediapipe-pose-full", "wholebody")
NEAR, LEAST_SEEN = 0.1, 0.5
BAR = 0.02
"""The share of right points that a resting detector may cost."""
ALONE, EVERY, RESTS = "picture by picture", "every frame", "rests"
EACH = 4


def clips(count: int) -> list[Clip]:
    seconds = count / FPS
    return [
        crowd(seconds, count=3),
        walk("walk 872", person_cut(872, 1, 380), seconds),
        walk("walk astronaut", astronaut_cut(440), seconds),
    ]


def seer(follower: Follower, clip: Clip, pauses: Pauses | None, looks: list[int]) -> Seer:
    """Follow people through a video; what is told are COCO's points."""
    watchers: list[Watcher] = []

    def see(first: int, count: int) -> Turn:
        if first == 0:
            watchers[:] = [Watcher(follower, smooth=OneEuro(), pauses=pauses)]
        turn = following(watchers[0], clip, first, count)
        looks[:] = [watchers[0].looks]
        return turn

    return see


def alone(estimator: Estimator, clip: Clip, columns: str) -> tuple[float, float]:
    """Seconds per picture and the share of right points of pictures that are seen one by one."""
    some = Clip(clip.name, clip.moments[::EACH])
    seconds, points = [], []
    for moment in some.moments:
        start = time.process_time()
        points.append(estimator(moment.frame.image).xy)
        seconds.append(time.process_time() - start)
    return float(np.mean(seconds)), share_right(some, points, columns)


def followed(follower: Follower, clip: Clip) -> dict[str, tuple[float, float, int]]:
    """Seconds per frame, share of right points and looks: of looks at every frame, and of rests."""
    looks: dict[str, list[int]] = {EVERY: [], RESTS: []}
    seers = {
        name: seer(follower, clip, pauses, looks[name]) for name, pauses in ((EVERY, None), (RESTS, PAUSES))
    }
    return {
        name: (
            float(run.cpu.mean()),
            share_right(clip, run.points, follower.skeleton.name),
            looks[name][0],
        )
        for name, run in in_turns(seers, len(clip.moments)).items()
    }


def share_right(clip: Clip, points: list[Float], columns: str) -> float:
    right = count = 0
    for moment, found in zip(clip.moments, points, strict=True):
        kps = _as_coco(found, columns)
        for row in np.flatnonzero(moment.seen >= LEAST_SEEN):
            truth, (x1, y1, x2, y2) = moment.truth.xy[row], moment.truth.boxes[row]
            seen = np.isfinite(truth).all(axis=1) & (moment.truth.visible[row])
            away = np.linalg.norm(kps - truth, axis=2) < NEAR * max(x2 - x1, y2 - y1)
            right += int((away & seen).sum(axis=1).max(initial=0))
            count += int(seen.sum())
    return right / max(count, 1)


def _as_coco(xy: Float, columns: str) -> Float:
    if not len(xy):
        return np.zeros((0, 17, 2))
    told = Keypoints(xy, np.ones(xy.shape[:2]), skeleton(columns))
    return convert(told, "coco17").xy


def verdict(model: str, seen: list[dict[str, tuple[float, float]]]) -> str:
    """How much faster than either way the resting detector is, and what it loses."""
    told = []
    for name in (ALONE, EVERY):
        faster = sum(one[name][0] for one in seen) / sum(one[RESTS][0] for one in seen)
        lost = [one[name][1] - one[RESTS][1] for one in seen]
        told.append(
            f"{faster:.2f} times as fast as {name}, with {np.mean(lost):+.3f} of the points lost "
            f"({max(lost):+.3f} in the worst video)"
        )
    return f"{model}: {'; '.join(told)}."


def main() -> None:
    chosen = arguments("Detectors that rest beside detectors that look at every frame.", [])
    report = Report("Regions carried over", kept=chosen.whole)
    report.add(__doc__.split("\n\n", 2)[2].strip())
    report.add(machine())
    rows, told = [], []
    for model in MODELS:
        follower, estimator = load_follower(model, search="auto", threads=1), load(model, threads=1)
        seen = []
        for clip in clips(chosen.pictures or FRAMES):
            ways = followed(follower, clip)
            ways[ALONE] = (*alone(estimator, clip, follower.skeleton.name), len(clip.moments))
            for name in (ALONE, EVERY, RESTS):
                seconds, right, looks = ways[name]
                rows.append([model, clip.name, name, f"{1e3 * seconds:.1f}", looks, f"{right:.3f}"])
            seen.append({name: way[:2] for name, way in ways.items()})
        told.append(verdict(model, seen))
    report.table(("model", "video", "detector", "ms per frame", "looks", "right points"), rows)
    report.add("\n\n".join(told))
    report.add(f"Bound: {BAR} lost.")


if __name__ == "__main__":
    main()
