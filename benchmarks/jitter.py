"""How much filters over time take from the tremble of keypoints, and what that costs in lag and accuracy.

Usage: python benchmarks/jitter.py [tremble] [lag] [speed]
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

import pinpoint as pp
from jitter_clips import SIZE, Course, captured, filmed
from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.tracking.kalman_smoothing import KalmanSmoother
from pinpoint.tracking.lag import Smoother, lag_between, ramp_lag, sine_response
from pinpoint.tracking.offline import savitzky_golay
from pinpoint.tracking.one_euro import OneEuro
from pinpoint.tracking.repair import Repair, repair_clip
from report import Report, arguments

Filter = Callable[[Course], Float]
"""From a course to smoothed points, shape (T, K, 2)."""

PUBLISHED = partial(OneEuro, still=None, least_trust=1.0)
# MMDeploy's counts pixels and frames: 1 a frame is 30 Hz, and a size here is 200 pixels.
SMOOTHERS: dict[str, Callable[[], Smoother]] = {
    "`OneEuro()`": OneEuro,
    "`OneEuro(least_trust=1)`: scores disregarded": partial(OneEuro, least_trust=1.0),
    "`OneEuro(min_cutoff=3, beta=10)`: livelier": partial(OneEuro, min_cutoff=3.0, beta=10.0),
    "published one-euro, the same settings": PUBLISHED,
    "published one-euro, .5, beta 40": partial(PUBLISHED, min_cutoff=0.5, beta=40.0),
    "MediaPipe's settings: .05, beta 80": partial(PUBLISHED, min_cutoff=0.05, beta=80.0),
    "MMDeploy's settings: 1, beta .007": partial(PUBLISHED, min_cutoff=30.0, beta=1.4, d_cutoff=30.0),
    "`KalmanSmoother()`": KalmanSmoother,
    "`KalmanSmoother(agility=0)`": partial(KalmanSmoother, agility=0.0),
}


class Mended:
    """Mends, then smooths."""

    def __init__(self) -> None:
        self._repair, self._smooth = Repair(), OneEuro()

    def __call__(self, kps: Keypoints, seconds: float) -> Keypoints:
        """See `Smoother`."""
        return self._smooth(self._repair(kps, seconds)[0], seconds)


def online(make: Callable[[], Smoother], course: Course) -> Float:
    smooth = make()
    return np.stack([smooth(k, t).xy[0] for k, t in zip(course.found, course.seconds.tolist(), strict=True)])


def offline(course: Course) -> Float:
    mended, _ = repair_clip(course.found, course.seconds)
    return savitzky_golay(np.stack([kps.xy[0] for kps in mended]), course.seconds)


FILTERS: dict[str, Filter] = {
    **{name: partial(online, make) for name, make in SMOOTHERS.items()},
    "`Repair()`, then `OneEuro()`": partial(online, Mended),
    "offline: `repair_clip`, then `savitzky_golay`": offline,
}


@dataclass(frozen=True)
class Outcome:
    """Of one course and filter; sums and counts, so that courses add up.

    Args:
        tremble: Acceleration error, smoothed and as found, pixels per frame squared.
        lag: Median over the points, frames.
        loss: Share of points within a tenth of the size that smoothing costs, against the network's own
            points and against annotated ones.
    """

    tremble: tuple[float, float]
    lag: float
    loss: tuple[float, float]


def outcome(course: Course, smooth: Float) -> Outcome:
    raw, clear = np.stack([kps.xy[0] for kps in course.found]), course.clear
    lags = [lag_between(course.truth[:, k], smooth[:, k], most=6.0) for k in np.flatnonzero(clear)]
    return Outcome(
        tremble=(_tremble(smooth - course.truth, clear), _tremble(raw - course.truth, clear)),
        lag=float(np.median(lags)),
        loss=(
            _within(raw, course.truth, clear) - _within(smooth, course.truth, clear),
            _within(raw, course.labels, clear) - _within(smooth, course.labels, clear),
        ),
    )


def _tremble(errors: Float, clear: Float) -> float:
    return float(np.linalg.norm(np.diff(errors, 2, axis=0), axis=-1)[:, clear].mean())


def _within(xy: Float, truth: Float, clear: Float) -> float:
    off = np.linalg.norm(xy - truth, axis=-1)[:, clear]
    known = np.isfinite(off)
    return float((off[known] < 0.1 * SIZE).mean()) if known.any() else np.nan


def cells(courses: Sequence[Course], smooth: Filter) -> list[str]:
    by_kind = {kind: [outcome(c, smooth(c)) for c in courses if c.kind == kind] for kind in KINDS}
    row = []
    for kind, wanted in KINDS.items():
        outcomes = by_kind[kind]
        if "tremble" in wanted:
            smoothed, found = np.sum([one.tremble for one in outcomes], axis=0)
            row.append(f"{smoothed / found:.2f}")
        if "lag" in wanted:
            row.append(f"{np.mean([one.lag for one in outcomes]):.1f}")
        if "loss" in wanted:
            row.append(f"{100 * np.mean([one.loss[0] for one in outcomes]):.1f}")
        if "labels" in wanted:
            row.append(f"{100 * np.nanmean([one.loss[1] for one in outcomes]):.1f}")
    return row


KINDS = {
    "still": ("tremble",),
    "slow": ("tremble", "lag"),
    "limbs, slow": ("tremble", "lag"),
    "run": ("lag", "loss", "labels"),
    "jump": ("lag", "loss", "labels"),
    "limbs, quick": ("tremble", "lag", "loss"),
}
COLUMNS = [f"{kind}: {what}" for kind, wanted in KINDS.items() for what in wanted]
WORDS = """{people} people cut from photographs, moved over a background at 30 frames/s with sensor noise,
read by `pp.load("body"{options})` in true boxes that shake by a hundredth of their size. Limbs: motion
capture, with errors and scores met on the still and slow people. Tremble: mean acceleration error as a share
of that without a filter. Lag: frames, where the smoothed points agree best with the truth. Loss: points of a
hundred that are no longer within a tenth of the person's size, against the network's own points moved as the
person; labels: against annotated ones. Bars: tremble at most .30 for still and slow at a lag of at most 1,
loss at most 2."""


def measure_tremble(report: Report, _: int | None) -> None:
    for words, options in (("", {}), (", looks=1", {"looks": 1})):
        courses = list(filmed(pp.load("body", **options)))
        people = sum(course.kind == "still" for course in courses)
        courses = [*courses, *captured(courses)]
        title = "One look, as in a stream" if options else "The default, which looks at the mirror image, too"
        report.add(f"## {title}\n\n{WORDS.format(people=people, options=words)}")
        report.table(("filter", *COLUMNS), [[name, *cells(courses, one)] for name, one in FILTERS.items()])


SPEEDS, HERTZ = (0.1, 0.5, 2.0), (0.25, 0.5, 1.0, 2.0)


def measure_lag(report: Report, _: int | None) -> None:
    report.add(
        "## Lag of perfect points\n\nFrames at 30 frames/s. Walk: evenly at so many sizes a second. Sway: a "
        "tenth of the size to each side, so often a second, and how much of it is left. All: the instance "
        "moves. One: one point of four moves, which is the same to a filter of single points."
    )
    columns = [f"walk {v}" for v in SPEEDS] + [f"sway {h} Hz" for h in HERTZ]
    rows = [
        [f"{name}, {moving}", *_lags(make, moving)]
        for name, make in SMOOTHERS.items()
        for moving in (("all", "one") if name.startswith("`OneEuro") else ("all",))
        if "disregarded" not in name
    ]
    report.table(("filter", *columns), rows)


def _lags(make: Callable[[], Smoother], moving: str) -> list[str]:
    walks = [f"{abs(ramp_lag(make, v, moving=moving)):.1f}" for v in SPEEDS]
    sways = [sine_response(make, h, moving=moving) for h in HERTZ]
    return walks + [f"{one.lag:.1f}, x {one.gain:.2f}" for one in sways]


def measure_speed(report: Report, _: int | None) -> None:
    report.add("## Time\n\nOf one frame of 6 people with 17 points and boxes; medians of 300 frames.")
    rng = np.random.default_rng(0)
    clip = [
        Keypoints(
            rng.normal(0, 1, (6, 17, 2)) + 100,
            rng.uniform(0.2, 1, (6, 17)),
            skeleton("coco17"),
            boxes=rng.normal([0, 0, 100, 200], 1, (6, 4)),
            track_ids=np.arange(6),
        )
        for _ in range(300)
    ]
    makes = {"`OneEuro()`": OneEuro, "`KalmanSmoother()`": KalmanSmoother, "`Repair()`": Repair}
    report.table(
        ("filter", "ms"), [[name, f"{_milliseconds(make(), clip):.2f}"] for name, make in makes.items()]
    )


def _milliseconds(step: Callable[[Keypoints, float], object], clip: Sequence[Keypoints]) -> float:
    times = []
    for frame, kps in enumerate(clip):
        start = time.perf_counter()
        step(kps, frame / 30)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


PARTS = {"tremble": measure_tremble, "lag": measure_lag, "speed": measure_speed}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    report = Report("Jitter and lag", kept=chosen.whole)
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
