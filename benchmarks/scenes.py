"""Videos with known truth out of real photographs: people who walk past each other, and cameras that move."""

import math
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from environment import HERE
from pinpoint.geometry import Float, Image, Size, boxes_of_points, transform_points
from pinpoint.io.coco_truth_writer import write_coco_truth
from pinpoint.io.images import read_image
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton
from samples import Picture, body_pictures

sys.path.append(str(HERE.parent / "tests"))  # moving people by known maps is the tests' own tool

from moving_people import (
    Cut,
    Moment,
    Mover,
    Way,
    astronaut_cut,
    covered,
    moving,
    plain_background,
    standing_at,
    steady,
    straight,
    swaying,
    write_moments,
)

__all__ = [
    "PEOPLE",
    "PLAIN",
    "Clip",
    "Cut",
    "Moment",
    "astronaut_cut",
    "crowd",
    "panned",
    "person_cut",
    "row",
    "steady",
    "walk",
    "write_labels",
    "write_moments",
]

SIZE, WIDE = (640, 480), (1280, 720)
PLAIN = (150, 145, 138)
FPS = 30.0
PEOPLE = ((872, 1), (7088, 0), (10764, 0), (88970, 0), (273232, 0), (5060, 0))
"""Pictures of COCO val, and people in them, whom their background lets go."""

AROUND = 0.03  # of the height: so far a person may reach beyond the labelled box
FLESH = 0.13  # of the height: width of a limb, at most


@dataclass(frozen=True, eq=False, repr=False)
class Clip:
    """A video in memory."""

    name: str
    moments: tuple[Moment, ...]

    @property
    def size(self) -> Size:
        """Width and height of the frames."""
        height, width = self.moments[0].frame.image.shape[:2]
        return width, height

    @property
    def images(self) -> NDArray[np.uint8]:
        """All frames, shape (T, H, W, 3)."""
        return np.stack([moment.frame.image for moment in self.moments])


def person_cut(image_id: int, row: int, height: float) -> Cut:
    """Cut a labelled person out of a picture: by colour, from the labelled limbs outwards (GrabCut)."""
    return _person(image_id, row).sized(height)


@cache
def _person(image_id: int, row: int) -> Cut:
    picture = next(one for one in body_pictures() if one.image_id == image_id)
    image, xy = read_image(picture.path), picture.xy[row : row + 1]
    columns = skeleton("coco17")
    kps = Keypoints(xy, np.isfinite(xy).all(axis=2).astype(float), columns)
    return covered(image, _cover(image, picture.boxes[row], xy[0], columns), kps)


def _cover(image: Image, box: Float, xy: Float, columns: Skeleton) -> NDArray[np.uint8]:
    height, flesh = box[3] - box[1], FLESH * (box[3] - box[1])
    left, top = np.maximum(box[:2] - AROUND * height, 0).astype(int)
    right, bottom = (box[2:] + AROUND * height).astype(int)
    guess = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    guess[top:bottom, left:right] = cv2.GC_PR_BGD
    _draw_body(guess, xy, columns, round(flesh), cv2.GC_PR_FGD)
    _draw_body(guess, xy, columns, max(round(flesh / 6), 1), cv2.GC_FGD)
    around = slice(max(top - 40, 0), bottom + 40), slice(max(left - 40, 0), right + 40)
    part, marks = np.ascontiguousarray(image[around]), np.ascontiguousarray(guess[around])
    cv2.setRNGSeed(0)
    cv2.grabCut(part, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)  # pyright: ignore[reportCallIssue, reportArgumentType]
    cover = np.zeros(image.shape[:2], np.uint8)
    cover[around] = np.where((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), 255, 0)
    _, pieces, figures, _ = cv2.connectedComponentsWithStats(cover)
    largest = 1 + figures[1:, cv2.CC_STAT_AREA].argmax()
    return np.where(pieces == largest, 255, 0).astype(np.uint8)


def _draw_body(guess: NDArray[np.uint8], xy: Float, columns: Skeleton, width: int, value: int) -> None:
    whole = [tuple(edge) for edge in columns.edge_index if np.isfinite(xy[edge]).all()]
    for a, b in whole:
        cv2.line(guess, xy[a].astype(int).tolist(), xy[b].astype(int).tolist(), value, width)
    torso = xy[columns.indices(["left_shoulder", "right_shoulder", "right_hip", "left_hip"])]
    if np.isfinite(torso).all():
        cv2.fillConvexPoly(guess, cv2.convexHull(torso.astype(np.int32)), value)
    if np.isfinite(xy[0]).all():
        cv2.circle(guess, xy[0].astype(int).tolist(), width, value, -1)


