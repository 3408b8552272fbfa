"""Growing forests of regression trees from pictures with keypoints; see `pinpoint.runtime.forest`.

Kazemi and Sullivan (CVPR 2014), with what others found: steps are learnt in the frame of the mean shape (Cao
et al., "Face Alignment by Explicit Shape Regression", CVPR 2012), and later levels look nearer to the
keypoints (Ren et al., "Face Alignment at 3000 FPS via Regressing Local Binary Features", CVPR 2014).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Size
from pinpoint.runtime.forest import Complex, Forest, Level, as_complex, as_points, light_at, similarity
from pinpoint.training.boosting import Boosting, grow_trees

__all__ = ["Growth", "Told", "grow_forest"]

Told = Callable[[Forest, Float], None]
"""Told after each level: the forest so far, and the mean error of each instance learnt from, in pixels."""


@dataclass(frozen=True)
class Growth:
    """How a forest is grown. Shares of the shape are of the longer side of the mean shape.

    Args:
        levels: Number of levels.
        boosting: How the trees of each are grown.
        pixels: Pixels that a level looks at.
        reach: How far these lie from keypoints at most, at the first and the last level, as a share of the
            shape.
        closeness: Mean distance of the two pixels of a pair, as a share of the shape, where all distances
            are at hand: chances fall exponentially.
        starts: From how many places each picture is searched, and as many for its mirror image.
        turn: Spread of the start's turn in degrees.
        scale: Spread of the logarithm of the start's size.
        shift: Spread of the start's place, as a share of the shape.
        doubt: Share of another instance's error that is added to each after a level: pictures that were
            never seen are left with more of it than those that are learnt from.
        seed: Of everything that is drawn by chance.
    """

    levels: int = 10
    boosting: Boosting = field(default_factory=Boosting)
    pixels: int = 500
    reach: tuple[float, float] = (0.4, 0.05)
    closeness: float = 0.1
    starts: int = 10
    turn: float = 10.0
    scale: float = 0.06
    shift: float = 0.04
    doubt: float = 0.3
    seed: int = 0


def grow_forest(
    pictures: NDArray[np.uint8],
    xy: Float,
    *,
    size: Size,
    flip_index: NDArray[np.integer] | None,
    growth: Growth,
    told: Told | None = None,
) -> Forest:
    """Grow a forest on pictures of one instance each; the same seed gives the same forest.

    Args:
        pictures: As `grey` makes them, shape (M, H, W), with the input in their middle and a margin around
            it, in which starts may lie.
        xy: All keypoints of each, in pixels of these pictures, shape (M, K, 2).
        size: Width and height of the input.
        flip_index: For each keypoint, which one it is in a mirror (`Skeleton.flip_index`); none learns
            from no mirror images.
        growth: How.
        told: Told of each level.

    Raises:
        ValueError: Shapes do not agree, there are fewer than two pictures, or a keypoint is missing.
    """
    _check(pictures, xy, size, xy.shape[1] if flip_index is None else len(flip_index))
    rng = np.random.default_rng(growth.seed)
    pictures, truth = _with_mirror_images(pictures, xy, flip_index)
    which = np.repeat(np.arange(len(pictures)), growth.starts)
    margin = (np.array(pictures.shape[:0:-1]) - size) / 2
    mean, truth = truth.mean(axis=0), truth[which]
    found, levels = _starts(mean, len(truth), growth, rng), []
    for number in range(growth.levels):
        level, step = _level((truth - found), found, mean, (pictures, which), (growth, number), rng)
        levels.append(level)
        found = found + step
        error = truth - found
        if told is not None:
            told(_forest(size, mean, margin, levels), np.abs(error).mean(axis=1))
        found = found - growth.doubt * _exchanged(error, similarity(mean, found), rng)
    return _forest(size, mean, margin, levels)


def _level(
    error: Complex,
    found: Complex,
    mean: Complex,
    seen: tuple[NDArray[np.uint8], NDArray[np.intp]],
    growing: tuple[Growth, int],
    rng: np.random.Generator,
) -> tuple[Level, Complex]:
    """Grow one level; return it, and the step it makes from what is found."""
    growth, number = growing
    turn = similarity(mean, found)
    anchors, offsets = places = _places(mean, growth, number, rng)
    light = light_at(*seen, found[:, anchors] + turn * as_complex(offsets))
    chances = _chances(mean[anchors] + as_complex(offsets), growth.closeness * _extent(mean))
    level = grow_trees(error / turn, light, places, chances, growth.boosting, rng)
    return level, turn * level(light)


def _check(pictures: NDArray[np.uint8], xy: Float, size: Size, keypoints: int) -> None:
    if pictures.ndim != 3 or len(pictures) < 2:
        raise ValueError(f"pictures have shape {pictures.shape}, expected (M, H, W) with M of 2 or more")
    if xy.shape != (len(pictures), keypoints, 2):
        raise ValueError(f"xy has shape {xy.shape}, expected {(len(pictures), keypoints, 2)}")
    if not np.isfinite(xy).all():
        raise ValueError("xy has missing keypoints: trees learn from instances that have all of them")
    if pictures.shape[2] < size[0] or pictures.shape[1] < size[1]:
        raise ValueError(f"pictures have shape {pictures.shape}, smaller than the input, {size}")


def _with_mirror_images(
    pictures: NDArray[np.uint8], xy: Float, flip_index: NDArray[np.integer] | None
) -> tuple[NDArray[np.uint8], Complex]:
    if flip_index is None:
        return pictures, as_complex(xy)
    mirrored = xy[:, flip_index] * (-1, 1) + (pictures.shape[2] - 1, 0)
    return np.concatenate([pictures, pictures[:, :, ::-1]]), as_complex(np.concatenate([xy, mirrored]))


def _starts(mean: Complex, count: int, growth: Growth, rng: np.random.Generator) -> Complex:
    """The mean shape, put as far off as detectors put it."""
    angle, stretch, x, y = rng.normal(size=(4, count, 1)).clip(-2.5, 2.5)
    turn = np.exp(stretch * growth.scale + 1j * angle * np.radians(growth.turn))
    moved = mean.mean() + growth.shift * _extent(mean) * (x + 1j * y)
    return ((mean - mean.mean()) * turn + moved).astype(np.complex64)


def _extent(mean: Complex) -> float:
    """Longer side of the mean shape."""
    return float(np.ptp(as_points(mean), axis=0).max())


def _places(
    mean: Complex, growth: Growth, number: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Float]:
    """Keypoints and offsets of the pixels of a level: evenly spread over discs that shrink geometrically."""
    first, last = growth.reach
    reach = first * (last / first) ** (number / max(growth.levels - 1, 1)) * _extent(mean)
    radius = reach * np.sqrt(rng.random(growth.pixels))
    angle = rng.uniform(0, 2 * np.pi, growth.pixels)
    offsets = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return rng.integers(len(mean), size=growth.pixels), offsets


def _chances(places: Complex, closeness: float) -> Float:
    """How likely each pair of pixels is drawn, shape (P, P): each once, and none with itself."""
    return np.triu(np.exp(-np.abs(places[:, None] - places) / closeness), 1)


def _exchanged(error: Complex, turn: Complex, rng: np.random.Generator) -> Complex:
    """The error of another instance for each, turned and scaled as its own keypoints are."""
    return turn * (error / turn)[rng.permutation(len(error))]


def _forest(size: Size, mean: Complex, margin: Float, levels: list[Level]) -> Forest:
    return Forest(size, as_points(mean) - margin.astype(np.float32), tuple(levels))
