"""Networks that put out one instance per cell of their grids, ready to be read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Instances
from pinpoint.codecs.candidates import best_rows, distinct, only_picture

__all__ = ["Dense"]

BOX_COLUMNS, POINT_COLUMNS = 5, 3


@dataclass(frozen=True)
class Dense:
    """Boxes with or without keypoints in input pixels, whose centres are on whole numbers.

    Args:
        input_size: Width and height of the input.
        keypoints: Keypoints of each instance; 0 for a plain detector.
        min_score: Instances below are dropped.
        max_iou: Instances whose box overlaps a better one by more than this are dropped.

    Raises:
        ValueError: There are fewer than no keypoints.
    """

    input_size: tuple[int, int]
    keypoints: int = 0
    min_score: float = 0.3
    max_iou: float = 0.6

    def __post_init__(self) -> None:
        if self.keypoints < 0:
            raise ValueError(f"keypoints is {self.keypoints}, expected 0 or more")

    def decode(self, output: NDArray) -> Instances:
        """Read one picture.

        Args:
            output: x1 y1 x2 y2 and score of each instance, then x, y and score of each of its keypoints,
                shape (1, n, 5 + 3K). Scores are in [0, 1].

        Raises:
            ValueError: The output has another shape.
        """
        columns = BOX_COLUMNS + POINT_COLUMNS * self.keypoints
        table = only_picture(output, columns)
        if table.shape[1] != columns:
            raise ValueError(
                f"output has shape {output.shape}, expected (1, n, {columns}) for {self.keypoints} keypoints"
            )
        rows = best_rows(table[:, 4], self.min_score)
        chosen = table[rows].astype(np.float64)
        points = chosen[:, BOX_COLUMNS:].reshape(len(rows), self.keypoints, POINT_COLUMNS)
        return distinct(chosen[:, :4], chosen[:, 4], self.max_iou, points[..., :2], points[..., 2])
