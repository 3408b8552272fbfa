"""Keypoints over a picture: haloed limbs, points, boxes and tags."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image
from pinpoint.keypoints import Keypoints
from pinpoint.viz.detail import detail_of
from pinpoint.viz.layer import Layer, capsules, premultiplied
from pinpoint.viz.palette import look_of
from pinpoint.viz.shapes import (
    Dots,
    Strokes,
    cut_dots,
    cut_strokes,
    drawn_boxes,
    drawn_dots,
    drawn_frames,
    drawn_limbs,
    group_extents,
    line_widths,
    point_alpha,
)
from pinpoint.viz.style import DEFAULT, Style
from pinpoint.viz.tags import draw_tags

__all__ = ["check_image", "draw"]

INK, WHITE = np.array([12.0, 14.0, 20.0]), np.array([255.0, 255.0, 255.0])
HALO = 0.75  # opacity of the dark halo relative to the stroke over it
GLOW, GLOW_WIDTH = 0.32, 3.2  # opacity and width of the tint along a limb relative to the limb
GLOWING = 2.0  # pixels; the tint of a thinner limb could not be told from its halo
RINGED = 1.8  # pixels; a smaller point has no room for a ring
CORE = 0.64  # radius of a point's colour relative to its white ring


@dataclass(frozen=True, eq=False)
class _Coat:
    """Shapes painted in one go: a method of Layer, the instance of each (ascending), and its arguments."""

    brush: Callable[..., None]
    rows: NDArray[np.intp]
    shapes: tuple[NDArray[Any], ...]


def draw(image: Image, kps: Keypoints, *, style: Style = DEFAULT) -> Image:
    """Draw keypoints, limbs and, if asked for, boxes over a picture.

    Left is blue, right is orange (the person's own), the middle is near white. Opacity follows the score;
    occluded points are hollow and the limbs to them dashed; missing ones are left out. A skeleton without
    keypoints is drawn as boxes. To show several results on one picture, draw them one after the other.

    Args:
        image: RGB, uint8, shape (H, W, 3). It is not changed.
        kps: What to draw, in pixels of the image.
        style: Widths, opacity, threshold, boxes, tags and background.

    Returns:
        A new picture of the same shape.

    Raises:
        ValueError: The image is not RGB of 8 bits.
    """
    check_image(image)
    out = image.copy() if style.background is None else np.full_like(image, style.background)
    look, alpha, boxes = look_of(kps.skeleton), point_alpha(kps, style), drawn_boxes(kps, style)
    extents = group_extents(kps, look, style)
    widths, detail = line_widths(extents, look, out.shape, style), detail_of(look, kps.skeleton, extents)
    framed = style.boxes or len(kps.skeleton) == 0
    framing = boxes if framed else np.full_like(boxes, np.nan)
    frames = cut_strokes(drawn_frames(kps, framing, out.shape, style), out.shape)
    limbs = cut_strokes(drawn_limbs(kps, alpha, widths, look, detail), out.shape)
    dots = cut_dots(drawn_dots(kps, alpha, widths, look, detail, style), out.shape)
    _paint(out, frames, limbs, dots, len(kps))
    if style.tags:
        draw_tags(out, kps, boxes, framed, style)
    return out


def check_image(image: Image) -> None:
    """Refuse what is not a picture of shape (H, W, 3) and dtype uint8.

    Raises:
        ValueError: The image is not RGB of 8 bits.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        came = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"image is {came}, expected uint8 RGB of shape (H, W, 3)")


def _paint(image: Image, frames: Strokes, limbs: Strokes, dots: Dots, count: int) -> None:
    """Paint instance after instance, each on a layer of its own."""
    coats = [*_stroke_coats(frames), _glow(limbs), *_stroke_coats(limbs), *_dot_coats(dots)]
    for row, box in enumerate(_reach(frames, limbs, dots, count)):
        layer = Layer(image, box)
        if layer.empty:
            continue
        for coat in coats:
            chosen = slice(*np.searchsorted(coat.rows, (row, row + 1)))
            coat.brush(layer, *(array[chosen] for array in coat.shapes))
        layer.blend()


def _reach(frames: Strokes, limbs: Strokes, dots: Dots, count: int) -> Float:
    """Box around all that is painted for each instance, shape (N, 4); inside out where that is nothing."""
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    shapes = (
        (frames, frames.starts),
        (frames, frames.ends),
        (limbs, limbs.starts),
        (limbs, limbs.ends),
        (dots, dots.xy),
    )
    for shape, xy in shapes:
        np.minimum.at(low, shape.rows, xy)
        np.maximum.at(high, shape.rows, xy)
    widest = max(part.max(initial=0.0) for part in (limbs.widths, frames.widths, dots.radii))
    margin = 3 + GLOW_WIDTH * widest
    return np.concatenate([low - margin, high + margin], axis=1)


def _glow(limbs: Strokes) -> _Coat:
    wide = (limbs.widths >= GLOWING) & ~limbs.dashed
    outlines = capsules(limbs.starts[wide], limbs.ends[wide], GLOW_WIDTH * limbs.widths[wide])
    return _Coat(
        Layer.polygons,
        limbs.rows[wide],
        (outlines, premultiplied(limbs.colors[wide], GLOW * limbs.alpha[wide])),
    )


def _stroke_coats(strokes: Strokes) -> list[_Coat]:
    """A dark halo, except where there is no room for one, and the stroke itself."""
    rimmed = strokes.rims > 0
    wide = capsules(strokes.starts[rimmed], strokes.ends[rimmed], (strokes.widths + 2 * strokes.rims)[rimmed])
    outlines = capsules(strokes.starts, strokes.ends, strokes.widths)
    return [
        _Coat(Layer.polygons, strokes.rows[rimmed], (wide, premultiplied(INK, HALO * strokes.alpha[rimmed]))),
        _Coat(Layer.polygons, strokes.rows, (outlines, premultiplied(strokes.colors, strokes.alpha))),
    ]


def _dot_coats(dots: Dots) -> list[_Coat]:
    """A dark halo, a white ring and the colour; small points have no ring, hollow ones a hole."""
    plain = dots.small | dots.hollow | (dots.radii < RINGED)
    outer = np.where(plain[:, None], dots.colors, WHITE)
    inner = premultiplied(dots.colors, np.where(dots.hollow, 0.0, dots.alpha))
    cored = ~plain | dots.hollow
    return [
        _Coat(
            Layer.discs,
            dots.rows,
            (dots.xy, dots.radii + dots.rims, premultiplied(INK, HALO * dots.alpha)),
        ),
        _Coat(Layer.discs, dots.rows, (dots.xy, dots.radii, premultiplied(outer, dots.alpha))),
        _Coat(Layer.discs, dots.rows[cored], (dots.xy[cored], CORE * dots.radii[cored], inner[cored])),
    ]
