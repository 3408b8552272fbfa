"""Label Studio: a JSON list of tasks, with keypoints and rectangles in percent of the image.

https://labelstud.io/guide/task_format, https://labelstud.io/tags/keypointlabels

`keypointlabels` name the keypoint, `rectanglelabels` the category; regions that a `parentID` or a relation
ties together are one instance. A region with the choice `occluded`, `hidden` or `invisible` is labelled but
not seen. The first annotation of a task that was not cancelled is read or, where there is none, the first
prediction. Labels are written as annotations and predictions, which have scores, as predictions; percents
are exact, and pixels come back to 9 decimals. The skeleton is written as data of each task.
"""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json
from pinpoint.io.label_studio_min import is_min, tasks_of_min
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.io.shapes import (
    EDGE,
    Drawn,
    Image,
    Shape,
    drawn_in,
    records_of_images,
    said_of,
    say_lost,
    skeleton_said,
    tied,
)
from pinpoint.io.sources import PICTURE_SUFFIXES
from pinpoint.skeletons import Skeleton

__all__ = [
    "HOLDS",
    "KEEPS",
    "is_label_studio",
    "label_studio_writer",
    "read_label_studio",
    "records_of_tasks",
    "write_label_studio",
]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "scores", "visible", "boxes", "box_scores", "labels"})
KEEPS = frozenset({"id", "instance_ids"})

Item = Mapping[str, Any]

_HOW = "tie the regions of each instance by a relation or a parent in Label Studio, and export as JSON"
_HIDDEN = ("occluded", "hidden", "invisible")
_POINT, _RECTANGLE = "keypointlabels", "rectanglelabels"


@dataclass
class _Left:
    """What was left out: regions by type, and annotations beyond the first."""

    kinds: Counter[str]
    annotations: int = 0


