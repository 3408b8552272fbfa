"""Where to look: from boxes or a few keypoints to the rotated rectangles that a network is shown."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from pinpoint.geometry import Float, Size, box_regions, region_matrices
from pinpoint.keypoints import Keypoints

__all__ = ["AlignedBoxRegion", "BoxRegion", "CircleRegion", "Region", "Regions"]


class Regions(NamedTuple):
    """Rotated rectangles in a picture."""

    centers: Float
    """Shape (N, 2)."""
    sizes: Float
    """Width and height, shape (N, 2)."""
    angles: Float
    """Radians clockwise, shape (N,)."""

    def matrices(self, input_size: Size) -> Float:
        """Return the maps `input_from_image`, shape (N, 2, 3)."""
        return region_matrices(self.centers, self.sizes, self.angles, input_size)


class Region(Protocol):
    """Places one rectangle per instance."""

    def __call__(self, found: Keypoints) -> Regions:
        """Place them."""
        ...


@dataclass(frozen=True)
class BoxRegion:
    """An upright rectangle around each box.

    Args:
        aspect: Width / height.
        scale: How far the box is grown.
    """

    aspect: float = 1.0
    scale: float = 1.25

    def __call__(self, found: Keypoints) -> Regions:
        """Place them around `found.boxes`."""
        centers, sizes = box_regions(_boxes(found), self.aspect, self.scale)
        return Regions(centers, sizes, np.zeros(len(found)))


@dataclass(frozen=True)
class CircleRegion:
    """A square around the circle that two keypoints span: BlazePose's way to see a whole body upright.

    Args:
        center: Name of the keypoint in the middle.
        rim: Name of a keypoint on the circle, straight up from the middle.
        scale: Side over diameter.
    """

    center: str
    rim: str
    scale: float = 1.25

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.xy`."""
        middle, rim = (found.xy[:, found.skeleton.index(name)] for name in (self.center, self.rim))
        side = 2 * np.linalg.norm(rim - middle, axis=1) * self.scale
        return Regions(middle, np.maximum(side, 1.0)[:, None].repeat(2, axis=1), _angle(middle, rim, up=True))


@dataclass(frozen=True)
class AlignedBoxRegion:
    """A square around each box, turned so that a line through two keypoints lies as the network expects.

    Args:
        start: Name of the keypoint where the line starts.
        end: Name of the keypoint where it ends.
        up: Whether the line should point up; else it should point right.
        scale: Side of the square over the longer side of the box.
        shift: How far the middle moves along the turned box, as shares of its width and height.
    """

    start: str
    end: str
    up: bool = False
    scale: float = 1.5
    shift: tuple[float, float] = (0.0, 0.0)

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.boxes` and `found.xy`."""
        boxes = _boxes(found)
        start, end = (found.xy[:, found.skeleton.index(name)] for name in (self.start, self.end))
        angle = _angle(start, end, up=self.up)
        size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
        move = size * np.array(self.shift)
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.stack([move[:, 0] * cos - move[:, 1] * sin, move[:, 0] * sin + move[:, 1] * cos], axis=1)
        side = size.max(axis=1, keepdims=True).repeat(2, axis=1) * self.scale
        return Regions((boxes[:, :2] + boxes[:, 2:]) / 2 + turned, side, angle)


def _angle(start: Float, end: Float, *, up: bool) -> Float:
    """Radians by which the line is turned clockwise from where it should point."""
    line = end - start
    return np.arctan2(line[:, 0], -line[:, 1]) if up else np.arctan2(line[:, 1], line[:, 0])


def _boxes(found: Keypoints) -> Float:
    if found.boxes is None:
        raise ValueError(f"{found!r} has no boxes, expected one for each instance")
    return found.boxes
