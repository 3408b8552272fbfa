"""Labels of any format as samples: a picture, and the keypoints of everything that is labelled in it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from pinpoint.datasets.labels import completed, frame_of_labels, in_skeleton, usual_skeleton
from pinpoint.datasets.pictures import Files, Pictures, PictureSource
from pinpoint.geometry import (
    Float,
    Image,
    Size,
    compose,
    identity,
    resize,
    transform_boxes,
    transform_points,
)
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records
from pinpoint.io.records import Record
from pinpoint.io.sources import PICTURE_SUFFIXES
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as skeleton_named

__all__ = ["Dataset", "Labelled", "find_picture", "gathered", "open_dataset", "readable"]

log = logging.getLogger(__name__)

NAMED = 5  # pictures that a warning names


class Labelled(NamedTuple):
    """Instances of one picture, in the pixels in which it is kept."""

    number: int
    """Of the picture."""
    keypoints: Keypoints
    """With a box and an area for each."""

    @property
    def boxes(self) -> Float:
        """x1 y1 x2 y2, shape (N, 4)."""
        assert self.keypoints.boxes is not None
        return self.keypoints.boxes

    @property
    def areas(self) -> Float:
        """Square pixels, shape (N,)."""
        assert self.keypoints.areas is not None
        return self.keypoints.areas


@dataclass(frozen=True, eq=False)
class Dataset(Sequence[tuple[Image, Keypoints]]):
    """Pictures with what is labelled in them: `dataset[i]` is an RGB picture (H, W, 3) and its `Keypoints`.

    A picture in which there is nothing to find has no instances. Where a picture turns out to be damaged only
    when it is decoded, `dataset[i]` raises an `UnreadableError` with its name, and a `for` loop names it in a
    warning and goes on. With a cache of decoded pictures none is.

    Args:
        pictures: Where pictures come from, by number.
        skeleton: What the columns of all keypoints are.
        labels: Instances, in the order of the file; a picture may come more than once.
        crowds: Boxes in which nothing counts for or against, by picture number, each of shape (C, 4).
        empty: Numbers of the pictures that are listed without any instance.
    """

    pictures: PictureSource
    skeleton: Skeleton
    labels: tuple[Labelled, ...]
    crowds: dict[int, Float]
    empty: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> tuple[Image, Keypoints]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[Image, Keypoints]]: ...

    def __getitem__(self, index: int | slice) -> tuple[Image, Keypoints] | list[tuple[Image, Keypoints]]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self.pictures[self.numbers[index]], self.keypoints(index)

    def __iter__(self) -> Iterator[tuple[Image, Keypoints]]:
        return readable(self)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Number of each sample's picture in `pictures`."""
        return tuple(sorted({*self._by_number, *self.empty}))

    def path(self, index: int) -> Path:
        """The file of a sample's picture."""
        return self.pictures.paths[self.numbers[index]]

    def keypoints(self, index: int) -> Keypoints:
        """The labels of a sample, without its picture."""
        found = self._by_number.get(self.numbers[index])
        return _no_instances(self.skeleton) if found is None else Keypoints.concatenate(found)

    def sample(self, index: int, epoch: int) -> tuple[Image, Keypoints]:
        """The same as `dataset[index]` in every epoch, as a `Mixture` asks for it."""
        return self[index]

    @cached_property
    def _by_number(self) -> dict[int, list[Keypoints]]:
        found: dict[int, list[Keypoints]] = {}
        for one in self.labels:
            if len(one.keypoints):
                found.setdefault(one.number, []).append(one.keypoints)
        return found


def open_dataset(
    path: str | Path,
    pictures: str | Path | None = None,
    skeleton: Skeleton | str | None = None,
    *,
    columns: Skeleton | str | None = None,
    cache: str | Path | None = None,
    longest: int = 1024,
) -> Dataset:
    """Open labels of any format, with their pictures.

    Pictures that are missing or cannot be read are left out and named in a warning. Labels that are no
    numbers count as not labelled. An instance without a box that can be cropped (there is none, it holds NaN,
    has no area or lies outside the picture) gets one around its points; where these do not span one either
    it is left out, and the log counts both. An area that lacks is .53 of the box. Where a picture has another
    size than the file says, the labels are stretched with it, and it is named in a warning; if it lies on its
    side, as one does that was labelled before its EXIF orientation was applied, it is left out.

    Args:
        path: Whatever `pinpoint.read` reads, such as COCO ground truth.
        pictures: Folder of the pictures; none looks in the usual places beside the file.
        skeleton: What the points shall be called, as a value or the name of one of the package's; labels of
            another skeleton are matched by name, and what it lacks is NaN. None takes the one that most
            instances of the file have.
        columns: What the points are in a file that does not name them, such as `.pts` of one's own.
        cache: Folder in which decoded pictures are kept, so that each is decoded once, and damage is found at
            once; none reads each file whenever it is asked for.
        longest: Pictures of the cache are shrunk to this longer side, and labels with them.

    Raises:
        UnreadableError: The file is damaged or of another form.
        ValueError: It has no instance that can be used, or those it has share no name with the skeleton.
        OSError: The cache has no room for the pictures.
    """
    annotations, folder = Path(path), None if pictures is None else Path(pictures)
    source = Files if cache is None else partial(Pictures, folder=Path(cache), longest=longest)
    return gathered(read_records(annotations, _named(columns)), annotations, folder, _named(skeleton), source)