def walk(name: str, cut: Cut, seconds: float) -> Clip:
    """One person who walks through the picture and back, before a still background."""
    width, height = SIZE
    reach = max((width - (cut.box[2] - cut.box[0])) / 2 - 10, 10)
    feet = (width / 2, min(height - 8, height / 2 + (cut.box[3] - cut.box[1]) / 2))
    place = swaying(lambda t: (feet[0], feet[1] - 4 * abs(math.sin(6 * t))), reach, period=4.0, phase=-0.1)
    mover = Mover(cut, standing_at(cut, place))
    return Clip(name, tuple(moving([mover], plain_background(SIZE), steady(seconds, FPS))))


def crowd(seconds: float, count: int = 6, seed: int = 0, heights: tuple[float, float] = (190, 250)) -> Clip:
    """People who walk to and fro and past each other, before a still background."""
    rng = np.random.default_rng(seed)
    movers = []
    for number in range(count):
        cut = person_cut(*PEOPLE[number % len(PEOPLE)], rng.uniform(*heights))
        x, y = 100 + (SIZE[0] - 200) * number / max(count - 1, 1), SIZE[1] - 10 - 200 * rng.uniform()
        place = straight((x, y), (x, y + rng.uniform(-4, 4)), 1.0)
        steps = swaying(place, rng.uniform(25, 60), rng.uniform(3, 5), rng.uniform())
        movers.append(Mover(cut, standing_at(cut, steps)))
    return Clip(f"{count} people", tuple(moving(movers, plain_background(SIZE), steady(seconds, FPS))))


def row(seconds: float, count: int = 6) -> Clip:
    """People side by side who sway a little, before a plain colour."""
    width, height = WIDE
    background = np.full((height, width, 3), PLAIN, np.uint8)
    movers = []
    for number in range(count):
        cut = person_cut(*PEOPLE[number % len(PEOPLE)], 220)
        wide = cut.box[2] - cut.box[0]
        cut = cut.sized(220 * min(1, 0.7 * width / count / wide))
        place = swaying(lambda _, n=number: (width * (n + 0.5) / count, height / 2 + 125), 15, 3 + number / 2)
        movers.append(Mover(cut, standing_at(cut, place)))
    return Clip(f"{count} people", tuple(moving(movers, background, steady(seconds, FPS))))


def panned(picture: Picture, columns: Skeleton, seconds: float, size: Size = SIZE) -> Clip:
    """A camera that pans, tilts, rolls and comes closer, over a photograph."""
    image = read_image(picture.path)
    view = _pan(picture, size)
    kps = Keypoints(
        picture.xy, np.isfinite(picture.xy).all(axis=2).astype(float), columns, boxes=picture.boxes
    )
    moments = [
        replace(moment, truth=_through(kps, view(moment.frame.seconds)), seen=np.ones(len(kps)))
        for moment in moving([], image, steady(seconds, FPS), view, size)
    ]
    return Clip(picture.path.stem, tuple(moments))


def _pan(picture: Picture, size: Size) -> Way:
    fit = min(size[0] / picture.size[0], size[1] / picture.size[1])
    middle = (np.array(picture.size) - 1) / 2

    def view(t: float) -> Float:
        turn = 2 * math.pi * t / 4
        scale = fit * (1.08 + 0.06 * math.sin(turn))
        angle = math.radians(3 * math.sin(0.7 * turn))
        rotation = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        target = (np.array(size) - 1) / 2 + 0.05 * np.array(size) * [math.sin(turn), math.sin(0.5 * turn)]
        return np.column_stack([rotation, target - rotation @ middle])

    return view


def _through(kps: Keypoints, matrix: Float) -> Keypoints:
    boxes = np.asarray(kps.boxes)
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    return replace(
        kps,
        xy=transform_points(kps.xy, matrix),
        boxes=boxes_of_points(transform_points(corners, matrix)),
        track_ids=np.arange(len(kps)),
    )


def write_labels(clip: Clip, folder: Path, every: int = 1, *, least: float = 0.5) -> Path:
    """Write every n-th frame as a picture, and the labels of those who are seen by half as COCO's JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for moment in clip.moments[::every]:
        name = f"{moment.frame.index:05}.png"
        cv2.imwrite(str(folder / name), cv2.cvtColor(moment.frame.image, cv2.COLOR_RGB2BGR))
        kept = moment.truth[moment.seen >= least]
        boxes = np.asarray(kept.boxes)
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        records.append(
            Record(replace(kept, areas=areas, track_ids=None), name, clip.size, moment.frame.index)
        )
    path = folder / "labels.json"
    write_coco_truth(path, records)
    return path
