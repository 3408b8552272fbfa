"""Who comes, goes and is not there: how soon a resting detector sees it, in videos that change.

Usage: python benchmarks/video_comings.py [body] [mediapipe-pose-full] [wholebody] [--pictures N]

Each video of known people is followed as `pinpoint.stream.watch` does it, and by a detector that looks at
every frame. "Found after" is how many frames after half of a person has come into view they are told: the
worst of all who come. "Not told" are frames times people of whom at least half is in view and who were told
before; "invented" are frames times instances that lie on nobody; "twice" those who lie on somebody who was
told already. `--pictures N` takes so many seconds of each video.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from environment import machine
from pinpoint.geometry import Float, boxes_of_points, iou
from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.following import Follower
from pinpoint.pipelines.load import load_follower
from pinpoint.stream.lookout import Pauses
from pinpoint.stream.watch import PAUSES
from pinpoint.stream.watcher import usual_watcher
from report import Report, arguments
from scenes import (
    PEOPLE,
    SIZE,
    Clip,
    Cut,
    Moment,
    Mover,
    Way,
    astronaut_cut,
    person_cut,
    plain_background,
    standing_at,
    steady,
    straight,
    swaying,
)

from moving_people import Place, moving  # isort: skip - found where `scenes` looks

MODELS = ("body", "mediapipe-pose-full", "wholebody")
FPS, SECONDS = 30.0, 5.0
SEEN, ON = 0.5, 0.2
"""Share of a person from which they are to be found, and IoU from which what is told lies on somebody."""


@dataclass
class Tally:
    """What was told of one video."""

    late: int = 0
    never: int = 0
    missed: int = 0
    invented: int = 0
    twice: int = 0
    switches: int = 0
    looks: int = 0


def waiting(place: tuple[float, float]) -> Place:
    return swaying(lambda _: place, 4, 3.0)


def crossing(start: float, end: float, begin: float, seconds: float, y: float = 440) -> Place:
    """From one x to another, after waiting at the first for some time."""
    walk = straight((start, y), (end, y), seconds)
    return lambda t: walk(max(t - begin, 0.0))


def clips(seconds: float) -> Iterator[Clip]:
    """Videos in which something happens, and one in which nothing does."""
    man, woman, boy = (person_cut(*PEOPLE[number], 300) for number in (0, 3, 4))
    stays = (man, waiting((180, 450)))
    yield clip("enters", seconds, stays, (woman, crossing(760, 420, 1.5, 1.5)))
    yield clip("enters slowly", seconds, stays, (woman, crossing(760, 560, 0.5, 4.5)))
    yield clip("enters an empty room", seconds, (woman, crossing(-120, 420, 1.0, 2.5)))
    yield clip("leaves and comes back", seconds, stays, (woman, _out_and_back))
    yield clip("runs through", seconds, stays, (boy, lambda t: (-150 + 900 * max(t - 1.0, 0) % 3000, 440)))
    yield clip("sways fast", seconds, (man, swaying(lambda _: (320, 450), 180, 0.9)))
    yield clip("beside traffic", seconds, stays, (woman, crossing(760, 480, 2.5, 1.2)), driven=True)
    yield clip("small, far away", seconds, stays, (man.sized(70), crossing(680, 430, 1.0, 3.0, y=240)))
    yield clip("camera shakes", seconds, stays, (woman, crossing(760, 420, 1.5, 1.5)), camera=_shaken)
    yield clip("camera pans", seconds, stays, (woman, waiting((900, 450))), camera=_panned)
    yield joined("cuts of scene", _scenes(seconds, man, woman, boy))
    yield clip("nobody", seconds, driven=True)


def clip(
    name: str, seconds: float, *people: tuple[Cut, Place], camera: Way | None = None, driven: bool = False
) -> Clip:
    movers = [Mover(cut, standing_at(cut, place)) for cut, place in people]
    options = {} if camera is None else {"camera": camera, "size": SIZE}
    moments = moving(movers, plain_background(SIZE), steady(seconds, FPS), **options)
    return Clip(name, tuple(map(_with_traffic, moments) if driven else moments))


def joined(name: str, scenes: Sequence[Clip]) -> Clip:
    """One scene after the other; whoever is in a later one is somebody else."""
    moments = []
    for number, scene in enumerate(scenes):
        for moment in scene.moments:
            index = len(moments)
            ids = np.asarray(moment.truth.track_ids) + 10 * number
            frame = Frame(moment.frame.image, index, index / FPS)
            moments.append(replace(moment, frame=frame, truth=replace(moment.truth, track_ids=ids)))
    return Clip(name, tuple(moments))


def _scenes(seconds: float, man: Cut, woman: Cut, boy: Cut) -> list[Clip]:
    part = seconds / 3
    groups = (
        [(man, waiting((180, 450))), (woman, waiting((480, 450)))],
        [(astronaut_cut(420), waiting((330, 475)))],
        [(boy, waiting((140, 450))), (man.sized(200), waiting((330, 400))), (woman, waiting((530, 450)))],
    )
    return [clip("", part, *people) for people in groups]


def _out_and_back(t: float) -> tuple[float, float]:
    return 420 + 380 * max(math.sin(2 * math.pi * (t - 0.5) / 4), 0.0), 440


def _shaken(t: float) -> Float:
    """A camera in a hand that trembles: up to 9 pixels to each side, three times a second and more."""
    x = 6 * math.sin(2 * math.pi * 3.1 * t) + 3 * math.sin(2 * math.pi * 7.3 * t)
    y = 5 * math.sin(2 * math.pi * 2.3 * t + 1) + 2 * math.sin(2 * math.pi * 8.9 * t)
    return np.array([[1.0, 0, x], [0, 1, y]])


def _panned(t: float) -> Float:
    return np.array([[1.0, 0, -min(max(t - 1, 0) * 160, 480)], [0, 1, 0]])


def _with_traffic(moment: Moment) -> Moment:
    """Boxes drive past in the background all the time."""
    image = moment.frame.image.copy()
    for number, speed in enumerate((150, -220)):
        x = int((320 * number + speed * moment.frame.seconds) % (SIZE[0] + 90)) - 90
        cv2.rectangle(
            image, (x, 40 + 55 * number), (x + 90, 80 + 55 * number), (60, 40 + 90 * number, 120), -1
        )
    return replace(moment, frame=replace(moment.frame, image=image))


def told_of(follower: Follower, clip: Clip, pauses: Pauses | None) -> tuple[list[Keypoints], int]:
    watcher = usual_watcher(follower, pauses=pauses)
    return [watcher(moment.frame) for moment in clip.moments], watcher.looks


def tallied(clip: Clip, told: Sequence[Keypoints], looks: int) -> Tally:
    """Hold what was told against what is true."""
    tally = Tally(looks=looks)
    came: dict[int, int] = {}
    found: dict[int, dict[int, int]] = {}  # ids of each person by frame
    for frame, (moment, kps) in enumerate(zip(clip.moments, told, strict=True)):
        on = _lying_on(moment, kps)
        tally.invented += int((on < 0).sum())
        tally.twice += len(on[on >= 0]) - len({*on[on >= 0].tolist()})
        for row, person in enumerate(np.asarray(moment.truth.track_ids).tolist()):
            in_view = bool(moment.seen[row] >= SEEN)
            if in_view:
                came.setdefault(person, frame)
            if row in on:
                found.setdefault(person, {})[frame] = int(np.asarray(kps.track_ids)[on == row][0])
            tally.missed += in_view and row not in on and person in found
    tally.switches = sum(a != b for ids in found.values() for a, b in pairwise(ids.values()))
    tally.never = len(came.keys() - found.keys())
    waits = [min(found[person]) - frame for person, frame in came.items() if person in found]
    tally.late = max([*waits, 0])
    return tally


def _lying_on(moment: Moment, kps: Keypoints) -> NDArray[np.intp]:
    """On whom each instance lies, a row of the truth; -1 for nobody, shape (N,)."""
    if not len(kps) or not len(moment.truth):
        return np.full(len(kps), -1)
    overlap = iou(_hulls(kps), np.asarray(moment.truth.boxes))
    return np.where(overlap.max(axis=1) >= ON, overlap.argmax(axis=1), -1)


def _hulls(kps: Keypoints) -> Float:
    """Boxes of the points that are surely seen, of all where none is, cut to nothing."""
    sure = np.where((kps.scores >= 0.3)[..., None], kps.xy, np.nan)
    hulls = boxes_of_points(sure)
    return np.where(np.isfinite(hulls), hulls, np.nan_to_num(boxes_of_points(kps.xy)))


COLUMNS: dict[str, Callable[[Tally], object]] = {
    "looks": lambda t: t.looks,
    "found after": lambda t: f"{t.late}{f' ({t.never} never)' if t.never else ''}",
    "not told": lambda t: t.missed,
    "invented": lambda t: t.invented,
    "twice": lambda t: t.twice,
    "changes of id": lambda t: t.switches,
}


def main() -> None:
    chosen = arguments("Who comes and goes, seen by a detector that rests.", list(MODELS))
    report = Report("Who comes and goes", kept=chosen.whole)
    report.add(__doc__.split("\n\n", 2)[2].strip())
    report.add(machine())
    rows: list[list[object]] = []
    for model in chosen.parts:
        follower = load_follower(model, search="auto", threads=1)
        for clip in clips(chosen.pictures or SECONDS):
            for name, pauses in (("every frame", None), ("rests", PAUSES)):
                tally = tallied(clip, *told_of(follower, clip, pauses))
                rows.append([model, clip.name, name, *(tell(tally) for tell in COLUMNS.values())])
    report.table(("model", "video", "detector", *COLUMNS), rows)


if __name__ == "__main__":
    main()
