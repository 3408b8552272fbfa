"""RTMO: boxes and keypoints of everyone in one run, as mmdeploy exported it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Instances
from pinpoint.codecs.candidates import best_rows, distinct, only_picture

__all__ = ["Rtmo"]


@dataclass(frozen=True)
class Rtmo:
    """One-stage poses (arXiv 2312.07526). Overlaps are removed here whether or not the export does so too.

    Its boxes are COCO's, measured from the picture's outer edge: half a pixel is taken off. Its points count
    from pixel centres, as COCO's do.

    Args:
        input_size: Width and height of the input.
        min_score: Instances below are dropped.
        max_iou: Instances whose box overlaps a better one by more than this are dropped; .65 is mmpose's.
    """

    input_size: tuple[int, int]
    min_score: float = 0.3
    max_iou: float = 0.65

    def decode(self, dets: NDArray, keypoints: NDArray) -> Instances:
        """Read one picture.

        Args:
            dets: x1 y1 x2 y2 and score, shape (1, n, 5).
            keypoints: x, y and score, shape (1, n, K, 3).

        Raises:
            ValueError: The outputs have other shapes.
        """
        table = only_picture(dets, 5)
        if keypoints.ndim != 4 or keypoints.shape[:2] != dets.shape[:2] or keypoints.shape[3] != 3:
            raise ValueError(f"keypoints have shape {keypoints.shape}, expected {(*dets.shape[:2], 'K', 3)}")
        rows = best_rows(table[:, 4], self.min_score)
        points = keypoints[0, rows].astype(np.float64)
        boxes = table[rows, :4].astype(np.float64) - 0.5
        return distinct(boxes, table[rows, 4], self.max_iou, points[..., :2], points[..., 2])
