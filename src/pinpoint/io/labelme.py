"""labelme: one JSON file beside each image, with points and rectangles that share a `group_id`.

https://github.com/wkentaro/labelme

A point's `label` names the keypoint, a rectangle is the box and its `label` the category, and shapes of one
`group_id` are one instance. Of the `flags` of a point, `occluded`, `hidden` and `invisible` mean that it is
labelled but not seen; the writer sets `occluded`. Pixels are written to 3 decimals. The embedded picture
(`imageData`) is neither read nor written. The writer adds the skeleton, which labelme keeps.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json
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
from pinpoint.skeletons import Skeleton

__all__ = [
    "HOLDS",
    "KEEPS",
    "is_folder_of_labelme",
    "is_labelme",
    "labelme_writer",
    "read_labelme",
    "records_of_labelme",
    "write_labelme",
]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "visible", "boxes", "labels"})
KEEPS = frozenset({"instance_ids"})

_HOW = "give the shapes of each instance a group_id of their own in labelme"

_VERSION = "5.5.0"  # of labelme, which warns of files of another major version
_HIDDEN = ("occluded", "hidden", "invisible")
_READ = {"point": 2, "rectangle": 4}


def read_labelme(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a folder of labelme files, its subfolders too, or one file.

    Shapes without a `group_id`: each rectangle is an instance, with the points in it; where there is no
    rectangle, all points are one. Shapes of other types are left out and counted in a warning.

    Args:
        path: The folder, or one file.
        skeleton: What the keypoints are, or none to go by the names that occur.

    Returns:
        One record for each file, in order of their names; `image` is relative to the folder.

    Raises:
        UnreadableError: A file is damaged or of another form, or it is not clear which instance a shape
            belongs to.
    """
    path = Path(path)
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UnreadableError(path, "is a folder without labelme's JSON files")
    return _records(path, {file: load_json(file) for file in files}, skeleton)


