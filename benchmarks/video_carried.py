"""Regions carried over: what it saves, and what it costs, to let the detector rest.

Usage: python benchmarks/video_carried.py [--pictures N]

Each video of known people is followed twice, in turns: by a detector that looks at every frame, and by one
that rests (`pinpoint.stream.Pauses`), on one thread. Of people of whom at least half is in view, right are
those visible points for which whoever fits best has that point within a tenth of the longer side of their
box; who is not found has none right. Milliseconds are of the processor, per frame, the least of three
rounds. `--pictures N` takes so many frames.
"""

import numpy as np

from environment import machine
from metrics import Float
from pinpoint.keypoints import Keypoints, convert
from pinpoint.pipelines.following import Follower
from pinpoint.pipelines.load import load_follower
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


def main() -> None:
    chosen = arguments("Detectors that rest beside detectors that look at every frame.", [])
    report = Report("Regions carried over", kept=chosen.whole)
    report.add(__doc__.split("\n\n", 2)[2].strip())
    report.add(machine())
    rows, told = [], []
    for model in MODELS:
        follower = load_follower(model, threads=1)
        spent, shares = {}, {}
        for clip in clips(chosen.pictures or FRAMES):
            looks: dict[str, list[int]] = {"every frame": [], "rests": []}
            seers = {
                name: seer(follower, clip, pauses, looks[name])
                for name, pauses in (("every frame", None), ("rests", PAUSES))
            }
            for name, run in in_turns(seers, len(clip.moments)).items():
                right = share_right(clip, run.points, follower.skeleton.name)
                spent[name] = spent.get(name, 0.0) + float(run.cpu[1:].sum())
                shares.setdefault(name, []).append(right)
                cells = [f"{1e3 * run.cpu[1:].mean():.1f}", looks[name][0], f"{right:.3f}"]
                rows.append([model, clip.name, name, *cells])
        saved = spent["every frame"] / spent["rests"]
        cost = np.mean(shares["every frame"]) - np.mean(shares["rests"])
        told.append(f"{model}: {saved:.2f} times as fast, {cost:+.3f} of the points lost")
    report.table(("model", "video", "detector", "ms per frame", "looks", "right points"), rows)
    report.add(f"{'; '.join(told)}. Bound: {BAR} lost.")


if __name__ == "__main__":
    main()
