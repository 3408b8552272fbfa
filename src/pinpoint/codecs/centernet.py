"""CenterNet: a heatmap of the middles of boxes, and from there the way to each point (arXiv 1904.07850)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.maps import best_peaks, labelled, only_maps, outside_boxes
from pinpoint.codecs.points import known_points

__all__ = ["CenterNet", "radii"]

EDGE = 0.5  # boxes are COCO's, measured from the outer edge
TALL = 0.7  # overlap that a box has at least whose corners are a bell's radius off
PEAK = 0.1  # lower peaks of keypoints draw nobody's points to them
NEAR = 0.3  # of the longer side of a box: peaks further off do not either
FAR = 1e6


@dataclass(frozen=True)
class CenterNet:
    """Heatmaps of middles and of keypoints, with sizes and offsets told at the cells of their peaks.

    A point at p cells lies in cell floor(p); offsets tell the rest. A cell is `stride` pixels, the first of
    which is the input's first: cell 0 begins at the middle of pixel 0, as published. `decode` inverts
    `encode` to 1e-3 pixels for people and points whose peaks are two cells apart.

    Args:
        input_size: Width and height of the input, multiples of the stride.
        keypoints: How many there are.
        stride: Input pixels per cell.
        most: Instances that are found or taught at most; the largest are taught.
        min_score: Instances below are dropped. Their score is that of their middle.

    Raises:
        ValueError: The input is no multiple of the stride.
    """

    input_size: tuple[int, int]
    keypoints: int = 17
    stride: int = 4
    most: int = 100
    min_score: float = 0.3

    def __post_init__(self) -> None:
        if any(side % self.stride for side in self.input_size):
            raise ValueError(f"input size is {self.input_size}, expected multiples of stride {self.stride}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the maps."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: where the last cell ends."""
        return float(self.input_size[0])

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`. What lies a share of a cell from its left end lies the rest from the right."""
        hm, wh, hps, reg, hm_hp, hp_offset = (output[..., ::-1] for output in outputs)
        ways = hps.reshape(len(hps), self.keypoints, 2, *hps.shape[2:])[:, order]
        ways = _from_the_other_end(ways, 2).reshape(hps.shape)
        return hm, wh, ways, _from_the_other_end(reg, 1), hm_hp[:, order], _from_the_other_end(hp_offset, 1)

    def encode(self, boxes: Float, xy: Float, ignored: Float) -> tuple[NDArray, ...]:
        """Say what of one picture each head is to tell, and where.

        Args:
            boxes: x1 y1 x2 y2 of the instances, shape (M, 4).
            xy: Their points, shape (M, K, 2), NaN where not labelled.
            ignored: Boxes in which nothing counts, shape (I, 4).

        Returns:
            Bells at middles (1, h, w), bells at keypoints (K, h, w), how much each cell of them counts
            (h, w). For `most` instances: whether there is one (most,), the cell of its middle, counted row by
            row (most,), its size and its offset in that cell (most, 4), the way to each point (most, K, 2).
            For each of their points: whether it is labelled (most, K), its cell (most, K) and its offset in
            it (most, K, 2). All lengths are in cells.
        """
        largest = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")[: self.most]
        own, points = (boxes[largest] + EDGE) / self.stride, xy[largest] / self.stride
        middles, sides = (own[:, :2] + own[:, 2:]) / 2, own[:, 2:] - own[:, :2]
        cells, shares = self._cells(middles)
        there = labelled(points) & ((points >= 0) & (points < self.size)).all(axis=-1)
        places, rests = self._cells(np.where(there[..., None], points, 0))
        reach = radii(sides)
        hm = _bells(cells[:, None], np.ones((len(own), 1), bool), reach, self.size)
        hm_hp = _bells(places, there, reach, self.size)
        counts = np.maximum(outside_boxes(ignored, self.size, self.stride), hm[0] > 0)
        ways = np.where(there[..., None], points - cells[:, None], 0)
        lists = (
            np.ones(len(own), bool),
            self._numbers(cells),
            np.concatenate([sides, shares], axis=1).astype(np.float32),
            ways.astype(np.float32),
            there,
            self._numbers(places),
            rests.astype(np.float32),
        )
        return hm, hm_hp, counts.astype(np.float32), *(_filled(rows, self.most) for rows in lists)

    def decode(
        self, hm: NDArray, wh: NDArray, hps: NDArray, reg: NDArray, hm_hp: NDArray, hp_offset: NDArray
    ) -> Instances:
        """Read the instances off the map of middles, and move their points to near peaks of the keypoint.

        A point is moved to the nearest peak of its keypoint if that is in the box and not further away than
        .3 of its longer side. Its score is that of its map there.

        Args:
            hm: Shape (1, 1, h, w), in [0, 1].
            wh: Width and height in cells, shape (1, 2, h, w).
            hps: Way to each point in cells, x and y of one keypoint after the other, shape (1, 2K, h, w).
            reg: Offset of the middle in its cell, shape (1, 2, h, w).
            hm_hp: Shape (1, K, h, w), in [0, 1].
            hp_offset: Offset of a keypoint in its cell, shape (1, 2, h, w).

        Raises:
            ValueError: The outputs have other shapes.
        """
        size, count = self.size, self.keypoints
        shapes = (("hm", hm, 1), ("wh", wh, 2), ("hps", hps, 2 * count), ("reg", reg, 2))
        middles, sides, ways, shares = (only_maps(name, maps, n, size) for name, maps, n in shapes)
        maps = only_maps("hm_hp", hm_hp, count, size)
        rests = only_maps("hp_offset", hp_offset, 2, size)
        _, cells = best_peaks(middles, 1, self.most, self.min_score)
        column, row = cells.T
        center, half = cells + shares[:, row, column].T, sides[:, row, column].T.astype(np.float64) / 2
        boxes = np.concatenate([center - half, center + half], axis=1)
        points = cells[:, None] + ways[:, row, column].T.reshape(-1, count, 2).astype(np.float64)
        xy, scores = _drawn(points, boxes, maps, rests)
        found = np.clip(middles[0, row, column], 0, 1)
        return Instances(
            boxes * self.stride - EDGE, found, *known_points(xy * self.stride, scores.astype(np.float64))
        )

    def _cells(self, places: Float) -> tuple[NDArray[np.intp], Float]:
        """Cell and offset in it of places inside the maps, shapes (..., 2)."""
        cells = np.floor(places).astype(np.intp).clip(0, np.array(self.size) - 1)
        return cells, places - cells

    def _numbers(self, cells: NDArray[np.intp]) -> NDArray[np.intp]:
        return cells[..., 1] * self.size[0] + cells[..., 0]


def radii(sides: Float) -> NDArray[np.intp]:
    """How far the bell at the middle of a box reaches, in cells (arXiv 1808.01244, as its code computes it).

    The radius that CornerNet means, within which boxes overlap by .7, is 2.8 times shorter: its code leaves
    out a division, and so does every network that was trained by it.

    Args:
        sides: Width and height in cells, shape (M, 2).

    Returns:
        Shape (M,).
    """
    sides = np.ceil(sides)
    around, area = sides.sum(axis=1), sides.prod(axis=1)
    root = np.sqrt((TALL * around) ** 2 + 4 * TALL * (1 - TALL) * area)
    return np.maximum(root - TALL * around, 0).astype(np.intp)


def _bells(
    cells: NDArray[np.intp], there: NDArray[np.bool_], reach: NDArray[np.intp], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Bells of height 1 that end at their instance's radius, shapes (M, K, 2), (M, K), (M,) -> (K, h, w).

    Three sigmas are the radius and half a cell; where several meet, the highest counts.
    """
    width, height = size
    maps = np.zeros((cells.shape[1], height, width), np.float32)
    kinds = np.arange(cells.shape[1])
    for own, known, radius in zip(cells, there, reach.tolist(), strict=True):
        steps = np.arange(-radius, radius + 1)
        fall = np.exp(-np.square(steps) / (2 * ((2 * radius + 1) / 6) ** 2)).astype(np.float32)
        columns, rows = (own[known, axis, None] + steps for axis in (0, 1))
        inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
        places = (kinds[known, None, None] * height + rows[:, :, None]) * width + columns[:, None]
        heights = np.broadcast_to(fall[:, None] * fall, places.shape)
        np.maximum.at(maps.reshape(-1), places[inside], heights[inside])
    return maps


def _drawn(points: Float, boxes: Float, maps: NDArray, rests: NDArray) -> tuple[Float, NDArray]:
    """Points (N, K, 2) moved to near peaks of maps (K, h, w), and their scores (N, K); all in cells."""
    height, width = maps.shape[1:]
    peaks, heights = _peaks(maps, rests)
    away = np.linalg.norm(points[:, :, None] - peaks, axis=-1)
    nearest = away.argmin(axis=2)
    kinds = np.arange(len(maps))
    best = peaks[kinds, nearest]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    near = away.min(axis=2) <= NEAR * (high - low).max(axis=-1)
    moved = near & (best >= low).all(axis=-1) & (best <= high).all(axis=-1)
    cells = np.nan_to_num(points).astype(np.intp).clip(0, (width - 1, height - 1))
    own = maps[kinds, cells[..., 1], cells[..., 0]]
    return np.where(moved[..., None], best, points), np.where(moved, heights[kinds, nearest], own)


def _peaks(maps: NDArray, rests: NDArray) -> tuple[Float, NDArray]:
    """Peaks of each map (K, P, 2) and how high they are (K, P), P those of the fullest map, 1 at least.

    Where a map has fewer, the others are far away.
    """
    kind, cells = best_peaks(maps, 1, 100, PEAK)
    column, row = cells.T
    rank = np.arange(len(kind)) - np.searchsorted(kind, kind)
    most = rank.max(initial=0) + 1
    peaks, heights = np.full((len(maps), most, 2), FAR), np.zeros((len(maps), most), maps.dtype)
    peaks[kind, rank] = cells + rests[:, row, column].T
    heights[kind, rank] = maps[kind, row, column]
    return peaks, heights


def _from_the_other_end(offsets: NDArray, axis: int) -> NDArray:
    """Offsets in a cell, x and y along an axis, where x was told from the right."""
    x, y = np.moveaxis(offsets, axis, 0)
    return np.stack([1 - x, y], axis=axis)


def _filled(rows: NDArray, count: int) -> NDArray:
    """Rows, and zeros up to a count."""
    return np.concatenate([rows, np.zeros((count - len(rows), *rows.shape[1:]), rows.dtype)])
