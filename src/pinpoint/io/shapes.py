"""What drawing tools hold of an instance: named points, a rectangle and what they are tied together by.

labelme, Label Studio, CVAT and VIA measure from the outer edge of the first pixel; `EDGE` moves points and
rectangles by that half pixel on reading and on writing.
"""

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pinpoint.io.coco_truth_writer import name_of_category
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton_names, swaps_by_name
from pinpoint.skeletons import skeleton as shipped

__all__ = [
    "EDGE",
    "Drawn",
    "Image",
    "Shape",
    "drawn_in",
    "outward",
    "records_of_images",
    "said_of",
    "say_lost",
    "skeleton_named",
    "skeleton_said",
    "tied",
]

log = logging.getLogger(__name__)

EDGE = 0.5  # from the outer edge of the first pixel to its centre

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Id = int | str


@dataclass(frozen=True, eq=False)
class Drawn:
    """One instance, in pixels with centres on whole numbers.

    Args:
        points: x and y of each keypoint that is there, by its name.
        hidden: Names of the keypoints that are occluded.
        scores: Confidence of keypoints by name; those that are not named have 1.
        label: Category, or empty.
        box: x1 y1 x2 y2, if there is one.
        box_score: Confidence of the instance, if the file says it.
        id: What the file calls the instance, if it does.
        track: Identity over time, -1 where unknown.
        place: Number in the file's order.

    Raises:
        ValueError: A coordinate is no number.
    """

    points: Mapping[str, Point]
    hidden: Collection[str] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    label: str = ""
    box: Box | None = None
    box_score: float | None = None
    id: Id | None = None
    track: int = -1
    place: int = 0

    def __post_init__(self) -> None:
        for name, numbers in {**self.points, "the box": self.box or ()}.items():
            if not all(map(math.isfinite, numbers)):
                raise ValueError(f"{name!r} is at {numbers}, expected finite numbers")


@dataclass(frozen=True, eq=False)
class Image:
    """One image and what is drawn in it: the fields of `Record`, and the skeleton if the file says it."""

    name: str
    drawn: Sequence[Drawn]
    size: tuple[int, int] | None = None
    id: Id | None = None
    split: str = ""
    index: int | None = None
    skeleton: Skeleton | None = None


@dataclass(frozen=True, eq=False)
class Shape:
    """One point or rectangle, before it is known which instance it belongs to.

    Args:
        label: Name of the keypoint, or category of the instance.
        numbers: x y of a point or x1 y1 x2 y2 of a rectangle.
        group: What ties shapes to one instance, if anything does.
        hidden: Whether it is occluded.
        score: Its confidence, if the file says it.
        id: What the file calls the instance, if this shape says it.
        track: Identity over time, -1 where unknown.
        place: Number in the file's order, if something else than shapes is in it, too.
    """

    label: str
    numbers: tuple[float, ...]
    group: Id | None = None
    hidden: bool = False
    score: float | None = None
    id: Id | None = None
    track: int = -1
    place: int = 0


def outward(value: float) -> float:
    """Measure from the outer edge of the first pixel, to 3 decimals."""
    return round(value + EDGE, 3)


def tied(shapes: Iterable[Shape], how: str) -> list[Drawn]:
    """Gather shapes into instances.

    Shapes of one group are one instance. Those without a group: each rectangle is an instance, with the
    points in it; where there is no rectangle, all points are one.

    Args:
        shapes: Those of one image, in the file's order; instances are in that of their first shapes.
        how: How shapes are tied in this tool, for messages.

    Raises:
        ValueError: An instance has a keypoint or a rectangle twice, or a point lies in several rectangles.
    """
    order = {shape: number for number, shape in enumerate(shapes)}
    groups: dict[Id, list[Shape]] = {}
    loose: list[Shape] = []
    for shape in order:
        (loose if shape.group is None else groups.setdefault(shape.group, [])).append(shape)
    found = [*groups.values(), *_by_rectangle(loose, how)]
    found.sort(key=lambda group: min(order[shape] for shape in group))
    return [_instance(group, how) for group in found]


