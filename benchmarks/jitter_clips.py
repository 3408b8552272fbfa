"""Short films of people cut from photographs and moved as we know, and what a network says about them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

import pinpoint as pp
from pinpoint.geometry import Float, Image, invert, transform_boxes, transform_points
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.skeletons import skeleton
from samples import DATA, body_pictures

FPS = 30.0
SIZE = 200.0
"""Pixels of a person's longer side."""
SCREEN = (640, 480)
SENSOR_NOISE = 4.0
BOX_NOISE = 0.01
"""Standard deviation of each side of a box, in sizes of the person."""
PEOPLE = ("000000009448", "000000014226", "000000019432", "000000067180", "000000122672")
CLEAR = 0.3
"""Mean score from which a point counts."""
BODY = skeleton("coco17")

Pose = tuple[float, float, float, float]
"""Scale, turn in radians, and shift in sizes of the person."""


@dataclass(frozen=True, eq=False)
class Course:
    """One person over T frames: what was said and what is true.

    Args:
        kind: How they move.
        seconds: Time of each frame, shape (T,).
        found: What the network said of each frame.
        truth: The network's own points (medians, carried back), moved as we know, shape (T, K, 2).
        labels: Annotated points, moved as we know, shape (T, K, 2); NaN where there are none.
    """

    kind: str
    seconds: Float
    found: list[Keypoints]
    truth: Float
    labels: Float

    @property
    def clear(self) -> Float:
        """Points that count, shape (K,)."""
        return np.mean([kps.scores[0] for kps in self.found], axis=0) > CLEAR


def _still(_: float, __: float) -> Pose:
    return 1.0, 0.0, 0.0, 0.0


def _slow(t: float, phase: float) -> Pose:
    zoom, turn = 1 + 0.05 * np.sin(1.6 * t + phase), 0.02 * np.sin(1.9 * t)
    return zoom, turn, 0.06 * np.sin(2.5 * t + phase), 0.015 * np.sin(3.1 * t)


def _run(t: float, phase: float) -> Pose:
    """To and fro at one and a half sizes a second, two steps and a half a second."""
    step = np.sin(5 * np.pi * t)
    return 1.0, 0.05 * step, abs((1.5 * t + phase) % 2 - 1) - 0.5, 0.05 * abs(step)


def _jump(t: float, _: float) -> Pose:
    """A third of the own height, as gravity has it."""
    part = t / 0.7 % 1
    return 1.0, 0.0, 0.1 * np.sin(np.pi * t), -1.4 * part * (1 - part)


MOTIONS: dict[str, tuple[Callable[[float, float], Pose], int]] = {
    "still": (_still, 60),
    "slow": (_slow, 75),
    "run": (_run, 45),
    "jump": (_jump, 45),
}


def filmed(estimate: Estimator) -> Iterator[Course]:
    """Film everybody in every way, and ask a network in true boxes that shake."""
    for kind in MOTIONS:
        for number, person in enumerate(_people()):
            yield _course(estimate, person, kind, number)


@dataclass(frozen=True, eq=False)
class _Person:
    image: Image
    box: Float
    labels: Float


def _people() -> Iterator[_Person]:
    from skimage.data import astronaut

    yield _cut(astronaut(), np.array([80.0, 10.0, 440.0, 511.0]), np.full((17, 2), np.nan))
    for picture in body_pictures():
        if picture.path.stem in PEOPLE:
            yield _cut(pp.read_image(picture.path), picture.boxes[0], picture.xy[0])


def _cut(image: Image, box: Float, labels: Float) -> _Person:
    """A person with an eighth of their size around them."""
    margin = np.ptp(box.reshape(2, 2), axis=0).max() / 8
    left, top = np.maximum(box[:2] - margin, 0).astype(int)
    right, bottom = (box[2:] + margin).astype(int)
    corner = np.array([left, top], dtype=float)
    return _Person(image[top:bottom, left:right], box - np.tile(corner, 2), labels - corner)


def _course(estimate: Estimator, person: _Person, kind: str, number: int) -> Course:
    rng = np.random.default_rng(number)
    motion, frames = MOTIONS[kind]
    seconds = np.arange(frames) / FPS
    maps = [_placed(person.box, motion(float(t), float(number))) for t in seconds]
    background = _background(rng)
    found = []
    for screen_from_person in maps:
        image = _screen(person.image, screen_from_person, background, rng)
        box = transform_boxes(person.box[None], screen_from_person)
        found.append(estimate(image, box + rng.normal(0, BOX_NOISE * SIZE, (1, 4))))
    back = [transform_points(kps.xy[0], invert(m)) for kps, m in zip(found, maps, strict=True)]
    own = np.median(back, axis=0)
    truth, labels = (np.stack([transform_points(xy, m) for m in maps]) for xy in (own, person.labels))
    return Course(kind, seconds, found, truth, labels)


