"""RTMDet, and every other detector that mmdeploy exported with its non-maximum suppression inside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Instances
from pinpoint.codecs.candidates import best_rows, distinct, only_picture

__all__ = ["RtmDet"]


@dataclass(frozen=True)
class RtmDet:
    """One class of a detector whose boxes are ready (arXiv 2212.07784).

    Its boxes are COCO's, measured from the picture's outer edge: half a pixel is taken off.

    Args:
        input_size: Width and height of the input.
        class_index: The class that is looked for.
        min_score: Boxes below are dropped.
    """

    input_size: tuple[int, int]
    class_index: int = 0
    min_score: float = 0.3

    def decode(self, dets: NDArray, labels: NDArray) -> Instances:
        """Read one picture.

        Args:
            dets: x1 y1 x2 y2 and score, shape (1, n, 5).
            labels: Class of each box, shape (1, n).

        Raises:
            ValueError: The outputs have other shapes.
        """
        table = only_picture(dets, 5)
        if labels.shape != dets.shape[:2]:
            raise ValueError(f"labels have shape {labels.shape}, expected {dets.shape[:2]}")
        rows = best_rows(np.where(labels[0] == self.class_index, table[:, 4], -1), self.min_score)
        boxes = table[rows, :4].astype(np.float64) - 0.5
        return distinct(boxes, table[rows, 4], max_iou=1.0)
