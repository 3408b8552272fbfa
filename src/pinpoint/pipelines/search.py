"""Finding more than a detector sees in one look at a whole picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.geometry import Float, Image, nms, region_matrices
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.one_stage import OneStage

__all__ = ["Search", "SearchMode"]

SearchMode = Literal["auto", "whole", "tiles"]


@dataclass(frozen=True)
class Search:
    """Shows a detector the whole picture, then, where there may be more, overlapping square tiles of it too.

    Args:
        detector: Sees the whole picture first. It should also report what it is not sure of.
        tile_detector: Sees the tiles, and the whole picture with them; none: the same.
        mode: `whole` looks once; `tiles` always looks at the tiles too; `auto` does so unless the first look
            found what one person has, and nothing that it is not sure of.
        min_score: Detections below are dropped in the end.
        max_iou: Of two detections that overlap more, the better one stays.
        rows: Tiles along each side of the picture.
        share: Side of a tile as a share of the picture's longer side.
        expected: The most instances that one person has: two hands, one face.
    """

    detector: OneStage
    tile_detector: OneStage | None = None
    mode: SearchMode = "auto"
    min_score: float = 0.5
    max_iou: float = 0.3
    rows: int = 3
    share: float = 0.45
    expected: int = 1

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`."""
        if boxes is not None:
            return self.detector(image, boxes)
        first = self.detector(image)
        if self.mode == "whole" or (self.mode == "auto" and self._is_one_person(first)):
            return first.above(self.min_score)
        looks = [first, *self._tiled(image)]
        found = Keypoints.concatenate([look.above(self.min_score) for look in looks])
        return found[nms(_boxes(found), _scores(found), self.max_iou)]

    def _is_one_person(self, found: Keypoints) -> bool:
        return 1 <= len(found) <= self.expected and len(found.above(self.min_score)) == len(found)

    def _tiled(self, image: Image) -> Iterator[Keypoints]:
        detector = self.tile_detector or self.detector
        if detector is not self.detector:
            yield detector(image)
        centers, side = _tiles(image.shape[1], image.shape[0], self.rows, self.share)
        sizes = np.full_like(centers, side)
        for matrix in region_matrices(centers, sizes, 0.0, detector.prepare.size):
            yield detector.within(image, matrix)


def _tiles(width: int, height: int, rows: int, share: float) -> tuple[Float, float]:
    """Middles of square tiles that cover a picture evenly, shape (T, 2), and their side."""
    side = share * max(width, height)
    x, y = (
        np.linspace(side / 2, size - side / 2, rows) - 0.5 if size > side else np.array([(size - 1) / 2])
        for size in (width, height)
    )
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), side


def _boxes(found: Keypoints) -> Float:
    return np.zeros((0, 4)) if found.boxes is None else found.boxes


def _scores(found: Keypoints) -> Float:
    return np.zeros(len(found)) if found.box_scores is None else found.box_scores
