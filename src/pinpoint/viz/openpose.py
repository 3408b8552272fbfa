"""Stick figures on black in OpenPose's colours: what pose-guided image generation was trained on.

Colours and geometry as published with ControlNet (arXiv 2302.05543): 18 points of a body with limbs as filled
ellipses at 0.6 of their colour, hands as lines around the colour wheel, faces as white dots. Nothing is
smoothed: that is how the networks have seen it.
"""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, Size
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.viz.drawing import check_image
from pinpoint.viz.palette import look_of
from pinpoint.viz.style import Color

__all__ = ["COLORS", "draw_openpose"]

# One for each keypoint of openpose18, and one for each of its edges, both in order.
COLORS: tuple[Color, ...] = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
DARKER = 0.6  # colour of a limb relative to that of its point
REFERENCE = 512  # shorter side in pixels of the pictures that the lengths below are meant for
STICK, JOINT, FINGER, KNUCKLE, FACE = 4, 4, 2, 4, 3  # half width, radius, width, radius, radius
KNUCKLE_COLOR, FACE_COLOR = (0, 0, 255), (255, 255, 255)
FARTHEST = 1e5  # no picture is that large: what lies beyond is left out


def draw_openpose(canvas: Image | Size, kps: Keypoints, *, threshold: float = 0.3) -> Image:
    """Draw stick figures on black, as conditioning for image generation.

    Bodies of any skeleton that converts to `openpose18` are drawn, and hands and faces where the skeleton has
    them. Sticks reach four pixels to either side in a picture whose shorter side is 512, and grow with it.
    Points of faces and hands have their published size whatever that of the person, so they merge on small
    faces: that is how the networks have seen it. Results of several models go together with `numpy.maximum`.

    Args:
        canvas: Width and height of the result, or a picture of that size; its content is not used.
        kps: What to draw, in pixels of the result.
        threshold: Keypoints with a score below this are left out.

    Returns:
        RGB, uint8, shape (H, W, 3).

    Raises:
        ValueError: The skeleton has no body, hand or face, or the canvas is neither a size nor a picture.
    """
    width, height = _canvas_size(canvas)
    out = np.zeros((height, width, 3), np.uint8)
    bodies, hands = _bodies(kps), _hands(kps.skeleton)
    face = np.flatnonzero(look_of(kps.skeleton).dots)
    if bodies is None and not hands and not len(face):
        raise ValueError(f"{kps.skeleton!r} has no body, hand or face to draw in OpenPose's way")
    if bodies is not None:
        for xy in _drawable(bodies, threshold):
            _draw_body(out, xy)
    for xy in _drawable(kps, threshold):
        for hand in hands:
            _draw_hand(out, xy[hand])
        _draw_discs(out, xy[face], FACE, [FACE_COLOR] * len(face))
    return out


def _canvas_size(canvas: Image | Size) -> Size:
    if isinstance(canvas, np.ndarray):
        check_image(canvas)
        return canvas.shape[1], canvas.shape[0]
    if len(canvas) != 2 or min(canvas) < 1:
        raise ValueError(f"canvas is {canvas}, expected a picture or its width and height in pixels")
    return int(canvas[0]), int(canvas[1])


def _bodies(kps: Keypoints) -> Keypoints | None:
    return convert(kps, "openpose18") if "left_shoulder" in kps.skeleton else None


def _hands(source: Skeleton) -> list[NDArray[np.intp]]:
    """Columns of every hand in the order of hand21."""
    hand = skeleton("hand21").keypoints
    sided = [
        [f"{side}_hand_root", *(f"{side}_{name}" for name in hand if name != "wrist")]
        for side in ("left", "right")
    ]
    whole = [list(names) for names in (hand, *sided) if all(name in source for name in names)]
    return [source.indices(names) for names in whole]


def _drawable(kps: Keypoints, threshold: float) -> Float:
    """Points that are drawn, shape (N, K, 2), all others NaN."""
    near = (np.abs(kps.xy) < FARTHEST).all(axis=-1)  # NaN and inf are not
    return np.where((near & (kps.scores >= threshold))[..., None], kps.xy, np.nan)


def _pixels(length: float, image: Image) -> int:
    return max(1, round(length * min(image.shape[:2]) / REFERENCE))


def _draw_body(image: Image, xy: Float) -> None:
    half = _pixels(STICK, image)
    for (a, b), color in zip(skeleton("openpose18").edge_index, COLORS, strict=False):
        if not np.isnan(xy[[a, b]]).any():
            dark = [int(DARKER * value) for value in color]
            cv2.fillConvexPoly(image, _ellipse(xy[a], xy[b], half), dark)
    _draw_discs(image, xy, JOINT, COLORS)


def _ellipse(a: Float, b: Float, half_width: int) -> NDArray[np.int32]:
    """Outline of a limb as an ellipse whose long axis joins its ends, shape (P, 2)."""
    x, y = (a + b) / 2
    dx, dy = a - b
    axes = (int(np.hypot(dx, dy) / 2), half_width)
    angle = int(np.degrees(np.arctan2(dy, dx)))
    return cv2.ellipse2Poly((int(x), int(y)), axes, angle, 0, 360, 1)  # pyright: ignore[reportReturnType]


def _draw_hand(image: Image, xy: Float) -> None:
    edges = skeleton("hand21").edge_index
    for number, (a, b) in enumerate(edges):
        if not np.isnan(xy[[a, b]]).any():
            hue = colorsys.hsv_to_rgb(number / len(edges), 1.0, 1.0)
            start, end = xy[[a, b]].astype(int).tolist()
            cv2.line(image, start, end, [int(255 * value) for value in hue], _pixels(FINGER, image))
    _draw_discs(image, xy, KNUCKLE, [KNUCKLE_COLOR] * len(xy))


def _draw_discs(image: Image, xy: Float, radius: float, colors: Sequence[Color]) -> None:
    for point, color in zip(xy, colors, strict=True):
        if not np.isnan(point).any():
            cv2.circle(image, point.astype(int).tolist(), _pixels(radius, image), color, -1)