def drawn_in(record: Record, decimals: int | None = 3) -> Iterator[Drawn]:
    """Take a record apart into instances; those without a point and a box are left out.

    Args:
        record: The record.
        decimals: Round pixels to so many, or none to keep them as they are.
    """
    kps = record.keypoints
    xy = kps.xy if decimals is None else np.round(kps.xy, decimals)
    boxes = None if kps.boxes is None else kps.boxes if decimals is None else np.round(kps.boxes, decimals)
    for row in range(len(kps)):
        there = np.flatnonzero(np.isfinite(xy[row]).all(axis=1)).tolist()
        names = [kps.skeleton.keypoints[column] for column in there]
        box = None if boxes is None or not np.isfinite(boxes[row]).all() else tuple(boxes[row].tolist())
        if not names and box is None:
            continue
        hidden = [] if kps.visible is None else [c for c in there if not kps.visible[row, c]]
        yield Drawn(
            {name: tuple(xy[row, column].tolist()) for name, column in zip(names, there, strict=True)},
            {kps.skeleton.keypoints[column] for column in hidden},
            {name: float(kps.scores[row, column]) for name, column in zip(names, there, strict=True)},
            label=name_of_category(kps.skeleton) if kps.labels is None else str(kps.labels[row]),
            box=box,
            box_score=None if kps.box_scores is None else float(kps.box_scores[row]),
            id=record.instance_ids[row] if record.instance_ids else None,
            track=-1 if kps.track_ids is None else int(kps.track_ids[row]),
        )


def say_lost(records: Iterable[Record], what: str, *, boxes: bool = True, labels: bool = True) -> None:
    """Warn of instances that a format has nothing to hold on to.

    Args:
        records: What is written.
        what: Name of the format in messages.
        boxes: Whether it holds boxes; else those without a point are lost.
        labels: Whether instances without a box keep their label.
    """
    lost = unnamed = 0
    for record in records:
        kps = record.keypoints
        there = np.asarray(np.asarray(np.isfinite(kps.xy).all(axis=-1)).any(axis=-1))
        corners = np.full((len(kps), 4), np.nan) if kps.boxes is None else kps.boxes
        boxed = np.asarray(np.isfinite(corners).all(axis=-1))
        lost += int((~there & ~(boxed & boxes)).sum())
        unnamed += int((there & ~boxed).sum()) if kps.labels is not None else 0
    if lost:
        without = "a point or a box" if boxes else "a point"
        log.warning("%s cannot hold instances without %s; %d left out", what, without, lost)
    if unnamed and not labels:
        log.warning("%s cannot hold labels of instances without a box; %d left out", what, unnamed)


def records_of_images(images: Sequence[Image], skeleton: Skeleton | None) -> list[Record]:
    """Turn what is drawn into records of one skeleton.

    It is the given one; else the one that the file says, if it has all names that occur; else the one that
    these names mean.

    Raises:
        ValueError: A keypoint is none of the given skeleton.
    """
    names = dict.fromkeys(name for image in images for drawn in image.drawn for name in drawn.points)
    said = dict.fromkeys(image.skeleton for image in images if image.skeleton is not None)
    fitting = [kind for kind in said if set(names) <= set(kind.keypoints)]
    kind = skeleton
    if kind is None:
        kind = fitting[0] if fitting else skeleton_named(tuple(names))
    unsaid = {"", kind.name, name_of_category(kind)}
    labelled = any(drawn.label not in unsaid for image in images for drawn in image.drawn)
    return [_record(image, index, kind, labelled) for index, image in enumerate(images)]


def said_of(kind: Skeleton) -> str | dict[str, Any]:
    """What a file says of a skeleton: the name alone where it is one of this package."""
    known = kind.name in skeleton_names() and kind == shipped(kind.name)
    return kind.name if known else kind.to_dict()


def skeleton_said(said: object) -> Skeleton | None:
    """Read the inverse of `said_of`; anything else is none.

    Raises:
        ValueError: It lacks a part of a skeleton.
    """
    if isinstance(said, dict):
        return Skeleton.from_dict(said)
    return shipped(said) if isinstance(said, str) and said in skeleton_names() else None


