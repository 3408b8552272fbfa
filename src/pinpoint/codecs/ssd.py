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
        centers = np.concatenate(grids)
        centers.setflags(write=False)
        return centers

    def decode(self, boxes: NDArray, logits: NDArray) -> Instances:
        """Read one picture.

        Args:
            boxes: Middle, width, height and keypoints of each anchor, shape (1, A, 4 + 2 K), in input pixels
                from the anchor's middle.
            logits: Shape (1, A, 1).
        """
        likely = np.flatnonzero(logits[0, :, 0] >= logit(self.min_score))
        likely = likely[np.argsort(-logits[0, likely, 0], kind="stable")]
        raw, centers = boxes[0, likely].astype(np.float64), self.centers[likely]
        half = raw[:, 2:4] / 2
        middle = raw[:, :2] + centers
        points = raw[:, 4:] + np.tile(centers, self.keypoints)
        table = np.concatenate([middle - half, middle + half, points], axis=1)
        good = np.isfinite(raw).all(axis=1) & (half > 0).all(axis=1)
        return self._merged(table[good], sigmoid(logits[0, likely[good], 0]))

    def _merged(self, table: Float, scores: Float) -> Instances:
        """Weighted non-maximum suppression: each cluster becomes its mean by score, with the best score.

        Args:
            table: Boxes and points, best first, shape (n, 4 + 2 K).
            scores: Shape (n,).
        """
        alike = iou(table[:, :4], table[:, :4]) > self.max_iou
        np.fill_diagonal(alike, True)
        weights, best = [], []
        waiting = np.ones(len(table), dtype=bool)
        while waiting.any():
            first = int(waiting.argmax())
            cluster = alike[first] & waiting
            weights.append(cluster * scores * (scores >= min(self.sure, scores[first])))
            best.append(first)
            waiting &= ~cluster
        share = np.array(weights).reshape(len(best), len(table))
        means = np.einsum("cn,nd->cd", share, table) / share.sum(axis=1, keepdims=True)
        xy, kept = means[:, 4:].reshape(len(best), self.keypoints, 2), scores[best]
        return Instances(means[:, :4], kept, xy, np.repeat(kept[:, None], self.keypoints, axis=1))
