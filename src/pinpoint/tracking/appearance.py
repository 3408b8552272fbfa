"""What somebody looks like: numbers that are alike whenever it is the same person."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Appearance", "ColorHistogram", "clearness"]

SURE = 0.5  # of the surest limb; who is half hidden is looked at where they are not
LIMBS = 24  # edges at most; whole bodies begin with the body
GRID = np.stack(np.meshgrid(np.linspace(0.25, 0.75, 12), np.linspace(0.08, 0.92, 18)), axis=-1).reshape(-1, 2)
"""Samples over the middle of a box, in its shares."""
ALONG = np.linspace(0.1, 0.9, 5)  # samples along a limb
ASIDE = (-0.02, 0.0, 0.02)  # and beside it, in heights of the box
SAMPLES = len(ALONG) * len(ASIDE)
LEGS = ("hip", "knee", "ankle")
REST = ("shoulder", "elbow", "wrist")
FEW, MOST = 0.4, 0.8  # shares of the keypoints at which nearly nothing and all of somebody is seen


class Appearance(Protocol):
    """Describes instances by what they look like."""

    def __call__(self, image: Image, kps: Keypoints) -> Float:
        """Describe.

        Args:
            image: RGB, shape (H, W, 3).
            kps: N instances with boxes.

        Returns:
            Rows of length 1, shape (N, F). The product of two rows says how alike they look, 1 for the same.
            A row of zeros says nothing about somebody.
        """
        ...


def clearness(kps: Keypoints) -> Float:
    """How much of what is seen of instances with boxes is their own, shape (N,), in [0, 1].

    Who stands alone and whole is clear; a box that others cover is not, unless most keypoints are well seen.
    """
    assert kps.boxes is not None
    low = np.maximum(kps.boxes[:, None, :2], kps.boxes[:, :2])
    high = np.minimum(kps.boxes[:, None, 2:], kps.boxes[:, 2:])
    area = (kps.boxes[:, 2:] - kps.boxes[:, :2]).prod(axis=1)
    cover = np.clip(high - low, 0, None).prod(axis=2) / np.maximum(area, 1e-9)[:, None]
    np.fill_diagonal(cover, 0)
    most = np.minimum(cover.max(axis=1, initial=0), 1)
    if not kps.scores.shape[1]:
        return 1 - most
    seen = np.mean(kps.scores > SURE * kps.scores.max(axis=1, keepdims=True), axis=1)
    hidden = 1 - np.clip((seen - FEW) / (MOST - FEW), 0, 1)
    return 1 - hidden * (1 + most) / 2


@dataclass(frozen=True)
class ColorHistogram:
    """Histograms of colour of the upper and the lower half of somebody: what shirt and trousers are like.

    Pixels are taken along the edges of the skeleton, which lie on the person: from shoulders, arms and trunk,
    and from hips and legs, but not from the head, which looks the same on many. Where the skeleton has no
    such names all edges count and the middle of the box parts them; where none is seen, pixels come from the
    middle of the box. The rows are roots of the shares, so that their product is Bhattacharyya's coefficient.

    Args:
        hues: Bins around the circle of hues, each from dark to bright.
        values: Bins from dark to bright, for pixels with colour.
        greys: Bins from black to white, for pixels without much colour.
    """

    hues: int = 16
    values: int = 3
    greys: int = 5

    def __call__(self, image: Image, kps: Keypoints) -> Float:
        """Describe; see `Appearance`."""
        assert kps.boxes is not None
        bins = self.hues * self.values + self.greys
        if not len(kps):
            return np.zeros((0, 2 * bins))
        places, lower = _places(kps)
        colours, weights = self._bins(*_read(image, places))
        halves = (2 * np.arange(len(kps))[:, None] + lower)[..., None] * bins + colours
        counts: Float = np.bincount(halves.ravel(), weights.ravel(), 2 * len(kps) * bins).astype(float)
        halved = _shared(counts.reshape(len(kps), 2, bins), axis=2).reshape(len(kps), -1)
        return np.sqrt(_shared(halved, axis=1))

    def _bins(self, hsv: NDArray[np.uint8], inside: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Float]:
        """Bins that a pixel falls into, two hues by two values, and two greys, and how much, (..., 6)."""
        hue, saturation, value = np.moveaxis(hsv.astype(float), -1, 0)
        colour = np.clip(saturation * value / 255**2 * 3 - 0.25, 0, 1)
        bins, parts = [], []
        for at_hue, of_hue in _between(hue / 180 * self.hues):
            for at_value, of_value in _between(value / 255 * (self.values - 1)):
                bins.append(at_hue % self.hues * self.values + np.minimum(at_value, self.values - 1))
                parts.append(colour * of_hue * of_value)
        for at_grey, of_grey in _between(value / 255 * (self.greys - 1)):
            bins.append(self.hues * self.values + np.minimum(at_grey, self.greys - 1))
            parts.append((1 - colour) * of_grey)
        return np.stack(bins, axis=-1), np.stack(parts, axis=-1) * inside[..., None]


def _between(at: Float) -> tuple[tuple[NDArray[np.intp], Float], ...]:
    """The two neighbouring bins of a place between them, and its parts in them."""
    first = np.floor(at).astype(np.intp)
    return (first, 1 - (at - first)), (first + 1, at - first)


def _shared(counts: Float, axis: int) -> Float:
    """Shares of the sum along an axis, 0 where there is nothing."""
    total = counts.sum(axis=axis, keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


@cache
def _clothed(skeleton: Skeleton) -> tuple[NDArray[np.intp], NDArray[np.bool_]] | None:
    """Edges of trunk and limbs, and which of them are of the legs; none for skeletons without such names."""
    legs, rest = (
        np.array([any(word in name for word in words) for name in skeleton.keypoints], bool)
        for words in (LEGS, REST)
    )
    edges = skeleton.edge_index[:LIMBS]
    if not len(edges) or not legs[edges].any() or not rest[edges].any():
        return None
    kept = np.flatnonzero((legs | rest)[edges].all(axis=1))
    return edges[kept], np.asarray(legs[edges[kept]].all(axis=1))


def _read(image: Image, places: Float) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Hue, saturation and value of pixels, shape (N, S, 3), and whether they are in the picture."""
    x, y = np.moveaxis(np.nan_to_num(np.round(places), nan=-1, posinf=-1, neginf=-1), -1, 0)
    height, width = image.shape[:2]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    rows, columns = np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)
    return np.asarray(cv2.cvtColor(image[rows, columns], cv2.COLOR_RGB2HSV), np.uint8), inside


