"""YOLOX as its official ONNX export puts it out: raw, one row per cell of three grids."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Instances
from pinpoint.codecs.candidates import best_rows, cell_boxes, cells_of_rows, distinct, only_picture

__all__ = ["YoloX"]


@dataclass(frozen=True)
class YoloX:
    """One class of an anchor-free detector (arXiv 2107.08430).

    Its boxes are COCO's, measured from the picture's outer edge: half a pixel is taken off. The picture goes
    in as BGR, 0 to 255, letterboxed into the top left corner over grey 114.

    Args:
        input_size: Width and height of the input.
        strides: Pixels per cell of each grid.
        class_index: The class that is looked for; 0 is COCO's person.
        min_score: Boxes below are dropped.
        max_iou: Boxes that overlap a better one by more than this are dropped.
    """

    input_size: tuple[int, int]
    strides: tuple[int, ...] = (8, 16, 32)
    class_index: int = 0
    min_score: float = 0.3
    max_iou: float = 0.45

    def decode(self, output: NDArray) -> Instances:
        """Read one picture.

        Args:
            output: Box in strides from its cell, objectness, one score per class, shape (1, n, 5 + classes).

        Raises:
            ValueError: There is no such class, or n is not the number of cells of this input size.
        """
        table = only_picture(output, 6 + self.class_index)
        cells, strides = cells_of_rows(len(table), self.input_size, self.strides)
        with np.errstate(invalid="ignore", over="ignore"):
            scores = table[:, 4] * table[:, 5 + self.class_index]
        rows = best_rows(scores, self.min_score)
        boxes = cell_boxes(table[rows, :4].astype(np.float64), cells[rows], strides[rows]) - 0.5
        return distinct(boxes, scores[rows], self.max_iou)
