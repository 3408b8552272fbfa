"""A heatmap of people's middles, and from there the way to each of their points (DEKR, arXiv 2104.02300)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.maps import bells, best_peaks, only_maps, outside_boxes, zoomed_maps
from pinpoint.codecs.people import instances_of

__all__ = ["Dekr", "distinct_poses"]

NEAR = 0.05  # of a pose's diagonal: two points are as good as one
FLOOR = 1e-6


@dataclass(frozen=True)
class Dekr:
    """Heatmaps of the keypoints and, last, of the middles of people; offsets from cells to points.

    Cell c is pixel c * stride, as in the published networks. `decode` inverts `encode` to 1e-4 pixels for
    people whose middles are two bells apart.

    Args:
        input_size: Width and height of the input, multiples of the stride.
        keypoints: How many there are.
        stride: Input pixels per cell.
        sigma: Spread of the bells at keypoints, in cells.
        middle_sigma: Spread of the bells at middles; as far around a middle, offsets are taught.
        empty: How much cells count in training in which no bell is.
        least: Shortest diagonal, in cells, of people who are taught; smaller ones neither count nor harm.
        most: People that are found at most.
        min_score: People below are dropped. Their score is the mean of their points', which is that of the
            middle times that of the keypoint's map at the point.
        min_middle: Lower peaks of the map of middles are no people.
        reach: Peaks of that map are further apart than this, in cells.
        max_near: Two poses are one person's if more than this share of their points are.

    Raises:
        ValueError: The input is no multiple of the stride.
    """

    input_size: tuple[int, int]
    keypoints: int = 17
    stride: int = 4
    sigma: float = 2.0
    middle_sigma: float = 4.0
    empty: float = 0.1
    least: float = 32**0.5
    most: int = 30
    min_score: float = 0.05
    min_middle: float = 0.01
    reach: int = 2
    max_near: float = 0.5

    def __post_init__(self) -> None:
        if any(side % self.stride for side in self.input_size):
            raise ValueError(f"input size is {self.input_size}, expected multiples of stride {self.stride}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the maps."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: the last column of the maps, in input pixels."""
        return float((self.size[0] - 1) * self.stride)

    def mirrored(self, heatmaps: NDArray, offsets: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`."""
        ways = offsets.reshape(1, self.keypoints, 2, *offsets.shape[2:])[:, order, :, :, ::-1]
        turned = ways * np.array([-1, 1], offsets.dtype)[:, None, None]
        return heatmaps[:, np.append(order, self.keypoints), :, ::-1], turned.reshape(offsets.shape)

    def zoomed(self, heatmaps: NDArray, offsets: NDArray, zoom: float) -> tuple[NDArray, ...]:
        """See `ZoomCodec`."""
        places = (float(self.stride), 0.0)
        grown, ways = (zoomed_maps(maps, zoom, places, self.input_size) for maps in (heatmaps, offsets))
        return grown, ways / zoom

    def encode(self, boxes: Float, xy: Float, ignored: Float) -> tuple[NDArray, ...]:
        """Paint one picture.

        Args:
            boxes: x1 y1 x2 y2 of the instances, shape (M, 4).
            xy: Their points, shape (M, K, 2), NaN where not labelled.
            ignored: Boxes in which nothing counts, shape (I, 4).

        Returns:
            Bells at keypoints and middles and how much each cell counts, both (K + 1, h, w); offsets to the
            points of the nearest middle's person in cells, x and y of each keypoint, and how much each
            counts, which is 1 / diagonal of the person, both (2K, h, w).
        """
        cells = xy / self.stride
        middles, diagonals = _middles(cells)
        small = ~(diagonals >= self.least)  # NaN is nobody
        middles[small] = np.nan
        heatmaps = np.concatenate(
            [bells(cells, self.size, self.sigma), bells(middles[:, None], self.size, self.middle_sigma)]
        )
        mask = outside_boxes(np.concatenate([ignored, boxes[small]]), self.size, self.stride)
        weights = np.where(heatmaps > 0, 1, self.empty).astype(np.float32) * mask
        offsets, counts = self._offsets(cells, middles, diagonals)
        return heatmaps, weights, offsets, counts * mask

    def decode(self, heatmaps: NDArray, offsets: NDArray) -> Instances:
        """Read the people off the map of middles.

        Args:
            heatmaps: Shape (1, K + 1, h, w).
            offsets: In cells, shape (1, 2K, h, w).

        Raises:
            ValueError: The maps have another shape.
        """
        maps = only_maps("heatmaps", heatmaps, self.keypoints + 1, self.size)
        ways = only_maps("offsets", offsets, 2 * self.keypoints, self.size)
        _, middles = best_peaks(maps[-1:], self.reach, self.most, self.min_middle)
        column, row = middles.T
        cells = middles[:, None].astype(np.float64) + ways[:, row, column].T.reshape(-1, self.keypoints, 2)
        seen = _read(maps[:-1], cells)
        kept = distinct_poses(cells, seen.mean(axis=1), self.max_near)
        scores = seen[kept] * maps[-1, row, column][kept, None]
        return instances_of(cells[kept] * self.stride, scores, self.min_score)

    def _offsets(
        self, cells: Float, middles: Float, diagonals: Float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Offsets around the middles, large people first: the smaller one's stand where two meet."""
        width, height = self.size
        offsets = np.zeros((self.keypoints, 2, height, width), np.float32)
        counts = np.zeros_like(offsets)
        for person in np.argsort(-diagonals, kind="stable"):
            if np.isnan(middles[person]).any():
                continue
            low = np.clip(np.ceil(middles[person] - self.middle_sigma), 0, None).astype(int)
            high = np.floor(middles[person] + self.middle_sigma).astype(int) + 1
            window = np.s_[:, :, low[1] : high[1], low[0] : high[0]]
            rows, columns = np.indices((height, width))[window[1:]]
            told = np.isfinite(cells[person]).all(axis=-1)
            ways = cells[person][:, :, None, None] - np.stack([columns, rows])
            offsets[window] = np.nan_to_num(ways)
            counts[window] = np.where(told, 1 / max(diagonals[person], 1), 0)[:, None, None, None]
        return offsets.reshape(-1, height, width), counts.reshape(-1, height, width)


def distinct_poses(xy: Float, scores: Float, max_near: float) -> NDArray[np.intp]:
    """Which poses are kept, best first, of those that are as good as the same.

    Points are near each other within .05 of the diagonal of the better pose.

    Args:
        xy: Shape (N, K, 2).
        scores: Shape (N,).
        max_near: Share of near points above which the worse of two poses is dropped.
    """
    diagonals = np.linalg.norm(xy.max(axis=1, initial=-np.inf) - xy.min(axis=1, initial=np.inf), axis=1)
    away = np.linalg.norm(xy[:, None] - xy, axis=3)
    same = (away < NEAR * diagonals[:, None, None]).sum(axis=2) > int(max_near * xy.shape[1])
    kept: list[int] = []
    left = np.ones(len(xy), dtype=bool)
    for row in np.argsort(-scores, kind="stable").tolist():
        if left[row]:
            kept.append(row)
            left &= ~same[row]
    return np.array(kept, dtype=np.intp)


def _middles(cells: Float) -> tuple[Float, Float]:
    """Mean (M, 2) of the points of people, and the diagonals (M,) of the boxes around them; NaN for none."""
    known = np.isfinite(cells).all(axis=-1, keepdims=True)
    count = known.sum(axis=1)
    sums = np.where(known, cells, 0).sum(axis=1)
    middles = np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0)
    low = np.where(known, cells, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, cells, -np.inf).max(axis=1, initial=-np.inf)
    return middles, np.where(count[:, 0] > 0, np.linalg.norm(high - low, axis=1), np.nan)


def _read(maps: NDArray, cells: Float) -> Float:
    """Values of maps (K, h, w) at places between cells (N, K, 2), the edge's outside; shape (N, K)."""
    if not len(cells):
        return np.zeros(cells.shape[:2])
    places = np.nan_to_num(cells, nan=-1).astype(np.float32)
    read = [
        cv2.remap(one, places[:, kind, None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore
        for kind, one in enumerate(maps)
    ]
    return np.stack(read, axis=2)[:, 0].astype(np.float64)
