"""How well people keep their ids: crossings, occlusions, re-entry, a moving camera, frames that are dropped.

Usage: python benchmarks/tracking.py [worlds] [alike] [measures] [speed] [--seeds N]

The worlds are those of the tests (`tests/tracking/worlds.py`): rendered stick people with known truth, and a
detector that is noisy, unsure of who is half hidden and blind to who is hidden. Beside ours stands a plain
tracker by IoU, with the last box and once with a Kalman filter at constant velocity (SORT, arXiv
1602.00763), each at the best of a grid of its thresholds for each kind of world, and what an oracle could do
that gives every found instance its true id. The measures are compared with those of trackeval and motmetrics.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import pinpoint as pp
from environment import HERE, peer_python
from pinpoint.codecs.assignment import assigned
from pinpoint.evaluation.tracks import box_similarity, track_measures
from pinpoint.geometry import iou
from pinpoint.tracking import CameraMotion, ColorHistogram, Tracker
from report import Report

sys.path[:0] = [str(HERE.parent / "tests" / folder) for folder in ("tracking", "evaluation")]
from tracked import crossing as small_clip  # noqa: E402
from worlds import WORLDS, Shot  # noqa: E402

PARTS = ("worlds", "alike", "measures", "speed")
SEEDS = 32  # means of 8 differ by .015 from others of 8
FIRST = 100  # seed; the tracker's own numbers were chosen on those below 14 and from 200 on
BARS = {"crowd": 0.95, "occlusion": 0.95, "drops": 0.95}
"""IDF1 of ours at least, where plain IoU does not get .8."""
PLAIN = 0.8
GRID = list(itertools.product((0.1, 0.3, 0.5), (0.1, 0.3, 0.5), (10, 30), (1, 3)))
"""Least IoU, least score, frames that a track is kept for, frames until it counts."""
CLOSE = 1e-6

Track = Callable[[pp.Keypoints, float, np.ndarray], pp.Keypoints]


class PlainTracker:
    """Boxes by IoU: the last one, or the one that a Kalman filter at constant velocity expects."""

    def __init__(self, *, moves: bool, least: float, score: float, age: int, hits: int) -> None:
        self.moves, self.least, self.score, self.age, self.hits = moves, least, score, age, hits
        self.states, self.doubts = np.zeros((0, 8)), np.zeros((0, 8, 8))
        self.ids, self.missed, self.found = (np.zeros(0, int) for _ in range(3))
        self.born = 0

    def __call__(self, kps: pp.Keypoints, seconds: float, image: np.ndarray) -> pp.Keypoints:
        """As ours; neither the time nor the picture matters."""
        assert kps.boxes is not None and kps.box_scores is not None
        rows = np.flatnonzero(kps.box_scores >= self.score)
        boxes = kps.boxes[rows]
        self._predict()
        overlap = iou(_corners(self.states[:, :4]), boxes)
        pairs = assigned(-overlap) if overlap.size else np.zeros((0, 2), int)
        tracks, taken = pairs[overlap[pairs[:, 0], pairs[:, 1]] >= self.least].T
        self._correct(tracks, _middles(boxes[taken]))
        self.missed += 1
        self.missed[tracks] = 0
        self.found[tracks] += 1
        ids = np.full(len(kps), -1)
        ids[rows[taken]] = np.where(self.found[tracks] >= self.hits, self.ids[tracks], -1)
        new = np.setdiff1d(np.arange(len(rows)), taken)
        self._keep(self.missed <= self.age)
        fresh = self._begin(_middles(boxes[new]))
        ids[rows[new]] = fresh if self.hits <= 1 else -1
        return replace(kps, track_ids=ids)

    def _predict(self) -> None:
        if self.moves:
            step = np.eye(8) + np.eye(8, k=4)
            self.states = self.states @ step.T
            self.doubts = step @ self.doubts @ step.T + np.diag([1.0] * 4 + [0.3] * 4)

    def _correct(self, tracks: np.ndarray, measured: np.ndarray) -> None:
        if not self.moves:
            self.states[tracks, :4] = measured
            return
        doubt = self.doubts[tracks]
        gain = doubt[:, :, :4] @ np.linalg.inv(doubt[:, :4, :4] + 4 * np.eye(4))
        off = measured - self.states[tracks, :4]
        self.states[tracks] += np.einsum("tij,tj->ti", gain, off)
        self.doubts[tracks] = doubt - gain @ doubt[:, :4]

    def _keep(self, kept: np.ndarray) -> None:
        for name in ("states", "doubts", "ids", "missed", "found"):
            setattr(self, name, getattr(self, name)[kept])

    def _begin(self, boxes: np.ndarray) -> np.ndarray:
        count = len(boxes)
        ids = self.born + 1 + np.arange(count)
        self.born += count
        self.states = np.concatenate([self.states, np.pad(boxes, ((0, 0), (0, 4)))])
        start = np.diag([4.0] * 4 + [100.0] * 4)
        self.doubts = np.concatenate([self.doubts, np.tile(start, (count, 1, 1))])
        self.ids = np.concatenate([self.ids, ids])
        self.missed = np.concatenate([self.missed, np.zeros(count, int)])
        self.found = np.concatenate([self.found, np.ones(count, int)])
        return ids


def _middles(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def _corners(middles: np.ndarray) -> np.ndarray:
    return np.concatenate([middles[:, :2] - middles[:, 2:] / 2, middles[:, :2] + middles[:, 2:] / 2], axis=1)


def tracked(track: Track, shots: Sequence[Shot]) -> list[pp.Keypoints]:
    return [track(shot.found, shot.seconds, shot.image) for shot in shots]


def by_oracle(shots: Sequence[Shot]) -> list[pp.Keypoints]:
    """Every found instance with the id of the labelled one that it is."""
    return [replace(shot.found, track_ids=_true_ids(shot)) for shot in shots]


def _true_ids(shot: Shot) -> np.ndarray:
    assert shot.truth.track_ids is not None
    ids = np.full(len(shot.found), -1)
    alike = box_similarity(shot.truth, shot.found)
    for row, column in assigned(-alike):
        if alike[row, column] >= 0.5:
            ids[column] = shot.truth.track_ids[row]
    return ids


def measured(clips: Sequence[Sequence[Shot]], track: Callable[[Sequence[Shot]], list]) -> list[dict]:
    return [track_measures([shot.truth for shot in shots], track(shots)) for shots in clips]


def best_plain(clips: Sequence[Sequence[Shot]], *, moves: bool) -> list[dict]:
    """Measures at the thresholds that are best for the first half of these clips."""

    def at(place: tuple[float, float, int, int], chosen: Sequence[Sequence[Shot]]) -> list[dict]:
        least, score, age, hits = place

        def track(shots: Sequence[Shot]) -> list[pp.Keypoints]:
            plain = PlainTracker(moves=moves, least=least, score=score, age=age, hits=hits)
            return tracked(plain, shots)

        return measured(chosen, track)

    half = clips[: max(1, len(clips) // 2)]
    best = max(GRID, key=lambda place: np.mean([one["IDF1"] for one in at(place, half)]))
    return at(best, clips)


OURS: dict[str, Callable[[], Tracker]] = {
    "ours": lambda: Tracker(camera=CameraMotion(), appearance=ColorHistogram()),
    "ours without appearance": lambda: Tracker(camera=CameraMotion()),
    "ours without camera": lambda: Tracker(appearance=ColorHistogram()),
}


def clips_of(name: str, seeds: int, **options: bool) -> list[list[Shot]]:
    return [list(WORLDS[name](seed, **options)) for seed in range(FIRST, FIRST + seeds)]


def measure_worlds(report: Report, seeds: int, *, alike: bool) -> None:
    options = {"alike": True} if alike else {}
    clothes = "all in the same clothes" if alike else "each in clothes of their own"
    report.add(
        f"## People {clothes}\n\nMeans over {seeds} unseen seeds, lowest IDF1, and switches of all. Bars: "
        f"ours {BARS['crowd']} where plain IoU stays below {PLAIN}; no switch in `crossing`."
    )
    columns = ("world", "who", "IDF1", "lowest", "HOTA", "MOTA", "switches", "bar")
    rows = []
    for name in WORLDS:
        rows += _rows_of(name, clips_of(name, seeds, **options), plain=not alike)
    report.table(columns, rows)


def _rows_of(name: str, clips: list[list[Shot]], *, plain: bool) -> list[list[object]]:
    found = {
        who: measured(clips, lambda shots, make=make: tracked(make(), shots)) for who, make in OURS.items()
    }
    if plain:
        found["plain IoU, best"] = best_plain(clips, moves=False)
        found["SORT, best"] = best_plain(clips, moves=True)
    found["oracle"] = measured(clips, by_oracle)
    rows = []
    for who, all_of in found.items():
        idf1, hota, mota = (np.array([one[key] for one in all_of]) for key in ("IDF1", "HOTA", "MOTA"))
        switches = int(sum(one["switches"] for one in all_of))
        numbers = [f"{idf1.mean():.3f}", f"{idf1.min():.3f}", f"{hota.mean():.3f}", f"{mota.mean():.3f}"]
        bar = _judged(name, who, float(idf1.mean()), switches) if plain else ""
        rows.append([name, who, *numbers, switches, bar])
    return rows


def _judged(name: str, who: str, idf1: float, switches: int) -> str:
    if who == "ours" and name == "crossing":
        return "yes" if switches == 0 else "**no**"
    if who == "ours" and name in BARS:
        return "yes" if idf1 >= BARS[name] else "**no**"
    if who in ("plain IoU, best", "SORT, best") and name in BARS:
        return "below" if idf1 < PLAIN else "**not below**"
    return ""


def measure_measures(report: Report, seeds: int) -> None:
    """Ours beside trackeval's and motmetrics'.

    Raises:
        SystemExit: They differ.
    """
    clips = [small_clip(seed) for seed in range(3)]
    for name in WORLDS:
        for shots in clips_of(name, min(seeds, 2)):
            clips.append(([shot.truth for shot in shots], tracked(OURS["ours without camera"](), shots)))
    ours = [track_measures(*clip) for clip in clips]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clips.json"
        file.write_text(json.dumps([_plain(*clip) for clip in clips]), "utf-8")
        command = [str(peer_python("trackeval")), str(HERE / "peers/trackeval_peer.py"), str(file)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    theirs = json.loads(answer.splitlines()[-1])
    rows = []
    for peer in ("trackeval", "motmetrics"):
        for key in theirs[0][peer]:
            apart = max(abs(own[key] - other[peer][key]) for own, other in zip(ours, theirs, strict=True))
            rows.append([peer, key, f"{apart:.0e}", "yes" if apart <= CLOSE else "**no**"])
    report.add(f"## Measures\n\nOver {len(clips)} clips. The first three are stored in the tests:")
    report.add("```text\n" + "\n".join(json.dumps(one["trackeval"]) for one in theirs[:3]) + "\n```")
    report.table(("peer", "measure", "most apart", f"within {CLOSE:g}"), rows)


def _plain(truth: Sequence[pp.Keypoints], found: Sequence[pp.Keypoints]) -> list[dict]:
    """What a peer is told of a clip: only instances that have an id."""
    frames = []
    for labelled, seen in zip(truth, found, strict=True):
        known = seen[seen.track_ids >= 0]
        alike = box_similarity(labelled, known)
        ids = (labelled.track_ids.tolist(), known.track_ids.tolist())
        frames.append({"truth": ids[0], "found": ids[1], "alike": alike.tolist()})
    return frames


def measure_speed(report: Report, _: int) -> None:
    report.add("## Speed\n\nMedian milliseconds of processor time of one update, 17 keypoints, by people.")
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    rows = []
    for people in (1, 6, 20):
        frames = _walk(people)
        makers = {"places": Tracker, **{k: v for k, v in OURS.items() if k != "ours"}, "all": OURS["ours"]}
        laps = {who: _milliseconds(make(), frames, image) for who, make in makers.items()}
        rows.append([people, *(f"{lap:.2f}" for lap in laps.values())])
    report.table(("people", "places alone", "and camera", "and appearance", "all"), rows)


def _walk(people: int) -> list[pp.Keypoints]:
    rng, skeleton = np.random.default_rng(0), pp.skeleton("coco17")
    start = rng.uniform(0, 1, (people, 17, 2)) * (60, 150) + np.arange(people)[:, None, None] * (70, 0)
    walked = [start + 2 * frame + rng.normal(0, 1, start.shape) for frame in range(200)]
    sure = np.full((people, 17), 0.9)
    return [pp.Keypoints(xy, sure, skeleton, box_scores=sure[:, 0]) for xy in walked]


def _milliseconds(tracker: Tracker, frames: Sequence[pp.Keypoints], image: np.ndarray) -> float:
    laps = []
    for number, kps in enumerate(frames):
        start = time.process_time()
        tracker(kps, number / 30, image)
        laps.append(time.process_time() - start)
    return 1e3 * float(np.median(laps))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all if left out")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="worlds of each kind; fewer keep no results")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    report = Report("Tracking", kept=not chosen.parts and chosen.seeds >= SEEDS)
    steps = {
        "worlds": lambda: measure_worlds(report, chosen.seeds, alike=False),
        "alike": lambda: measure_worlds(report, max(1, chosen.seeds // 2), alike=True),
        "measures": lambda: measure_measures(report, chosen.seeds),
        "speed": lambda: measure_speed(report, chosen.seeds),
    }
    for part in chosen.parts or PARTS:
        steps[part]()


if __name__ == "__main__":
    main()
