"""How MediaPipe's point networks are read: BlazePose, Face Mesh, Iris and Hands.

Their points are pixels of the input measured from its outer edge, hence the half pixel taken off here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Extras, Float
from pinpoint.codecs.activation import sigmoid

__all__ = ["EYE_POINTS", "IRIS_POINTS", "BlazePose", "FaceMesh", "Hand", "Iris"]

BLAZEPOSE_POINTS = 35

EYE_POINTS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22,
    26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224,
    223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63,
    105, 66, 107, 55, 193,
)  # fmt: skip
"""Mesh indices of the 71 contour points that the iris network puts out for the person's right eye (from
MediaPipe's update_face_landmarks_calculator.cc, Apache-2.0)."""

IRIS_POINTS = (468, 469, 470, 471, 472)
"""Indices of the five points of the person's right iris in the mesh of 478: its middle, then around it."""


@dataclass(frozen=True)
class BlazePose:
    """33 body points and the two that place the next crop (arXiv 2006.10204).

    Args:
        input_size: Width and height of the input.
        refine: Move points to the middle of mass of their heatmap, where the heatmap is sure enough.
        window: Side of the square of cells around a point that takes part.
        min_heat: Points whose best cell is below stay where they are.
    """

    input_size: tuple[int, int]
    refine: bool = True
    window: int = 7
    min_heat: float = 0.5

    def decode(
        self, landmarks: NDArray, presence: NDArray, world: NDArray, heatmaps: NDArray
    ) -> tuple[Float, Float]:
        """Read points (B, 35, 2) and how visible each is (B, 35).

        Args:
            landmarks: x, y in input pixels, depth, visibility and presence before the sigmoid, (B, 195).
            presence: Whether there is a person, in [0, 1], shape (B, 1).
            world: Metres from the middle of the hips, shape (B, 117).
            heatmaps: Before the sigmoid, shape (B, rows, columns, 39).
        """
        table = landmarks.reshape(len(landmarks), -1, 5)[:, :BLAZEPOSE_POINTS].astype(np.float64)
        xy = table[:, :, :2]
        if self.refine:
            xy = self._refined(xy, heatmaps)
        return xy - 0.5, sigmoid(table[:, :, 3])

    def extras(self, landmarks: NDArray, presence: NDArray, world: NDArray, heatmaps: NDArray) -> Extras:
        """Read whether there is a person, and the points in metres from the middle of the hips."""
        metres = world.reshape(len(world), -1, 3)[:, :BLAZEPOSE_POINTS].astype(np.float64)
        return Extras(presence=presence.reshape(-1).astype(np.float64), xyz=metres)

    def _refined(self, xy: Float, heatmaps: NDArray) -> Float:
        """Centre of mass of the sigmoid in a window around each point; cells count from their corner."""
        rows, columns = heatmaps.shape[1:3]
        cell = np.array(self.input_size) / (columns, rows)
        reach = np.arange(self.window) - self.window // 2
        at = np.floor(np.clip(np.nan_to_num(xy / cell, nan=-1), -1, (columns, rows))).astype(np.intp)
        inside = ((at >= 0) & (at < (columns, rows))).all(axis=-1)
        x, y = at[..., 0, None] + reach, at[..., 1, None] + reach
        near_x, near_y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
        row = np.arange(len(xy))[:, None, None] * rows + near_y
        place = (row[..., None] * columns + near_x[..., None, :]) * heatmaps.shape[3]
        heat = sigmoid(heatmaps.take(place + np.arange(xy.shape[1])[:, None, None]))
        heat *= (y == near_y)[..., None] & (x == near_x)[..., None, :]
        total = heat.sum(axis=(2, 3))
        mean = np.stack([(heat.sum(axis=2) * x).sum(axis=2), (heat.sum(axis=3) * y).sum(axis=2)], axis=-1)
        sure = inside & (heat.max(axis=(2, 3)) >= self.min_heat)
        moved = mean / np.where(sure, total, 1.0)[..., None] * cell
        return np.where(sure[..., None], moved, xy)


@dataclass(frozen=True)
class FaceMesh:
    """468 points of a face (arXiv 1907.06724)."""

    input_size: tuple[int, int]

    def decode(self, landmarks: NDArray, presence: NDArray) -> tuple[Float, Float]:
        """Read points (B, 468, 2); all have the score of the face.

        Args:
            landmarks: x, y in input pixels and depth of each point, B * 1404 numbers.
            presence: Whether there is a face, before the sigmoid, B numbers.
        """
        table = landmarks.reshape(len(landmarks), -1, 3)
        scores = sigmoid(presence.reshape(-1, 1).astype(np.float64))
        return table[:, :, :2].astype(np.float64) - 0.5, np.repeat(scores, table.shape[1], axis=1)

    def extras(self, landmarks: NDArray, presence: NDArray) -> Extras:
        """Read whether there is a face."""
        return Extras(presence=sigmoid(presence.reshape(-1).astype(np.float64)))


@dataclass(frozen=True)
class Iris:
    """71 points around one eye, then 5 of its iris (arXiv 2006.11341).

    The network is shown the person's right eye, or the mirror image of the left one.
    """

    input_size: tuple[int, int]

    def decode(self, contours: NDArray, iris: NDArray) -> tuple[Float, Float]:
        """Read points (B, 76, 2). The network gives no confidence: all score 1.

        Args:
            contours: x, y in input pixels and depth of the 71 points, shape (B, 213).
            iris: The same of the 5, shape (B, 15).
        """
        table = np.concatenate([part.reshape(len(part), -1, 3) for part in (contours, iris)], axis=1)
        return table[:, :, :2].astype(np.float64) - 0.5, np.ones(table.shape[:2])


@dataclass(frozen=True)
class Hand:
    """21 points of a hand and which hand it is (arXiv 2006.10214)."""

    input_size: tuple[int, int]

    def decode(
        self, landmarks: NDArray, presence: NDArray, handedness: NDArray, world: NDArray
    ) -> tuple[Float, Float]:
        """Read points (B, 21, 2); all have the score of the hand.

        Args:
            landmarks: x, y in input pixels and depth, shape (B, 63).
            presence: Whether there is a hand, in [0, 1], shape (B, 1).
            handedness: How much it is a right one, in [0, 1], shape (B, 1).
            world: Metres from the middle of the hand, shape (B, 63).
        """
        table = landmarks.reshape(len(landmarks), -1, 3)
        scores = presence.reshape(-1, 1).astype(np.float64)
        return table[:, :, :2].astype(np.float64) - 0.5, np.repeat(scores, table.shape[1], axis=1)

    def extras(self, landmarks: NDArray, presence: NDArray, handedness: NDArray, world: NDArray) -> Extras:
        """Read whether there is a hand, its side and its points in metres.

        Above .5 it is the person's own right hand (51 of 54 hands of COCO photographs). MediaPipe calls that
        one Left, since it expects mirrored selfies.
        """
        side = np.where(handedness.reshape(-1) > 0.5, "right", "left")
        metres = world.reshape(len(world), -1, 3).astype(np.float64)
        return Extras(presence=presence.reshape(-1).astype(np.float64), xyz=metres, labels=side)
