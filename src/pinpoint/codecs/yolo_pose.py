"""YOLO pose networks (YOLOv8, YOLO11, YOLO26), as the published documentation describes their exports."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.candidates import best_rows, distinct, only_picture

__all__ = ["YoloPose"]


@dataclass(frozen=True)
class YoloPose:
    """Boxes with keypoints, either one column per anchor or, end to end, one row per instance.

    Its boxes are COCO's, measured from the picture's outer edge: half a pixel is taken off. Its points count
    from pixel centres, as COCO's do.

    Args:
        input_size: Width and height of the input.
        keypoints: Keypoints of each instance.
        values: Numbers per keypoint: 3 for x, y and score, 2 for x and y (its score is then the box's).
        min_score: Instances below are dropped.
        max_iou: Instances whose box overlaps a better one by more than this are dropped.

    Raises:
        ValueError: `values` is neither 2 nor 3, or there are no keypoints.
    """

    input_size: tuple[int, int]
    keypoints: int = 17
    values: int = 3
    min_score: float = 0.25
    max_iou: float = 0.7

    def __post_init__(self) -> None:
        if self.values not in (2, 3) or self.keypoints < 1:
            got = f"{self.keypoints} keypoints of {self.values} values"
            raise ValueError(f"YoloPose has {got}, expected 1 or more of 2 or 3")

    def decode(self, output: NDArray) -> Instances:
        """Read one picture.

        Args:
            output: Middle x, y, width, height, one score per class and the keypoints of each anchor, shape
                (1, 4 + classes + values * keypoints, n). Or end to end: x1 y1 x2 y2, score, class and
                keypoints, shape (1, n, 6 + values * keypoints).

        Raises:
            ValueError: The output has another shape, or more columns per anchor than anchors.
        """
        tail = self.keypoints * self.values
        if output.ndim == 3 and output.shape[2] == 6 + tail:
            return self._ready(only_picture(output, 6 + tail), tail)
        if output.ndim != 3 or len(output) != 1 or not 5 + tail <= output.shape[1] <= output.shape[2]:
            raise ValueError(
                f"output has shape {output.shape}, expected (1, {5 + tail} or more, n) or (1, n, {6 + tail}) "
                f"for {self.keypoints} keypoints of {self.values} values"
            )
        return self._anchors(output[0], tail)

    def _anchors(self, columns: NDArray, tail: int) -> Instances:
        classes = columns[4 : len(columns) - tail]
        scores = classes[0] if len(classes) == 1 else classes.max(axis=0)
        rows = best_rows(scores, self.min_score)
        table = columns[:, rows].T.astype(np.float64)
        middle, half = table[:, :2], table[:, 2:4] / 2
        with np.errstate(invalid="ignore"):
            boxes = np.concatenate([middle - half, middle + half], axis=1)
        return self._instances(boxes, scores[rows], table[:, -tail:])

    def _ready(self, table: NDArray, tail: int) -> Instances:
        rows = best_rows(table[:, 4], self.min_score)
        chosen = table[rows].astype(np.float64)
        return self._instances(chosen[:, :4], chosen[:, 4], chosen[:, -tail:])

    def _instances(self, boxes: Float, box_scores: Float, points: Float) -> Instances:
        points = points.reshape(len(boxes), self.keypoints, self.values)
        own = points[..., 2] if self.values == 3 else np.repeat(box_scores[:, None], self.keypoints, axis=1)
        return distinct(boxes - 0.5, box_scores, self.max_iou, points[..., :2], own)
