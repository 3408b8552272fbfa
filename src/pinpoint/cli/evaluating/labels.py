"""What is labelled: by picture, with a box and an area for everybody, and what was assumed for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pinpoint.datasets.labels import AREA_OF_BOX, completed, in_skeleton, usual_skeleton
from pinpoint.datasets.samples import find_picture
from pinpoint.geometry import Float
from pinpoint.io.formats import read_records
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Labels", "read_labels", "skeleton_of"]


@dataclass(frozen=True, eq=False)
class Labels:
    """One picture and what is labelled in it, in the size that the file states.

    Args:
        name: Of the picture in the file.
        id: What the file calls it beside its name.
        path: Of the picture.
        size: Width and height that the file states, if it does.
        truth: Instances with boxes and areas.
        crowds: Boxes in which nothing counts, shape (C, 4).
    """

    name: str
    id: int | str | None
    path: Path
    size: tuple[int, int] | None
    truth: Keypoints
    crowds: Float


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
    counts = {"boxes": 0, "areas": 0, "unusable": 0}
    labels = [_picture(name, group, path, pictures, counts) for name, group in by_name.items()]
    _note(counts, sum(len(one.truth) for one in labels), notes)
    return labels


def _picture(
    name: str, group: Sequence[Record], path: Path, pictures: Path | None, counts: dict[str, int]
) -> Labels:
    first = group[0]
    kps = Keypoints.concatenate([record.keypoints for record in group])
    truth = _whole(kps, first.size, counts)
    return Labels(name, first.id, find_picture(name, path, pictures), first.size, truth, first.crowds)


def _whole(kps: Keypoints, size: tuple[int, int] | None, counts: dict[str, int]) -> Keypoints:
    whole = completed(kps.xy, kps.boxes, kps.areas, size or (1 << 30, 1 << 30))
    counts["boxes"] += int(whole.mended.sum())
    counts["areas"] += int((whole.guessed & whole.usable).sum())
    counts["unusable"] += int((~whole.usable).sum())
    return replace(kps, boxes=whole.boxes, areas=whole.areas)[whole.usable]


def _note(counts: Mapping[str, int], instances: int, notes: dict[str, str]) -> None:
    guessed = f"{AREA_OF_BOX:g} of the box for {_of(counts['areas'], instances)}" if counts["areas"] else ""
    labelled = "" if counts["areas"] == instances else "as labelled"
    notes["areas"] = "; ".join(part for part in (labelled, guessed) if part)
    if counts["boxes"]:
        notes["boxes"] = f"around the points, a tenth wider, for {_of(counts['boxes'], instances)}"
    if counts["unusable"]:
        notes["left out"] = f"{counts['unusable']} instances without a box or points that span one"


def _of(count: int, instances: int) -> str:
    return "all, as none is labelled" if count == instances else f"{count} of {instances} that have none"


def skeleton_of(labels: Sequence[Labels]) -> Skeleton:
    """The skeleton of all labels."""
    return labels[0].truth.skeleton
