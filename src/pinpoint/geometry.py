"""Every map between pictures is one (2, 3) affine matrix, named target-from-source.

Coordinates are pixels with centres on whole numbers, so a picture of width w reaches from -0.5 to w - 0.5.
Boxes are x1 y1 x2 y2 in the same coordinates. Sizes are (width, height). NaN stays NaN.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]
Image = NDArray[np.uint8]
Size = tuple[int, int]

__all__ = [
    "box_regions",
    "boxes_of_points",
    "clip_boxes",
    "compose",
    "identity",
    "invert",
    "iou",
    "letterbox",
    "meets_picture",
    "mirror",
    "nms",
    "region_matrices",
    "resize",
    "sampled_at_corners",
    "transform_boxes",
    "transform_points",
    "warp",
]


def identity() -> Float:
    """Return the map that changes nothing, shape (2, 3)."""
    return np.eye(2, 3)


def transform_points(xy: Float, matrix: Float) -> Float:
    """Apply maps of shape (2, 3) or (N, 2, 3) to points of shape (..., 2) or (N, ..., 2)."""
    matrix = np.asarray(matrix)
    if matrix.ndim == 2:
        return xy @ matrix[:, :2].T + matrix[:, 2]
    if np.ndim(xy) == 3:
        return xy @ matrix[:, :, :2].swapaxes(1, 2) + matrix[:, None, :, 2]
    extra = (1,) * (np.ndim(xy) - 2)
    linear = matrix[:, :, :2].reshape(-1, *extra, 2, 2)
    return np.einsum("...ij,...j->...i", linear, xy) + matrix[:, :, 2].reshape(-1, *extra, 2)


def transform_boxes(boxes: Float, matrix: Float) -> Float:
    """Upright hulls of mapped boxes, shapes (N, 4) -> (N, 4)."""
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    moved = transform_points(corners, matrix)
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)


def compose(a_from_b: Float, b_from_c: Float) -> Float:
    """Return a_from_c: first the second map, then the first. Shapes (..., 2, 3)."""
    linear = a_from_b[..., :2] @ b_from_c[..., :2]
    shift = a_from_b[..., :2] @ b_from_c[..., 2:] + a_from_b[..., 2:]
    return np.concatenate([linear, shift], axis=-1)


def invert(a_from_b: Float) -> Float:
    """Return b_from_a, shapes (..., 2, 3).

    Raises:
        numpy.linalg.LinAlgError: The map is not invertible.
    """
    matrix = np.asarray(a_from_b, dtype=np.float64)
    a, b, x, c, d, y = (matrix[..., row, column] for row in range(2) for column in range(3))
    area = a * d - b * c
    if not np.all(area):
        raise np.linalg.LinAlgError("the map is not invertible: it squeezes the picture to a line")
    entries = np.array([d, -b, b * y - d * x, -c, a, c * x - a * y]) / area
    return np.ascontiguousarray(entries.reshape(6, -1).T).reshape(matrix.shape)


def mirror(width: int) -> Float:
    """Left-right mirror of a picture: x -> width - 1 - x."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0]])


def resize(source: Size, target: Size) -> Float:
    """Stretch a picture of one size onto another; their outer edges fall together."""
    scale = np.array(target) / np.array(source)
    return np.column_stack([np.diag(scale), (scale - 1) / 2])


def letterbox(source: Size, target: Size, align: float = 0.5) -> Float:
    """Scale a picture to fit inside another size, keeping its shape.

    Args:
        source: Size of the picture.
        target: Size of the input.
        align: Share of the spare room that goes to the left and top: .5 centres, 0 goes into the corner.
    """
    scale = min(target[0] / source[0], target[1] / source[1])
    spare = np.array(target) - scale * np.array(source)
    shift = (scale - 1) / 2 + align * spare
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def sampled_at_corners(target_from_source: Float) -> Float:
    """The same map for samplers that take positions measured from a picture's outer edge as pixel indices.

    MediaPipe's does: what it shows to its networks is off by half a pixel of the picture, less half a pixel
    of the input. Shapes (..., 2, 3).
    """
    moved = np.array(target_from_source, dtype=np.float64)
    moved[..., 2] += 0.5 - moved[..., :2].sum(axis=-1) / 2
    return moved


