"""Predictions from files, tied to the labelled pictures by name or number."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from pinpoint.cli.evaluating.labels import Labels, skeleton_of
from pinpoint.geometry import resize, transform_boxes, transform_points
from pinpoint.io.coco import number_of_image, records_of_results
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import format_of_document, read_records
from pinpoint.io.growing import load_json
from pinpoint.io.known import skeleton_by_count
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons.mapping import sources

__all__ = ["Predictions", "note_silent", "read_predictions"]

log = logging.getLogger(__name__)

NAMED = 3  # pictures that a message names


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a file says was found in the labelled pictures.

    Args:
        found: In the keypoints of the labels, by the name of the picture.
        columns: What the file predicts; none where it predicts nothing.
        notes: What was assumed or left out, by the subject.
    """

    found: Mapping[str, Keypoints]
    columns: Skeleton | None
    notes: Mapping[str, str]


def read_predictions(path: Path, labels: Sequence[Labels], data: Path) -> Predictions:
    """Read a file of any format and tie it to the labels.

    A picture is known by its name, else by the last part of that, with or without suffix, where no other one
    has it. COCO results name pictures by number: the `id` of the labels, or where no number is one, the
    number that ends a name. Predictions in a picture of another size are scaled to that of the labels.

    Args:
        path: The file, or a folder of OpenPose files.
        labels: What is labelled.
        data: The file of the labels, for messages.

    Raises:
        UnreadableError: The file is missing, damaged or of no known form.
        ValueError: No picture of it is labelled, or it predicts no keypoint of the labels.
    """
    goal = skeleton_of(labels)
    results = _results(path)
    records = read_records(path) if results is None else _records_of_results(path, results, goal, data)
    records = [record for record in records if len(record.keypoints)]
    usable = [record for record in records if _comparable(record.keypoints.skeleton, goal)]
    if records and not usable:
        kinds = ", ".join(sorted({repr(record.keypoints.skeleton) for record in records}))
        raise ValueError(f"{path} predicts {kinds}, which shares no keypoint with {goal!r} of {data}")
    names = _names_of(usable, labels, _NAMES if results is None else _NUMBERS)
    unknown = sorted({record.image for record in usable if record.image not in names})
    pictures = len({record.image for record in usable})
    if unknown and len(unknown) == pictures:
        theirs = [one.name if results is None else f"{one.id} ({one.name})" for one in labels]
        raise ValueError(
            f"no picture of {path} is labelled in {data}: {_some(unknown)} against {_some(theirs)}"
        )
    found = _by_picture(usable, names, {one.name: one for one in labels})
    notes = _notes(len(records) - len(usable), unknown, pictures, len(labels) - len(found))
    for subject in ("unknown pictures", "other keypoints"):
        if subject in notes:
            log.warning("%s: %s", path, notes[subject])
    return Predictions(found, usable[0].keypoints.skeleton if usable else None, notes)


def _results(path: Path) -> list[object] | None:
    """The entries of a file of COCO results; none where it is something else."""
    document = load_json(path) if path.suffix.lower() == ".json" and path.is_file() else None
    return document if isinstance(document, list) and format_of_document(document) in ("coco", None) else None


def _records_of_results(path: Path, results: list[Any], columns: Skeleton, data: Path) -> list[Record]:
    """Read bare COCO results; those with as many keypoints as the labels have are in theirs."""
    count = _counts(results)
    if count is None or count == len(columns):
        return records_of_results(path, results, columns)
    try:
        return records_of_results(path, results, skeleton_by_count(count))
    except ValueError as error:
        if isinstance(error, UnreadableError):
            raise
        raise ValueError(
            f"{path} has {count} keypoints an instance, but {data} labels {columns!r}"
        ) from error


def _counts(document: Sequence[object]) -> int | None:
    """How many keypoints the first result has, if it has any of the usual form."""
    first = document[0] if document else None
    points = first.get("keypoints") if isinstance(first, dict) else None
    return len(points) // 3 if isinstance(points, list) else 0 if isinstance(first, dict) else None


def _comparable(predicted: Skeleton, labelled: Skeleton) -> bool:
    """Whether there is something to compare: keypoints of the same name, or boxes where one has no more."""
    return not len(predicted) or not len(labelled) or any(sources(labelled, predicted))


def _names_of(records: Sequence[Record], labels: Sequence[Labels], ways: Sequence["_Way"]) -> dict[str, str]:
    """Name of the labelled picture by what the predictions call it, the surest way first."""
    names: dict[str, str] = {}
    asked = {record.image for record in records}
    for theirs, ours in ways:
        known = _unique({one.name: ours(one) for one in labels})
        called = _unique({name: theirs(name) for name in asked - set(names)})
        names |= {name: known[key] for key, name in called.items() if key in known}
        if (
            names and ways is _NUMBERS
        ):  # a number is an id or a part of a name, never now one and now the other
            break
    return names


def _by_name(one: Labels) -> str | None:
    return one.name


def _by_id(one: Labels) -> str | None:
    return None if one.id is None else str(one.id)


def _by_number(one: Labels) -> str | None:
    number = number_of_image(one.name)
    return None if number is None else str(number)


_Way = tuple[Callable[[str], str], Callable[[Labels], str | None]]
_NAMES: Sequence[_Way] = (
    (str, _by_name),
    (lambda name: PurePath(name).name, lambda one: PurePath(one.name).name),
    (lambda name: PurePath(name).stem, lambda one: PurePath(one.name).stem),
)
_NUMBERS: Sequence[_Way] = ((str, _by_id), (str, _by_number))


def _unique(keys: Mapping[str, str | None]) -> dict[str, str]:
    """Names by their key, where no two have it."""
    count = Counter(keys.values())
    return {key: name for name, key in keys.items() if key is not None and count[key] == 1}


def _by_picture(
    records: Sequence[Record], names: Mapping[str, str], labels: Mapping[str, Labels]
) -> dict[str, Keypoints]:
    parts: dict[str, list[Keypoints]] = {}
    for record in records:
        if record.image in names:
            one = labels[names[record.image]]
            parts.setdefault(one.name, []).append(_in_labels(record, one))
    return {name: Keypoints.concatenate(group) for name, group in parts.items()}


def _in_labels(record: Record, one: Labels) -> Keypoints:
    """The prediction in the keypoints and the size of the labels."""
    kps = record.keypoints
    if record.size is not None and one.size is not None and record.size != one.size:
        labels_from_record = resize(record.size, one.size)
        boxes = None if kps.boxes is None else transform_boxes(kps.boxes, labels_from_record)
        kps = replace(kps, xy=transform_points(kps.xy, labels_from_record), boxes=boxes)
    columns = one.truth.skeleton
    return convert(kps, columns) if len(columns) and len(kps.skeleton) else kps


def _notes(strange: int, unknown: Sequence[str], pictures: int, silent: int) -> dict[str, str]:
    notes = {}
    if strange:
        notes["other keypoints"] = f"{strange} records share no keypoint with the labels: left out"
    if unknown:
        notes["unknown pictures"] = (
            f"{len(unknown)} of {pictures} are not labelled: left out ({_some(unknown)})"
        )
    return notes | note_silent(silent)


def note_silent(pictures: int) -> dict[str, str]:
    """Say in how many labelled pictures nothing was found, if there are any."""
    words = f"{pictures} labelled pictures: everybody in them is missed"
    return {"without predictions": words} if pictures else {}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more
