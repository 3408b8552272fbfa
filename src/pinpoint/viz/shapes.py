"""From keypoints to strokes and dots: what is drawn where, how wide and how opaque; painting comes after."""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, boxes_of_points
from pinpoint.keypoints import Keypoints
from pinpoint.viz.detail import Detail
from pinpoint.viz.layer import clip_segments
from pinpoint.viz.palette import Look, instance_colors
from pinpoint.viz.style import Style

__all__ = [
    "Dots",
    "Strokes",
    "box_alpha",
    "cut_dots",
    "cut_strokes",
    "drawn_boxes",
    "drawn_dots",
    "drawn_frames",
    "drawn_limbs",
    "group_extents",
    "line_widths",
    "point_alpha",
]

EXTENT_SHARE = 0.028  # widest limb as a share of the longer side of what it belongs to
THINNEST = 1.2  # pixels
FRAME = 0.6  # width of a box relative to that of a limb
OCCLUDED = 0.8  # opacity of what is occluded relative to what is seen
DASH, GAP = 2.0, 2.6  # in line widths
SMALL_DOT = 0.8  # radius of one of many dots in line widths
FARTHEST = 1e6  # no picture is that large: what lies beyond is left out


@dataclass(frozen=True, eq=False)
class Strokes:
    """Round-ended lines.

    Args:
        starts: One end of each, shape (M, 2).
        ends: The other end, shape (M, 2).
        widths: In pixels, shape (M,).
        rims: Width of the dark rim on either side in pixels, shape (M,).
        alpha: Opacity in [0, 1], shape (M,).
        colors: RGB in 0..255, shape (M, 3).
        dashed: Whether it is interrupted, shape (M,).
        rows: The instance each belongs to, shape (M,).
    """

    starts: Float
    ends: Float
    widths: Float
    rims: Float
    alpha: Float
    colors: Float
    dashed: NDArray[np.bool_]
    rows: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Dots:
    """Points.

    Args:
        xy: Centres, shape (M, 2).
        radii: In pixels, shape (M,).
        rims: Width of the dark rim around each in pixels, shape (M,).
        alpha: Opacity in [0, 1], shape (M,).
        colors: RGB in 0..255, shape (M, 3).
        small: Whether it is one of many and has no ring, shape (M,).
        hollow: Whether only its rim is drawn, shape (M,).
        rows: The instance each belongs to, shape (M,).
    """

    xy: Float
    radii: Float
    rims: Float
    alpha: Float
    colors: Float
    small: NDArray[np.bool_]
    hollow: NDArray[np.bool_]
    rows: NDArray[np.intp]


Shapes = TypeVar("Shapes", Strokes, Dots)


def point_alpha(kps: Keypoints, style: Style) -> Float:
    """Opacity of every keypoint, shape (N, K); 0 for those that are not drawn."""
    seen = (np.abs(kps.xy) < FARTHEST).all(axis=-1)  # NaN and inf are not
    alpha = np.where(seen, _faded(kps.scores, style), 0.0)
    return alpha if kps.visible is None else alpha * np.where(kps.visible, 1.0, OCCLUDED)


def box_alpha(kps: Keypoints, style: Style) -> Float:
    """Opacity of every box, shape (N,)."""
    scores = np.ones(len(kps)) if kps.box_scores is None else kps.box_scores
    return _faded(scores, style)


def drawn_boxes(kps: Keypoints, style: Style) -> Float:
    """Boxes given, or around the drawn keypoints, shape (N, 4); NaN where there is neither."""
    around = _boxes_of_drawn(kps, style, slice(None))
    if kps.boxes is None:
        return around
    usable = (np.abs(kps.boxes) < FARTHEST).all(axis=1, keepdims=True)
    return np.where(usable, kps.boxes, around)


def group_extents(kps: Keypoints, look: Look, style: Style) -> Float:
    """Longer side in pixels of what is drawn of each group of keypoints, shape (N, G); NaN for nothing."""
    extents = np.full((len(kps), len(look.groups)), np.nan)
    for number, group in enumerate(look.groups):
        extents[:, number] = _longer_side(_boxes_of_drawn(kps, style, group))
    if look.groups and kps.boxes is not None:
        extents[:, 0] = np.fmax(extents[:, 0], _longer_side(drawn_boxes(kps, style)))
    return extents


def line_widths(extents: Float, look: Look, shape: tuple[int, ...], style: Style) -> Float:
    """Width at every keypoint in pixels, shape (N, K): a share of the picture, less for what is small."""
    widths = _fitting(extents, shape, style)[:, look.group_of]
    return np.maximum(widths * look.weight, THINNEST)


def drawn_limbs(kps: Keypoints, alpha: Float, widths: Float, look: Look, detail: Detail) -> Strokes:
    """A stroke for every edge with two drawn ends, instance by instance, the faintest first."""
    a, b = kps.skeleton.edge_index.T
    shown = np.minimum(alpha[:, a], alpha[:, b]) * detail.opacity
    rows, edges = np.nonzero(shown)
    seen, thickness = _seen(kps), np.minimum(widths[:, a], widths[:, b])[rows, edges]
    strokes = Strokes(
        starts=kps.xy[rows, a[edges]],
        ends=kps.xy[rows, b[edges]],
        widths=thickness,
        rims=_rims(thickness) * detail.edge_rims[rows, edges],
        alpha=shown[rows, edges],
        colors=look.edges[edges],
        dashed=~(seen[:, a] & seen[:, b])[rows, edges],
        rows=rows,
    )
    return _take(strokes, np.lexsort((strokes.alpha, strokes.rows)))