def _placed(box: Float, pose: Pose) -> Float:
    """Map that puts the middle of a box near the middle of the screen, moved by a pose."""
    zoom, turn, right, down = pose
    scale = zoom * SIZE / np.ptp(box.reshape(2, 2), axis=0).max()
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    goal = np.array(SCREEN) / 2 + [0, 20] + SIZE * np.array([right, down])
    return np.column_stack([linear, goal - linear @ box.reshape(2, 2).mean(axis=0)])


def _background(rng: np.random.Generator) -> Image:
    coarse = rng.integers(40, 200, (SCREEN[1] // 16, SCREEN[0] // 16, 3)).astype(np.uint8)
    return cv2.resize(cv2.GaussianBlur(coarse, (0, 0), 1), SCREEN, interpolation=cv2.INTER_CUBIC)


def _screen(piece: Image, matrix: Float, background: Image, rng: np.random.Generator) -> Image:
    """The piece with soft edges over the background, and the noise of a sensor."""
    edge = max(2, round(0.04 * max(piece.shape[:2])))
    mask = np.zeros(piece.shape[:2], np.float32)
    mask[edge:-edge, edge:-edge] = 1
    cover = cv2.warpAffine(cv2.GaussianBlur(mask, (0, 0), edge / 2), matrix, SCREEN)[..., None]
    person = cv2.warpAffine(piece, matrix, SCREEN, borderMode=cv2.BORDER_REPLICATE)
    mixed = person * cover + background * (1 - cover)
    return np.clip(mixed + rng.normal(0, SENSOR_NOISE, mixed.shape), 0, 255).astype(np.uint8)


LIMBS = {  # of the body's points, which joint of the motion capture
    "nose": "head", "left_ear": "upperneck", "right_ear": "upperneck",
    "left_shoulder": "lhumerus", "right_shoulder": "rhumerus", "left_elbow": "lradius",
    "right_elbow": "rradius", "left_wrist": "lwrist", "right_wrist": "rwrist", "left_hip": "lfemur",
    "right_hip": "rfemur", "left_knee": "ltibia", "right_knee": "rtibia", "left_ankle": "lfoot",
    "right_ankle": "rfoot", "left_eye": "head", "right_eye": "head",
}  # fmt: skip


def captured(courses: list[Course]) -> Iterator[Course]:
    """Motion capture seen from any side, with errors and scores as met in still and slow courses."""
    rng = np.random.default_rng(0)
    errors = [pair for one in courses if one.kind in ("still", "slow") for pair in _errors(one)]
    spans = sorted(_spans(rng), key=lambda xy: np.linalg.norm(np.diff(xy, axis=0), axis=-1).mean())
    count = len(spans)
    for kind, first, last in (("limbs, slow", 0, count // 4), ("limbs, quick", 3 * count // 4, count - 1)):
        for row in np.linspace(first, last, 8).astype(int):
            yield _with_errors(kind, spans[row] * SIZE, errors, rng)


def _errors(course: Course) -> Iterator[tuple[Float, Float]]:
    xy = np.stack([kps.xy[0] for kps in course.found]) - course.truth
    scores = np.stack([kps.scores[0] for kps in course.found])
    for column in np.flatnonzero(course.clear):
        yield xy[:, column], scores[:, column]


def _spans(rng: np.random.Generator, frames: int = 60) -> Iterator[Float]:
    """Pieces of two seconds, in sizes of the person, shape (60, 17, 2)."""
    with np.load(DATA / "mocap_cmu.npz") as capture:
        joints = capture["names"].tolist()
        columns = [joints.index(LIMBS[name]) for name in BODY.keypoints]
        clips = [capture[name][:, columns] for name in sorted(capture.files) if capture[name].ndim == 3]
    for clip in clips:
        for start in range(0, len(clip) - frames + 1, frames):
            x, y, z = np.moveaxis(clip[start : start + frames], 2, 0)
            side = rng.uniform(0, 2 * np.pi)
            xy = np.stack([x * np.cos(side) + z * np.sin(side), -y], axis=2)
            yield xy / np.median(np.ptp(xy, axis=1).max(axis=1))


def _with_errors(
    kind: str, truth: Float, errors: list[tuple[Float, Float]], rng: np.random.Generator
) -> Course:
    chosen = [errors[row] for row in rng.integers(len(errors), size=truth.shape[1])]
    xy = truth + np.stack([error[: len(truth)] for error, _ in chosen], axis=1)
    scores = np.stack([score[: len(truth)] for _, score in chosen], axis=1)
    boxes = np.concatenate([truth.min(axis=1), truth.max(axis=1)], axis=1)
    boxes += rng.normal(0, BOX_NOISE * SIZE, boxes.shape)
    found = [
        Keypoints(xy[t : t + 1], scores[t : t + 1], BODY, boxes=boxes[t : t + 1]) for t in range(len(xy))
    ]
    return Course(kind, np.arange(len(xy)) / FPS, found, truth, np.full(truth.shape, np.nan))
