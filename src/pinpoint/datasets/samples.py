"""Labelled instances of one skeleton, gathered from annotation files and tied to their pictures."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.pictures import Pictures
from pinpoint.geometry import Float, boxes_of_points, resize, transform_boxes, transform_points
from pinpoint.io.coco_truth import read_coco_truth, read_crowd_regions
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import Skeleton

__all__ = ["Samples", "find_picture", "read_samples"]

log = logging.getLogger(__name__)


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
    """

    pictures: Pictures
    skeleton: Skeleton
    picture: NDArray[np.intp]
    xy: Float
    boxes: Float
    areas: Float
    crowds: dict[int, Float]

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

    def of_picture(self, number: int) -> NDArray[np.intp]:
        """Rows of the instances of one picture."""
        return np.flatnonzero(self.picture == number)

    def digest(self) -> str:
        """Hash of every label and of the names and sizes of the pictures, in hex."""
        digest = hashlib.sha256("|".join(self.skeleton.keypoints).encode())
        for path in self.pictures.paths:
            digest.update(f"{path.name}|{path.stat().st_size if path.exists() else 0}\n".encode())
        for array in (self.picture, self.xy, self.boxes):
            digest.update(np.ascontiguousarray(array).tobytes())
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
    """Read one COCO annotation file and decode its pictures.

    Pictures that cannot be read are left out and named in a warning.

    Args:
        annotations: COCO ground truth.
        folder: Where the pictures are; none looks in the usual places beside the file.
        skeleton: What the points shall be called; labels of another skeleton are matched by name, and what it
            lacks counts as not labelled. None takes that of the file.
        cache: Folder of the decoded pictures.
        longest: Pictures are shrunk to this longer side.
        progress: Told how many of how many pictures are decoded.

    Raises:
        UnreadableError: The file is damaged or of another form.
        ValueError: It has no instance, or of another skeleton that shares no name with the one asked for.
    """
    records = read_coco_truth(annotations)
    if not any(len(record.keypoints) for record in records):
        raise ValueError(f"{annotations} holds no labelled instance, so there is nothing to learn from")
    skeleton = skeleton if skeleton is not None else _own_skeleton(records)
    names = list(dict.fromkeys(record.image for record in records))
    paths = [find_picture(name, annotations, folder) for name in names]
    pictures = Pictures(paths, cache, longest=longest, progress=progress)
    return _joined(records, names, pictures, skeleton, read_crowd_regions(annotations))


def find_picture(name: str, annotations: Path, folder: Path | None) -> Path:
    """Where a picture of an annotation file is: in the folder given, or in one of the usual places."""
    if folder is not None:
        return folder / name
    beside = annotations.parent
    places = (beside, beside / annotations.stem, beside / "images", beside.parent / "images", beside.parent)
    return next((place / name for place in places if (place / name).exists()), beside / name)


def _own_skeleton(records: Sequence[Record]) -> Skeleton:
    return next(record.keypoints.skeleton for record in records if len(record.keypoints))


def _joined(
    records: Sequence[Record],
    names: Sequence[str],
    pictures: Pictures,
    skeleton: Skeleton,
    crowds: dict[str, Float],
) -> Samples:
    numbers = {name: number for number, name in enumerate(names)}
    gone = set(pictures.unreadable)
    rows = [
        (numbers[record.image], _instances(record.keypoints, skeleton))
        for record in records
        if len(record.keypoints) and numbers[record.image] not in gone
    ]
    if not rows:
        raise ValueError(f"none of {len(names)} pictures could be read; the first is {pictures.paths[0]}")
    maps = {number: resize(pictures.original_size(number), pictures.size(number)) for number, _ in rows}
    parts = [_moved(kps, maps[number]) for number, kps in rows]
    return Samples(
        pictures=pictures,
        skeleton=skeleton,
        picture=np.repeat([number for number, _ in rows], [len(kps) for _, kps in rows]).astype(np.intp),
        xy=np.concatenate([xy for xy, _, _ in parts]),
        boxes=np.concatenate([boxes for _, boxes, _ in parts]),
        areas=np.concatenate([areas for _, _, areas in parts]),
        crowds={
            numbers[name]: transform_boxes(boxes, maps[numbers[name]])
            for name, boxes in crowds.items()
            if numbers.get(name) in maps
        },
    )


def _instances(kps: Keypoints, skeleton: Skeleton) -> Keypoints:
    return (
        convert(kps, skeleton)
        if len(kps.skeleton) and len(skeleton)
        else replace(
            kps,
            skeleton=skeleton,
            xy=np.full((len(kps), len(skeleton), 2), np.nan),
            scores=np.zeros((len(kps), len(skeleton))),
            visible=None,
        )
    )


def _moved(kps: Keypoints, kept_from_file: Float) -> tuple[Float, Float, Float]:
    """Points, boxes and areas of labelled instances under a map; boxes that lack are made from points."""
    boxes = kps.boxes if kps.boxes is not None else boxes_of_points(kps.xy)
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = kps.areas if kps.areas is not None else sides.prod(axis=1)
    scale = abs(np.linalg.det(kept_from_file[:, :2]))
    return transform_points(kps.xy, kept_from_file), transform_boxes(boxes, kept_from_file), areas * scale
