"""Crops of labelled instances, as a top-down network is shown them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.augmentation import Augmentation, Shift
from pinpoint.datasets.backgrounds import draw_background, outlines
from pinpoint.datasets.photometric import surrounded
from pinpoint.datasets.samples import Samples
from pinpoint.geometry import (
    Float,
    Image,
    Size,
    box_regions,
    compose,
    mirror,
    region_matrices,
    transform_points,
    warp,
)
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Crops"]

PLAIN = Shift()


@dataclass(frozen=True)
class Crops:
    """Cuts one training crop per labelled instance.

    What it gives depends on the seed, the epoch and the number of the instance and on nothing else, so that
    a run can go on where it stopped, on any number of processes.

    Args:
        samples: The instances.
        input_size: Width and height of the crops.
        box_scale: How far a box is grown before it is cropped.
        pad_value: Grey level outside the picture; augmented crops have others too.
        augmentation: How far crops differ from plain ones; none for validation.
        seed: Where chance starts.
    """

    samples: Samples
    input_size: Size
    box_scale: float = 1.25
    pad_value: float = 0.0
    augmentation: Augmentation | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, rows: Sequence[int], epochs: Sequence[int]) -> tuple[NDArray[np.uint8], Float]:
        """Cut crops.

        Args:
            rows: Numbers of B instances.
            epochs: In which pass over the data each is shown, B numbers.

        Returns:
            Crops (B, h, w, 3), RGB, and points in their pixels (B, K, 2), NaN where not labelled.
        """
        pairs = [self.crop(row, epoch) for row, epoch in zip(rows, epochs, strict=True)]
        return np.stack([crop for crop, _ in pairs]), np.stack([xy for _, xy in pairs])

    def crop(self, row: int, epoch: int) -> tuple[Image, Float]:
        """Cut one crop (h, w, 3), RGB, and return its points in its pixels, (K, 2), NaN if not labelled."""
        samples, change = self.samples, self.augmentation
        image, xy, box = samples.pictures[int(samples.picture[row])], samples.xy[row], samples.boxes[row]
        if change is None:
            matrix = self.matrix(box, PLAIN)
            return warp(image, matrix, self.input_size, self.pad_value), transform_points(xy, matrix)
        rng, part, shift = self._drawn(change, row, epoch)
        border = float(rng.integers(0, 256)) if rng.random() < change.border else self.pad_value
        matrix = self.matrix(box if part is None else part, shift)
        crop = warp(image, matrix, self.input_size, border)
        if change.draws_background(rng):
            crop = self._elsewhere(crop, row, matrix, rng)
        crop = change.recolor(crop, rng)
        xy = transform_points(xy, matrix)
        return crop, xy[samples.skeleton.flip_index] if shift.flip else xy

    @property
    def skeleton(self) -> Skeleton:
        """What the columns of all keypoints are."""
        return self.samples.skeleton

    def sample(self, row: int, epoch: int) -> tuple[Image, Keypoints]:
        """The same as `crop`, as keypoints of one instance."""
        crop, xy = self.crop(row, epoch)
        known = np.isfinite(xy[None]).all(axis=-1)
        return crop, Keypoints(xy[None], known.astype(float), self.skeleton)

    def is_mirrored(self, row: int, epoch: int) -> bool:
        """Whether `crop` gives a mirror image, with the points of left and right exchanged."""
        return self.augmentation is not None and self._drawn(self.augmentation, row, epoch)[2].flip

    def plain_matrices(self) -> Float:
        """The maps `input_from_image` of all instances without augmentation, shape (M, 2, 3)."""
        return np.stack([self.matrix(box, PLAIN) for box in self.samples.boxes])

    def _drawn(
        self, change: Augmentation, row: int, epoch: int
    ) -> tuple[np.random.Generator, Float | None, Shift]:
        """The geometry of one crop, and the chance that is left for the rest."""
        rng = np.random.default_rng((self.seed, epoch, row))
        part = change.draw_part(rng, self.samples.xy[row])
        return rng, part, change.draw_shift(rng)

    def _elsewhere(self, crop: Image, row: int, matrix: Float, rng: np.random.Generator) -> Image:
        """Put another picture around the box of an instance and its points, if there is another."""
        samples = self.samples
        background = draw_background(samples, int(samples.picture[row]), self.input_size, rng)
        if background is None:
            return crop
        corners = np.concatenate([samples.boxes[row].reshape(2, 2), samples.xy[row]])
        kept = np.concatenate([np.nanmin(corners, axis=0), np.nanmax(corners, axis=0)])
        return surrounded(crop, background, outlines(kept[None], matrix))

    def matrix(self, box: Float, shift: Shift) -> Float:
        """The map `input_from_image` of one crop."""
        width, height = self.input_size
        centers, sizes = box_regions(box, width / height, self.box_scale)
        sizes = sizes * shift.scale
        centers = centers + sizes * np.array(shift.center)
        plain = region_matrices(centers, sizes, shift.angle, (width, height))[0]
        return compose(mirror(width), plain) if shift.flip else plain
