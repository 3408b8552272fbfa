"""YuNet: a tiny face detector with five points per face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Instances
from pinpoint.codecs.candidates import best_rows, cell_boxes, cells_of_rows, distinct, only_picture

__all__ = ["YuNet"]


@dataclass(frozen=True)
class YuNet:
    """Faces as boxes and face5: eyes, nose tip, mouth corners, each the person's own right first.

    Its boxes count from the first pixel's centre, its points from the picture's outer edge. Nobody published
    that: it was measured on photographs and their mirror images. The picture goes in as BGR, 0 to 255. The
    paper is doi 10.1007/s11633-023-1423-y.

    Args:
        input_size: Width and height of the input, multiples of 32; the network takes any.
        strides: Pixels per cell of each grid.
        min_score: Faces below are dropped.
        max_iou: Faces that overlap a better one by more than this are dropped.
    """

    input_size: tuple[int, int]
    strides: tuple[int, ...] = (8, 16, 32)
    min_score: float = 0.6
    max_iou: float = 0.3

    def decode(self, *outputs: NDArray) -> Instances:
        """Read one picture.

        Args:
            outputs: Class scores (1, n, 1) of every grid, then the objectness (1, n, 1) of every grid, boxes
                (1, n, 4) and points (1, n, 10), both in strides from their cell.

        Raises:
            ValueError: There are not four outputs per stride, or n is not the number of cells of the input.
        """
        levels = len(self.strides)
        if len(outputs) != 4 * levels:
            raise ValueError(f"YuNet has {len(outputs)} outputs, expected {4 * levels}")
        classes, objects, boxes, points = (
            np.concatenate([only_picture(output, columns) for output in outputs[kind * levels :][:levels]])
            for kind, columns in enumerate((1, 1, 4, 10))
        )
        cells, strides = cells_of_rows(len(classes), self.input_size, self.strides)
        scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
        rows = best_rows(scores, self.min_score)
        cells, strides = cells[rows], strides[rows]
        shifts = points[rows].astype(np.float64).reshape(-1, 5, 2)
        return distinct(
            cell_boxes(boxes[rows].astype(np.float64), cells, strides),
            scores[rows],
            self.max_iou,
            (shifts + cells[:, None]) * strides[:, None] - 0.5,
            np.repeat(scores[rows, None], 5, axis=1),
        )
