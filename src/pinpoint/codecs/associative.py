"""Associative embedding: beside every point a tag, a number that is alike for all points of one person.

Written from arXiv 1611.05424 and, for maps in two sizes, arXiv 1908.10357 (HigherHRNet).
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.assignment import assigned
from pinpoint.codecs.maps import bells, best_peaks, labelled, only_maps, outside_boxes, zoomed_maps
from pinpoint.codecs.people import instances_of

__all__ = ["AssociativeEmbedding"]

COCO_ORDER = (0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16)
"""Head, shoulders and hips first: they are seen best, and limbs are told by them."""
TARGETS = (4, 2)  # input pixels per cell of the maps that are taught
TAG_STEP = 100.0  # how much more than any score a difference of tags weighs, once it rounds to 1
FAR = 1e4


class Candidates(NamedTuple):
    """Peaks of the maps."""

    kinds: NDArray[np.intp]
    """Which keypoint, shape (P,), rising."""
    cells: NDArray[np.intp]
    """Column and row, shape (P, 2)."""
    scores: Float
    """Shape (P,)."""
    tags: Float
    """Shape (P, L)."""


@dataclass(frozen=True)
class AssociativeEmbedding:
    """One heatmap and L tag maps for every keypoint.

    Keypoint by keypoint, candidates go to the people they cost least, by difference of tags, then by score
    (the Hungarian method); one that is like nobody starts a person. What a person lacks is then looked for
    where the map is high and the tag is theirs.

    `decode` finds the points that `encode` paints to 1 input pixel in maps of half the input's size, where
    bells of one kind do not overlap.

    Args:
        input_size: Width and height of the input, multiples of 4.
        keypoints: How many there are.
        sigma: Spread of the bells in cells, whatever their size.
        order: In which order keypoints join people; empty: that of COCO for 17, else as they are.
        shift: How far right of and below its middle a cell is read, in input pixels. Networks whose targets
            were rounded down are read half a pixel off.
        most: People that are found, and taught, at most.
        min_score: People below are dropped. Their score is the mean of their points' before any are filled
            in; those that lack count 0.
        min_peak: Lower peaks of the maps are no points.
        max_tag: Candidates whose tag differs more from a person's are not theirs.
        reach: Peaks of a map are further apart than this, in cells.
        project: Whether maps are first grown to the input's size, as published.
        fill: Whether points that a person lacks are looked for.

    Raises:
        ValueError: The order is not one of all keypoints, or the input is no multiple of 4.
    """

    input_size: tuple[int, int]
    keypoints: int = 17
    sigma: float = 2.0
    order: tuple[int, ...] = ()
    shift: float = 0.0
    most: int = 30
    min_score: float = 0.1
    min_peak: float = 0.1
    max_tag: float = 1.0
    reach: int = 2
    project: bool = False
    fill: bool = True

    def __post_init__(self) -> None:
        if self.order and sorted(self.order) != list(range(self.keypoints)):
            raise ValueError(f"order is {self.order}, expected each of 0 to {self.keypoints - 1} once")
        if any(side % TARGETS[0] for side in self.input_size):
            raise ValueError(f"input size is {self.input_size}, expected multiples of {TARGETS[0]}")

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: cells lie evenly in the input, so that its mirror maps them onto cells."""
        return float(self.input_size[0] - 1)

    def mirrored(self, heatmaps: NDArray, tags: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`."""
        own = (np.arange(tags.shape[1] // self.keypoints)[:, None] * self.keypoints + order).ravel()
        return heatmaps[:, order, :, ::-1], tags[:, own, :, ::-1]

    def zoomed(self, heatmaps: NDArray, tags: NDArray, zoom: float) -> tuple[NDArray, ...]:
        """See `ZoomCodec`. Tags are told at the plain size alone."""
        stride = self.input_size[0] / heatmaps.shape[3]
        return zoomed_maps(heatmaps, zoom, (stride, (stride - 1) / 2), self.input_size), tags[:, :0]

    def together(self, *looks: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
        """See `ZoomCodec`: heatmaps are averaged, while tags of different looks have nothing in common.

        Each look's tags stand beside the others' as one more axis of likeness.
        """
        heatmaps, tags = zip(*looks, strict=True)
        return np.mean(heatmaps, axis=0), np.concatenate(tags, axis=1)

    def encode(self, boxes: Float, xy: Float, ignored: Float) -> tuple[NDArray, ...]:
        """Paint one picture in two sizes, a fourth and half of the input's.

        Args:
            boxes: x1 y1 x2 y2 of the instances, shape (M, 4).
            xy: Their points, shape (M, K, 2), NaN where not labelled.
            ignored: Boxes in which nothing counts, shape (I, 4).

        Returns:
            Bells (K, h, w); 1 where cells count and 0 elsewhere, which is in boxes that are ignored and
            around people of whom nothing is labelled, (h, w); both again at twice the size; and in which cell
            of the smaller maps, row by row, each point of each person lies, shape (most, K), -1 where none.
        """
        targets = []
        unknown = boxes[~labelled(xy).any(axis=1)]
        for stride in TARGETS:
            size = (self.input_size[0] // stride, self.input_size[1] // stride)
            mask = outside_boxes(np.concatenate([ignored, unknown]), size, stride)
            targets += [bells(self._cells(xy, stride), size, self.sigma), mask]
        return *targets, self._places(boxes, xy)

    def decode(self, heatmaps: NDArray, tags: NDArray) -> Instances:
        """Find points, and tell people apart by their tags.

        Args:
            heatmaps: Shape (1, K, h, w).
            tags: Of the same size, shape (1, L * K, h, w): all keypoints, L times.

        Raises:
            ValueError: The maps have another shape.
        """
        sets = max(1, tags.shape[1] // self.keypoints)
        maps = only_maps("heatmaps", heatmaps, self.keypoints)
        tag_maps = only_maps("tags", tags, sets * self.keypoints, maps.shape[:0:-1])
        if self.project:
            maps, tag_maps = (self._grown(each) for each in (maps, tag_maps))
        tag_maps = tag_maps.reshape(sets, self.keypoints, *maps.shape[1:])
        people = grouped(_candidates(maps, tag_maps, self), self)
        scores = np.array([[score for *_, score in one] for one in people]).reshape(-1, self.keypoints)
        cells = np.array([[one[:2] for one in person] for person in people]).reshape(-1, self.keypoints, 2)
        person_scores = scores.mean(axis=1) if len(scores) else np.zeros(0)
        if self.fill:
            cells, scores = _filled(cells.astype(np.intp), scores, maps, tag_maps)
        return self._instances(cells.astype(np.intp), scores, person_scores, maps)

    def _instances(
        self, cells: NDArray[np.intp], scores: Float, person_scores: Float, maps: NDArray
    ) -> Instances:
        stride = self.input_size[0] / maps.shape[2]
        xy = (cells + _quarters(cells, maps)) * stride + (stride - 1) / 2 + self.shift
        return instances_of(xy, scores, self.min_score, person_scores)

    def _cells(self, xy: Float, stride: int) -> Float:
        return (xy - self.shift - (stride - 1) / 2) / stride

    def _places(self, boxes: Float, xy: Float) -> NDArray[np.int64]:
        """Cells of the points of the largest people."""
        largest = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")[: self.most]
        width, height = (side // TARGETS[0] for side in self.input_size)
        column, row = np.moveaxis(
            np.round(np.nan_to_num(self._cells(xy[largest], TARGETS[0]), nan=-1)), -1, 0
        )
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        places = np.full((self.most, self.keypoints), -1, dtype=np.int64)
        places[: len(largest)] = np.where(inside, row * width + column, -1)
        return places

    def _grown(self, maps: NDArray) -> NDArray:
        return np.stack([cv2.resize(one, self.input_size, interpolation=cv2.INTER_LINEAR) for one in maps])


def _candidates(maps: NDArray, tag_maps: NDArray, codec: AssociativeEmbedding) -> Candidates:
    kinds, cells = best_peaks(maps, codec.reach, codec.most, codec.min_peak)
    column, row = cells.T
    return Candidates(kinds, cells, maps[kinds, row, column], tag_maps[:, kinds, row, column].T)


def grouped(found: Candidates, codec: AssociativeEmbedding) -> list[list[tuple[int, int, float]]]:
    """People, each with the column, row and score of every keypoint; the score is 0 where it lacks."""
    order = codec.order or (COCO_ORDER if codec.keypoints == len(COCO_ORDER) else range(codec.keypoints))
    people: list[dict[int, int]] = []
    sums, counts = np.zeros((0, found.tags.shape[1])), np.zeros(0)
    for kind in order:
        rows = np.flatnonzero(found.kinds == kind)
        likes = _likest(found.tags[rows], found.scores[rows], sums / counts[:, None].clip(1), codec.max_tag)
        for row, person in zip(rows.tolist(), likes.tolist(), strict=True):
            if person < 0:
                people.append({})
                sums = np.concatenate([sums, np.zeros((1, sums.shape[1]))])
                counts = np.append(counts, 0)
            people[person][kind] = row
            sums[person] += found.tags[row]
            counts[person] += 1
    lacking = (0, 0, 0.0)
    table = [(*cell, score) for cell, score in zip(found.cells.tolist(), found.scores.tolist(), strict=True)]
    return [
        [table[person[kind]] if kind in person else lacking for kind in range(codec.keypoints)]
        for person in people[: codec.most]
    ]


def _likest(tags: Float, scores: Float, means: Float, max_tag: float) -> NDArray[np.intp]:
    """Which person each candidate goes to, -1 for a new one.

    Shapes (C, L), (C,), (P, L) -> (C,).
    """
    persons = np.full(len(tags), -1, dtype=np.intp)
    if not len(tags) or not len(means):
        return persons
    away = np.linalg.norm(tags[:, None] - means, axis=2)
    # all that are too far are alike: else one that fits would yield so that far ones come a little nearer
    costs = np.where(away < max_tag, np.round(away) * TAG_STEP - scores[:, None], FAR)
    pairs = assigned(costs)
    near = pairs[away[pairs[:, 0], pairs[:, 1]] < max_tag]
    persons[near[:, 0]] = near[:, 1]
    return persons


def _filled(
    cells: NDArray[np.intp], scores: Float, maps: NDArray, tag_maps: NDArray
) -> tuple[NDArray[np.intp], Float]:
    """Put what a person lacks where its map is highest among cells whose tag is theirs.

    Shapes (N, K, 2), (N, K), (K, h, w), (L, K, h, w).
    """
    cells, scores = cells.copy(), scores.copy()
    kinds = np.arange(len(maps))
    own_tags = tag_maps[:, kinds, cells[..., 1], cells[..., 0]]  # (L, N, K)
    known = scores > 0
    means = (own_tags * known).sum(axis=2) / known.sum(axis=1).clip(1)
    for person, kind in np.argwhere(~known).tolist():  # one map at a time: all together are gigabytes
        away = np.linalg.norm(tag_maps[:, kind] - means[:, person, None, None], axis=0)
        place = int((maps[kind] - np.round(away) * TAG_STEP).argmax())
        row, column = divmod(place, maps.shape[2])
        cells[person, kind] = column, row
        scores[person, kind] = max(float(maps[kind, row, column]), 0.0)
    return cells, scores


def _quarters(cells: NDArray[np.intp], maps: NDArray) -> Float:
    """A quarter of a cell towards the higher neighbour; none at the edge.

    Shapes (N, K, 2), (K, h, w) -> (N, K, 2).
    """
    column, row = np.moveaxis(cells, -1, 0)
    kinds, padded = np.arange(len(maps)), np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    across = padded[kinds, row + 1, column + 2] - padded[kinds, row + 1, column]
    down = padded[kinds, row + 2, column + 1] - padded[kinds, row, column + 1]
    edge = (cells == 0) | (cells == np.array(maps.shape[:0:-1]) - 1)
    return np.where(edge, 0, 0.25 * np.sign(np.stack([across, down], axis=-1)))
