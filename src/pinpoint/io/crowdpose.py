"""CrowdPose (arXiv 1812.00324): COCO ground truth of 14 points without areas, and how crowded a picture is.

`crowdIndex` of a picture is the mean over its people of the number of others' labelled points in a person's
box by the number of the person's own, 1 at the most; the benchmark's code calls pictures below .2 easy and
from .8 on hard. It is written anew from the labels. Holds what COCO ground truth does, but areas and crowd
regions.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.io.coco_truth import is_truth, records_of_truth
from pinpoint.io.coco_truth_writer import HOLDS as HELD_BY_COCO
from pinpoint.io.coco_truth_writer import document_of_truth, dump_json
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = [
    "HOLDS",
    "KEEPS",
    "CrowdPoseWriter",
    "crowd_index",
    "is_crowdpose",
    "read_crowd_indices",
    "read_crowdpose",
    "records_of_crowdpose",
    "write_crowdpose",
]

HOLDS = HELD_BY_COCO - {"areas", "labels"}
KEEPS = frozenset({"id", "instance_ids"})

_SKELETON = "crowdpose14"
_KEY = "crowdIndex"
_NAMES = {"head_top": "head"}  # what its files call it


class CrowdPoseWriter(GatheringWriter):
    """Writes one file when it is closed.

    Args:
        path: The file, replaced if it exists.
        skeleton: `crowdpose14`, or none.

    Raises:
        ValueError: The skeleton is another.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        expected = shipped(_SKELETON)
        if skeleton is not None and skeleton != expected:
            raise ValueError(f"CrowdPose holds {expected!r}, not {skeleton!r}: convert it first")
        super().__init__(Admission(HOLDS, "CrowdPose", expected, keeps=KEEPS), partial(_write, Path(path)))


def write_crowdpose(path: str | Path, records: Iterable[Record | Keypoints]) -> None:
    """Write CrowdPose's JSON; `read_crowdpose` is the inverse, to 1/1000 of a pixel.

    Args:
        path: The file, replaced if it exists.
        records: Of `crowdpose14`.

    Raises:
        ValueError: The skeleton is another, or a number is infinite.
    """
    write_all(CrowdPoseWriter(path), records)


def read_crowdpose(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read CrowdPose's JSON as `read_coco_truth` does.

    Args:
        path: The file.
        skeleton: Unused; the points are `crowdpose14`.

    Raises:
        UnreadableError: The file is damaged or of another form.
    """
    return records_of_crowdpose(Path(path), load_json(Path(path)), skeleton)


def read_crowd_indices(path: str | Path) -> dict[str, float]:
    """Read how crowded each picture is, by its file name, 0 to 1.

    Raises:
        UnreadableError: The file is damaged or does not say it.
    """
    path = Path(path)
    document = load_json(path)
    with blame(path, "its images"):
        return {str(image["file_name"]): float(image[_KEY]) for image in document["images"]}


def is_crowdpose(document: Any) -> bool:
    """Whether a parsed document is COCO ground truth of 14 points that says how crowded pictures are."""
    images = document.get("images") if is_truth(document) else None
    if not isinstance(images, list) or not images or not isinstance(images[0], dict) or _KEY not in images[0]:
        return False
    named = [item.get("keypoints") for item in document.get("categories") or () if isinstance(item, dict)]
    return all(len(names or ()) in (0, len(shipped(_SKELETON))) for names in named)


def records_of_crowdpose(path: Path, document: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a parsed document as `read_crowdpose` does; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be.
    """
    return records_of_truth(path, document, shipped(_SKELETON))


def crowd_index(kps: Keypoints) -> float:
    """How crowded a picture is by its labels (arXiv 1812.00324, section 3.1), 0 to 1.

    People without a box or without labelled points do not count; 0 where none do.
    """
    if kps.boxes is None or not len(kps):
        return 0.0
    x, y = kps.xy[None, ..., 0], kps.xy[None, ..., 1]
    left, top, right, bottom = (side[:, None, None] for side in kps.boxes.T)
    inside = ((x >= left) & (x <= right) & (y >= top) & (y <= bottom)).sum(axis=2)  # of a box, of a person
    others = inside.sum(axis=1) - np.diagonal(inside)
    own = np.isfinite(kps.xy).all(axis=2).sum(axis=1)
    counted = (own > 0) & np.isfinite(kps.boxes).all(axis=1)
    return float(np.minimum(others[counted] / own[counted], 1).mean()) if counted.any() else 0.0


def _write(path: Path, records: Sequence[Record]) -> None:
    document = document_of_truth(records)
    indices = [round(crowd_index(record.keypoints), 2) for record in records]
    for image, index in zip(document["images"], indices, strict=True):
        image[_KEY] = index
    for category in document["categories"]:
        _say_in_its_words(category)
    dump_json(path, document)


def _say_in_its_words(category: dict[str, Any]) -> None:
    category["keypoints"] = [_NAMES.get(name, name) for name in category["keypoints"]]
