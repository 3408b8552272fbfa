"""Part affinity fields: maps of points, and of the limbs that say which points are one person's.

Written from arXiv 1611.08050 and 1812.08008.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.maps import bells, best_peaks, labelled, only_maps, outside_boxes, zoomed_maps
from pinpoint.codecs.people import instances_of

__all__ = ["Paf"]

SAMPLES = 10  # of a field along a limb
SHARE = 0.8  # of the samples must agree with the limb
MOST_PEAKS = 100  # per keypoint; links grow with its square
FLOOR = 1e-6  # keeps logarithms finite


class Peaks(NamedTuple):
    """Places where a point may be."""

    kinds: NDArray[np.intp]
    """Which keypoint, shape (P,), rising."""
    cells: Float
    """Column and row, between cells, shape (P, 2)."""
    scores: Float
    """Shape (P,)."""


class Links(NamedTuple):
    """Pairs of peaks that may be the ends of one limb, best first."""

    ends: NDArray[np.intp]
    """Two peaks each, shape (L, 2)."""
    scores: Float
    """Shape (L,)."""


@dataclass(frozen=True)
class Paf:
    """Bells at points and, along each limb, unit vectors from its first end to its second.

    `decode` finds everyone whom `encode` paints, to a thousandth of a cell, where points of one kind are six
    cells apart. Nearer ones are told to half a cell, and who stands so that like limbs cross may be mixed up.

    Args:
        input_size: Width and height of the input, multiples of the stride.
        keypoints: How many there are.
        edges: Pairs of keypoints that are the ends of a limb, one field each, in order.
        stride: Input pixels per cell. The middle of the first cell is at (stride - 1) / 2.
        sigma: Spread of the bells in cells.
        width: How far a field reaches from its limb, to the sides and beyond the ends, in cells: limbs of
            less than a cell have one, too.
        min_score: People below are dropped. Their score is the mean of their points'; those that lack
            count 0.
        min_peak: Lower peaks of the maps are no points.
        min_link: A limb's field, along it, is at least this at 8 of 10 places.
        min_points: People with fewer points are dropped, where limbs join as many.

    Raises:
        ValueError: An edge points outside the keypoints, or the input is no multiple of the stride.
    """

    input_size: tuple[int, int]
    keypoints: int = 18
    edges: tuple[tuple[int, int], ...] = ()
    stride: int = 8
    sigma: float = 0.875
    width: float = 1.0
    min_score: float = 0.1
    min_peak: float = 0.1
    min_link: float = 0.05
    min_points: int = 3

    def __post_init__(self) -> None:
        edges = tuple((int(a), int(b)) for a, b in self.edges)
        object.__setattr__(self, "edges", edges)  # lists, where they come from JSON
        if bad := [edge for edge in edges if not 0 <= min(edge) <= max(edge) < self.keypoints]:
            raise ValueError(f"edges {bad} are not between keypoints 0 to {self.keypoints - 1}")
        if any(side % self.stride for side in self.input_size):
            raise ValueError(f"input size is {self.input_size}, expected multiples of stride {self.stride}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the maps."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    @property
    def fields(self) -> int:
        """How many fields there are: one that is empty where there are no limbs."""
        return max(1, len(self.edges))

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: cells lie evenly in the input, so that its mirror maps them onto cells."""
        return float(self.input_size[0] - 1)

    def mirrored(self, heatmaps: NDArray, pafs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`. A field points the other way across, and along where its ends change places.

        Raises:
            ValueError: The mirror image of a limb is no limb.
        """
        fields = pafs.reshape(1, self.fields, 2, *pafs.shape[2:])[..., ::-1]
        swapped, signs = _mirrored_edges(self.edges, order)
        turned = fields[:, swapped] * (signs[:, None] * (-1, 1))[:, :, None, None]
        points = np.append(order, self.keypoints)
        return heatmaps[:, points, :, ::-1], turned.reshape(pafs.shape).astype(pafs.dtype)

    def zoomed(self, heatmaps: NDArray, pafs: NDArray, zoom: float) -> tuple[NDArray, ...]:
        """See `ZoomCodec`."""
        first = (self.stride - 1) / 2
        return tuple(
            zoomed_maps(maps, zoom, (self.stride, first), self.input_size) for maps in (heatmaps, pafs)
        )

    def encode(self, boxes: Float, xy: Float, ignored: Float) -> tuple[NDArray, ...]:
        """Paint one picture.

        Args:
            boxes: x1 y1 x2 y2 of the instances, shape (M, 4).
            xy: Their points, shape (M, K, 2), NaN where not labelled.
            ignored: Boxes in which nothing counts, shape (I, 4).

        Returns:
            Bells and, last, what they leave of 1, shape (K + 1, h, w); x and y of the fields (2E, h, w); 1
            where cells count and 0 elsewhere, which is in boxes that are ignored and around people of whom
            nothing is labelled, shape (h, w).
        """
        cells = self._cells(xy)
        points = bells(cells, self.size, self.sigma)
        heatmaps = np.concatenate([points, 1 - points.max(axis=0, keepdims=True)])
        unknown = boxes[~labelled(xy).any(axis=1)]
        mask = outside_boxes(np.concatenate([ignored, unknown]), self.size, self.stride)
        return heatmaps, self._fields(cells), mask

    def decode(self, heatmaps: NDArray, pafs: NDArray) -> Instances:
        """Find points, join them along limbs, and tell people apart.

        Args:
            heatmaps: Shape (1, K + 1, h, w).
            pafs: Shape (1, 2E, h, w).

        Raises:
            ValueError: The maps have another shape.
        """
        points = only_maps("heatmaps", heatmaps, self.keypoints + 1, self.size)[: self.keypoints]
        fields = only_maps("pafs", pafs, 2 * self.fields, self.size)
        peaks = find_peaks(points, self.min_peak, self.sigma)
        links = find_links(peaks, fields, self.edges, self.min_link)
        people = joined(peaks.kinds, links.ends)
        least = min(self.min_points, self.keypoints) if self.edges else 1
        xy, scores = self._table([rows for rows in people if len(rows) >= least], peaks)
        return instances_of(xy, scores, self.min_score)

    def _table(self, people: Sequence[list[int]], peaks: Peaks) -> tuple[Float, Float]:
        xy = np.full((len(people), self.keypoints, 2), np.nan)
        scores = np.zeros(xy.shape[:2])
        person = np.repeat(np.arange(len(people)), [len(rows) for rows in people])
        rows = np.array([row for rows in people for row in rows], dtype=np.intp)
        xy[person, peaks.kinds[rows]] = peaks.cells[rows] * self.stride + (self.stride - 1) / 2
        scores[person, peaks.kinds[rows]] = peaks.scores[rows]
        return xy, scores

    def _cells(self, xy: Float) -> Float:
        return (xy - (self.stride - 1) / 2) / self.stride

    def _fields(self, cells: Float) -> NDArray[np.float32]:
        """Unit vectors along limbs, their mean where several of one kind meet."""
        width, height = self.size
        painted = np.zeros((self.fields, 3, height, width), np.float32)
        ends = cells[:, np.array(self.edges, np.intp).reshape(-1, 2)]
        lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2)
        for person, edge in np.argwhere(lengths > FLOOR).tolist():  # which NaN is not
            _paint(painted[edge], ends[person, edge], self.width)
        painted[:, :2] /= painted[:, 2:].clip(1)
        return painted[:, :2].reshape(-1, height, width)


def _paint(field: NDArray[np.float32], ends: Float, reach: float) -> None:
    """Add the direction of one limb, and 1, to a map (3, h, w) wherever it is within reach.

    Limbs are small beside the map: one at a time, in a window, is quicker than all of them everywhere.
    """
    low = np.ceil(ends.min(axis=0) - reach).clip(0).astype(int)
    high = np.floor(ends.max(axis=0) + reach).clip(-1).astype(int) + 1
    window = field[:, low[1] : high[1], low[0] : high[0]]
    x = np.arange(low[0], low[0] + window.shape[2]) - ends[0, 0]
    y = np.arange(low[1], low[1] + window.shape[1])[:, None] - ends[0, 1]
    way = ends[1] - ends[0]
    length = math.hypot(*way)
    across, down = way / length
    along = x * across + y * down
    beyond = along - np.clip(along, 0, length)
    near = (x * down - y * across) ** 2 + beyond**2 <= reach**2
    window += near * np.array([across, down, 1])[:, None, None]


def find_peaks(maps: NDArray, min_peak: float, sigma: float) -> Peaks:
    """Peaks of maps, placed between cells by parabolas through the logarithms of their neighbours.

    Of a bell, the logarithm is a parabola. At the edge, where a neighbour lacks, its curve is that of the
    spread.

    Args:
        maps: Shape (K, h, w).
        min_peak: Lower peaks are left out.
        sigma: Spread of the bells in cells.
    """
    kinds, cells = best_peaks(maps, 1, MOST_PEAKS, min_peak)
    heights = np.log(np.maximum(maps, FLOOR))
    offsets = np.zeros(cells.shape)
    for axis in range(2):
        step = np.array([1, 0] if axis == 0 else [0, 1])
        (low, below), (high, above) = (_beside(heights, kinds, cells + side * step) for side in (-1, 1))
        middle = heights[kinds, cells[:, 1], cells[:, 0]]
        low = np.where(below, low, 2 * middle - high - 1 / sigma**2)
        high = np.where(above, high, 2 * middle - low - 1 / sigma**2)
        offsets[:, axis] = _top(low, middle, high)
    return Peaks(kinds, cells + offsets, maps[kinds, cells[:, 1], cells[:, 0]])


def _beside(
    maps: NDArray, kinds: NDArray[np.intp], cells: NDArray[np.intp]
) -> tuple[Float, NDArray[np.bool_]]:
    """Values of maps in cells, of the nearest where a cell is outside, and whether it is inside."""
    last = np.array(maps.shape[:0:-1]) - 1
    inside = np.logical_and.reduce((cells >= 0) & (cells <= last), axis=1)
    column, row = np.clip(cells, 0, last).T
    return maps[kinds, row, column], inside


def _top(low: Float, middle: Float, high: Float) -> Float:
    """Where a parabola through values at -1, 0 and 1 has its top, at most half a step away; 0 for none."""
    curve = low + high - 2 * middle
    top = np.divide(low - high, 2 * curve, out=np.zeros_like(curve), where=curve < -FLOOR)
    return np.clip(top, -0.5, 0.5)


def find_links(peaks: Peaks, fields: NDArray, edges: Iterable[tuple[int, int]], min_link: float) -> Links:
    """The best links of every limb: a peak is the end of one limb of a kind at most.

    A link is worth the mean of the field along it (equation 11 of arXiv 1812.08008).

    Args:
        peaks: P of them.
        fields: x and y of every field, shape (2E, h, w).
        edges: E pairs of keypoints.
        min_link: What samples of the field are to be at least.
    """
    ends: list[NDArray[np.intp]] = [np.zeros((0, 2), np.intp)]
    worths: list[Float] = [np.zeros(0)]
    for number, (a, b) in enumerate(edges):
        first, second = (np.flatnonzero(peaks.kinds == kind) for kind in (a, b))
        if not len(first) or not len(second):
            continue
        field = np.ascontiguousarray(fields[2 * number : 2 * number + 2].transpose(1, 2, 0), dtype=np.float32)
        worth = _along(field, peaks.cells[first], peaks.cells[second], min_link)
        chosen = _greedy(worth)
        ends.append(np.stack([first[chosen[:, 0]], second[chosen[:, 1]]], axis=1))
        worths.append(worth[chosen[:, 0], chosen[:, 1]])
    scores = np.concatenate(worths)
    order = np.argsort(-scores, kind="stable")
    return Links(np.concatenate(ends)[order], scores[order])


def _along(field: NDArray[np.float32], starts: Float, stops: Float, min_link: float) -> Float:
    """Mean of a field (h, w, 2) along every line from A starts to B stops; 0 where too few samples agree.

    Shapes (A, 2), (B, 2) -> (A, B).
    """
    way = stops[None] - starts[:, None]
    length = np.linalg.norm(way, axis=2, keepdims=True)
    direction = np.divide(way, length, out=np.zeros_like(way), where=length > FLOOR)
    places = starts[:, None, None] + way[:, :, None] * np.linspace(0, 1, SAMPLES)[:, None]
    lines = places.reshape(-1, SAMPLES, 2).astype(np.float32)
    read = cv2.remap(field, lines, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore
    agree = np.einsum("lsc,lc->ls", read, direction.reshape(-1, 2).astype(np.float32))
    enough = (agree > min_link).mean(axis=1) >= SHARE - FLOOR
    return np.where(enough, agree.mean(axis=1), 0).reshape(length.shape[:2])


def _greedy(worth: Float) -> NDArray[np.intp]:
    """Pairs of a row and a column, the best first, each in one pair at most; shapes (A, B) -> (C, 2)."""
    rows, columns = np.nonzero(worth > 0)
    order = np.argsort(-worth[rows, columns], kind="stable")
    used_rows, used_columns, chosen = set(), set(), []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            chosen.append((row, column))
    return np.array(chosen, dtype=np.intp).reshape(-1, 2)


def joined(kinds: NDArray[np.intp], links: NDArray[np.intp]) -> list[list[int]]:
    """People, each a list of peaks of different kinds.

    The best link is followed first. One that would give somebody two points of a kind contradicts better ones
    and is passed over (section 3.4 of arXiv 1812.08008).

    Args:
        kinds: The keypoint of each peak, shape (P,).
        links: Pairs of peaks, best first, shape (L, 2).
    """
    owner = list(range(len(kinds)))
    members = [[peak] for peak in owner]
    holds = [1 << kind for kind in kinds.tolist()]
    for a, b in links.tolist():
        keeper, given = owner[a], owner[b]
        if holds[keeper] & holds[given]:  # the same person holds what it holds, too
            continue
        for peak in members[given]:
            owner[peak] = keeper
        members[keeper] += members[given]
        holds[keeper] |= holds[given]
        members[given] = []
    return [one for one in members if one]


def _mirrored_edges(
    edges: Sequence[tuple[int, int]], order: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For every field, which one it is in a mirror, and 1, or -1 where that one's ends are the other way."""
    if not edges:
        return np.zeros(1, np.intp), np.ones(1, np.intp)
    place: dict[tuple[int, ...], int] = {edge: number for number, edge in enumerate(edges)}
    swapped, signs = [], []
    for a, b in edges:
        mirror = (int(order[a]), int(order[b]))
        if mirror not in place and mirror[::-1] not in place:
            raise ValueError(f"edge {(a, b)} is {mirror} in a mirror, which is no edge")
        signs.append(1 if mirror in place else -1)
        swapped.append(place[mirror] if mirror in place else place[mirror[::-1]])
    return np.array(swapped, np.intp), np.array(signs, np.intp)
