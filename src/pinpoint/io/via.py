"""VGG Image Annotator: regions of images, as a project of VIA 2 or 3, a JSON export or a CSV export.

https://www.robots.ox.ac.uk/~vgg/software/via/

Points and rectangles are read; what a region is stands in attributes whose names the user of VIA chose. The
name of a keypoint is that of `keypoint`, `name`, `label`, `part`, `class` or `type`, or of the only attribute
there is; an instance is tied together by `instance`, `instance_id`, `group_id`, `group`, `person` or `id`;
and `occluded`, `hidden` or `invisible` mean labelled but not seen. VIA does not know the sizes of images:
they are written as attributes of the file, as are the image's id and split and the skeleton. Pixels are
written to 3 decimals; VIA itself makes whole ones.
"""

import csv
import io
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json, read_text
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.io.shapes import (
    EDGE,
    Drawn,
    Image,
    Shape,
    drawn_in,
    outward,
    records_of_images,
    said_of,
    say_lost,
    skeleton_said,
    tied,
)
from pinpoint.io.via3 import entries_of_project, is_project, project_of_entries
from pinpoint.skeletons import Skeleton

__all__ = [
    "HOLDS",
    "KEEPS",
    "is_via",
    "is_via_csv",
    "read_via",
    "read_via_csv",
    "records_of_via",
    "via3_writer",
    "via_csv_writer",
    "via_writer",
    "write_via",
]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "visible", "boxes", "labels"})
KEEPS = frozenset({"id", "instance_ids", "split"})

Item = Mapping[str, Any]

_HOW = "give the regions of each instance an attribute 'instance' in VIA"
_NAMES = ("keypoint", "name", "label", "part", "class", "type")
_GROUPS = ("instance", "instance_id", "group_id", "group", "person", "id")
_HIDDEN = ("occluded", "hidden", "invisible")
_COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
_UNKNOWN_SIZE = -1  # in bytes, as VIA has it for images that it did not open itself


