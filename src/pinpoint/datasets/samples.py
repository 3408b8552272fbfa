"""Labelled instances of one skeleton, gathered from annotation files and tied to their pictures."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.labels import completed, frame_of_labels, in_skeleton, usual_skeleton
from pinpoint.datasets.pictures import Pictures
from pinpoint.geometry import (
    Float,
    Size,
    compose,
    identity,
    resize,
    transform_boxes,
    transform_points,
)
from pinpoint.io.formats import read_records
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Samples", "find_picture", "read_samples"]

log = logging.getLogger(__name__)

NAMED = 5  # pictures that a warning names


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

    pictures: Pictures
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

    Pictures that cannot be read are left out and named in a warning. An instance without a box that can be
    cropped (there is none, it holds NaN, has no area or lies outside the picture) gets one around its points;
    where these do not span one either it is left out, and the log counts both. An area that lacks is .53 of
    the box. Where a picture has another size than the file says, the labels are stretched with it, and it is
    named in a warning; if it lies on its side, as one does that was labelled before its EXIF orientation was
    applied, it is left out.

    Args:
        annotations: Whatever `pinpoint.io.formats.read_records` reads, such as COCO ground truth.
        folder: Where the pictures are; none looks in the usual places beside the file.
        skeleton: What the points shall be called; labels of another skeleton are matched by name, and what it
            lacks counts as not labelled. None takes the one that most instances of the file have.
        cache: Folder of the decoded pictures.
        longest: Pictures are shrunk to this longer side.
        progress: Told how many of how many pictures are decoded.

    Raises:
        UnreadableError: The file is damaged or of another form.
        ValueError: It has no instance that can be used, or those it has share no name with the skeleton.
        OSError: The cache has no room for the pictures.
    """
    records = read_records(annotations)
    if not any(len(record.keypoints) for record in records):
        raise ValueError(f"{annotations} holds no labelled instance, so there is nothing to learn from")
    skeleton = skeleton if skeleton is not None else usual_skeleton(records)
    _warn_of_broken(records, annotations)
    records = in_skeleton(records, skeleton, annotations)
    names = list(dict.fromkeys(record.image for record in records))
    paths = [find_picture(name, annotations, folder) for name in names]
    pictures = Pictures(paths, cache, longest=longest, progress=progress)
    crowds = {record.image: record.crowds for record in records if len(record.crowds)}
    return _joined(records, names, pictures, skeleton, crowds)


def find_picture(name: str, annotations: Path, folder: Path | None) -> Path:
    """Where a picture of annotations is: in the folder given, or in one of the usual places."""
    if folder is not None:
        return folder / name
    beside = annotations if annotations.is_dir() else annotations.parent
    places = (beside, beside / annotations.stem, beside / "images", beside.parent / "images", beside.parent)
    return next((place / name for place in places if (place / name).exists()), beside / name)


def _warn_of_broken(records: Sequence[Record], path: Path) -> None:
    """Labels without numbers count as not labelled; whoever wrote them should know."""
    broken = sum(
        int(np.sum((record.keypoints.scores > 0) & ~np.isfinite(record.keypoints.xy).all(axis=-1)))
        for record in records
    )
    if broken:
        log.warning("%s: %d labels are no numbers (NaN): they count as not labelled", path.name, broken)


class _Moved(NamedTuple):
    """Instances of one picture in the pixels in which it is kept."""

    number: int
    xy: Float
    boxes: Float
    areas: Float


def _joined(
    records: Sequence[Record],
    names: Sequence[str],
    pictures: Pictures,
    skeleton: Skeleton,
    crowds: dict[str, Float],
) -> Samples:
    numbers = {name: number for number, name in enumerate(names)}
    maps = _maps(records, numbers, pictures)
    parts = [
        _moved(number, record.keypoints, maps[number])
        for record in records
        if len(record.keypoints) and (number := numbers[record.image]) in maps
    ]
    if not parts:
        raise ValueError(f"none of {len(names)} pictures can be used; the first is {pictures.paths[0]}")
    full, parts = parts, _with_boxes(parts, pictures)
    return Samples(
        pictures=pictures,
        skeleton=skeleton,
        picture=np.repeat([part.number for part in parts], [len(part.xy) for part in parts]).astype(np.intp),
        xy=np.concatenate([part.xy for part in parts]),
        boxes=np.concatenate([part.boxes for part in parts]),
        areas=np.concatenate([part.areas for part in parts]),
        crowds={
            numbers[name]: transform_boxes(boxes, maps[numbers[name]])
            for name, boxes in crowds.items()
            if numbers.get(name) in maps
        },
        empty=np.array(sorted(set(maps) - {part.number for part in full}), np.intp),
    )


def _maps(records: Sequence[Record], numbers: dict[str, int], pictures: Pictures) -> dict[int, Float]:
    """The maps `kept_from_labels` of the pictures that can be used, by number."""
    maps: dict[int, Float] = {}
    stretched, turned = [], []
    gone = set(pictures.unreadable)
    sizes = {numbers[record.image]: record.size for record in records if numbers[record.image] not in gone}
    for number, stated in sizes.items():
        actual = pictures.original_size(number)
        named = f"{pictures.paths[number].name} ({_by(stated)}, it is {_by(actual)})"
        picture_from_labels = frame_of_labels(stated, actual)
        if picture_from_labels is None:
            turned.append(named)
            continue
        if (picture_from_labels != identity()).any():
            stretched.append(named)
        maps[number] = compose(resize(actual, pictures.size(number)), picture_from_labels)
    _warn("have another size than is stated, so labels are stretched", stretched)
    _warn("lie on their side against what is stated: left out", turned)
    return maps


def _by(size: Size | None) -> str:
    return "x".join(map(str, size or ()))


def _warn(what: str, named: Sequence[str]) -> None:
    if named:
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        log.warning("%d pictures %s: %s%s", len(named), what, ", ".join(named[:NAMED]), more)


def _moved(number: int, kps: Keypoints, kept_from_labels: Float) -> _Moved:
    """Instances under a map; what lacks is NaN."""
    nothing = np.full((len(kps), 4), np.nan)
    boxes = nothing if kps.boxes is None else kps.boxes
    boxes = np.where((boxes[:, 2:] > boxes[:, :2]).all(axis=1, keepdims=True), boxes, np.nan)
    areas = nothing[:, 0] if kps.areas is None else kps.areas
    xy = np.where(np.isfinite(kps.xy).all(axis=-1, keepdims=True), kps.xy, np.nan)
    scale = abs(np.linalg.det(kept_from_labels[:, :2]))
    return _Moved(
        number,
        transform_points(xy, kept_from_labels),
        transform_boxes(boxes, kept_from_labels),
        areas * scale,
    )


def _with_boxes(parts: Sequence[_Moved], pictures: Pictures) -> list[_Moved]:
    """Give every instance a box and an area that can be used; leave out those that cannot have one."""
    mended = left_out = 0
    kept: list[_Moved] = []
    for part in parts:
        whole = completed(part.xy, part.boxes, part.areas, pictures.size(part.number))
        mended, left_out = mended + int(whole.mended.sum()), left_out + int((~whole.usable).sum())
        rows = whole.usable
        kept.append(_Moved(part.number, part.xy[rows], whole.boxes[rows], whole.areas[rows]))
    if mended:
        log.warning("%d instances have no box that can be used: it is made from their points", mended)
    if left_out:
        log.warning(
            "%d instances have no box that can be used and no points that span one: left out", left_out
        )
    if not any(len(part.xy) for part in kept):
        raise ValueError(f"none of {left_out} instances has a box that can be used, or points that span one")
    return kept
