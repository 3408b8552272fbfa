"""Keypoint R-CNN: one heatmap per keypoint in each of a picture's boxes, as torchvision lays them out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.candidates import best_rows
from pinpoint.codecs.points import known_points

__all__ = ["BOX_WEIGHTS", "EDGE", "LAG", "KeypointRegions"]

EDGE = 0.5
"""Boxes are measured from the outer edge of the input, by so much more than from its first pixel's centre."""
LAG = 0.3
"""How far what the network calls a point lies left of it and above, in input pixels.

torchvision multiplies labels, which count from pixel centres, by the scale s of a picture, which leaves them
(s - 1) / 2 behind what the picture shows: .17 to .33 for the scales that it trained COCO's pictures at.
"""
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""What a region says of its box is multiplied so, which gives it a spread near 1."""
LEAST = 1e-9  # no instance has a score of 0
CUBIC = -0.75  # the slope of the kernel, which is PyTorch's and OpenCV's
TAPS = np.arange(-1, 3)


@dataclass(frozen=True)
class KeypointRegions:
    """Boxes with heatmaps of logits (arXiv 1703.06870), overlaps removed by the network.

    Heatmaps are enlarged to the pixels of their box (bicubic) and read where they are highest. A keypoint's
    score is the share of the heatmap's softmax in that cell and those next to it.

    Args:
        input_size: Width and height of the input.
        keypoints: Keypoints of each instance.
        min_score: Instances below are dropped.
        instances: How many the network puts out for a picture at most.

    Raises:
        ValueError: There are no keypoints or no instances.
    """

    input_size: tuple[int, int]
    keypoints: int = 17
    min_score: float = 0.5
    instances: int = 100

    def __post_init__(self) -> None:
        if min(self.keypoints, self.instances) < 1:
            got = f"{self.keypoints} keypoints of {self.instances} instances"
            raise ValueError(f"KeypointRegions has {got}, expected 1 or more of each")

    def decode(self, boxes: NDArray, scores: NDArray, heatmaps: NDArray) -> Instances:
        """Read one picture.

        Args:
            boxes: x1 y1 x2 y2 from the outer edge of the input, shape (1, D, 4).
            scores: Shape (1, D), 0 where there is no instance.
            heatmaps: Logits, shape (1, D, K, s, s).

        Raises:
            ValueError: The outputs have other shapes.
        """
        count = scores.shape[-1]
        side = heatmaps.shape[-1]
        expected = ((1, count, 4), (1, count), (1, count, self.keypoints, side, side))
        if (shapes := (boxes.shape, scores.shape, heatmaps.shape)) != expected:
            raise ValueError(f"outputs have shapes {shapes}, expected {expected}")
        rows = best_rows(scores[0], max(self.min_score, LEAST))
        own = boxes[0, rows].astype(np.float64)
        read = [_read(maps, box) for maps, box in zip(heatmaps[0, rows], own, strict=True)]
        xy = np.array([points for points, _ in read]).reshape(-1, self.keypoints, 2)
        sure = np.array([shares for _, shares in read]).reshape(-1, self.keypoints)
        return Instances(own - EDGE, np.clip(scores[0, rows], 0, 1), *known_points(xy + LAG, sure))


def _read(maps: NDArray, box: Float) -> tuple[Float, Float]:
    """The highest places of a box's maps (K, s, s) in the coordinates of the box, and their scores."""
    size = np.maximum(box[2:] - box[:2], 1)
    width, height = pixels = np.ceil(size).astype(int)
    cells = maps.shape[-1]
    grown = _cubic(height, cells) @ maps @ _cubic(width, cells).T
    row, column = np.divmod(grown.reshape(len(maps), -1).argmax(axis=1), width)
    places = np.stack([column, row], axis=1) + 0.5
    return box[:2] + places * size / pixels, _shares(maps, (places * cells / pixels).astype(int))


def _cubic(length: int, cells: int) -> NDArray[np.float32]:
    """Matrix that enlarges or shrinks a line of cells by cubic convolution, shape (length, cells)."""
    middles = (np.arange(length) + 0.5) * cells / length - 0.5
    first = np.floor(middles).astype(int)
    away = np.abs(middles[:, None] - first[:, None] - TAPS)
    near = ((CUBIC + 2) * away - (CUBIC + 3)) * away**2 + 1
    far = ((away - 5) * away + 8) * away * CUBIC - 4 * CUBIC
    taken = (first[:, None] + TAPS).clip(0, cells - 1)
    weights = np.zeros((length, cells))
    np.add.at(weights, (np.arange(length)[:, None], taken), np.where(away <= 1, near, far))
    return weights.astype(np.float32)


def _shares(maps: NDArray, cells: NDArray[np.intp]) -> Float:
    """Share of each map's softmax around a cell (column, row), shapes (K, s, s), (K, 2) -> (K,)."""
    likely = np.exp(maps - maps.max(axis=(1, 2), keepdims=True), dtype=np.float64)
    away = np.abs(np.arange(maps.shape[-1]) - cells[..., None]) <= 1
    around = np.einsum("kij,kj,ki->k", likely, away[:, 0], away[:, 1])
    return around / likely.sum(axis=(1, 2))