def records_of_labelme(path: Path, document: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read one parsed file as `read_labelme` does."""
    return _records(path, {path: document}, skeleton)


def is_labelme(document: Any) -> bool:
    """Whether a parsed document is a file of labelme's."""
    return isinstance(document, dict) and "shapes" in document


def is_folder_of_labelme(path: Path) -> bool:
    """Whether the first JSON file of a folder is labelme's."""
    first = next(iter(sorted(path.rglob("*.json"))), None)
    return first is not None and is_labelme(load_json(first))


def write_labelme(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write a folder with one file for each record, named as its image.

    `group_id` is the instance's id where these are whole numbers, else its row. Instances without a box lose
    their label, and those without a point and a box are lost.

    Args:
        path: The folder, made if it is not there.
        records: With names of images relative to the folder.
        skeleton: The skeleton of all records, or none to take the first record's.

    Raises:
        ValueError: The records have several skeletons, a number is infinite, or an image has no name.
    """
    write_all(labelme_writer(Path(path), skeleton), records)


def labelme_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a folder to write records into, as `write_labelme` does."""
    admit = Admission(HOLDS, "labelme", skeleton, keeps=KEEPS)
    return GatheringWriter(admit, lambda records: _write(path, records))


def _records(path: Path, documents: Mapping[Path, Any], skeleton: Skeleton | None) -> list[Record]:
    root = path if path.is_dir() else path.parent
    others: Counter[str] = Counter()
    images = [_image(file, document, root, others) for file, document in documents.items()]
    if others:
        counts = ", ".join(f"{count} x {kind}" for kind, count in others.items())
        log.warning("%s: shapes that are neither points nor rectangles are left out: %s", path, counts)
    with blame(path, "its labels"):
        return records_of_images(images, skeleton)


def _write(folder: Path, records: Sequence[Record]) -> None:
    say_lost(records, "labelme", labels=False)
    folder.mkdir(exist_ok=True)
    taken: set[str] = set()
    for record in records:
        target = folder / _name_of_file(record, taken)
        target.parent.mkdir(parents=True, exist_ok=True)
        document = _document(record, _from_file(record.image, folder, target))
        with replacing(target) as partial:
            partial.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")


def _image(file: Path, document: Any, root: Path, others: Counter[str]) -> Image:
    if not is_labelme(document):
        raise UnreadableError(file, "is JSON, but not labelme's: it has no 'shapes'")
    with blame(file, "the shapes"):
        drawn = tied(_shapes(file, document["shapes"], others), _HOW)
        width, height = document.get("imageWidth"), document.get("imageHeight")
        return Image(
            _relative(str(document.get("imagePath") or f"{file.stem}.jpg"), file, root),
            drawn,
            size=(int(width), int(height)) if width and height else None,
            skeleton=skeleton_said(document.get("skeleton")),
        )


def _shapes(file: Path, shapes: Iterable[Mapping[str, Any]], others: Counter[str]) -> Iterator[Shape]:
    for number, shape in enumerate(shapes, 1):
        with blame(file, f"shape {number}"):
            kind = str(shape.get("shape_type") or "polygon")
            if kind not in _READ:
                others[kind] += 1
                continue
            numbers = [float(value) - EDGE for point in shape["points"] for value in point]
            if len(numbers) != _READ[kind]:
                raise ValueError(f"a {kind} has {len(numbers)} numbers, expected {_READ[kind]}")
            flags = shape.get("flags") or {}
            group = shape.get("group_id")
            hidden = any(flags.get(flag) for flag in _HIDDEN)
            yield Shape(_word(shape["label"]), _corners(numbers), group, hidden, id=group)


def _word(label: object) -> str:
    if not isinstance(label, str):
        raise TypeError(f"label is {label!r}, expected a word")
    return label


def _corners(numbers: list[float]) -> tuple[float, ...]:
    if len(numbers) == 2:
        return tuple(numbers)
    (x1, x2), (y1, y2) = sorted(numbers[0::2]), sorted(numbers[1::2])
    return x1, y1, x2, y2


def _relative(image: str, file: Path, root: Path) -> str:
    """The name of an image from the folder, where the file says it from its own place, Windows' way too."""
    beside = Path(os.path.relpath(file.parent, root)) / image.replace("\\", "/")
    return Path(os.path.normpath(beside)).as_posix()


def _from_file(image: str, folder: Path, file: Path) -> str:
    if Path(image).is_absolute():
        return image
    return Path(os.path.relpath(folder / image, file.parent)).as_posix()


def _name_of_file(record: Record, taken: set[str]) -> str:
    """A name like the image's, inside of the folder, that no other record has."""
    if not record.image:
        raise ValueError(f"record {record.index} has no image name, and labelme names its files by it")
    image = PurePosixPath(Path(os.path.normpath(record.image)).as_posix())
    outside = image.is_absolute() or ".." in image.parts
    stem = image.stem if outside else image.with_suffix("").as_posix()
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return f"{name}.json"


def _document(record: Record, image: str) -> dict[str, Any]:
    width, height = record.size or (None, None)
    drawn = list(drawn_in(record))
    whole = all(isinstance(one.id, int) for one in drawn)
    groups = [one.id if whole else row for row, one in enumerate(drawn)]
    shapes = [shape for group, one in zip(groups, drawn, strict=True) for shape in _shapes_of(one, group)]
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        "skeleton": said_of(record.keypoints.skeleton),
    }


def _shapes_of(one: Drawn, group: int | str | None) -> Iterator[dict[str, Any]]:
    if one.box is not None:
        x1, y1, x2, y2 = (outward(value) for value in one.box)
        yield _shape(one.label, [[x1, y1], [x2, y2]], group, "rectangle", {})
    for name, (x, y) in one.points.items():
        flags = {"occluded": True} if name in one.hidden else {}
        yield _shape(name, [[outward(x), outward(y)]], group, "point", flags)


def _shape(
    label: str, points: list[list[float]], group: int | str | None, kind: str, flags: dict[str, bool]
) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": flags,
        "mask": None,
    }