def read_label_studio(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read an export in the format JSON or JSON-MIN, which forgets what belongs together.

    Regions that nothing ties: each rectangle is an instance, with the points in it; where there is no
    rectangle, all points are one. `image` is the name after `/data/local-files/?d=`, the last part of an
    upload, or else the address as it is.

    Args:
        path: The file.
        skeleton: What the keypoints are, or none to go by the names that occur.

    Returns:
        One record for each task in the file's order.

    Raises:
        UnreadableError: The file is damaged or of another form, or it is not clear which instance a region
            belongs to.
    """
    return records_of_tasks(Path(path), load_json(Path(path)), skeleton)


def is_label_studio(document: Any) -> bool:
    """Whether a parsed document is a list of tasks, or of entries of JSON-MIN."""
    return is_min(document) or (
        isinstance(document, list) and all(isinstance(task, dict) and "data" in task for task in document)
    )


def records_of_tasks(path: Path, tasks: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a parsed document as `read_label_studio` does."""
    if not is_label_studio(tasks):
        raise UnreadableError(path, "is JSON, but no list of Label Studio's tasks: export it as JSON")
    tasks = tasks_of_min(tasks) if is_min(tasks) else tasks
    left = _Left(Counter())
    images = [_image(path, number, task, left) for number, task in enumerate(tasks, 1)]
    if left.kinds.total():
        counts = ", ".join(f"{count} x {kind}" for kind, count in left.kinds.items() if count)
        log.warning("%s: regions that are neither points nor rectangles are left out: %s", path, counts)
    if left.annotations:
        log.warning("%s: of several annotations of a task the first is read, not %d", path, left.annotations)
    with blame(path, "its labels"):
        return records_of_images(images, skeleton)


def write_label_studio(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write tasks to be imported.

    The labelling set-up is to have `kp` (KeyPointLabels), `box` (RectangleLabels) and `visibility` (Choices
    for each region), all of `image`.

    Args:
        path: The file.
        records: Each with a size; names of images are written as they are.
        skeleton: The skeleton of all records, or none to take the first record's.

    Raises:
        ValueError: The records have several skeletons, a number is infinite, or an image has no size.
    """
    write_all(label_studio_writer(Path(path), skeleton), records)


def label_studio_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a file to write records into, as `write_label_studio` does."""
    admit = Admission(HOLDS, "Label Studio", skeleton, keeps=KEEPS)
    return GatheringWriter(admit, lambda records: _write(path, records))


def _write(path: Path, records: Sequence[Record]) -> None:
    say_lost(records, "Label Studio", labels=False)
    tasks = [_task(record, number) for number, record in enumerate(records, 1)]
    with replacing(path) as partial:
        partial.write_text(json.dumps(tasks, indent=1, ensure_ascii=False), "utf-8")


def _image(path: Path, number: int, task: Item, left: _Left) -> Image:
    with blame(path, f"task {task.get('id', number)}"):
        results = _chosen(task, left)
        sizes = {(item["original_width"], item["original_height"]) for item in results if "value" in item}
        if len(sizes) > 1:
            raise ValueError(f"its regions state several sizes of the image: {sorted(sizes)}")
        size = next(iter(sizes), None) or _stated(task["data"])
        return Image(
            _name(task["data"]),
            tied(_shapes(results, left), _HOW),
            size=size and (int(size[0]), int(size[1])),
            id=task.get("id"),
            skeleton=skeleton_said(task["data"].get("skeleton")),
        )


def _chosen(task: Item, left: _Left) -> Sequence[Item]:
    kept = [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
    left.annotations += max(len(kept) - 1, 0)
    found = kept or task.get("predictions") or ()
    return found[0]["result"] if found else ()


def _stated(data: Item) -> tuple[int, int] | None:
    return (data["width"], data["height"]) if "width" in data and "height" in data else None


def _name(data: Item) -> str:
    words = [value for value in data.values() if isinstance(value, str)]
    address = data.get("image") or next(
        (w for w in words if Path(w).suffix.lower() in PICTURE_SUFFIXES), None
    )
    if not isinstance(address, str):
        raise ValueError(f"no image is among its data, {sorted(data)}")
    parts = urlsplit(address)
    if "/local-files" in parts.path and "d" in (query := parse_qs(parts.query)):
        return query["d"][0]
    if parts.path.startswith("/data/upload/"):
        return unquote(Path(parts.path).name)
    return address


def _shapes(results: Sequence[Item], left: _Left) -> Iterator[Shape]:
    group_of = _groups(results)
    sizes = Counter(group_of.values())
    hidden = {item["id"] for item in results if set(_words(item, "choices")) & set(_HIDDEN)}
    boxes = {group_of[item["id"]]: item["id"] for item in results if item.get("type") == _RECTANGLE}
    for item in results:
        kind = item.get("type")
        if kind not in (_POINT, _RECTANGLE):
            left.kinds[str(kind)] += kind not in ("relation", "choices")
            continue
        group = group_of[item["id"]]
        tie = group if sizes[group] > 1 else None
        words = _words(item, kind)
        if not words:
            raise ValueError(f"region {item['id']!r} has no label")
        yield Shape(
            words[0],
            _point(item) if kind == _POINT else _rectangle(item),
            tie,
            item["id"] in hidden,
            item.get("score"),
            _whole(boxes[group]) if group in boxes else None,
        )


def _words(item: Item, key: str) -> Sequence[str]:
    return item.get("value", {}).get(key) or ()


def _groups(results: Sequence[Item]) -> dict[str, str]:
    """The region that stands for the group of each, by its id; alone it stands for itself."""
    above = {item["id"]: item["id"] for item in results if item.get("type") in (_POINT, _RECTANGLE)}

    def top(id: str) -> str:
        while above[id] != id:
            id = above[id]
        return id

    pairs = [(item["from_id"], item["to_id"]) for item in results if item.get("type") == "relation"]
    pairs += [(item["id"], item["parentID"]) for item in results if item.get("parentID")]
    for one, other in pairs:
        if one in above and other in above:
            above[top(one)] = top(other)
    return {id: top(id) for id in above}


def _point(item: Item) -> tuple[float, float]:
    width, height = item["original_width"], item["original_height"]
    value = item["value"]
    return value["x"] * width / 100 - EDGE, value["y"] * height / 100 - EDGE


def _rectangle(item: Item) -> tuple[float, ...]:
    """The box around a rectangle, which may be turned about its first corner."""
    width, height = item["original_width"], item["original_height"]
    value = item["value"]
    x, y = value["x"] * width / 100 - EDGE, value["y"] * height / 100 - EDGE
    w, h = value["width"] * width / 100, value["height"] * height / 100
    angle = math.radians(value.get("rotation") or 0)
    if not angle:
        return x, y, x + w, y + h
    cos, sin = math.cos(angle), math.sin(angle)
    xs = [x + a * cos - b * sin for a, b in ((0, 0), (w, 0), (0, h), (w, h))]
    ys = [y + a * sin + b * cos for a, b in ((0, 0), (w, 0), (0, h), (w, h))]
    return min(xs), min(ys), max(xs), max(ys)


def _whole(id: str) -> int | str:
    return int(id) if id.isdecimal() else id


def _task(record: Record, number: int) -> dict[str, Any]:
    if record.size is None:
        raise ValueError(f"image {record.image!r} has no size, and percents need it: give Record(size=...)")
    kps = record.keypoints
    drawn = list(drawn_in(record, decimals=None))
    labelled = kps.box_scores is None and all(score == 1 for one in drawn for score in one.scores.values())
    results = [
        item for row, one in enumerate(drawn) for item in _results(one, row, record.size, not labelled)
    ]
    width, height = record.size
    return {
        "id": record.id if isinstance(record.id, int) else number,
        "data": {"image": record.image, "width": width, "height": height, "skeleton": said_of(kps.skeleton)},
        "annotations" if labelled else "predictions": [{"result": results}],
    }


def _results(one: Drawn, row: int, size: tuple[int, int], scored: bool) -> Iterator[dict[str, Any]]:
    """The rectangle, the points as its children or, without one, tied to the first of them, and choices."""
    root = str(one.id) if one.id is not None else f"instance {row}"
    head = root if one.box is not None else f"{root} {next(iter(one.points))}"
    if one.box is not None:
        score = {"score": one.box_score} if one.box_score is not None and one.box_score >= 0 else {}
        yield _region(head, _RECTANGLE, "box", size, _box_value(one, size)) | score
    for name, (x, y) in one.points.items():
        id = f"{root} {name}"
        value = {**_percent(x, y, size), "width": 0.5, _POINT: [name]}
        tie = {"parentID": head} if id != head else {}
        score = {"score": one.scores[name]} if scored else {}
        yield _region(id, _POINT, "kp", size, value) | tie | score
        if name in one.hidden:
            yield _region(id, "choices", "visibility", size, {**value, "choices": ["occluded"]})


def _region(id: str, kind: str, control: str, size: tuple[int, int], value: Item) -> dict[str, Any]:
    return {
        "id": id,
        "type": kind,
        "from_name": control,
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": value,
    }


def _percent(x: float, y: float, size: tuple[int, int]) -> dict[str, float]:
    return {"x": (x + EDGE) / size[0] * 100, "y": (y + EDGE) / size[1] * 100}


def _box_value(one: Drawn, size: tuple[int, int]) -> dict[str, Any]:
    x1, y1, x2, y2 = one.box or (0.0, 0.0, 0.0, 0.0)
    far = _percent(x2 - x1 - EDGE, y2 - y1 - EDGE, size)
    extent = {"width": far["x"], "height": far["y"], "rotation": 0}
    return {**_percent(x1, y1, size), **extent, _RECTANGLE: [one.label]}
