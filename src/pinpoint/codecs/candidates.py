"""From the thousands of rows that a one-stage network puts out to the few instances worth keeping."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.points import known_points
from pinpoint.geometry import nms

__all__ = ["anchor_cells", "best_rows", "cell_boxes", "cells_of_rows", "distinct", "only_picture"]

MAX_CANDIDATES = 1000
LARGEST_LOG_SIZE = 20.0  # e^20 strides are more than any picture; the exponential of more overflows


def only_picture(output: NDArray, columns: int) -> NDArray:
    """Take the one picture out of an output of shape (1, n, columns or more).

    Raises:
        ValueError: The output has another shape.
    """
    if output.ndim != 3 or len(output) != 1 or output.shape[2] < columns:
        raise ValueError(f"output has shape {output.shape}, expected (1, n, {columns} or more)")
    return output[0]


@lru_cache(maxsize=32)
def anchor_cells(input_size: tuple[int, int], strides: tuple[int, ...]) -> tuple[Float, Float]:
    """Every cell of every level, in the order given, row by row. The arrays are shared: do not write to them.

    Returns:
        Column and row of each cell, shape (n, 2), and the stride of its level, shape (n, 1).

    Raises:
        ValueError: A side of the input is not a multiple of every stride.
    """
    width, height = input_size
    if bad := [stride for stride in strides if width % stride or height % stride]:
        raise ValueError(f"input size {width} x {height} is not a multiple of strides {bad}")
    levels = [np.indices((height // stride, width // stride))[::-1].reshape(2, -1).T for stride in strides]
    cells = np.concatenate(levels).astype(np.float64)
    sizes = np.repeat(np.array(strides, dtype=np.float64), [len(level) for level in levels])[:, None]
    cells.flags.writeable = sizes.flags.writeable = False
    return cells, sizes


def cells_of_rows(rows: int, input_size: tuple[int, int], strides: tuple[int, ...]) -> tuple[Float, Float]:
    """Return `anchor_cells`, one for each row of a network's output.

    Raises:
        ValueError: There are more or fewer cells than rows.
    """
    cells, sizes = anchor_cells(input_size, strides)
    if rows != len(cells):
        width, height = input_size
        raise ValueError(f"outputs have {rows} rows, expected {len(cells)} for input size {width} x {height}")
    return cells, sizes


def cell_boxes(raw: Float, cells: Float, strides: Float) -> Float:
    """Boxes told as a middle from the cell and the logarithm of a size, both in strides.

    Args:
        raw: x, y, log width and log height, shape (N, 4).
        cells: Column and row of each cell, shape (N, 2).
        strides: Shape (N, 1).

    Returns:
        x1 y1 x2 y2 in the coordinates the network was trained on, shape (N, 4).
    """
    middle = (raw[:, :2] + cells) * strides
    half = np.exp(np.minimum(raw[:, 2:], LARGEST_LOG_SIZE)) * strides / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def best_rows(scores: Float, min_score: float) -> NDArray[np.intp]:
    """Rows of finite scores not below a minimum, best first, the best 1000 at most."""
    rows = np.flatnonzero((scores >= min_score) & (scores < np.inf))
    if len(rows) > MAX_CANDIDATES:
        rows = rows[np.argpartition(-scores[rows], MAX_CANDIDATES)[:MAX_CANDIDATES]]
    return rows[np.argsort(-scores[rows], kind="stable")]


def distinct(
    boxes: Float, box_scores: Float, max_iou: float, xy: Float | None = None, scores: Float | None = None
) -> Instances:
    """Drop boxes that are no boxes, then those that overlap a better one.

    Args:
        boxes: x1 y1 x2 y2, shape (N, 4). What is not finite or has no area is dropped.
        box_scores: Shape (N,).
        max_iou: Overlap above which the worse of two boxes is dropped.
        xy: Keypoints of each box, shape (N, K, 2); none for a plain detector.
        scores: Shape (N, K).
    """
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    rows = np.flatnonzero(sound)
    kept = rows[nms(boxes[rows], box_scores[rows], max_iou)]
    xy = np.zeros((len(boxes), 0, 2)) if xy is None else xy
    scores = np.zeros(xy.shape[:2]) if scores is None else scores
    return Instances(boxes[kept], np.clip(box_scores[kept], 0, 1), *known_points(xy[kept], scores[kept]))
