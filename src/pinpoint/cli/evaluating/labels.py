"""What is labelled: by picture, with a box and an area for everybody, and what was assumed for that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pinpoint.datasets.labels import AREA_OF_BOX, Completed, completed, in_skeleton, usual_skeleton
from pinpoint.datasets.samples import find_picture
from pinpoint.geometry import Float
from pinpoint.io.formats import read_records
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Labels", "note_completed", "read_labels", "skeleton_of"]

UNKNOWN = (1 << 30, 1 << 30)  # size of a picture of which nobody states one


@dataclass(frozen=True, eq=False)
class Labels:
    """One picture and what is labelled in it, in the size that the file states.

    Args:
        name: Of the picture in the file.
        id: What the file calls it beside its name.
        file: The file.
        size: Width and height that the file states, if it does.
        truth: Instances with boxes and areas.
        crowds: Boxes in which nothing counts, shape (C, 4).
        folder: Of the pictures; none looks beside the file.
        crowd_areas: What the crowds cover in square pixels, shape (C,), NaN or none for what their boxes do.
    """

    name: str
    id: int | str | None
    file: Path
    size: tuple[int, int] | None
    truth: Keypoints
    crowds: Float
    folder: Path | None = None
    crowd_areas: Float | None = None

    @property
    def path(self) -> Path:
        """Where the picture is; looked for only when it is wanted, since that takes time."""
        return find_picture(self.name, self.file, self.folder)


def read_labels(path: Path, pictures: Path | None, notes: dict[str, str]) -> list[Labels]:
    """Read what is labelled; instances without a usable box and without points are left out.

    Args:
        path: A file of any format with labels.
        pictures: Folder of the pictures; none looks beside the file.
        notes: Is told what was assumed, by the subject.

    Raises:
        UnreadableError: The file is missing, damaged or of no known form.
        ValueError: Nothing is labelled in it.
    """
    records = read_records(path)
    if not any(len(record.keypoints) for record in records):
        raise ValueError(f"{path} holds no labelled instance, so there is nothing to measure")
    columns = usual_skeleton(records)
    by_name: dict[str, list[Record]] = {}
    for record in in_skeleton(records, columns, path):
        by_name.setdefault(record.image, []).append(record)
    groups = sorted(by_name.values(), key=_place)
    merged = [Keypoints.concatenate([record.keypoints for record in group]) for group in groups]
    whole = _completed(merged, [group[0].size for group in groups])
    note_completed(whole, notes)
    truths = _split(merged, whole)
    return [
        Labels(
            group[0].image,
            group[0].id,
            path,
            group[0].size,
            truth,
            group[0].crowds,
            pictures,
            group[0].crowd_areas,
        )
        for group, truth in zip(groups, truths, strict=True)
    ]


def _place(group: Sequence[Record]) -> int:
    """Where a picture comes: of equal scores in two, COCO takes that of the lower id first."""
    return group[0].id if isinstance(group[0].id, int) else 0


def _completed(parts: Sequence[Keypoints], sizes: Sequence[tuple[int, int] | None]) -> Completed:
    """Boxes and areas of the instances of all pictures, one after the other."""
    known = np.array([size or UNKNOWN for size in sizes])

    def rows(name: str, shape: tuple[int, ...]) -> Float:
        values = (getattr(part, name) for part in parts)
        filled = (
            np.full((len(part), *shape), np.nan) if value is None else value
            for part, value in zip(parts, values, strict=True)
        )
        return np.concatenate(list(filled))

    xy = np.concatenate([part.xy for part in parts])
    return completed(
        xy, rows("boxes", (4,)), rows("areas", ()), np.repeat(known, list(map(len, parts)), axis=0)
    )


def _split(parts: Sequence[Keypoints], whole: Completed) -> Iterator[Keypoints]:
    """The instances of every picture that can be used, with their boxes and areas."""
    start = 0
    for part in parts:
        rows = slice(start, start + len(part))
        start += len(part)
        usable = whole.usable[rows]
        kps = replace(part, boxes=whole.boxes[rows], areas=whole.areas[rows])
        yield kps if usable.all() else kps[usable]


def note_completed(whole: Completed, notes: dict[str, str]) -> None:
    """Say which boxes and areas were not labelled."""
    instances = int(whole.usable.sum())
    areas, boxes = int((whole.guessed & whole.usable).sum()), int(whole.mended.sum())
    guessed = f"{AREA_OF_BOX:g} of the box for {_of(areas, instances)}" if areas else ""
    labelled = "" if areas == instances else "as labelled"
    notes["areas"] = "; ".join(part for part in (labelled, guessed) if part)
    if boxes:
        notes["boxes"] = f"around the points, a tenth wider, for {_of(boxes, instances)}"
    if not whole.usable.all():
        notes["left out"] = f"{int((~whole.usable).sum())} instances without a box or points that span one"


def _of(count: int, instances: int) -> str:
    return "all, as none is labelled" if count == instances else f"{count} of {instances} that have none"


def skeleton_of(labels: Sequence[Labels]) -> Skeleton:
    """The skeleton of all labels."""
    return labels[0].truth.skeleton
