"""What annotation files leave open: in which frame they are, whose keypoints they hold, which box lacks."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Size, boxes_of_points, identity, meets_picture, resize
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["AREA_OF_BOX", "Completed", "completed", "frame_of_labels", "in_skeleton", "usual_skeleton"]

log = logging.getLogger(__name__)

AREA_OF_BOX = 0.53
"""The share of a person's box that the person covers, as the evaluations of CrowdPose and AIC have it."""
MARGIN = 0.1  # how far a box around points is grown on every side, as a share of its longer one


@dataclass(frozen=True, eq=False)
class Completed:
    """Boxes and areas of N instances.

    Args:
        boxes: x1 y1 x2 y2, shape (N, 4).
        areas: Square pixels, shape (N,).
        usable: Which have a box that can be cropped, shape (N,).
        mended: Which of these got it from their points, shape (N,).
        guessed: Which have an area that is a share of the box, shape (N,).
    """

    boxes: Float
    areas: Float
    usable: NDArray[np.bool_]
    mended: NDArray[np.bool_]
    guessed: NDArray[np.bool_]


def completed(
    xy: Float, boxes: Float | None, areas: Float | None, size: Size | NDArray[np.integer]
) -> Completed:
    """Find a box and an area for every instance.

    A box is made from the points, with a tenth of its longer side around them, where there is none that is
    finite, has an area and meets the picture. An area that is none or 0 is .53 of the box.

    Args:
        xy: Shape (N, K, 2), NaN where not labelled.
        boxes: x1 y1 x2 y2, shape (N, 4), or none at all.
        areas: Square pixels, shape (N,), or none at all.
        size: Of the picture, or that of each instance's picture, shape (N, 2).
    """
    boxes = np.full((len(xy), 4), np.nan) if boxes is None else boxes
    areas = np.full(len(xy), np.nan) if areas is None else areas
    bad = ~_usable(boxes, size)
    boxes = np.where(bad[:, None], _boxes_around(xy), boxes)
    usable = _usable(boxes, size)
    guessed = ~(np.isfinite(areas) & (areas > 0))
    of_boxes = AREA_OF_BOX * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return Completed(boxes, np.where(guessed, of_boxes, areas), usable, bad & usable, guessed)


def frame_of_labels(stated: Size | None, actual: Size) -> Float | None:
    """The map `picture_from_labels` of a picture whose annotations state a size.

    Args:
        stated: Width and height that the annotations were made in; none where they do not say it.
        actual: Width and height of the picture, upright.

    Returns:
        Shape (2, 3); none where the picture lies on its side, so that nobody knows which way it was turned.
    """
    if stated is None or min(stated) < 1:
        return identity()
    width, height = actual
    return None if stated == (height, width) != actual else resize(stated, actual)


def usual_skeleton(records: Sequence[Record]) -> Skeleton:
    """The skeleton of most instances; one without keypoints only where no other is."""
    count: Counter[Skeleton] = Counter()
    for record in records:
        count[record.keypoints.skeleton] += len(record.keypoints)
    ranked = sorted(count, key=lambda kind: (len(kind) > 0, count[kind]), reverse=True)
    if sum(count[kind] > 0 for kind in ranked) > 1:
        log.info("several skeletons: %s", ", ".join(f"{count[kind]} of {kind!r}" for kind in ranked))
    return ranked[0]


def in_skeleton(records: Sequence[Record], goal: Skeleton, path: Path) -> list[Record]:
    """Say the labels in the names of one skeleton; those that share none with it are left out."""
    strange = [
        record
        for record in records
        if len(goal) and len(record.keypoints) and not _share(goal, record.keypoints.skeleton)
    ]
    count = sum(len(record.keypoints) for record in strange)
    if count == sum(len(record.keypoints) for record in records):
        kinds = sorted({repr(record.keypoints.skeleton) for record in strange})
        raise ValueError(f"{path} labels {', '.join(kinds)}, which shares no keypoint with {goal!r}")
    if count:
        log.warning("%s: %d instances share no keypoint with %r: left out", path.name, count, goal)
    gone = set(map(id, strange))
    return [_renamed(record, goal) for record in records if id(record) not in gone]


def _share(one: Skeleton, other: Skeleton) -> bool:
    return bool(set(one.keypoints) & set(other.keypoints))


def _renamed(record: Record, goal: Skeleton) -> Record:
    same = record.keypoints.skeleton == goal
    return record if same else replace(record, keypoints=_by_name(record.keypoints, goal))


def _by_name(kps: Keypoints, goal: Skeleton) -> Keypoints:
    """The same labels in the columns of another skeleton; NaN where there is no keypoint of that name.

    Nothing is made from other keypoints, as `convert` does: a network shall learn what people labelled.
    """
    source = kps.skeleton
    columns = np.array(
        [source.index(name) if name in source else len(source) for name in goal.keypoints], int
    )
    xy = np.concatenate([kps.xy, np.full((len(kps), 1, 2), np.nan)], axis=1)[:, columns]
    scores = np.concatenate([kps.scores, np.zeros((len(kps), 1))], axis=1)[:, columns]
    seen = kps.visible
    if seen is not None:
        seen = np.concatenate([seen, np.zeros((len(kps), 1), bool)], axis=1)[:, columns]
    return replace(kps, xy=xy, scores=scores, skeleton=goal, visible=seen, xyz=None)


def _usable(boxes: Float, size: Size | NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether each box is finite, has an area and a part in the picture, shapes (N, 4) -> (N,)."""
    return (
        meets_picture(boxes, size)
        & np.isfinite(boxes).all(axis=1)
        & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    )


def _boxes_around(xy: Float) -> Float:
    """Boxes around points with a margin, shapes (N, K, 2) -> (N, 4); without area if the points are one."""
    boxes = boxes_of_points(xy)
    margin = MARGIN * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    return boxes + margin * [-1, -1, 1, 1]
