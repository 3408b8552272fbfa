"""What somebody looks like: numbers that are alike whenever it is the same person."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image
from pinpoint.keypoints import Keypoints

__all__ = ["Appearance", "ColorHistogram"]

SURE = 0.5  # of the surest limb; who is half hidden is looked at where they are not
LIMBS = 24  # edges at most; whole bodies begin with the body
GRID = (12, 18)  # samples across and down the middle of a box
ALONG = np.linspace(0.1, 0.9, 5)  # samples along a limb
ASIDE = (-0.02, 0.0, 0.02)  # and beside it, in heights of the box


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


@dataclass(frozen=True)
class ColorHistogram:
    """Histograms of colour of the upper and the lower half of somebody: what shirt and trousers are like.

    Pixels are taken along the edges of the skeleton, which lie on the person, or from the middle of the box
    where there are no edges. The rows are roots of the shares, so that their product is Bhattacharyya's
    coefficient.

    Args:
        hues: Bins around the circle of hues.
        greys: Bins from black to white, for pixels without much colour.
    """

    hues: int = 12
    greys: int = 4

    def __call__(self, image: Image, kps: Keypoints) -> Float:
        """Describe; see `Appearance`."""
        assert kps.boxes is not None
        if not len(kps):
            return np.zeros((0, 2 * (self.hues + self.greys)))
        places = _places(kps)
        colours, weights = self._bins(*_read(image, places))
        upper = places[..., 1] < kps.boxes[:, None, 1::2].mean(axis=2)
        halves = np.stack([upper, ~upper])
        counts = np.einsum("hns,nsb->nhb", halves * 1.0, _spread(colours, weights, self.hues + self.greys))
        shares = counts.reshape(len(kps), -1)
        total = shares.sum(axis=1, keepdims=True)
        return np.sqrt(np.divide(shares, total, out=np.zeros_like(shares), where=total > 0))

    def _bins(self, hsv: NDArray[np.uint8], inside: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Float]:
        """Bins that a pixel falls into, two neighbouring hues and two greys, and how much, (..., 4)."""
        hue, saturation, value = np.moveaxis(hsv.astype(float), -1, 0)
        colour = np.clip(saturation * value / 255**2 * 3 - 0.25, 0, 1)
        at = hue / 180 * self.hues
        grey = value / 255 * (self.greys - 1)
        first, dark = np.floor(at).astype(int), np.floor(grey).astype(int)
        bins = [first % self.hues, (first + 1) % self.hues]
        bins += [self.hues + dark, self.hues + np.minimum(dark + 1, self.greys - 1)]
        of_hue, of_grey = at - first, grey - dark
        parts = [colour * (1 - of_hue), colour * of_hue, (1 - colour) * (1 - of_grey), (1 - colour) * of_grey]
        return np.stack(bins, axis=-1), np.stack(parts, axis=-1) * inside[..., None]


def _spread(bins: NDArray[np.intp], weights: Float, count: int) -> Float:
    """Put weights into bins, shapes (N, S, 4) twice -> (N, S, count)."""
    spread = np.zeros((*bins.shape[:2], count))
    n, s = np.indices(bins.shape[:2])
    for part in range(bins.shape[2]):
        spread[n, s, bins[..., part]] += weights[..., part]
    return spread


def _read(image: Image, places: Float) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Hue, saturation and value of pixels, shape (N, S, 3), and whether they are in the picture."""
    x, y = np.moveaxis(np.nan_to_num(np.round(places), nan=-1, posinf=-1, neginf=-1), -1, 0)
    height, width = image.shape[:2]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    rows, columns = np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)
    return np.asarray(cv2.cvtColor(image[rows, columns], cv2.COLOR_RGB2HSV), np.uint8), inside


def _places(kps: Keypoints) -> Float:
    """Where to look, NaN for nowhere, shape (N, S, 2): limbs, or the middle of the box if few are known."""
    limbs, grid = _on_limbs(kps), _in_boxes(kps)
    known = np.count_nonzero(~np.isnan(limbs[..., 0]), axis=1)
    grid[(known > 0) & (known >= limbs.shape[1] // 8)] = np.nan
    return np.concatenate([limbs, grid], axis=1)


def _in_boxes(kps: Keypoints) -> Float:
    """A grid over the middle of each box, shape (N, S, 2)."""
    assert kps.boxes is not None
    across, down = (np.linspace(0.25, 0.75, GRID[0]), np.linspace(0.08, 0.92, GRID[1]))
    share = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    low, high = kps.boxes[:, None, :2], kps.boxes[:, None, 2:]
    return low + share * (high - low)


def _on_limbs(kps: Keypoints) -> Float:
    """Points along the edges of the skeleton and a little beside them, shape (N, S, 2)."""
    assert kps.boxes is not None
    a, b = (kps.xy[:, kps.skeleton.edge_index[:LIMBS, end]] for end in (0, 1))
    sure = kps.scores[:, kps.skeleton.edge_index[:LIMBS]].min(axis=2)
    hidden = sure < SURE * sure.max(axis=1, keepdims=True, initial=0)
    a = np.where(hidden[..., None], np.nan, a)
    way = b - a
    length = np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    across = way[..., ::-1] * [-1, 1] / length * (kps.boxes[:, 3] - kps.boxes[:, 1])[:, None, None]
    along = a[:, :, None] + ALONG[:, None] * way[:, :, None]
    return np.concatenate([along + aside * across[:, :, None] for aside in ASIDE], axis=2).reshape(
        len(kps), -1, 2
    )
