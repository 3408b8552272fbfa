"""COCO-WholeBody's lists beside the body: feet, face and hands, each looked at like a body of its own.

https://github.com/jin-s13/COCO-WholeBody
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pinpoint.datasets.doctor.fault import Case, Fault, Finding, Spot, Spots
from pinpoint.datasets.doctor.sheet import Raw, Sheet
from pinpoint.io.coco_truth_writer import WHOLE_BODY
from pinpoint.skeletons import skeleton

__all__ = ["CODES", "PARTS", "faults_of_parts", "hands_alike", "valid_contradicted"]

PARTS = {"foot_kpts": "foot", "face_kpts": "face", "lefthand_kpts": "lefthand", "righthand_kpts": "righthand"}
"""Keys of the lists, and what those of their boxes and of whether they are valid begin with."""
CODES = frozenset(
    {
        *("keypoints-nested", "keypoints-without-v", "keypoints-length", "keypoints-no-numbers"),
        *("keypoints-nan", "keypoints-infinite", "all-at-origin", "some-at-origin"),
        *("points-collapsed", "points-outside", "points-normalised", "axes-swapped"),
    }
)
"""What is looked for in a part. Its v may be a score, as the published hands have it."""
_HAND = "by hand, in the tool that it was labelled with"


def faults_of_parts(case: Case, faults: tuple[Fault, ...]) -> Iterator[Finding]:
    """Faults of `CODES` in every list that the file has; their codes end in the name of the part."""
    for key, sheet in _sheets(case.sheet):
        for fault in faults:
            if fault.code in CODES and (spots := tuple(fault.find(Case(sheet)))):
                yield Finding(_of_part(fault, key), sheet, spots)


def valid_contradicted(case: Case) -> Spots:
    """Annotations that call a part valid of which no point is labelled, or one invalid that is labelled."""
    for row, item in enumerate(case.sheet.annotations):
        for key, part in PARTS.items():
            said, points = item.get(f"{part}_valid"), item.get(key)
            if not isinstance(points, list) or len(points) != 3 * WHOLE_BODY[key]:
                continue
            if isinstance(said, bool) and said != _labelled(points):
                has = "no point is labelled" if said else "points are labelled"
                yield Spot("annotations", row, f"{part}_valid is {str(said).lower()}, but {has}")


def hands_alike(case: Case) -> Spots:
    """Annotations whose two hands have the very same points."""
    for row, item in enumerate(case.sheet.annotations):
        left = item.get("lefthand_kpts")
        if isinstance(left, list) and _labelled(left) and left == item.get("righthand_kpts"):
            yield Spot("annotations", row)


def _sheets(sheet: Sheet) -> Iterator[tuple[str, Sheet]]:
    for key in PARTS:
        if any(key in item for item in sheet.annotations):
            yield key, _sheet(sheet, key)


def _sheet(sheet: Sheet, key: str) -> Sheet:
    """The file as if the part were all that is labelled; who lacks the list has no labelled point."""
    whole, lists = skeleton("coco_wholebody133").keypoints, list(WHOLE_BODY)
    start = sum(WHOLE_BODY[before] for before in lists[: lists.index(key)])
    names = list(whole[start : start + WHOLE_BODY[key]])
    categories = [{**category, "keypoints": names} for category in sheet.categories]
    annotations = [_entry(item, key) for item in sheet.annotations]
    images = list(sheet.images)
    return Sheet(sheet.path, {"images": images, "annotations": annotations, "categories": categories})


def _entry(item: Raw, key: str) -> Raw:
    kept = {name: item[name] for name in ("id", "image_id", "category_id", "iscrowd") if name in item}
    box = item.get(f"{PARTS[key]}_box")
    return {**kept, "bbox": box, "keypoints": item.get(key, [0] * (3 * WHOLE_BODY[key]))}


def _of_part(fault: Fault, key: str) -> Fault:
    """The same fault of a part, which nothing but a person mends."""
    what = f"{fault.what}, in {key}"
    return replace(fault, code=f"{fault.code}-{PARTS[key]}", what=what, mend=_HAND, fix=None)


def _labelled(points: list[Any]) -> bool:
    """Whether any v is above 0."""
    return any(isinstance(v, int | float) and not np.isnan(v) and v > 0 for v in points[2::3])
