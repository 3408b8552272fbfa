"""Parts of other pictures, to be put behind the instances of one."""

import numpy as np

from pinpoint.datasets.samples import Samples
from pinpoint.geometry import Float, Image, Size, iou, region_matrices, transform_points, warp

__all__ = ["draw_background", "outlines"]

TRIES = 8
LEAST = 0.5  # of the largest part of the picture that has the shape of the crop


def draw_background(
    samples: Samples, number: int, size: Size, rng: np.random.Generator, *, free: bool = False
) -> Image | None:
    """Cut a part by chance out of another picture: one in which there is nothing to find, if there are any.

    Otherwise it is, of eight parts, the first that no instance and no crowd reaches into, or that into which
    they reach least.

    Args:
        samples: Where the pictures are.
        number: The picture that it is for, which is not taken.
        size: Width and height of what is asked for.
        rng: Where chance comes from.
        free: Whether none is better than one that holds a part of an instance.

    Returns:
        Shape (h, w, 3), without a border; none if there is none.
    """
    others = samples.empty if len(samples.empty) else samples.shown
    others = others[others != number]
    if not len(others):
        return None
    found = [_part(samples, int(other), size, rng) for other in rng.choice(others, TRIES)]
    reached = [_reached(samples, other, part) for other, part in found]
    best = int(np.argmin(reached))
    if free and reached[best] > 0:
        return None
    other, part = found[best]
    (matrix,) = region_matrices((part[:2] + part[2:])[None] / 2, (part[2:] - part[:2])[None], 0.0, size)
    return warp(samples.pictures[other], matrix, size, None)


def outlines(boxes: Float, matrix: Float) -> Float:
    """Corners of boxes under a map, in turn, shapes (B, 4) -> (B, 4, 2)."""
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    return transform_points(corners, matrix)


def _part(samples: Samples, number: int, size: Size, rng: np.random.Generator) -> tuple[int, Float]:
    """A part of a picture in the shape of what is asked for, x1 y1 x2 y2."""
    picture = np.array(samples.pictures.size(number))
    share, *place = rng.random(3)
    whole = np.array(size) * min(picture / size)
    sides = whole * (LEAST + (1 - LEAST) * share)
    low = place * (picture - sides) - 0.5
    return number, np.concatenate([low, low + sides])


def _reached(samples: Samples, number: int, part: Float) -> float:
    """How much the worst instance or crowd overlaps with a part."""
    boxes = samples.boxes[samples.of_picture(number)]
    boxes = np.concatenate([boxes, samples.crowds.get(number, np.zeros((0, 4)))])
    return float(iou(part[None], boxes).max(initial=0.0))