def skeleton_named(
    names: tuple[str, ...], name: str = "keypoints", edges: tuple[tuple[str, str], ...] = ()
) -> Skeleton:
    """Return the skeleton of this package with these names in any order, or else one made of what is said."""
    same = [known for known in map(shipped, skeleton_names()) if sorted(known.keypoints) == sorted(names)]
    if len(same) == 1:
        return same[0]
    log.info("%d keypoints are no skeleton of this package: %s", len(names), ", ".join(names))
    return Skeleton(name, names, edges, swaps_by_name(names))


def _by_rectangle(loose: Sequence[Shape], how: str) -> list[list[Shape]]:
    rectangles = [shape for shape in loose if len(shape.numbers) == 4]
    points = [shape for shape in loose if len(shape.numbers) == 2]
    groups = [[rectangle] for rectangle in rectangles]
    outside: list[Shape] = []
    for point in points:
        around = [group for group in groups if _holds(group[0].numbers, point.numbers)]
        if len(around) > 1:
            raise ValueError(f"{point.label!r} lies in {len(around)} rectangles and is tied to none: {how}")
        (around[0] if around else outside).append(point)
    return [*groups, *([outside] if outside else [])]


def _holds(box: Sequence[float], point: Sequence[float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _instance(shapes: Sequence[Shape], how: str) -> Drawn:
    points: dict[str, Shape] = {}
    boxes: list[Shape] = []
    for shape in shapes:
        if len(shape.numbers) == 4:
            boxes.append(shape)
        elif shape.label in points:
            raise ValueError(f"one instance has {shape.label!r} twice: {how}")
        else:
            points[shape.label] = shape
    if len(boxes) > 1:
        raise ValueError(f"one instance has {len(boxes)} rectangles: {how}")
    ids = [shape.id for shape in (*boxes, *shapes) if shape.id is not None]
    return Drawn(
        {name: (shape.numbers[0], shape.numbers[1]) for name, shape in points.items()},
        {name for name, shape in points.items() if shape.hidden},
        {name: shape.score for name, shape in points.items() if shape.score is not None},
        label=boxes[0].label if boxes else "",
        box=_sorted_box(boxes[0].numbers) if boxes else None,
        box_score=boxes[0].score if boxes else None,
        id=ids[0] if ids else None,
        place=min(shape.place for shape in shapes),
        track=boxes[0].track if boxes else shapes[0].track if len(shapes) == 1 else -1,
    )


def _sorted_box(numbers: Sequence[float]) -> Box:
    """Rectangles may be drawn from any corner."""
    x1, y1, x2, y2 = numbers
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _record(image: Image, index: int, kind: Skeleton, labelled: bool) -> Record:
    ids = tuple(drawn.id for drawn in image.drawn if drawn.id is not None)
    return Record(
        _keypoints(image.drawn, kind, labelled),
        image.name,
        image.size,
        index if image.index is None else image.index,
        id=image.id,
        instance_ids=ids if len(ids) == len(image.drawn) else (),
        split=image.split,
    )


def _keypoints(drawn: Sequence[Drawn], kind: Skeleton, labelled: bool) -> Keypoints:
    n, k = len(drawn), len(kind)
    xy, scores, visible = np.full((n, k, 2), np.nan), np.zeros((n, k)), np.zeros((n, k), dtype=np.bool_)
    for row, one in enumerate(drawn):
        for name, point in one.points.items():
            if name not in kind:
                raise ValueError(f"keypoint {name!r} is none of {kind!r}")
            column = kind.index(name)
            xy[row, column] = point
            scores[row, column] = one.scores.get(name, 1.0)
            visible[row, column] = name not in one.hidden
    optional: dict[str, Any] = {}
    if any(one.box is not None for one in drawn):
        optional["boxes"] = np.array([one.box or [np.nan] * 4 for one in drawn])
    if any(one.box_score is not None for one in drawn):
        optional["box_scores"] = np.array([1.0 if one.box_score is None else one.box_score for one in drawn])
    if any(one.track >= 0 for one in drawn):
        optional["track_ids"] = np.array([one.track for one in drawn])
    if labelled and n:
        optional["labels"] = np.array([one.label for one in drawn], dtype=np.str_)
    return Keypoints(xy, scores, kind, visible=visible, **optional)
