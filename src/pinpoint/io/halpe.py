"""Halpe Full-Body (https://github.com/Fang-Haoshu/Halpe-FullBody): COCO ground truth of 136 or 26 points.

The published files do not name the points: they are told by their number, and written with names. Holds what
COCO ground truth does.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pinpoint.io.coco_truth import HOLDS, KEEPS, is_truth, records_of_truth
from pinpoint.io.coco_truth_writer import document_of_truth, dump_json
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "KEEPS", "HalpeWriter", "is_halpe", "read_halpe", "records_of_halpe", "write_halpe"]

_KINDS = {136: "halpe136", 26: "halpe26"}


class HalpeWriter(GatheringWriter):
    """Writes one file when it is closed.

    Args:
        path: The file, replaced if it exists.
        skeleton: `halpe136` or `halpe26`, or none to take the first record's.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        admit = Admission(HOLDS, "Halpe", skeleton, keeps=KEEPS)
        super().__init__(admit, partial(_write, Path(path)))

    def write(self, record: Record) -> None:
        """Take one record.

        Raises:
            ValueError: Its skeleton is none of Halpe or not that of the others, or a number is infinite.
        """
        if record.keypoints.skeleton.name not in _KINDS.values():
            raise ValueError(f"Halpe holds halpe136 or halpe26, not {record.keypoints.skeleton!r}")
        super().write(record)


def write_halpe(path: str | Path, records: Iterable[Record | Keypoints]) -> None:
    """Write Halpe's JSON; `read_halpe` is the inverse, to 1/1000 of a pixel.

    Args:
        path: The file, replaced if it exists.
        records: Of `halpe136` or `halpe26`.

    Raises:
        ValueError: The skeleton is another, or a number is infinite.
    """
    write_all(HalpeWriter(path), records)


def read_halpe(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read Halpe's JSON as `read_coco_truth` does, as `halpe136` or `halpe26` by the number of points.

    Args:
        path: The file.
        skeleton: What the points are, where no annotation tells.

    Raises:
        UnreadableError: The file is damaged or of another form.
    """
    return records_of_halpe(Path(path), load_json(Path(path)), skeleton)


def is_halpe(document: Any) -> bool:
    """Whether a parsed document is of Halpe: COCO ground truth of 136 points that it does not name."""
    if not is_truth(document) or not isinstance(document["annotations"], list):
        return False
    named = any(item.get("keypoints") for item in document.get("categories") or () if isinstance(item, dict))
    return not named and _count(document) == max(_KINDS)


def records_of_halpe(path: Path, document: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a parsed document as `read_halpe` does; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be.
    """
    with blame(path, "its annotations"):
        count = _count(document)
        if skeleton is None and count not in (0, *_KINDS):
            raise ValueError(f"they have {count} points, expected {' or '.join(map(str, _KINDS))}")
    kind = shipped(_KINDS.get(count, _KINDS[136])) if skeleton is None else skeleton
    return records_of_truth(path, document, kind)


def _count(document: Any) -> int:
    """Points of the first annotation that has any; 0 if none has."""
    lists = (item.get("keypoints") for item in document["annotations"] if isinstance(item, dict))
    return next((len(values) // 3 for values in lists if values), 0)


def _write(path: Path, records: Sequence[Record]) -> None:
    dump_json(path, document_of_truth(records))