def region_matrices(centers: Float, sizes: Float, angles: Float | float, input_size: Size) -> Float:
    """Maps `input_from_image` for rotated rectangles, each stretched onto the whole input.

    Args:
        centers: Middle of each rectangle, shape (N, 2).
        sizes: Width and height of each, shape (N, 2).
        angles: Radians by which each is turned clockwise (as seen on the screen), shape (N,) or a number.
        input_size: Size of the input.

    Returns:
        Maps of shape (N, 2, 3).
    """
    centers, sizes = np.asarray(centers, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    angle = np.broadcast_to(np.asarray(angles, dtype=np.float64), len(centers))
    cos, sin = np.cos(angle), np.sin(angle)
    wide, high = (np.array(input_size) / sizes).T
    x, y = centers.T
    right, down = (np.array(input_size) - 1) / 2
    across = [wide * cos, wide * sin, right - wide * (cos * x + sin * y)]
    along = [-high * sin, high * cos, down - high * (cos * y - sin * x)]
    return np.array([across, along]).transpose(2, 0, 1)


def box_regions(boxes: Float, aspect: float, scale: float = 1.25) -> tuple[Float, Float]:
    """Grow boxes to an aspect ratio (width / height) around their middle, then by a factor.

    Returns:
        Centers (N, 2) and sizes (N, 2), as `region_matrices` takes them.
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    height = np.maximum(np.maximum(height, width / aspect), 1.0)
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.stack([height * aspect, height], axis=1) * scale


def warp(image: Image, target_from_source: Float, size: Size, border: float | None = 0) -> Image:
    """Resample a picture under a map, bilinearly.

    Args:
        image: Shape (H, W, C).
        target_from_source: Shape (2, 3).
        size: Size of the result.
        border: Grey level outside the picture; none repeats its edge.
    """
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    options = {"flags": cv2.INTER_LINEAR, "borderMode": mode, "borderValue": (border or 0.0,) * 4}
    near, matrix = _near(image, np.asarray(target_from_source, dtype=np.float64), size)
    if near.ndim == 3 and near.shape[2] == 3 and near.nbytes <= FOUR_CHANNEL_BYTES:
        warped = cv2.warpAffine(cv2.cvtColor(near, cv2.COLOR_RGB2RGBA), matrix, size, **options)
        return cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB).astype(image.dtype, copy=False)
    return cv2.warpAffine(near, matrix, size, **options).astype(image.dtype, copy=False)


FOUR_CHANNEL_BYTES = 2_000_000
"""Parts of a picture up to this size are warped with a fourth channel: OpenCV takes half the time for four as
for three, and adding one brings the part into the processor's cache."""
LONGEST_SIDE = 32_766
"""OpenCV 4 warps no longer pictures."""


def _near(image: Image, target_from_source: Float, size: Size) -> tuple[Image, Float]:
    """The part of a picture that a warp reads, and the map from it; in plain numbers, which are quicker."""
    (a, b, x), (c, d, y) = target_from_source.tolist()
    area = a * d - b * c
    corners = [(u - x, v - y) for u in (-1, size[0]) for v in (-1, size[1])]
    left, right = _span([(d * u - b * v) / area for u, v in corners], image.shape[1])
    top, bottom = _span([(a * v - c * u) / area for u, v in corners], image.shape[0])
    moved = target_from_source.copy()
    moved[:, 2] += moved[:, 0] * left + moved[:, 1] * top
    part = image[top:bottom, left:right]
    if max(part.shape[:2]) > LONGEST_SIDE:
        step = -(-max(part.shape[:2]) // LONGEST_SIDE)
        part = part[::step, ::step]
        moved[:, :2] *= step
    return part, moved


def _span(positions: Iterable[float], length: int) -> tuple[int, int]:
    """First and last + 1 of the pixels that positions lie between, with their neighbours; at least one."""
    reached = sorted(positions)
    first = int(min(max(reached[0] - 2, 0), length - 1))
    return first, int(min(max(reached[-1] + 3, first + 1), length))


def boxes_of_points(xy: Float) -> Float:
    """Smallest boxes around the points that are not NaN, shapes (N, K, 2) -> (N, 4); NaN if there is none."""
    rows = np.ascontiguousarray(xy.swapaxes(1, 2))  # numpy is quick along the last axis only
    boxes = np.concatenate([rows.min(axis=2, initial=np.inf), rows.max(axis=2, initial=-np.inf)], axis=1)
    if np.isfinite(boxes).all():
        return boxes
    missing = np.isnan(xy).any(axis=-1, keepdims=True)
    low = np.where(missing, np.inf, xy).min(axis=1, initial=np.inf)
    high = np.where(missing, -np.inf, xy).max(axis=1, initial=-np.inf)
    boxes = np.concatenate([low, high], axis=1)
    return np.where(np.isfinite(boxes), boxes, np.nan)


def clip_boxes(boxes: Float, size: Size) -> Float:
    """Cut boxes to a picture, shapes (N, 4) -> (N, 4)."""
    width, height = size
    return np.clip(boxes, -0.5, np.array([width, height, width, height]) - 0.5)


def meets_picture(boxes: Float, size: Size | NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether each box has a part in a picture, shapes (N, 4) -> (N,). A box with a NaN has none.

    The size is that of one picture, or of each box's own, shape (N, 2).
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.logical_and.reduce((high > -0.5) & (low < np.array(size) - 0.5), axis=1)


def iou(a: Float, b: Float) -> Float:
    """Intersection over union of every pair of boxes, shapes (N, 4), (M, 4) -> (N, M)."""
    width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
    height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = _areas(a)[:, None] + _areas(b) - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def nms(boxes: Float, scores: Float, threshold: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes kept, best score first.

    Args:
        boxes: x1 y1 x2 y2, shape (N, 4), with an area. Those that are not finite are dropped.
        scores: Shape (N,).
        threshold: A box that overlaps a better one by more than this is dropped.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(boxes[order]).all(axis=1)]  # one NaN would suppress everything after it
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)[order]
    ranks = np.arange(len(order), 0, -1, dtype=np.float32)  # scores of any sign and of equal size, in order
    kept = cv2.dnn.NMSBoxes(corner_and_size, ranks, 0.0, threshold)  # pyright: ignore
    return order[np.asarray(kept, dtype=np.intp)]


def _areas(boxes: Float) -> Float:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]
