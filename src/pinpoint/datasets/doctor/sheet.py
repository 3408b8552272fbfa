"""An annotation file as it stands, in columns: nothing is refused, so that everything can be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.io.coco_truth_writer import write_coco_truth
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records
from pinpoint.io.growing import load_json
from pinpoint.io.records import Record

__all__ = ["Raw", "Sheet", "document_of", "read_sheet"]

Raw = dict[str, Any]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sheet:
    """The raw entries of a file in COCO's form, and what they say in columns.

    A annotations, I images, C categories, and K as many keypoints as the longest list or category has.
    Numbers are as they are written: coordinates 0-based or not, boxes x y w h. What is no number is NaN.

    Args:
        path: The file.
        document: All of it.
    """

    path: Path
    document: Raw

    @cached_property
    def images(self) -> list[Raw]:
        """Entries of `images` that are objects."""
        return _objects(self.document.get("images"))

    @cached_property
    def annotations(self) -> list[Raw]:
        """Entries of `annotations` that are objects."""
        return _objects(self.document.get("annotations"))

    @cached_property
    def categories(self) -> list[Raw]:
        """Entries of `categories` that are objects."""
        return _objects(self.document.get("categories"))

    @cached_property
    def image(self) -> Rows:
        """Row of each annotation's image, shape (A,), -1 where there is none."""
        return _rows_by_id(self.images, self.annotations, "image_id")

    @cached_property
    def category(self) -> Rows:
        """Row of each annotation's category, shape (A,), -1 where there is none."""
        return _rows_by_id(self.categories, self.annotations, "category_id")

    @cached_property
    def sizes(self) -> Float:
        """Stated width and height of each image, shape (I, 2), NaN where they are not above 0."""
        sizes = _numbers([[image.get("width"), image.get("height")] for image in self.images], 2)
        return np.where(sizes > 0, sizes, np.nan)

    @cached_property
    def size_of(self) -> Float:
        """Size of each annotation's image, shape (A, 2), NaN where it is not known."""
        return np.vstack([self.sizes, [np.nan, np.nan]])[self.image]

    @cached_property
    def crowd(self) -> Mask:
        """Which annotations are crowds, shape (A,)."""
        return np.array([bool(item.get("iscrowd")) for item in self.annotations], dtype=bool)

    @cached_property
    def nested(self) -> Mask:
        """Which annotations list their keypoints as [x, y, v] each, shape (A,)."""
        lists = (item.get("keypoints") for item in self.annotations)
        return np.array([_is_nested(points) for points in lists], dtype=bool)

    @cached_property
    def lengths(self) -> NDArray[np.intp]:
        """How many numbers each annotation's keypoints have, shape (A,), -1 where there is no list."""
        return np.array([len(x) if isinstance(x, list) else -1 for x in self._lists], dtype=np.intp)

    @cached_property
    def expected(self) -> NDArray[np.intp]:
        """How many keypoints each annotation's category names, shape (A,), 0 where it names none."""
        counts = [len(names) for names in self.names]
        return np.array([*counts, 0], dtype=np.intp)[self.category]

    @cached_property
    def names(self) -> list[list[str]]:
        """Names of the keypoints of each category."""
        lists = (category.get("keypoints") for category in self.categories)
        return [[str(name) for name in names] if isinstance(names, list) else [] for names in lists]

    @cached_property
    def in_order(self) -> Mask:
        """Which annotations have x y v of as many keypoints as their category names, shape (A,)."""
        wanted = np.where(self.expected > 0, 3 * self.expected, self.lengths)
        return (self.lengths > 0) & (self.lengths % 3 == 0) & (self.lengths == wanted)

    @cached_property
    def xyv(self) -> Float:
        """x, y and v, shape (A, K, 3); NaN, NaN, 0 where the list is shorter or not in order."""
        lists, rows = self._lists, np.flatnonzero(self.in_order)
        k = max(int(self.lengths[rows].max(initial=0)) // 3, *map(len, self.names), 0)
        xyv = np.full((len(lists), k, 3), np.nan)
        xyv[..., 2] = 0
        for length in np.unique(self.lengths[rows]):
            same = rows[self.lengths[rows] == length]
            xyv[same, : length // 3] = _numbers([lists[row] for row in same], int(length)).reshape(
                len(same), -1, 3
            )
        return xyv

    @cached_property
    def said(self) -> Mask:
        """Which keypoints are said to be labelled, v > 0, shape (A, K)."""
        return self.xyv[..., 2] > 0

    @cached_property
    def at_origin(self) -> Mask:
        """Which keypoints are said to be labelled at (0, 0), shape (A, K)."""
        return self.said & (self.xyv[..., :2] == 0).all(axis=-1)

    @cached_property
    def sound(self) -> Mask:
        """Which keypoints are labelled at a finite place that is not (0, 0), shape (A, K)."""
        return self.said & np.isfinite(self.xyv[..., :2]).all(axis=-1) & ~self.at_origin

    @cached_property
    def xy(self) -> Float:
        """Places of the sound keypoints, NaN elsewhere, shape (A, K, 2)."""
        return np.where(self.sound[..., None], self.xyv[..., :2], np.nan)

    @cached_property
    def span(self) -> Float:
        """Smallest x y and largest x y of the sound keypoints, shape (A, 4), NaN where there is none."""
        low = np.where(self.sound[..., None], self.xyv[..., :2], np.inf).min(axis=1, initial=np.inf)
        high = np.where(self.sound[..., None], self.xyv[..., :2], -np.inf).max(axis=1, initial=-np.inf)
        span = np.concatenate([low, high], axis=1)
        return np.where(np.isfinite(span), span, np.nan)

    @cached_property
    def boxes(self) -> Float:
        """Boxes x y w h, shape (A, 4), NaN where there is none of four numbers."""
        given = (item.get("bbox") for item in self.annotations)
        nothing = [None] * 4
        boxes = [box if isinstance(box, list) and len(box) == 4 else nothing for box in given]
        return _numbers(boxes, 4)

    @cached_property
    def has_box(self) -> Mask:
        """Which annotations have a box that is finite and has an area, shape (A,)."""
        return np.asarray(np.isfinite(self.boxes).all(axis=1) & (self.boxes[:, 2:] > 0).all(axis=1))

    @cached_property
    def areas(self) -> Float:
        """Shape (A,), NaN where none is given."""
        return _numbers([[item.get("area")] for item in self.annotations], 1)[:, 0]

    @property
    def _lists(self) -> list[Any]:
        return [
            [number for point in item["keypoints"] for number in point] if nested else item.get("keypoints")
            for item, nested in zip(self.annotations, self.nested, strict=True)
        ]

    def keypoint(self, row: int, column: int) -> str:
        """Name of a keypoint of an annotation, or its number from 1."""
        names = self.names[self.category[row]] if self.category[row] >= 0 else []
        return names[column] if column < len(names) else f"keypoint {column + 1}"

    def file_name(self, row: int) -> str:
        """Name of an image, empty where it has none."""
        return str(self.images[row].get("file_name") or "") if row >= 0 else ""


def read_sheet(path: Path) -> Sheet:
    """Read a file of COCO annotations as it stands, or one of another format through its reader.

    Raises:
        UnreadableError: It is missing, no JSON, or of no known form.
        ValueError: Its suffix means no format.
    """
    if path.suffix.lower() == ".json" and path.is_file():
        document = load_json(path)
        if isinstance(document, dict) and {"annotations", "images", "categories"} & set(document):
            return Sheet(path, document)
    records = read_records(path)
    if not records:
        raise UnreadableError(path, "holds no images, so there is nothing to check")
    return Sheet(path, document_of(records))


def document_of(records: Sequence[Record]) -> Raw:
    """What COCO's ground truth says of records; ids are kept, and counted where there are none."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        write_coco_truth(path, records)
        document = load_json(path)
    groups = {record.image: record.group for record in records if record.group}
    for image in document["images"]:
        if image["file_name"] in groups:
            image["group"] = groups[image["file_name"]]
    return document


def _objects(entries: Any) -> list[Raw]:
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _rows_by_id(targets: Sequence[Raw], items: Sequence[Raw], key: str) -> Rows:
    rows = {_plain(target.get("id")): row for row, target in reversed(list(enumerate(targets)))}
    rows.pop(None, None)
    return np.array([rows.get(_plain(item.get(key)), -1) for item in items], dtype=np.intp)


def _plain(value: Any) -> Any:
    """What can be an id; lists and the like cannot."""
    return value if isinstance(value, int | str | float) else None


def _is_nested(points: Any) -> bool:
    return (
        isinstance(points, list)
        and bool(points)
        and isinstance(points[0], list)
        and all(isinstance(point, list) and len(point) == 3 for point in points)
    )


def _numbers(lists: Sequence[Any], width: int) -> Float:
    """Rows of numbers, shape (len(lists), width); fast where all of them are."""
    try:
        array = np.array(lists)
    except ValueError:  # lists within lists
        array = np.zeros(0, dtype=object)
    if array.dtype.kind in "iuf" and array.shape == (len(lists), width):
        return array.astype(np.float64)
    return np.array([[_number(value) for value in row] for row in lists], dtype=np.float64).reshape(-1, width)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.inf
