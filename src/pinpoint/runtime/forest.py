"""Ensembles of regression trees (Kazemi and Sullivan, CVPR 2014): keypoints from differences of pixels.

No network: a cascade of levels, each a sum of small trees that ask which of two pixels is brighter. Where the
pixels lie follows the keypoints found so far, turned and scaled as they are.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, Size

__all__ = ["Complex", "Forest", "Level", "as_complex", "as_points", "grey", "light_at", "similarity"]

Complex = NDArray[np.complexfloating]

SPREAD = 48.0
FLATTEST = 2.0  # grey levels: nothing is made of less contrast than this
MOST_AT_ONCE = 64  # what is looked up for more instances at a time would leave the processor's caches


@dataclass(frozen=True, eq=False)
class Level:
    """Q trees with M nodes and M + 1 leaves, which look at P pixels and move K keypoints.

    Each pixel lies at an offset from a keypoint. A tree goes from node i to 2 i + 2 where the first of its
    pixels is brighter than the second by more than its threshold, and to 2 i + 1 where it is not. What the
    leaves say is added up and multiplied by the basis.

    Args:
        anchors: The keypoint that each pixel lies at, shape (P,).
        offsets: From there, in pixels of the mean shape, shape (P, 2).
        pairs: The two pixels of each node, shape (Q, M, 2).
        thresholds: In 1/48 of the standard deviation of the P pixels, shape (Q, M).
        leaves: Shape (Q, M + 1, R).
        basis: Steps of the keypoints in pixels of the mean shape, shape (R, K, 2).

    Raises:
        ValueError: Shapes or types do not agree, an index is out of range, or a number is not finite.
    """

    anchors: NDArray[np.integer]
    offsets: Float
    pairs: NDArray[np.integer]
    thresholds: NDArray[np.integer]
    leaves: NDArray[np.integer]
    basis: Float

    def __post_init__(self) -> None:
        if self.thresholds.ndim != 2 or self.leaves.ndim != 3 or self.basis.ndim != 3:
            raise ValueError("thresholds, leaves and basis have not the 2, 3 and 3 dimensions expected")
        (trees, nodes), pixels, rank = self.thresholds.shape, self.anchors.size, self.leaves.shape[2]
        if nodes < 1 or nodes & (nodes + 1):
            raise ValueError(f"trees have {nodes} nodes, expected 1, 3, 7, 15 or so on")
        _check("anchors", self.anchors, (pixels,), self.basis.shape[1])
        _check("offsets", self.offsets, (pixels, 2))
        _check("pairs", self.pairs, (trees, nodes, 2), pixels)
        _check("leaves", self.leaves, (trees, nodes + 1, rank))
        _check("basis", self.basis, (rank, self.basis.shape[1], 2))

    def __call__(self, light: NDArray[np.int16]) -> Complex:
        """The step of every keypoint, x + iy in pixels of the mean shape, from pixels (N, P) to (N, K)."""
        parts = [light[start : start + MOST_AT_ONCE] for start in range(0, max(len(light), 1), MOST_AT_ONCE)]
        return np.concatenate([self._coefficients(part) for part in parts]) @ as_complex(self.basis)

    def _coefficients(self, light: NDArray[np.int16]) -> NDArray[np.float32]:
        """Sum of the leaves that each instance comes to, shape (N, R)."""
        trees, nodes = self.thresholds.shape
        first, second, thresholds = self._nodes
        tree, row = np.arange(trees) * nodes, np.arange(len(light))[:, None] * light.shape[1]
        node, flat = np.zeros((len(light), trees), dtype=np.intp), light.ravel()
        for _ in range(nodes.bit_length()):
            at = tree + node
            difference = flat.take(row + first.take(at)) - flat.take(row + second.take(at))
            node = 2 * node + 1 + (difference > thresholds.take(at))
        leaf = node - nodes + np.arange(trees) * (nodes + 1)
        said = self.leaves.reshape(-1, self.leaves.shape[2]).take(leaf, axis=0)
        return said.sum(axis=1, dtype=np.int32).astype(np.float32)

    @cached_property
    def _nodes(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.integer]]:
        """First pixel, second pixel and threshold of every node of every tree, each in one row."""
        first, second = np.moveaxis(self.pairs.astype(np.intp), -1, 0)
        return first.ravel(), second.ravel(), self.thresholds.ravel()


@dataclass(frozen=True, eq=False)
class Forest:
    """Levels that find K keypoints one after the other.

    Args:
        size: Width and height of the input.
        mean: Where the search starts, input pixels, shape (K, 2).
        levels: What refines it.

    Raises:
        ValueError: The size is none, the mean is not finite, or a level is for another number of keypoints.
    """

    size: Size
    mean: Float
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"size is {self.size}, expected width and height")
        _check("mean", self.mean, (len(self.mean), 2))
        for number, level in enumerate(self.levels):
            if level.basis.shape[1] != len(self.mean):
                raise ValueError(
                    f"level {number} moves {level.basis.shape[1]} keypoints, expected {len(self.mean)}"
                )

    def __call__(self, pictures: NDArray[np.uint8]) -> Float:
        """Find the keypoints in pictures of the input's size.

        Args:
            pictures: As `grey` makes them, shape (N, h, w).

        Returns:
            Input pixels, shape (N, K, 2).
        """
        which, mean = np.arange(len(pictures)), as_complex(self.mean)
        xy = np.repeat(mean[None], len(pictures), axis=0)
        for level in self.levels:
            turn = similarity(mean, xy)
            places = xy[:, level.anchors] + turn * as_complex(level.offsets)
            xy = xy + turn * level(light_at(pictures, which, places))
        return as_points(xy)


def as_complex(points: Float) -> NDArray[np.complex64]:
    """Points (..., 2) as x + iy, shape (...): multiplying by one number then turns and scales them."""
    return np.ascontiguousarray(points, dtype=np.float32).view(np.complex64)[..., 0]


def as_points(numbers: Complex) -> NDArray[np.float32]:
    """Undo `as_complex`: shapes (...) -> (..., 2)."""
    return np.ascontiguousarray(numbers, dtype=np.complex64)[..., None].view(np.float32)


def similarity(mean: Complex, xy: Complex) -> Complex:
    """The turn and scale that bring the mean shape (K,) closest to each shape (N, K), as numbers (N, 1)."""
    centered = mean - mean.mean()
    turn = xy @ centered.conj() / max(np.vdot(centered, centered).real, 1e-9)
    return np.where(turn == 0, 1, turn)[:, None].astype(np.complex64)


def light_at(pictures: NDArray[np.uint8], which: NDArray[np.integer], places: Complex) -> NDArray[np.int16]:
    """Pixels less their mean, in 1/48 of their standard deviation: lamps and cameras differ.

    Args:
        pictures: Shape (M, h, w).
        which: The picture of each instance, shape (N,).
        places: x + iy, shape (N, P). Outside of the picture its edge is repeated.

    Returns:
        Shape (N, P).
    """
    height, width = pictures.shape[1:]
    x = np.rint(places.real).clip(0, width - 1).astype(np.intp)
    y = np.rint(places.imag).clip(0, height - 1).astype(np.intp)
    seen = pictures.reshape(-1)[(which[:, None] * height + y) * width + x].astype(np.float32)
    seen -= seen.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.square(seen).mean(axis=1, keepdims=True))
    return np.rint(seen * (SPREAD / np.maximum(spread, FLATTEST))).astype(np.int16)


def grey(picture: Image) -> NDArray[np.uint8]:
    """What trees look at: a picture (h, w, 3) without its colours and a little less sharp, shape (h, w)."""
    return cv2.blur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (3, 3)).astype(np.uint8, copy=False)


def _check(name: str, array: NDArray, shape: tuple[int, ...], count: int | None = None) -> None:
    """An array has its shape and finite numbers, or indices of `count` things."""
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    if count is None:
        return
    if array.dtype.kind not in "iu" or (array.size and not 0 <= array.min() <= array.max() < count):
        raise ValueError(f"{name} are {array.dtype} up to {array.max()}, expected indices below {count}")
