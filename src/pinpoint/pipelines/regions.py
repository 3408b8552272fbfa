"""Where to look: from boxes or a few keypoints to the rotated rectangles that a network is shown."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import (
    Float,
    Size,
    box_regions,
    boxes_of_points,
    meets_picture,
    region_matrices,
    transform_points,
)
from pinpoint.keypoints import Keypoints

__all__ = [
    "AlignedBoxRegion",
    "BoxRegion",
    "CircleRegion",
    "HandOfBodyRegion",
    "HullRegion",
    "LineRegion",
    "Region",
    "Regions",
]


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

    def within(self, size: Size | NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each is known and its upright hull meets a picture of this size, shape (N,).

        The size is that of one picture, or of each one's own, shape (N, 2).
        """
        cos, sin = np.abs(np.cos(self.angles)), np.abs(np.sin(self.angles))
        width, height = self.sizes.T
        reach = np.stack([width * cos + height * sin, width * sin + height * cos], axis=1) / 2
        return meets_picture(np.concatenate([self.centers - reach, self.centers + reach], axis=1), size)


class Region(Protocol):
    """Places one rectangle per instance."""

    def __call__(self, found: Keypoints) -> Regions:
        """Place them."""
        ...


@dataclass(frozen=True)
class BoxRegion:
    """A rectangle around each box, upright or turned.

    Args:
        aspect: Width / height.
        scale: How far the box is grown.
        angle: Radians by which the rectangle is turned clockwise.
    """

    aspect: float = 1.0
    scale: float = 1.25
    angle: float = 0.0

    def __call__(self, found: Keypoints) -> Regions:
        """Place them around `found.boxes`."""
        centers, sizes = box_regions(_boxes(found), self.aspect, self.scale)
        return Regions(centers, sizes, np.full(len(found), self.angle))


@dataclass(frozen=True)
class CircleRegion:
    """A square around the circle that two keypoints span: BlazePose's way to see a whole body upright.

    Args:
        center: Name of the keypoint in the middle.
        rim: Name of a keypoint on the circle, straight up from the middle.
        scale: Side over diameter.
        upright: Leave the square as it is, wherever the rim says that up is.
    """

    center: str
    rim: str
    scale: float = 1.25
    upright: bool = False

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.xy`."""
        middle, rim = _ends(found, self.center, self.rim)
        side = 2 * np.linalg.norm(rim - middle, axis=1) * self.scale
        angle = np.zeros(len(found)) if self.upright else _angle(middle, rim, up=True)
        return Regions(middle, _squares(side), angle)


@dataclass(frozen=True)
class LineRegion:
    """A square around the middle of a line between two keypoints, turned so that the line points right.

    Args:
        start: Name of the keypoint where the line starts.
        end: Name of the keypoint where it ends.
        scale: Side of the square over the length of the line.
    """

    start: str
    end: str
    scale: float

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.xy`."""
        start, end = _ends(found, self.start, self.end)
        side = np.linalg.norm(end - start, axis=1) * self.scale
        return Regions((start + end) / 2, _squares(side), _angle(start, end, up=False))


@dataclass(frozen=True)
class AlignedBoxRegion:
    """A square around each box, turned so that a line through two keypoints lies as the network expects.

    Args:
        start: Name of the keypoint where the line starts.
        end: Name of the keypoint where it ends.
        up: Whether the line should point up; else it should point right.
        scale: Side of the square over the longer side of the box.
        shift: How far the middle moves down the turned box, as a share of its height.
    """

    start: str
    end: str
    up: bool = False
    scale: float = 1.5
    shift: float = 0.0

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.boxes` and `found.xy`."""
        boxes = _boxes(found)
        angle = _angle(*_ends(found, self.start, self.end), up=self.up)
        size = boxes[:, 2:] - boxes[:, :2]
        down = np.stack([np.zeros(len(size)), size[:, 1] * self.shift], axis=1)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 + _turned(down, angle)
        return Regions(middle, _squares(size.max(axis=1) * self.scale), angle)


@dataclass(frozen=True)
class HullRegion:
    """A square around the keypoints of each instance, turned like `AlignedBoxRegion`.

    Args:
        start: Name of the keypoint where the line starts.
        end: Name of the keypoint where it ends.
        up: Whether the line should point up; else it should point right.
        scale: Side of the square over the longer side of the turned hull.
        shift: How far the middle moves down the turned hull, as a share of its height.
        points: Names of the keypoints that the hull is taken of; empty: all.
    """

    start: str
    end: str
    up: bool = False
    scale: float = 1.5
    shift: float = 0.0
    points: tuple[str, ...] = ()

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.xy`."""
        angle = _angle(*_ends(found, self.start, self.end), up=self.up)
        xy = found.xy[:, found.skeleton.indices(self.points)] if self.points else found.xy
        hull = boxes_of_points(_turned(xy, -angle))
        size = hull[:, 2:] - hull[:, :2]
        middle = (hull[:, :2] + hull[:, 2:]) / 2
        middle[:, 1] += size[:, 1] * self.shift
        return Regions(_turned(middle, angle), _squares(size.max(axis=1) * self.scale), angle)


@dataclass(frozen=True)
class HandOfBodyRegion:
    """A square around the hand that follows a body's wrist, turned so that the fingers point up.

    Placed as MediaPipe Holistic does from the knuckles of `blazepose33`.

    Args:
        side: `left` or `right`.
        scale: Side of the square over twice the length from the wrist to the knuckles.
        shift: How far the middle moves towards the wrist, as a share of that.
    """

    side: str
    scale: float = 2.7
    shift: float = -0.1

    def __call__(self, found: Keypoints) -> Regions:
        """Place them by `found.xy`."""
        index, pinky = _ends(found, f"{self.side}_index", f"{self.side}_pinky")
        wrist = found.xy[:, found.skeleton.index(f"{self.side}_wrist")]
        knuckles = (2 * index + pinky) / 3
        angle = _angle(wrist, knuckles, up=True)
        length = 2 * np.linalg.norm(knuckles - wrist, axis=1)
        down = np.stack([np.zeros(len(length)), length * self.shift], axis=1)
        return Regions(knuckles + _turned(down, angle), _squares(length * self.scale), angle)


def _ends(found: Keypoints, start: str, end: str) -> tuple[Float, Float]:
    return found.xy[:, found.skeleton.index(start)], found.xy[:, found.skeleton.index(end)]


def _angle(start: Float, end: Float, *, up: bool) -> Float:
    """Radians by which the line is turned clockwise from where it should point."""
    x, y = (end - start).T
    up_y = 0.0 - y  # not -y: the angle of (0, -0) is half a turn, and a line without length has none
    return np.arctan2(x, up_y) if up else np.arctan2(y, x)


def _turned(xy: Float, angle: Float) -> Float:
    """Turn points (N, ..., 2) clockwise by N angles about the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0 * cos], [sin, cos, 0 * cos]]).transpose(2, 0, 1)
    return transform_points(xy, turn)


def _squares(side: Float) -> Float:
    return np.maximum(side, 1.0)[:, None].repeat(2, axis=1)


def _boxes(found: Keypoints) -> Float:
    if found.boxes is None:
        raise ValueError(f"{found!r} has no boxes, expected one for each instance")
    return found.boxes