def read_via(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a project or an export of annotations, in JSON or, by the suffix `.csv`, in CSV.

    Regions that nothing ties: each rectangle is an instance, with the points in it; where there is no
    rectangle, all points are one. Regions of other shapes are left out and counted in a warning.

    Args:
        path: The file.
        skeleton: What the keypoints are, or none to go by the names that occur.

    Returns:
        One record for each image in the file's order.

    Raises:
        UnreadableError: The file is damaged or of another form, or it is not clear what a region is.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return read_via_csv(path, skeleton)
    return records_of_via(path, load_json(path), skeleton)


def read_via_csv(path: Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a CSV export as `read_via` does."""
    entries: dict[str, dict[str, Any]] = {}
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    for row in reader:
        with blame(path, f"line {reader.line_num}"):
            plain = {str(key).lstrip("#"): cell for key, cell in row.items()}
            entry = entries.setdefault(f"{plain['filename']}{plain['file_size']}", _entry_of(plain))
            shape = json.loads(plain["region_shape_attributes"] or "{}")
            if shape:
                attributes = json.loads(plain["region_attributes"] or "{}")
                entry["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    return _records(path, entries, skeleton)


def records_of_via(path: Path, document: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a parsed document as `read_via` does."""
    if is_project(document):
        with blame(path, "its views and metadata"):
            return _records(path, entries_of_project(document), skeleton)
    if not is_via(document):
        raise UnreadableError(path, "is JSON, but neither a project of VIA nor annotations that it exported")
    return _records(path, document.get("_via_img_metadata", document), skeleton)


def is_via(document: Any) -> bool:
    """Whether a parsed document is a project of VIA 2 or 3, or annotations that it exported."""
    if not isinstance(document, dict) or not document:
        return False
    if is_project(document):
        return True
    entries = document.get("_via_img_metadata", document)
    return isinstance(entries, dict) and all(
        isinstance(entry, dict) and {"filename", "regions"} <= set(entry) for entry in entries.values()
    )


def is_via_csv(head: bytes) -> bool:
    """Whether the first bytes of a CSV file are those of an export."""
    return b"region_shape_attributes" in head.split(b"\n", maxsplit=1)[0]


def write_via(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write annotations to be imported into a project, in JSON or, by the suffix `.csv`, in CSV.

    Instances without a box lose their label, and those without a point and a box are lost.

    Args:
        path: The file.
        records: Names of images are written as they are.
        skeleton: The skeleton of all records, or none to take the first record's.

    Raises:
        ValueError: The records have several skeletons, or a number is infinite.
    """
    path = Path(path)
    writer = via_csv_writer if path.suffix.lower() == ".csv" else via_writer
    write_all(writer(path, skeleton), records)


def via_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a JSON file to write records into, as `write_via` does."""
    return GatheringWriter(_admission(skeleton), lambda records: _write_json(path, records))


def via3_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a project of VIA 3 to write records into, as `write_via` does."""
    return GatheringWriter(_admission(skeleton), lambda records: _write_project(path, records))


def via_csv_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a CSV file to write records into, as `write_via` does."""
    return GatheringWriter(_admission(skeleton), lambda records: _write_csv(path, records))


def _admission(skeleton: Skeleton | None) -> Admission:
    return Admission(HOLDS, "VIA", skeleton, keeps=KEEPS)


def _entry_of(row: Item) -> dict[str, Any]:
    attributes = json.loads(row["file_attributes"] or "{}")
    return {"filename": row["filename"], "file_attributes": attributes, "regions": []}


def _records(path: Path, entries: Item, skeleton: Skeleton | None) -> list[Record]:
    others: Counter[str] = Counter()
    images = [_image(path, entry, others) for entry in entries.values()]
    if others:
        counts = ", ".join(f"{count} x {kind}" for kind, count in others.items())
        log.warning("%s: regions that are neither points nor rectangles are left out: %s", path, counts)
    with blame(path, "its names"):
        return records_of_images(images, skeleton)


def _image(path: Path, entry: Item, others: Counter[str]) -> Image:
    name = str(entry["filename"])
    with blame(path, f"image {name!r}"):
        regions = entry["regions"]
        listed = list(regions.values()) if isinstance(regions, dict) else list(regions)  # VIA 1 numbers them
        said = entry.get("file_attributes") or {}
        return Image(
            name,
            tied(_shapes(path, name, listed, others), _HOW),
            size=(int(said["width"]), int(said["height"])) if {"width", "height"} <= set(said) else None,
            id=_number_or_word(said["id"]) if "id" in said else None,
            split=str(said.get("split", "")),
            skeleton=_skeleton(said.get("skeleton")),
        )


def _shapes(path: Path, image: str, regions: Sequence[Item], others: Counter[str]) -> Iterator[Shape]:
    for number, region in enumerate(regions, 1):
        with blame(path, f"region {number} of image {image!r}"):
            shape, said = region["shape_attributes"], region["region_attributes"]
            kind = shape["name"]
            if kind not in ("point", "rect"):
                others[str(kind)] += 1
                continue
            group = next((said[key] for key in _GROUPS if said.get(key) not in (None, "")), None)
            group = None if group is None else _number_or_word(group)
            hidden = any(_is_set(said, flag) for flag in _HIDDEN)
            yield Shape(_name_in(said), _numbers_of(shape), group, hidden, id=group)


def _numbers_of(shape: Item) -> tuple[float, ...]:
    if shape["name"] == "point":
        return float(shape["cx"]) - EDGE, float(shape["cy"]) - EDGE
    x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
    return x - EDGE, y - EDGE, x + width - EDGE, y + height - EDGE


def _name_in(said: Item) -> str:
    free = [key for key in said if key not in (*_GROUPS, *_HIDDEN)]
    key = next((key for key in _NAMES if said.get(key)), free[0] if len(free) == 1 else None)
    if key is None or not isinstance(said[key], str) or not said[key]:
        raise ValueError(f"it has no name among its attributes {dict(said)}, expected one of {_NAMES}")
    return said[key]


def _is_set(said: Item, flag: str) -> bool:
    """Text and radio buttons hold a word, checkboxes what is ticked among their options."""
    ticked = [value for value in said.values() if isinstance(value, dict)]
    own = said.get(flag)
    word = isinstance(own, str) and own.strip().lower() in ("1", "true", "yes", flag)
    return word or own is True or any(options.get(flag) for options in ticked)


def _number_or_word(said: Any) -> int | str:
    text = str(said)
    return int(text) if text.isdecimal() and str(int(text)) == text else text


def _entries(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    say_lost(records, "VIA", labels=False)
    entries: dict[str, dict[str, Any]] = {}
    for record in records:
        key, count = f"{record.image}{_UNKNOWN_SIZE}", 1
        while key in entries:
            count += 1
            key = f"{record.image}{_UNKNOWN_SIZE}_{count}"
        entries[key] = {
            "filename": record.image,
            "size": _UNKNOWN_SIZE,
            "regions": [region for row, one in enumerate(drawn_in(record)) for region in _regions(one, row)],
            "file_attributes": _file_attributes(record),
        }
    return entries


def _skeleton(said: object) -> Skeleton | None:
    """Attributes are text, so a skeleton of one's own is JSON in it."""
    return skeleton_said(json.loads(said) if isinstance(said, str) and said.startswith("{") else said)


def _file_attributes(record: Record) -> dict[str, str]:
    width, height = record.size or ("", "")
    skeleton = said_of(record.keypoints.skeleton)
    said = {
        "width": width,
        "height": height,
        "id": record.id,
        "split": record.split,
        "skeleton": skeleton if isinstance(skeleton, str) else _cell(skeleton),
    }
    return {key: str(value) for key, value in said.items() if value not in ("", None)}


def _regions(one: Drawn, row: int) -> Iterator[dict[str, Any]]:
    instance = str(row if one.id is None else one.id)
    if one.box is not None:
        x, y = outward(one.box[0]), outward(one.box[1])
        extent = {"width": round(outward(one.box[2]) - x, 3), "height": round(outward(one.box[3]) - y, 3)}
        yield _region({"name": "rect", "x": x, "y": y, **extent}, {"name": one.label, "instance": instance})
    for name, (x, y) in one.points.items():
        said = {"name": name, "instance": instance, "occluded": "1" if name in one.hidden else "0"}
        yield _region({"name": "point", "cx": outward(x), "cy": outward(y)}, said)


def _region(shape: Item, said: Item) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": said}


def _write_json(path: Path, records: Sequence[Record]) -> None:
    _write_document(path, _entries(records))


def _write_project(path: Path, records: Sequence[Record]) -> None:
    _write_document(path, project_of_entries(_entries(records)))


def _write_document(path: Path, document: Item) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")


def _write_csv(path: Path, records: Sequence[Record]) -> None:
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for entry in _entries(records).values():
            shared = (
                entry["filename"],
                entry["size"],
                _cell(entry["file_attributes"]),
                len(entry["regions"]),
            )
            for number, region in enumerate(entry["regions"] or [None]):
                shape = region["shape_attributes"] if region else {}
                said = region["region_attributes"] if region else {}
                writer.writerow((*shared, number, _cell(shape), _cell(said)))


def _cell(value: Item) -> str:
    return json.dumps(value, ensure_ascii=False)