def gathered(
    records: Sequence[Record],
    annotations: Path,
    folder: Path | None,
    wanted: Skeleton | None,
    source: Callable[[Sequence[Path]], PictureSource],
) -> Dataset:
    """Tie what a file says to its pictures, as `open_dataset` does.

    Args:
        records: What it says.
        annotations: The file.
        folder: Where the pictures are; none looks in the usual places beside the file.
        wanted: What the points shall be called; none takes the skeleton of most instances.
        source: Opens pictures.
    """
    if not any(len(record.keypoints) for record in records):
        raise ValueError(f"{annotations} holds no labelled instance, so there is nothing to learn from")
    goal = usual_skeleton(records) if wanted is None else wanted
    _warn_of_broken(records, annotations)
    records = in_skeleton(records, goal, annotations)
    names = list(dict.fromkeys(record.image for record in records))
    pictures = source([find_picture(name, annotations, folder) for name in names])
    return _joined(records, {name: number for number, name in enumerate(names)}, pictures, goal)


def readable(samples: Sequence[tuple[Image, Keypoints]]) -> Iterator[tuple[Image, Keypoints]]:
    """Samples one after the other; those whose picture cannot be read are named in a warning and left out."""
    for index in range(len(samples)):
        try:
            yield samples[index]
        except UnreadableError as error:
            log.warning("left out: %s: %s", error.path, error.reason)


def find_picture(name: str, annotations: Path, folder: Path | None) -> Path:
    """Where a picture of annotations is: in the folder given, or in one of the usual places.

    A name that does not end as pictures do, as `.pts` files have it, is completed by what is there.
    """
    if folder is not None:
        return _completed(folder / name)
    beside = annotations if annotations.is_dir() else annotations.parent
    places = (beside, beside / annotations.stem, beside / "images", beside.parent / "images", beside.parent)
    found = (_completed(place / name) for place in places)
    return next((path for path in found if path.exists()), beside / name)


def _completed(path: Path) -> Path:
    if path.suffix.lower() in PICTURE_SUFFIXES or path.is_file():
        return path
    endings = (ending for suffix in sorted(PICTURE_SUFFIXES) for ending in (suffix, suffix.upper()))
    there = (path.with_name(path.name + ending) for ending in endings)
    return next((other for other in there if other.exists()), path)


def _named(columns: Skeleton | str | None) -> Skeleton | None:
    return skeleton_named(columns) if isinstance(columns, str) else columns


def _warn_of_broken(records: Sequence[Record], path: Path) -> None:
    """Labels without numbers count as not labelled; whoever wrote them should know."""
    broken = sum(
        int(np.sum((record.keypoints.scores > 0) & ~np.isfinite(record.keypoints.xy).all(axis=-1)))
        for record in records
    )
    if broken:
        log.warning("%s: %d labels are no numbers (NaN): they count as not labelled", path.name, broken)


def _joined(
    records: Sequence[Record], numbers: dict[str, int], pictures: PictureSource, goal: Skeleton
) -> Dataset:
    maps = _maps(records, numbers, pictures)
    found = [
        Labelled(number, _moved(record.keypoints, maps[number]))
        for record in records
        if len(record.keypoints) and (number := numbers[record.image]) in maps
    ]
    if not found:
        raise ValueError(f"none of {len(numbers)} pictures can be used; the first is {pictures.paths[0]}")
    crowds = {numbers[record.image]: record.crowds for record in records if len(record.crowds)}
    return Dataset(
        pictures=pictures,
        skeleton=goal,
        labels=_with_boxes(found, pictures),
        crowds={number: transform_boxes(crowds[number], maps[number]) for number in crowds if number in maps},
        empty=tuple(sorted(set(maps) - {one.number for one in found})),
    )


def _maps(records: Sequence[Record], numbers: dict[str, int], pictures: PictureSource) -> dict[int, Float]:
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


def _moved(kps: Keypoints, kept_from_labels: Float) -> Keypoints:
    """Instances under a map; what lacks is NaN."""
    nothing = np.full((len(kps), 4), np.nan)
    boxes = nothing if kps.boxes is None else kps.boxes
    boxes = np.where((boxes[:, 2:] > boxes[:, :2]).all(axis=1, keepdims=True), boxes, np.nan)
    areas = nothing[:, 0] if kps.areas is None else kps.areas
    known = np.asarray(np.isfinite(kps.xy).all(axis=-1))
    return replace(
        kps,
        xy=transform_points(np.where(known[..., None], kps.xy, np.nan), kept_from_labels),
        scores=np.where(known, kps.scores, 0.0),
        boxes=transform_boxes(boxes, kept_from_labels),
        areas=areas * abs(np.linalg.det(kept_from_labels[:, :2])),
    )


def _with_boxes(found: Sequence[Labelled], pictures: PictureSource) -> tuple[Labelled, ...]:
    """Give every instance a box and an area that can be used; leave out those that cannot have one."""
    mended = left_out = 0
    kept: list[Labelled] = []
    for number, kps in found:
        whole = completed(kps.xy, kps.boxes, kps.areas, pictures.size(number))
        mended, left_out = mended + int(whole.mended.sum()), left_out + int((~whole.usable).sum())
        kept.append(Labelled(number, replace(kps, boxes=whole.boxes, areas=whole.areas)[whole.usable]))
    if mended:
        log.warning("%d instances have no box that can be used: it is made from their points", mended)
    if left_out:
        log.warning(
            "%d instances have no box that can be used and no points that span one: left out", left_out
        )
    if not any(len(one.keypoints) for one in kept):
        raise ValueError(f"none of {left_out} instances has a box that can be used, or points that span one")
    return tuple(kept)


def _no_instances(columns: Skeleton) -> Keypoints:
    k = len(columns)
    return Keypoints(
        np.zeros((0, k, 2)), np.zeros((0, k)), columns, boxes=np.zeros((0, 4)), areas=np.zeros(0)
    )
