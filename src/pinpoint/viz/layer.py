"""A translucent layer over one region of a picture, and the anti-aliased shapes painted on it.

The layer is RGBA with colours multiplied by their alpha. A shape *replaces* what it covers, so two strokes of
one limb do not add up to a darker joint, and the picture is blended once however many shapes there are.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float

__all__ = ["Layer", "capsules", "clip_segments", "premultiplied"]

SHIFT = 4  # OpenCV's fixed point: coordinates in sixteenths of a pixel
STRIP = 32_768  # pixels blended at once: what fits the processor's cache goes five times faster
CAP = np.linspace(-np.pi / 2, np.pi / 2, 6)
# OpenCV's anti-aliased shapes come out larger by so many pixels on every side, polygons and discs; measured.
POLYGON_GROWTH, DISC_GROWTH = 0.7, 0.55


class Layer:
    """A transparent layer over the part of an image that a box (x1 y1 x2 y2, any numbers) covers.

    A layer of which nothing lies inside the image is `empty`, and nothing may be painted on it.
    """

    def __init__(self, image: NDArray[np.uint8], box: Float) -> None:
        height, width = image.shape[:2]
        edges = np.clip(np.concatenate([np.floor(box[:2]), np.ceil(box[2:]) + 1]), 0, [width, height] * 2)
        left, top, right, bottom = (int(edge) for edge in edges)
        self._under = image[top:bottom, left:right]
        self._paint = np.zeros((*self._under.shape[:2], 4), np.uint8)
        self._origin = np.array([left, top], dtype=np.float64)
        self._width = right - left

    @property
    def empty(self) -> bool:
        """Whether the box lies outside the image."""
        return self._under.size == 0

    def polygons(self, outlines: Float, rgba: NDArray[np.uint8]) -> None:
        """Fill convex polygons, shape (M, P, 2), each with its premultiplied colour, shape (M, 4)."""
        fixed = np.rint((outlines - self._origin) * (1 << SHIFT)).astype(np.int32)
        for outline, color in zip(fixed, rgba.tolist(), strict=True):
            cv2.fillConvexPoly(self._paint, outline, color, cv2.LINE_AA, SHIFT)

    def discs(self, xy: Float, radii: Float, rgba: NDArray[np.uint8]) -> None:
        """Fill discs around points (M, 2) of radii (M,), each with its premultiplied colour, shape (M, 4)."""
        centers = np.rint((xy - self._origin) * (1 << SHIFT)).astype(int).tolist()
        sizes: list[int] = np.rint(np.maximum(radii - DISC_GROWTH, 0.1) * (1 << SHIFT)).astype(int).tolist()
        for center, size, color in zip(centers, sizes, rgba.tolist(), strict=True):
            cv2.circle(self._paint, center, size, color, -1, cv2.LINE_AA, SHIFT)

    def stamp(self, mask: NDArray[np.uint8], corner: tuple[int, int], color: tuple[int, int, int]) -> None:
        """Blend a colour through a mask of shape (h, w); its top left pixel comes to a corner."""
        x, y = int(corner[0] - self._origin[0]), int(corner[1] - self._origin[1])
        under = self._paint[max(y, 0) : y + mask.shape[0], max(x, 0) : x + mask.shape[1]]
        share = mask[max(-y, 0) :, max(-x, 0) :][: under.shape[0], : under.shape[1], None] / 255.0
        under[:] = np.rint(under * (1 - share) + np.array([*color, 255]) * share)

    def blend(self) -> None:
        """Put the layer on the image, in place."""
        rows = max(1, STRIP // self._width)
        for top in range(0, len(self._paint), rows):
            _blend(self._under[top : top + rows], self._paint[top : top + rows])


def _blend(under: NDArray[np.uint8], paint: NDArray[np.uint8]) -> None:
    clear = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(paint, 3)), cv2.COLOR_GRAY2RGB)
    kept = cv2.multiply(under, clear, scale=1 / 255)
    under[:] = cv2.add(kept, cv2.cvtColor(paint, cv2.COLOR_RGBA2RGB))


def premultiplied(colors: Float, alpha: Float) -> NDArray[np.uint8]:
    """RGBA of colours (M, 3) or (3,) in 0..255 with alpha (M,) in [0, 1], multiplied by it, shape (M, 4)."""
    rgb = np.broadcast_to(colors, (len(alpha), 3))
    full = np.concatenate([rgb, np.full((len(alpha), 1), 255.0)], axis=1)
    return np.rint(full * alpha[:, None]).astype(np.uint8)


def capsules(starts: Float, ends: Float, widths: Float) -> Float:
    """Outlines of round-ended strokes, shapes (M, 2), (M, 2), (M,) -> (M, P, 2)."""
    along = ends - starts
    length = np.linalg.norm(along, axis=1, keepdims=True)
    along = np.divide(along, length, out=np.tile([1.0, 0.0], (len(along), 1)), where=length > 0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    turn = np.cos(CAP)[:, None] * along[:, None] + np.sin(CAP)[:, None] * across[:, None]
    half = np.maximum(widths / 2 - POLYGON_GROWTH, 0.05)[:, None, None]
    return np.concatenate([ends[:, None] + half * turn, starts[:, None] - half * turn], axis=1)


def clip_segments(starts: Float, ends: Float, box: Float) -> tuple[Float, Float, NDArray[np.bool_]]:
    """Cut segments to a box x1 y1 x2 y2 (Liang and Barsky, 1984): painting cannot take huge coordinates.

    Returns:
        The cut ends, shapes (M, 2), and which segments touch the box, shape (M,).
    """
    along = ends - starts
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (box[:2] - starts) / along, (box[2:] - starts) / along
    inside = (starts >= box[:2]) & (starts <= box[2:])
    still = along == 0
    low, high = np.where(still, np.where(inside, -np.inf, np.inf), low), np.where(still, np.inf, high)
    enter = np.clip(np.minimum(low, high).max(axis=1), 0, None)
    leave = np.clip(np.maximum(low, high).min(axis=1), None, 1)
    touches = enter <= leave
    enter, leave = (np.where(touches, at, 0.0)[:, None] for at in (enter, leave))
    return starts + enter * along, starts + leave * along, touches
