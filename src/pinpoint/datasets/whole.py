"""Whole pictures with every instance in them, as a one-stage network is shown them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.augmentation import Augmentation
from pinpoint.datasets.backgrounds import draw_background, outlines
from pinpoint.datasets.photometric import surrounded
from pinpoint.datasets.samples import Samples
from pinpoint.geometry import (
    Float,
    Image,
    Size,
    clip_boxes,
    compose,
    letterbox,
    mirror,
    transform_boxes,
    transform_points,
    warp,
)
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Labels", "WholePictures", "padded"]

LEAST_SHARE = 0.35  # of a box must be in view, or its instance is ignored
LEAST_SIDE = 4.0  # input pixels; no cell tells less
STRETCH = 0.1  # how far the logarithm of width / height changes
TILE_SCALE = 0.7  # pictures of a mosaic are shown smaller than alone
TILE_MIDDLE = (0.3, 0.7)  # where the four meet, as a share of the input


class Labels(NamedTuple):
    """What is in one input, in its pixels."""

    boxes: Float
    """x1 y1 x2 y2 of the instances, cut to what is in view, shape (M, 4)."""
    xy: Float
    """Their labelled points, shape (M, K, 2), NaN where not labelled or not in view."""
    ignored: Float
    """Where nothing counts for or against: crowds and the rests of instances, shape (I, 4)."""


@dataclass(frozen=True)
class WholePictures:
    """Makes one input of each picture that has instances, or is known to have none.

    What it gives depends on the seed, the epoch and the number of the picture and on nothing else, so that a
    run can go on where it stopped, on any number of processes.

    Args:
        samples: The instances.
        input_size: Width and height of the input.
        pad_value: Grey level outside the picture; augmented inputs have others too.
        align: Where a plain picture sits: .5 in the middle, 0 in the top left corner.
        augmentation: How far inputs differ from plain ones; none for validation. Its turns, halves and
            covered patches are left out: they would make boxes wrong or hide who is labelled.
        mosaic: Share of inputs that are made of four pictures.
        seed: Where chance starts.
    """

    samples: Samples
    input_size: Size
    pad_value: float = 0.0
    align: float = 0.5
    augmentation: Augmentation | None = None
    mosaic: float = 0.0
    seed: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def numbers(self) -> NDArray[np.intp]:
        """Number of each picture in `samples.pictures`, shape (P,)."""
        return np.union1d(self.samples.picture, self.samples.empty)

    def picture(self, row: int, epoch: int) -> tuple[Image, Labels]:
        """Make one input (h, w, 3), RGB, with what is in it."""
        if self.augmentation is None:
            number = int(self.numbers[row])
            matrix = self.matrix(row)
            image = warp(self.samples.pictures[number], matrix, self.input_size, self.pad_value)
            return image, self._labels(number, matrix, self.input_size)
        rng = np.random.default_rng((self.seed, epoch, row))
        single = rng.random() >= self.mosaic
        image, labels = self._single(row, rng) if single else self._four(row, rng)
        return replace(self.augmentation, occlude=0.0, dropout=0.0).recolor(image, rng), labels

    @property
    def skeleton(self) -> Skeleton:
        """What the columns of all keypoints are."""
        return self.samples.skeleton

    def sample(self, row: int, epoch: int) -> tuple[Image, Keypoints]:
        """The same as `picture`, as keypoints with boxes; where nothing counts is left out."""
        image, labels = self.picture(row, epoch)
        known = np.isfinite(labels.xy).all(axis=-1)
        return image, Keypoints(labels.xy, known.astype(float), self.skeleton, boxes=labels.boxes)

    def matrix(self, row: int) -> Float:
        """The map `input_from_image` of a picture without augmentation, shape (2, 3)."""
        return letterbox(self.samples.pictures.size(int(self.numbers[row])), self.input_size, self.align)

    def _single(self, row: int, rng: np.random.Generator) -> tuple[Image, Labels]:
        return self._window(row, self.input_size, 1.0, rng)

    def _four(self, row: int, rng: np.random.Generator) -> tuple[Image, Labels]:
        """A mosaic (arXiv 2004.10934): this picture and three others by chance."""
        width, height = self.input_size
        x, y = (rng.uniform(*TILE_MIDDLE, size=2) * self.input_size).astype(int).tolist()
        corners = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
        canvas = np.empty((height, width, 3), np.uint8)
        found = []
        for tile, other in zip(corners, (row, *rng.integers(len(self), size=3)), strict=True):
            left, top, right, bottom = tile
            image, labels = self._window(int(other), (right - left, bottom - top), TILE_SCALE, rng)
            canvas[top:bottom, left:right] = image
            found.append(_moved(labels, left, top))
        return canvas, Labels(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))

    def _window(self, row: int, size: Size, scale: float, rng: np.random.Generator) -> tuple[Image, Labels]:
        """One picture, scaled, shifted and mirrored by chance, seen through a window."""
        assert self.augmentation is not None
        number = int(self.numbers[row])
        flip = rng.random() < self.augmentation.flip
        matrix = self._drawn_matrix(number, size, scale, rng)
        matrix = compose(mirror(size[0]), matrix) if flip else matrix
        border = float(rng.integers(0, 256)) if rng.random() < 0.5 else self.pad_value
        image = warp(self.samples.pictures[number], matrix, size, border)
        if self.augmentation.draws_background(rng):
            image = self._elsewhere(image, number, matrix, rng)
        return image, self._labels(number, matrix, size, flip=flip)

    def _elsewhere(self, image: Image, number: int, matrix: Float, rng: np.random.Generator) -> Image:
        """Put a part of a picture without anything to find around the boxes of instances and crowds."""
        samples, size = self.samples, (image.shape[1], image.shape[0])
        background = draw_background(samples, number, size, rng, free=True)
        crowds = samples.crowds.get(number, np.zeros((0, 4)))
        kept = np.concatenate([samples.boxes[samples.of_picture(number)], crowds])
        return image if background is None else surrounded(image, background, outlines(kept, matrix))

    def _drawn_matrix(self, number: int, size: Size, scale: float, rng: np.random.Generator) -> Float:
        """Sizes are drawn evenly up to twice the spread of the augmentation, places anywhere they fit."""
        change = self.augmentation
        assert change is not None
        source = np.array(self.samples.pictures.size(number))
        zoom = scale * min(np.array(self.input_size) / source) * np.exp(rng.uniform(-2, 2) * change.scale)
        stretch = np.exp(rng.uniform(-0.5, 0.5) * STRETCH) if change.scale else 1.0
        scales = zoom * np.array([stretch, 1 / stretch])
        place = rng.random(2) if change.shift else self.align
        shift = place * (np.array(size) - scales * source) + (scales - 1) / 2
        return np.column_stack([np.diag(scales), shift])

    def _labels(self, number: int, matrix: Float, size: Size, *, flip: bool = False) -> Labels:
        """What of a picture's instances is in view under a map."""
        samples = self.samples
        rows = samples.of_picture(number)
        whole = transform_boxes(samples.boxes[rows], matrix)
        seen = clip_boxes(whole, size)
        kept = (_area(seen) >= LEAST_SHARE * _area(whole)) & (_sides(seen).min(axis=1) >= LEAST_SIDE)
        xy = transform_points(samples.xy[rows][kept], matrix)
        xy = xy[:, samples.skeleton.flip_index] if flip else xy
        crowds = clip_boxes(transform_boxes(samples.crowds.get(number, np.zeros((0, 4))), matrix), size)
        rest = np.concatenate([seen[~kept], crowds])
        return Labels(seen[kept], _in_view(xy, size), rest[_area(rest) > 0])


