"""Boxes that the caller gives instead of a detector's: checked once, and answered with one row for each."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Image, Size, iou, meets_picture
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.preparation import picture_size
from pinpoint.skeletons import skeleton

__all__ = ["as_boxes", "best_in_boxes", "in_boxes", "in_rows", "whole_picture"]

log = logging.getLogger(__name__)

UNSEEN: dict[str, Any] = {"scores": 0.0, "box_scores": 0.0, "visible": False, "track_ids": -1, "labels": ""}
"""What a row holds in which nothing was seen; NaN where nothing is said."""


def as_boxes(boxes: ArrayLike) -> Keypoints:
    """Instances of which only the boxes are known.

    Args:
        boxes: x1 y1 x2 y2, shape (N, 4).

    Raises:
        ValueError: The shape is another one, or a box is not finite or has no area.
    """
    array = np.asarray(boxes, dtype=np.float64)
    if array.shape == (0,):
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have shape {array.shape}, expected (N, 4) as x1 y1 x2 y2")
    bad = ~(np.isfinite(array).all(axis=1) & (array[:, 2:] > array[:, :2]).all(axis=1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"box {row} is {array[row].tolist()}, expected finite x1 < x2 and y1 < y2")
    n = len(array)
    return Keypoints(
        np.zeros((n, 0, 2)), np.zeros((n, 0)), skeleton("box"), boxes=array, box_scores=np.ones(n)
    )


def whole_picture(image: Image, boxes: ArrayLike | None = None) -> Keypoints:
    """An estimator that takes the picture as the box of one instance, where nothing finds such instances."""
    width, height = picture_size(image)
    return as_boxes([(-0.5, -0.5, width - 0.5, height - 0.5)] if boxes is None else boxes)


def in_boxes(image: Image, boxes: ArrayLike, read: Callable[[Keypoints], Keypoints]) -> Keypoints:
    """Read the instances in given boxes: one row for each, in their order.

    A box that lies outside the picture keeps its row; its keypoints are missing, and a warning names it.

    Args:
        image: RGB, shape (H, W, 3).
        boxes: x1 y1 x2 y2, shape (N, 4).
        read: Turns instances of which only the boxes are known into as many with keypoints.

    Raises:
        ValueError: The shape is another one, or a box is not finite or has no area.
    """
    given = as_boxes(boxes)
    inside = _inside(given, picture_size(image))
    return in_rows(read(given[inside]), inside, given)


def in_rows(kps: Keypoints, rows: NDArray[np.bool_], found: Keypoints) -> Keypoints:
    """Put instances into the rows of what they were read from; in the other rows nothing is seen.

    Args:
        kps: As many instances as `rows` is true.
        rows: Where they belong, shape (N,).
        found: N instances, whose boxes and ids are kept.
    """
    if rows.all():
        return kps
    columns = {}
    for name, values in kps.arrays().items():
        column = np.full((len(rows), *values.shape[1:]), UNSEEN.get(name, np.nan), dtype=values.dtype)
        column[rows] = values
        columns[name] = column
    kept = {name: getattr(found, name) for name in ("boxes", "areas", "track_ids")}
    return replace(Keypoints(skeleton=kps.skeleton, **columns), **kept)


def best_in_boxes(image: Image, found: Keypoints, boxes: ArrayLike, min_iou: float) -> Keypoints:
    """Give each box the instance that fits it best: one row for each, in their order, each with its box.

    The pairs that overlap most are joined first; nobody is given to two boxes. A box that is left without has
    missing keypoints and score 0.

    Args:
        image: RGB, shape (H, W, 3).
        found: M instances with boxes.
        boxes: x1 y1 x2 y2, shape (N, 4).
        min_iou: Pairs that overlap less are never joined.

    Raises:
        ValueError: The boxes have another shape, or one is not finite or has no area.
    """
    given = as_boxes(boxes)
    _inside(given, picture_size(image))
    if found.boxes is None:
        raise ValueError(f"{found!r} has no boxes, expected one for each instance")
    overlap = iou(np.asarray(given.boxes), found.boxes)
    chosen = np.full(len(given), -1)
    while overlap.size and overlap.max() >= min_iou:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        chosen[row] = column
        overlap[row], overlap[:, column] = 0, 0
    joined = chosen >= 0
    return replace(in_rows(found[chosen[joined]], joined, given), boxes=given.boxes)


def _inside(given: Keypoints, size: Size) -> NDArray[np.bool_]:
    """Whether each box has a part in the picture; those that have none are named in a warning."""
    boxes, (width, height) = np.asarray(given.boxes), size
    inside = meets_picture(boxes, size)
    for row in np.flatnonzero(~inside):
        log.warning(
            "box %d is %s, outside the picture of %d x %d: nothing is looked for there",
            row,
            boxes[row].round(1).tolist(),
            width,
            height,
        )
    return inside
