"""Faults of the lists of a file: what lacks, what is there twice, what points nowhere."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PureWindowsPath
from typing import Any

import numpy as np

from pinpoint.datasets.doctor.fault import Case, Spot, Spots, Table, at
from pinpoint.datasets.doctor.sheet import Raw, Sheet

__all__: list[str] = []

TABLES: tuple[Table, ...] = ("images", "annotations", "categories")


def empty_lists(case: Case) -> Spots:
    """A list that lacks or is empty."""
    for name in TABLES:
        if not case.sheet.document.get(name):
            yield Spot("file", text=f"{name!r} lacks or is empty")


def odd_entries(case: Case) -> Spots:
    """Entries that are no objects."""
    for name in TABLES:
        given = case.sheet.document.get(name)
        if given and not isinstance(given, list):
            yield Spot("file", text=f"{name!r} is {type(given).__name__}, expected a list")
        elif count := sum(not isinstance(entry, dict) for entry in given or ()):
            yield Spot("file", text=f"{count} of {len(given or ())} entries of {name!r}")


def image_without_id(case: Case) -> Spots:
    """Images without an id."""
    return _lacking(case.sheet.images, "images", "id")


def image_id_twice(case: Case) -> Spots:
    """Images with the id of an image before."""
    return _twice(case.sheet.images, "images", "id")


def image_without_name(case: Case) -> Spots:
    """Images that name no file."""
    return _lacking(case.sheet.images, "images", "file_name")


def file_name_twice(case: Case) -> Spots:
    """Images with the file of an image before."""
    return _twice(case.sheet.images, "images", "file_name")


def size_missing(case: Case) -> Spots:
    """Images without a width or a height."""
    lacks = [image.get("width") is None or image.get("height") is None for image in case.sheet.images]
    return at("images", np.array(lacks, dtype=bool))


def size_impossible(case: Case) -> Spots:
    """Images whose width or height is no number above 0."""
    for row, image in enumerate(case.sheet.images):
        size = image.get("width"), image.get("height")
        if None not in size and np.isnan(case.sheet.sizes[row]).any():
            yield Spot("images", row, f"{size[0]!r} x {size[1]!r}")


def absolute_path(case: Case) -> Spots:
    """Images whose file is named from the root of somebody's disk."""
    names = [case.sheet.file_name(row) for row in range(len(case.sheet.images))]
    rooted = [name.startswith("/") or bool(PureWindowsPath(name).drive) for name in names]
    return at("images", np.array(rooted, dtype=bool))


def backslash(case: Case) -> Spots:
    r"""Images whose file is named with \ and not from the root."""
    names = [case.sheet.file_name(row) for row in range(len(case.sheet.images))]
    return at(
        "images", np.array(["\\" in name and not PureWindowsPath(name).drive for name in names], dtype=bool)
    )


def image_unlabelled(case: Case) -> Spots:
    """Images with an id of their own and without annotations."""
    known = [image.get("id") is not None for image in case.sheet.images]
    for spot in image_id_twice(case):
        known[spot.row] = False
    count = np.bincount(case.sheet.image[case.sheet.image >= 0], minlength=len(case.sheet.images))
    return at("images", (count == 0) & np.array(known, dtype=bool)) if len(case.sheet.annotations) else ()


def annotation_without_id(case: Case) -> Spots:
    """Annotations without an id."""
    return _lacking(case.sheet.annotations, "annotations", "id")


def annotation_id_twice(case: Case) -> Spots:
    """Annotations with the id of one before."""
    return _twice(case.sheet.annotations, "annotations", "id")


def dangling_image(case: Case) -> Spots:
    """Annotations of an image that is not there under any spelling of its id."""
    return _dangling(case.sheet, "image", as_text=False)


def image_id_as_text(case: Case) -> Spots:
    """Annotations whose image_id is a text where the id is a number, or the other way round."""
    return _dangling(case.sheet, "image", as_text=True)


def dangling_category(case: Case) -> Spots:
    """Annotations of a category that is not there under any spelling of its id."""
    return _dangling(case.sheet, "category", as_text=False)


def category_id_as_text(case: Case) -> Spots:
    """Annotations whose category_id is a text where the id is a number, or the other way round."""
    return _dangling(case.sheet, "category", as_text=True)


def crowd_missing(case: Case) -> Spots:
    """Annotations that do not say whether they are crowds."""
    return _lacking(case.sheet.annotations, "annotations", "iscrowd")


def crowd_odd(case: Case) -> Spots:
    """Annotations whose iscrowd is neither 0 nor 1."""
    given = [item.get("iscrowd", 0) for item in case.sheet.annotations]
    odd = np.array([value is not None and value not in (0, 1) for value in given], dtype=bool)
    return at("annotations", odd, lambda row: f"iscrowd is {given[row]!r}")


def crowd_with_points(case: Case) -> Spots:
    """Crowds that have labelled keypoints."""
    sheet = case.sheet
    return at("annotations", sheet.crowd & sheet.sound.any(axis=1))


def _lacking(entries: Sequence[Raw], table: Table, key: str) -> Iterator[Spot]:
    return at(table, np.array([entry.get(key) in (None, "") for entry in entries], dtype=bool))


def _twice(entries: Sequence[Raw], table: Table, key: str) -> Iterator[Spot]:
    seen: Counter[str] = Counter()
    for row, entry in enumerate(entries):
        value = entry.get(key)
        if value is not None and value != "":
            seen[repr(value)] += 1
            if seen[repr(value)] > 1:
                yield Spot(table, row, f"{key} {value!r} is there before")


def _dangling(sheet: Sheet, what: str, *, as_text: bool) -> Iterator[Spot]:
    rows, targets = (sheet.image, sheet.images) if what == "image" else (sheet.category, sheet.categories)
    texts = {str(target.get("id")) for target in targets}
    for row in np.flatnonzero(rows < 0) if targets else ():
        value: Any = sheet.annotations[row].get(f"{what}_id")
        if (str(value) in texts and value is not None) == as_text:
            yield Spot("annotations", int(row), f"{what}_id {value!r}")