def padded(labels: Sequence[Labels]) -> tuple[NDArray, ...]:
    """Labels of B inputs as arrays that a loss takes.

    Returns:
        Boxes (B, M, 4), whether each is one (B, M), points (B, M, K, 2), NaN where not labelled, and boxes in
        which nothing counts (B, I, 4), those that are none empty. All numbers are float32; M and I are those
        of the fullest input, 1 at least.
    """
    most = max(1, *(len(one.boxes) for one in labels))
    ignored = max(1, *(len(one.ignored) for one in labels))
    valid = np.array([np.arange(most) < len(one.boxes) for one in labels])
    return (
        _filled([one.boxes for one in labels], most, 0.0),
        valid,
        _filled([one.xy for one in labels], most, np.nan),
        _filled([one.ignored for one in labels], ignored, -1.0),
    )


def _filled(rows: Sequence[Float], count: int, value: float) -> NDArray[np.float32]:
    table = np.full((len(rows), count, *rows[0].shape[1:]), value, dtype=np.float32)
    for slot, own in zip(table, rows, strict=True):
        slot[: len(own)] = own
    return table


def _moved(labels: Labels, x: float, y: float) -> Labels:
    corner = np.array([x, y])
    both = np.tile(corner, 2)
    return Labels(labels.boxes + both, labels.xy + corner, labels.ignored + both)


def _in_view(xy: Float, size: Size) -> Float:
    """Points that are not in view become NaN."""
    inside = ((xy >= -0.5) & (xy <= np.array(size) - 0.5)).all(axis=-1, keepdims=True)
    return np.where(inside, xy, np.nan)


def _sides(boxes: Float) -> Float:
    return boxes[:, 2:] - boxes[:, :2]


def _area(boxes: Float) -> Float:
    return np.prod(np.clip(_sides(boxes), 0, None), axis=1)