def drawn_dots(kps: Keypoints, alpha: Float, widths: Float, look: Look, detail: Detail, style: Style) -> Dots:
    """A dot for every drawn keypoint, instance by instance, the faintest first."""
    rows, columns = np.nonzero(alpha * detail.radii)
    small, share = look.dots[columns], detail.radii[rows, columns]
    radii = widths[rows, columns] * np.where(small, SMALL_DOT, 1.0) * style.point_radius
    dots = Dots(
        xy=kps.xy[rows, columns],
        radii=radii * share,
        rims=_rims(radii) * share,
        alpha=alpha[rows, columns],
        colors=look.points[columns],
        small=small,
        hollow=~_seen(kps)[rows, columns],
        rows=rows,
    )
    return _take(dots, np.lexsort((dots.alpha, dots.rows)))


def drawn_frames(kps: Keypoints, boxes: Float, shape: tuple[int, ...], style: Style) -> Strokes:
    """Four strokes for every box that is not NaN, in the colour of its instance."""
    alpha = np.where(np.isfinite(boxes).all(axis=1), box_alpha(kps, style), 0.0)
    rows = np.flatnonzero(alpha)
    corners = boxes[rows][:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    width = np.maximum(FRAME * _fitting(_longer_side(boxes[rows]), shape, style), THINNEST)
    return Strokes(
        starts=corners.reshape(-1, 2),
        ends=np.roll(corners, -1, axis=1).reshape(-1, 2),
        widths=width.repeat(4),
        rims=_rims(width).repeat(4),
        alpha=alpha[rows].repeat(4),
        colors=instance_colors(kps)[rows].repeat(4, axis=0),
        dashed=np.zeros(4 * len(rows), dtype=bool),
        rows=rows.repeat(4),
    )


def cut_strokes(strokes: Strokes, shape: tuple[int, ...]) -> Strokes:
    """Cut strokes to a picture of shape (H, W, 3) and its surroundings, and break the dashed ones up."""
    margin = 4 * strokes.widths.max(initial=1)
    around = np.array([-margin, -margin, shape[1] + margin, shape[0] + margin])
    starts, ends, touching = clip_segments(strokes.starts, strokes.ends, around)
    kept = _take(replace(strokes, starts=starts, ends=ends), np.flatnonzero(touching))
    return _broken_up(kept) if kept.dashed.any() else kept


def cut_dots(dots: Dots, shape: tuple[int, ...]) -> Dots:
    """Leave out the dots that do not reach a picture of shape (H, W, 3)."""
    margin = 4 + 2 * dots.radii[:, None]
    near = (dots.xy > -margin) & (dots.xy < np.array([shape[1], shape[0]]) + margin)
    return _take(dots, np.flatnonzero(near.all(axis=1)))


def _broken_up(strokes: Strokes) -> Strokes:
    length = np.linalg.norm(strokes.ends - strokes.starts, axis=1)
    wanted = np.ceil(length / ((DASH + GAP) * strokes.widths)).astype(int)
    count = np.where(strokes.dashed, np.maximum(wanted, 1), 1)
    pieces = _take(strokes, np.repeat(np.arange(len(count)), count))
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    margin = np.where(pieces.dashed, GAP / (DASH + GAP) / 2, 0.0)
    along = (pieces.ends - pieces.starts) / np.repeat(count, count)[:, None]
    return replace(
        pieces,
        starts=pieces.starts + (step + margin)[:, None] * along,
        ends=pieces.starts + (step + 1 - margin)[:, None] * along,
    )


def _faded(scores: Float, style: Style) -> Float:
    kept = np.where(scores >= style.threshold, scores, 0.0)  # NaN is not
    return style.opacity * np.sqrt(np.clip(kept, 0.0, 1.0))


def _seen(kps: Keypoints) -> NDArray[np.bool_]:
    return np.ones(kps.scores.shape, dtype=bool) if kps.visible is None else kps.visible


def _boxes_of_drawn(kps: Keypoints, style: Style, columns: NDArray[np.intp] | slice) -> Float:
    drawn = point_alpha(kps, style)[:, columns, None] > 0
    return np.asarray(boxes_of_points(np.where(drawn, kps.xy[:, columns], np.nan)), dtype=np.float64)


def _fitting(extent: Float, shape: tuple[int, ...], style: Style) -> Float:
    """Width of a limb for instances of some extent in a picture of shape (H, W, 3); 0 or NaN says nothing."""
    limit = np.where(extent > 0, EXTENT_SHARE * extent, np.inf)
    return np.minimum(limit, style.line_width * np.sqrt(shape[0] * shape[1]))


def _rims(widths: Float) -> Float:
    """Width of the dark rim around strokes or dots of some width or radius, in pixels."""
    return np.clip(0.3 * widths, 0.95, 4.0)


def _longer_side(boxes: Float) -> Float:
    return np.fmax(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def _take(shapes: Shapes, chosen: NDArray[np.intp]) -> Shapes:
    return replace(shapes, **{field.name: getattr(shapes, field.name)[chosen] for field in fields(shapes)})
