"""How the camera moved between two pictures, from how their background moved."""

import logging
from typing import Protocol

import cv2
import numpy as np

from pinpoint.geometry import Float, Image, compose, identity, invert

__all__ = ["Camera", "CameraMotion"]

logger = logging.getLogger(__name__)

WINDOW = (15, 15)
LEVELS = 3
BACK = 1.0  # pixels by which a feature that is followed back may miss where it began
FEWEST = 8
SPREAD = 0.3  # of the longer side; corners in a smaller place are those of a bag, or of an arm beyond its box


class Camera(Protocol):
    """Says how a picture follows from the one before. It keeps that one, so every stream needs its own."""

    def __call__(self, image: Image, boxes: Float) -> Float:
        """Compare with the picture before.

        Args:
            image: RGB, shape (H, W, 3).
            boxes: Where people were in the picture before, in its pixels, shape (T, 4).

        Returns:
            `now_from_before`, shape (2, 3).
        """
        ...

    def forget(self) -> None:
        """Drop the picture before: the next one follows from nothing."""


class CameraMotion:
    """Follows corners of the background by sparse optical flow, on a small grey picture.

    Corners (Shi and Tomasi, 1994) outside the boxes are followed forth and back (Lucas and Kanade, in
    pyramids), and what most of them agree on, found by RANSAC, is a shift, a turn and a zoom. Where all of
    these are in one small place, as of something that is carried before a bare wall, they say nothing.

    Args:
        side: Longer side of the small picture, in pixels.
        features: Corners at most.
        agreeing: Share of them that has to agree; with less the camera is taken to stand still.
    """

    def __init__(self, *, side: int = 320, features: int = 150, agreeing: float = 0.4) -> None:
        self._side, self._features, self._agreeing = side, features, agreeing
        self._before: Image | None = None

    def __call__(self, image: Image, boxes: Float) -> Float:
        """Compare; see `Camera`."""
        before, scale = self._before, min(1.0, self._side / max(image.shape[:2]))
        small = self._before = _small_grey(image, scale)
        if before is None or before.shape != small.shape:
            return identity()
        moved = self._moved(before, small, boxes * scale)
        if moved is None:
            logger.debug("the background says nothing about the camera: it is taken to stand still")
            return identity()
        to_small = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
        return compose(invert(to_small), compose(moved, to_small))

    def forget(self) -> None:
        """Drop the picture before."""
        self._before = None

    def _moved(self, before: Image, now: Image, boxes: Float) -> Float | None:
        """Map from the small picture before to that of now; none if too few corners agree on one."""
        corners = cv2.goodFeaturesToTrack(before, self._features, 0.01, 6, mask=_outside(before, boxes))
        if corners is None or len(corners) < FEWEST:
            return None
        found, there = _followed(before, now, corners)
        back, here = _followed(now, before, found)
        kept = there & here & (np.abs(back - corners).max(axis=(1, 2)) < BACK)
        if np.count_nonzero(kept) < FEWEST:
            return None
        matrix, agree = cv2.estimateAffinePartial2D(corners[kept], found[kept], ransacReprojThreshold=1.0)
        if matrix is None or np.count_nonzero(agree) < max(FEWEST, self._agreeing * np.count_nonzero(kept)):
            return None
        spread = np.ptp(corners[kept][agree.ravel() > 0].reshape(-1, 2), axis=0)
        if spread.max() < SPREAD * max(before.shape):
            return None
        return np.asarray(matrix, np.float64)


def _small_grey(image: Image, scale: float) -> Image:
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _outside(picture: Image, boxes: Float) -> Image:
    """White everywhere but in the boxes."""
    mask = np.full(picture.shape, 255, np.uint8)
    high, wide = picture.shape
    for x1, y1, x2, y2 in np.clip(boxes, 0, [wide, high, wide, high]).astype(int):
        mask[y1 : y2 + 1, x1 : x2 + 1] = 0
    return mask


def _followed(before: Image, now: Image, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where corners went, and whether they were found."""
    start = corners.copy()
    found, status, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, start, winSize=WINDOW, maxLevel=LEVELS)
    return found, status.ravel() == 1