def _places(kps: Keypoints) -> tuple[Float, NDArray[np.bool_]]:
    """Where to look, NaN for nowhere, shape (N, S, 2), and what of it is below the waist, shape (N, S)."""
    assert kps.boxes is not None
    clothed = _clothed(kps.skeleton)
    limbs = _on_limbs(kps, kps.skeleton.edge_index[:LIMBS] if clothed is None else clothed[0])
    grid = _in_boxes(kps)
    known = np.count_nonzero(~np.isnan(limbs[..., 0]), axis=1)
    grid[(known > 0) & (known >= (limbs.shape[1] // 8 if clothed is None else SAMPLES))] = np.nan
    places = np.concatenate([limbs, grid], axis=1)
    lower = places[..., 1] >= kps.boxes[:, None, 1::2].mean(axis=2)
    if clothed is not None:
        lower[:, : limbs.shape[1]] = np.tile(np.repeat(clothed[1], SAMPLES), (len(kps), 1))
    return places, lower


def _in_boxes(kps: Keypoints) -> Float:
    """A grid over the middle of each box, shape (N, S, 2)."""
    assert kps.boxes is not None
    low, high = kps.boxes[:, None, :2], kps.boxes[:, None, 2:]
    return low + GRID * (high - low)


def _on_limbs(kps: Keypoints, edges: NDArray[np.intp]) -> Float:
    """Points along edges and a little beside them, edge by edge, shape (N, E * SAMPLES, 2)."""
    assert kps.boxes is not None
    a, b = (kps.xy[:, edges[:, end]] for end in (0, 1))
    sure = kps.scores[:, edges].min(axis=2)
    hidden = sure < SURE * sure.max(axis=1, keepdims=True, initial=0)
    a = np.where(hidden[..., None], np.nan, a)
    way = b - a
    length = np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    across = way[..., ::-1] * [-1, 1] / length * (kps.boxes[:, 3] - kps.boxes[:, 1])[:, None, None]
    along = a[:, :, None] + ALONG[:, None] * way[:, :, None]
    sides = [along + aside * across[:, :, None] for aside in ASIDE]
    return np.concatenate(sides, axis=2).reshape(len(kps), -1, 2)
