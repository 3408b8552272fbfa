"""Labelled instances of one skeleton, gathered from annotation files and tied to their pictures."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.dataset import Dataset, find_picture, gathered
from pinpoint.datasets.pictures import Pictures, PictureSource
from pinpoint.geometry import Float
from pinpoint.io.formats import read_records
from pinpoint.skeletons import Skeleton

__all__ = ["Samples", "find_picture", "read_samples", "samples_of"]


@dataclass(frozen=True, eq=False)
class Samples:
    """M labelled instances in P pictures, in pixels of the pictures as they are kept.

    Args:
        pictures: The pictures.
        skeleton: What the K columns are.
        picture: Number of each instance's picture, shape (M,).
        xy: Labelled points, shape (M, K, 2), NaN where not labelled.
        boxes: x1 y1 x2 y2, shape (M, 4).
        areas: Square pixels, shape (M,).
        crowds: Boxes in which nothing counts for or against, by picture number, each of shape (C, 4).
        empty: Numbers of the pictures that are listed without any instance, shape (E,): in these there is
            nothing to find.
    """

    pictures: PictureSource
    skeleton: Skeleton
    picture: NDArray[np.intp]
    xy: Float
    boxes: Float
    areas: Float
    crowds: dict[int, Float]
    empty: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    def __len__(self) -> int:
        return len(self.picture)

    def __getitem__(self, rows: NDArray) -> "Samples":
        """Keep some instances: a mask of shape (M,) or a list of indices."""
        names = ("picture", "xy", "boxes", "areas")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which points are labelled, shape (M, K)."""
        return np.asarray(np.isfinite(self.xy).all(axis=-1))

    @cached_property
    def shown(self) -> NDArray[np.intp]:
        """Numbers of the pictures that have instances, in order."""
        return np.unique(self.picture)

    def of_picture(self, number: int) -> NDArray[np.intp]:
        """Rows of the instances of one picture."""
        return np.flatnonzero(self.picture == number)

    def digest(self) -> str:
        """Hash of every label and of the names and sizes of the pictures, in hex."""
        digest = hashlib.sha256("|".join(self.skeleton.keypoints).encode())
        for path in self.pictures.paths:
            digest.update(f"{path.name}|{path.stat().st_size if path.exists() else 0}\n".encode())
        for array in (self.picture, self.xy, self.boxes, self.areas, self.empty):
            digest.update(np.ascontiguousarray(array).tobytes())
        for number, regions in sorted(self.crowds.items()):
            digest.update(f"{number}|".encode() + np.ascontiguousarray(regions).tobytes())
        return digest.hexdigest()


def read_samples(
    annotations: Path,
    folder: Path | None,
    skeleton: Skeleton | None,
    cache: Path,
    *,
    longest: int = 1024,
    progress: Callable[[int, int], None] | None = None,
) -> Samples:
    """Read the labels of one file or folder, in any format, and decode their pictures.

    What is left out, mended and named is what `open_dataset` says; the errors are its own, too.

    Args:
        annotations: Whatever `pinpoint.io.formats.read_records` reads, such as COCO ground truth.
        folder: Where the pictures are; none looks in the usual places beside the file.
        skeleton: What the points shall be called; none takes the one that most instances of the file have.
        cache: Folder of the decoded pictures.
        longest: Pictures are shrunk to this longer side.
        progress: Told how many of how many pictures are decoded.
    """
    source = partial(Pictures, folder=cache, longest=longest, progress=progress)
    return samples_of(gathered(read_records(annotations), annotations, folder, skeleton, source))


def samples_of(dataset: Dataset) -> Samples:
    """The instances of all pictures of a data set, in the order in which its file has them."""
    labels = dataset.labels
    return Samples(
        pictures=dataset.pictures,
        skeleton=dataset.skeleton,
        picture=np.repeat([one.number for one in labels], [len(one.keypoints) for one in labels]).astype(
            np.intp
        ),
        xy=np.concatenate([one.keypoints.xy for one in labels]),
        boxes=np.concatenate([one.boxes for one in labels]),
        areas=np.concatenate([one.areas for one in labels]),
        crowds=dataset.crowds,
        empty=np.array(dataset.empty, np.intp),
    )
