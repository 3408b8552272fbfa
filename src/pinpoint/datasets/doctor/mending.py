"""What can be mended without asking: what the file itself, or its pictures, prove."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pinpoint.datasets.doctor.boxes import corners_of, form_of
from pinpoint.datasets.doctor.categories import odd_edges
from pinpoint.datasets.doctor.fault import Fix
from pinpoint.datasets.doctor.sheet import Sheet
from pinpoint.datasets.labels import AREA_OF_BOX, MARGIN

__all__: list[str] = []


def each(change: Callable[[Sheet, int], None]) -> Fix:
    """Mend row by row."""

    def fix(sheet: Sheet, rows: Sequence[int]) -> None:
        for row in rows:
            change(sheet, row)

    return fix


def left_out(sheet: Sheet, rows: Sequence[int]) -> None:
    """Empty annotations, which are left out when the file is written."""
    for row in rows:
        sheet.annotations[row].clear()


def no_odd_entries(sheet: Sheet, rows: Sequence[int]) -> None:
    """Keep the entries that are objects."""
    for name in ("images", "annotations", "categories"):
        sheet.document[name] = getattr(sheet, name)


def new_id(sheet: Sheet, rows: Sequence[int]) -> None:
    """Give annotations numbers that no other has."""
    taken = (item.get("id") for item in sheet.annotations)
    highest = max((id for id in taken if isinstance(id, int)), default=0)
    for id, row in enumerate(rows, highest + 1):
        sheet.annotations[row]["id"] = id


def same_type(sheet: Sheet, rows: Sequence[int]) -> None:
    """Write the ids of image and category as these write them."""
    for key, targets in (("image_id", sheet.images), ("category_id", sheet.categories)):
        ids = {str(target.get("id")): target.get("id") for target in targets}
        for row in rows:
            item = sheet.annotations[row]
            item[key] = ids.get(str(item.get(key)), item.get(key))


def only_category(sheet: Sheet, row: int) -> None:
    """Give an annotation the category, where there is just one."""
    if len(sheet.categories) == 1:
        sheet.annotations[row]["category_id"] = sheet.categories[0].get("id")


def slashes(sheet: Sheet, row: int) -> None:
    r"""Write / for \ in the name of a file."""
    image = sheet.images[row]
    image["file_name"] = sheet.file_name(row).replace("\\", "/")


def no_crowd(sheet: Sheet, row: int) -> None:
    """Say that it is no crowd, as all readers take it that expect no word."""
    sheet.annotations[row]["iscrowd"] = 0


def edges_from_one(sheet: Sheet, row: int) -> None:
    """Count the ends of edges from 1."""
    category = sheet.categories[row]
    category["skeleton"] = [[end + 1 for end in edge] for edge in category["skeleton"]]


def no_odd_edges(sheet: Sheet, row: int) -> None:
    """Leave out the edges that are none."""
    category = sheet.categories[row]
    kept = list(category["skeleton"])
    for edge in reversed(odd_edges(category)):
        del kept[len(kept) - 1 - kept[::-1].index(edge)]
    category["skeleton"] = kept


def flat(sheet: Sheet, row: int) -> None:
    """Write keypoints as one list."""
    item = sheet.annotations[row]
    item["keypoints"] = [value for point in item["keypoints"] for value in point]


def with_v(sheet: Sheet, row: int) -> None:
    """Add v = 2, and v = 0 to what is at (0, 0) or nowhere."""
    item = sheet.annotations[row]
    values = item["keypoints"]
    points = zip(values[::2], values[1::2], strict=True)
    there = [(x, y) if _is_place(x, y) else None for x, y in points]
    item["keypoints"] = [v for xy in there for v in ((*xy, 2) if xy else (0, 0, 0))]


def as_numbers(sheet: Sheet, row: int) -> None:
    """Read texts as the numbers they say; what says none is not labelled."""
    item = sheet.annotations[row]
    values = [_read(value) for value in item["keypoints"]]
    points = [values[start : start + 3] for start in range(0, len(values), 3)]
    item["keypoints"] = [v for point in points for v in (point if None not in point else [0, 0, 0])]


def unlabelled(sheet: Sheet, row: int) -> None:
    """Call points that are nowhere, or at (0, 0), not labelled."""
    item = sheet.annotations[row]
    for column in np.flatnonzero(sheet.said[row] & ~sheet.sound[row]):
        item["keypoints"][3 * column : 3 * column + 3] = [0, 0, 0]


def in_pixels(sheet: Sheet, row: int) -> None:
    """Multiply points by the size of their picture."""
    width, height = sheet.size_of[row]
    item = sheet.annotations[row]
    for column in np.flatnonzero(sheet.sound[row]):
        x, y = item["keypoints"][3 * column : 3 * column + 2]
        item["keypoints"][3 * column : 3 * column + 2] = [float(x * width), float(y * height)]


def axes_back(sheet: Sheet, row: int) -> None:
    """Exchange x and y."""
    points = sheet.annotations[row]["keypoints"]
    points[0::3], points[1::3] = points[1::3], points[0::3]


def counted(sheet: Sheet, row: int) -> None:
    """Count the labelled points."""
    sheet.annotations[row]["num_keypoints"] = int(sheet.said[row].sum())


def box_of_points(sheet: Sheet, row: int) -> None:
    """Make a box of the points and a tenth of its longer side around them, in the picture."""
    low, high = sheet.span[row, :2], sheet.span[row, 2:]
    margin = MARGIN * (high - low).max()
    if margin > 0:
        corners = np.concatenate([low - margin, high + margin])
        sheet.annotations[row]["bbox"] = _clipped(corners, sheet.size_of[row])


def box_in_picture(sheet: Sheet, row: int) -> None:
    """Cut a box at the edge of its picture, where something is left of it."""
    corners = corners_of(sheet.boxes[row : row + 1], "xywh")[0]
    clipped = _clipped(corners, sheet.size_of[row])
    if min(clipped[2:]) > 0:
        sheet.annotations[row]["bbox"] = clipped


def box_in_pixels(sheet: Sheet, row: int) -> None:
    """Multiply a box by the size of its picture."""
    size = np.tile(sheet.size_of[row], 2)
    sheet.annotations[row]["bbox"] = (sheet.boxes[row] * size).tolist()


def boxes_as_coco(sheet: Sheet, rows: Sequence[int]) -> None:
    """Write all boxes as x y w h."""
    corners = corners_of(sheet.boxes, form_of(sheet))
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    for row in np.flatnonzero(sheet.has_box):
        sheet.annotations[row]["bbox"] = boxes[row].tolist()


def area_of_box(sheet: Sheet, row: int) -> None:
    """Take .53 of the box, as the evaluations of CrowdPose and AIC do."""
    if sheet.has_box[row]:
        width, height = sheet.boxes[row, 2:].tolist()
        sheet.annotations[row]["area"] = AREA_OF_BOX * width * height


def _clipped(corners: Any, size: Any) -> list[float]:
    limit = np.where(np.isnan(size), np.inf, size)
    low, high = np.clip(corners[:2], 0, limit), np.clip(corners[2:], 0, limit)
    return [*low.tolist(), *(high - low).tolist()]


def _is_place(x: Any, y: Any) -> bool:
    numbers = isinstance(x, int | float) and isinstance(y, int | float)
    return bool(numbers and np.isfinite([x, y]).all() and (x or y))


def _read(value: Any) -> Any:
    """The number itself, or the one that a text says; none if it says none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
