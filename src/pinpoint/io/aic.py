"""AI Challenger keypoints as published (arXiv 1711.06475): a JSON list, one entry for each picture.

    [{"image_id": "054d9ce9...", "url": "...",
      "human_annotations": {"human1": [x1, y1, x2, y2], ...},
      "keypoint_annotations": {"human1": [x, y, v, ...], ...}}, ...]

v is 1 for a visible point, 2 for a hidden one and 3, at 0 0, for one that is not labelled. Boxes are first
and last pixel. The name of a picture is its id and `.jpg`. Holds `xy`, `visible` and boxes to 3 decimals, and
nothing else. Files that were turned into COCO's form are read as such.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.geometry import Float
from pinpoint.io.coco_truth_writer import dump_json, xyv_of
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json
from pinpoint.io.plain import blame, rounded
from pinpoint.io.records import Admission, Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "AicWriter", "is_aic", "read_aic", "records_of_aic", "write_aic"]

HOLDS = frozenset({"xy", "visible", "boxes"})

Item = Mapping[str, Any]

_SKELETON = "aic14"
_SUFFIX = ".jpg"
_FLAGS = np.array([3, 2, 1])  # what COCO calls 0 (not labelled), 1 (hidden) and 2 (visible); its own inverse


class AicWriter(GatheringWriter):
    """Writes one JSON list when it is closed.

    Args:
        path: The file, replaced if it exists.
        skeleton: `aic14`, or none.

    Raises:
        ValueError: The skeleton is another.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        expected = shipped(_SKELETON)
        if skeleton is not None and skeleton != expected:
            raise ValueError(f"AI Challenger holds {expected!r}, not {skeleton!r}: convert it first")
        super().__init__(Admission(HOLDS, "AI Challenger JSON", expected), partial(_write, Path(path)))


def write_aic(path: str | Path, records: Iterable[Record | Keypoints]) -> None:
    """Write AI Challenger's JSON list; `read_aic` is the inverse, to 1/1000 of a pixel.

    Pictures are named without suffix, so that those that are no JPEG come back as one.

    Args:
        path: The file, replaced if it exists.
        records: Of `aic14`.

    Raises:
        ValueError: The skeleton is another, or a number is infinite.
    """
    write_all(AicWriter(path), records)


def read_aic(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read AI Challenger's JSON list, one record for each entry.

    Args:
        path: The file.
        skeleton: Unused; the points are `aic14`.

    Raises:
        UnreadableError: The file is damaged or of another form.
    """
    return records_of_aic(Path(path), load_json(Path(path)), skeleton)


def is_aic(document: Any) -> bool:
    """Whether a parsed document is AI Challenger's list."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and "keypoint_annotations" in first


def records_of_aic(path: Path, document: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a parsed list as `read_aic` does; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be.
    """
    with blame(path, "its pictures"):
        items = list(document)
    records: list[Record] = []
    for index, item in enumerate(items):
        with blame(path, f"picture {index + 1}"):
            records.append(Record(_keypoints(item), f"{item['image_id']}{_SUFFIX}", index=index))
    return records


def _keypoints(item: Item) -> Keypoints:
    kind = shipped(_SKELETON)
    named: Mapping[str, Any] = item["keypoint_annotations"]
    xyv = np.array([_triples(named[name], name, len(kind)) for name in named]).reshape(-1, len(kind), 3)
    boxes: Mapping[str, Any] = item.get("human_annotations") or {}
    corners = np.array([boxes.get(name) or [np.nan] * 4 for name in named], dtype=np.float64).reshape(-1, 4)
    there = xyv[..., 2] < _FLAGS[0]
    return Keypoints(
        xy=np.where(there[..., None], xyv[..., :2], np.nan),
        scores=there.astype(np.float64),
        skeleton=kind,
        visible=xyv[..., 2] == _FLAGS[2],
        boxes=corners if np.isfinite(corners).any() else None,
    )


def _triples(values: Any, name: str, count: int) -> Float:
    xyv = np.asarray(values, dtype=np.float64)
    if xyv.shape != (3 * count,):
        raise ValueError(f"{name} has {xyv.size} numbers, expected x y v of {count} points")
    xyv = xyv.reshape(count, 3)
    if not np.isin(xyv[:, 2], _FLAGS).all():
        raise ValueError(f"{name} has v of {sorted(set(xyv[:, 2].tolist()))}, expected 1, 2 or 3")
    return xyv


def _write(path: Path, records: Sequence[Record]) -> None:
    dump_json(path, [_entry(record) for record in records])


def _entry(record: Record) -> dict[str, Any]:
    kps = record.keypoints
    xyv = xyv_of(kps)
    xyv[..., 2] = _FLAGS[xyv[..., 2].astype(int)]
    names = [f"human{row + 1}" for row in range(len(kps))]
    boxes = np.full((len(kps), 4), np.nan) if kps.boxes is None else rounded("boxes", kps.boxes)
    known: list[bool] = np.asarray(np.isfinite(boxes).all(axis=1)).tolist()
    return {
        "image_id": record.image.removesuffix(_SUFFIX),
        "human_annotations": {name: boxes[row].tolist() for row, name in enumerate(names) if known[row]},
        "keypoint_annotations": {name: xyv[row].ravel().tolist() for row, name in enumerate(names)},
    }
