"""Single-shot detectors with anchors, as MediaPipe trains them: boxes with a few keypoints each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.activation import logit, sigmoid
from pinpoint.geometry import iou

__all__ = ["Ssd"]


@dataclass(frozen=True)
class Ssd:
    """Anchors of unit size on grids; overlapping boxes are averaged, not dropped (arXiv 1907.05047).

    Args:
        input_size: Width and height of the input.
        strides: Stride of each layer, coarse ones repeated as the network has them.
        anchors: Anchors on each cell of each layer.
        keypoints: Keypoints that each box carries.
        min_score: Boxes below are dropped.
        sure: Boxes below vanish in a cluster whose best box is above, without moving it: its place is what
            the networks that follow were made for.
        max_iou: Boxes that overlap a better one by more than this are merged into it.
    """

    input_size: tuple[int, int]
    strides: tuple[int, ...]
    anchors: int = 2
    keypoints: int = 0
    min_score: float = 0.5
    sure: float = 0.5
    max_iou: float = 0.3

    @cached_property
    def centers(self) -> Float:
        """Middles of the anchors in input pixels, shape (A, 2); layers of one stride share their cells."""
        grids = []
        for stride in sorted(set(self.strides)):
            columns, rows = (size // stride for size in self.input_size)
            y, x = np.mgrid[:rows, :columns]
            cells = np.stack([x, y], axis=-1).reshape(-1, 2) * stride + (stride - 1) / 2
            grids.append(np.repeat(cells, self.anchors * self.strides.count(stride), axis=0))
        return np.concatenate(grids)

    def decode(self, boxes: NDArray, logits: NDArray) -> Instances:
        """Read one picture.

        Args:
            boxes: Middle, width, height and keypoints of each anchor, shape (1, A, 4 + 2 K), in input pixels
                from the anchor's middle.
            logits: Shape (1, A, 1).
        """
        likely = np.flatnonzero(logits[0, :, 0] >= logit(self.min_score))
        scores = sigmoid(logits[0, likely, 0].astype(np.float64))
        raw = boxes[0, likely].astype(np.float64)
        points = raw[:, 4:].reshape(len(raw), self.keypoints, 2) + self.centers[likely, None]
        middle, half = raw[:, :2] + self.centers[likely], raw[:, 2:4] / 2
        hulls = np.concatenate([middle - half, middle + half], axis=1)
        good = np.isfinite(raw).all(axis=1) & (half > 0).all(axis=1)
        return self._merge(hulls[good], scores[good], points[good])

    def _merge(self, boxes: Float, scores: Float, points: Float) -> Instances:
        """Weighted non-maximum suppression: each cluster becomes its mean by score, with the best score."""
        waiting = np.argsort(-scores, kind="stable")
        merged, best = [], []
        flat = np.concatenate([boxes, points.reshape(len(points), 2 * self.keypoints)], axis=1)
        while len(waiting):
            close = iou(boxes[waiting[:1]], boxes[waiting])[0] > self.max_iou
            close[0] = True
            cluster = waiting[close]
            counts = scores[cluster] >= min(self.sure, scores[cluster[0]])
            merged.append(np.average(flat[cluster], axis=0, weights=scores[cluster] * counts))
            best.append(scores[cluster[0]])
            waiting = waiting[~close]
        table = np.array(merged).reshape(len(merged), 4 + 2 * self.keypoints)
        xy = table[:, 4:].reshape(len(table), self.keypoints, 2)
        kept = np.array(best)
        return Instances(table[:, :4], kept, xy, np.repeat(kept[:, None], self.keypoints, axis=1))
