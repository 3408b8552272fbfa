"""Faults of keypoints: how they are written down, and where they lie."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.doctor.fault import Case, Spot, Spots, at, at_points
from pinpoint.datasets.doctor.sheet import Mask, Sheet
from pinpoint.geometry import Float

__all__ = ["beyond_picture", "enough_points", "in_pixels", "swapped_axes"]

SLACK = 1.0  # pixels beyond the edge of a picture that rounding and other conventions explain
ENOUGH = 3  # labelled points that say something of the place of an instance
MANY = 30  # points of a file that say something of its conventions


def missing(case: Case) -> Spots:
    """Annotations without keypoints of a category that names some."""
    sheet = case.sheet
    bare = (sheet.lengths <= 0) & (sheet.expected > 0) & ~sheet.crowd
    return at("annotations", bare)


def nested(case: Case) -> Spots:
    """Annotations whose keypoints are a list of [x, y, v]."""
    return at("annotations", case.sheet.nested)


def pairs(case: Case) -> Spots:
    """Annotations whose keypoints are x y without v."""
    return at("annotations", without_v(case.sheet), lambda row: f"{case.sheet.lengths[row]} numbers")


def wrong_length(case: Case) -> Spots:
    """Annotations with more or fewer numbers than three for each keypoint of their category."""
    sheet = case.sheet
    wrong = (sheet.lengths > 0) & ~sheet.in_order & ~without_v(sheet)
    return at(
        "annotations", wrong, lambda row: f"{sheet.lengths[row]} numbers, expected {3 * sheet.expected[row]}"
    )


def not_numbers(case: Case) -> Spots:
    """Annotations with texts, nulls or other things among the numbers of their keypoints."""
    sheet = case.sheet
    return at(
        "annotations", no_numbers(sheet), lambda row: repr(_first_odd(sheet.annotations[row]["keypoints"]))
    )


def not_a_place(case: Case) -> Spots:
    """Points said to be labelled at NaN."""
    sheet = case.sheet
    nan = sheet.said & np.isnan(sheet.xyv[..., :2]).any(axis=-1)
    return at_points(sheet, nan & ~no_numbers(sheet)[:, None])


def infinite(case: Case) -> Spots:
    """Points at an infinite place."""
    sheet = case.sheet
    return at_points(sheet, np.asarray(np.isinf(sheet.xyv).any(axis=-1)))


def visibility_unknown(case: Case) -> Spots:
    """Points whose v is another whole number than 0, 1 and 2, or none."""
    v = case.sheet.xyv[..., 2]
    odd = ~np.isin(v, (0, 1, 2)) & ~_fractional(v) & ~no_numbers(case.sheet)[:, None] & ~np.isinf(v)
    return at_points(case.sheet, odd)


def visibility_is_score(case: Case) -> Spots:
    """Points whose v is a fraction."""
    return at_points(case.sheet, _fractional(case.sheet.xyv[..., 2]))


def never_visible(case: Case) -> Spots:
    """A file with many labelled points, all of which are marked as hidden."""
    v = case.sheet.xyv[..., 2][case.sheet.said]
    if len(v) >= MANY and (v == 1).all():
        yield Spot("file", text=f"v = 1 at all {len(v)} labelled keypoints")


def unlabelled_with_place(case: Case) -> Spots:
    """Points that v = 0 calls not labelled, though they have a place."""
    xyv = case.sheet.xyv
    place = np.isfinite(xyv[..., :2]).all(axis=-1) & (xyv[..., :2] != 0).any(axis=-1)
    return at_points(case.sheet, place & (xyv[..., 2] == 0))


def all_at_origin(case: Case) -> Spots:
    """Annotations all of whose labelled points are at (0, 0)."""
    sheet = case.sheet
    lone = sheet.at_origin.any(axis=1) & (sheet.at_origin == sheet.said).all(axis=1)
    return at("annotations", lone)


def some_at_origin(case: Case) -> Spots:
    """Labelled points at (0, 0) of annotations that have others."""
    sheet = case.sheet
    others = (sheet.said & ~sheet.at_origin).any(axis=1, keepdims=True)
    return at_points(sheet, sheet.at_origin & others)


def collapsed(case: Case) -> Spots:
    """Annotations all of whose labelled points, three or more, are at one place."""
    return at("annotations", at_one_place(case.sheet))


def outside(case: Case) -> Spots:
    """Points outside their picture, where no other convention explains it."""
    sheet = case.sheet
    far = beyond_picture(sheet.xy, sheet.size_of[:, None])
    return at_points(sheet, far & ~swapped_axes(sheet)[:, None])


def normalised(case: Case) -> Spots:
    """Annotations whose points are all within 0 and 1, in a picture of many pixels."""
    return at("annotations", ~in_pixels(case.sheet))


def axes_swapped(case: Case) -> Spots:
    """Annotations whose points are within their box, or their picture, only if x and y change places."""
    return at("annotations", swapped_axes(case.sheet))


def from_one(case: Case) -> Spots:
    """A file whose coordinates begin at 1 and end at the width or height itself."""
    sheet = case.sheet
    xy, sizes = sheet.xy[sheet.sound], np.broadcast_to(sheet.size_of[:, None], sheet.xy.shape)[sheet.sound]
    if len(xy) >= MANY and xy.min() >= 1 and (xy == sizes).any() and not (xy > sizes).any():
        yield Spot(
            "file", text=f"{int((xy == sizes).sum())} coordinates are the width or height, none is below 1"
        )


def count_missing(case: Case) -> Spots:
    """Annotations that do not say how many keypoints they label."""
    sheet = case.sheet
    return at(
        "annotations",
        (sheet.lengths > 0) & np.array([_count(item) is None for item in sheet.annotations], bool),
    )


def count_wrong(case: Case) -> Spots:
    """Annotations whose num_keypoints is not the number of v > 0."""
    sheet = case.sheet
    stated = np.array([_as_float(_count(item)) for item in sheet.annotations])
    counted = sheet.said.sum(axis=1)
    judged = sheet.in_order & ~no_numbers(sheet) & ~np.isnan(stated)
    return at(
        "annotations", judged & (stated != counted), lambda row: f"says {stated[row]:g}, has {counted[row]}"
    )


def bare(case: Case) -> Spots:
    """Annotations without a labelled point, crowds aside."""
    sheet = case.sheet
    return at("annotations", sheet.in_order & ~sheet.crowd & ~sheet.said.any(axis=1) & ~no_numbers(sheet))


def twice(case: Case) -> Spots:
    """Annotations with the very points of one before in the same image."""
    for row, before in _copies(case.sheet, ENOUGH):
        if case.sheet.image[row] == case.sheet.image[before]:
            yield Spot("annotations", row, f"as annotation {case.sheet.annotations[before].get('id')}")


def of_another_image(case: Case) -> Spots:
    """Annotations with the very points of one in another image."""
    for row, before in _copies(case.sheet, 5):
        here, there = (case.sheet.file_name(int(case.sheet.image[one])) for one in (row, before))
        if here != there:
            yield Spot(
                "annotations", row, f"as annotation {case.sheet.annotations[before].get('id')} in {there}"
            )


def almost_twice(case: Case) -> Spots:
    """Annotations whose points are those of another in the same image but for a little."""
    sheet = case.sheet
    order = np.argsort(sheet.image, kind="stable")
    order = order[(sheet.image[order] >= 0) & enough_points(sheet)[order]]
    largest = int(np.bincount(sheet.image[order]).max(initial=0)) if len(order) else 0
    for step in range(1, largest):
        first, second = order[:-step], order[step:]
        same = sheet.image[first] == sheet.image[second]
        first, second = first[same], second[same]
        for a, b in zip(first[near := _near(sheet, first, second)], second[near], strict=True):
            yield Spot("annotations", int(b), f"almost annotation {sheet.annotations[a].get('id')}")


def beyond_picture(xy: Float, sizes: NDArray[Any]) -> Mask:
    """Which points are outside a picture by more than rounding explains.

    Args:
        xy: Shape (..., 2); NaN is not outside.
        sizes: Width and height, of a shape that broadcasts; NaN holds everything.
    """
    return np.asarray(((xy < -0.5 - SLACK) | (xy > sizes - 0.5 + SLACK)).any(axis=-1))


def enough_points(sheet: Sheet) -> Mask:
    """Which annotations have points enough to say something of their place, shape (A,)."""
    return sheet.sound.sum(axis=1) >= ENOUGH


def at_one_place(sheet: Sheet) -> Mask:
    """Which annotations have all of their labelled points at one place, shape (A,)."""
    span = sheet.span
    return enough_points(sheet) & (span[:, :2] == span[:, 2:]).all(axis=1)


def in_pixels(sheet: Sheet) -> Mask:
    """Which annotations are not normalised to 0..1, shape (A,)."""
    low, high = sheet.span[:, :2], sheet.span[:, 2:]
    within = enough_points(sheet) & (low >= 0).all(axis=1) & (high <= 1).all(axis=1)
    return ~(within & (sheet.size_of > 4).all(axis=1))


def swapped_axes(sheet: Sheet) -> Mask:
    """Which annotations have x and y in each other's place, proven by their box, shape (A,)."""
    low, high = sheet.boxes[:, None, :2], sheet.boxes[:, None, :2] + sheet.boxes[:, None, 2:]
    slack = 1 + 0.05 * sheet.boxes[:, None, 2:]
    as_is = ((sheet.xy >= low - slack) & (sheet.xy <= high + slack)).all(axis=-1).sum(axis=1)
    turned = sheet.xy[..., ::-1]
    swapped = ((turned >= low - slack) & (turned <= high + slack)).all(axis=-1).sum(axis=1)
    count = sheet.sound.sum(axis=1)
    return (count >= ENOUGH) & sheet.has_box & (swapped == count) & (as_is < 0.5 * count)


def without_v(sheet: Sheet) -> Mask:
    """Which annotations have two numbers for each keypoint, shape (A,)."""
    return (sheet.expected > 0) & (sheet.lengths == 2 * sheet.expected)


def no_numbers(sheet: Sheet) -> Mask:
    """Which annotations have something else than numbers in their keypoints, shape (A,)."""
    within = np.arange(sheet.xyv.shape[1]) < sheet.lengths[:, None] / 3
    suspects = (np.isnan(sheet.xyv).any(axis=-1) & within).any(axis=1) & sheet.in_order
    odd = np.zeros(len(suspects), dtype=bool)
    for row in np.flatnonzero(suspects):
        odd[row] = _first_odd(sheet.annotations[row]["keypoints"]) is not _NOTHING
    return odd


_NOTHING = object()


def _first_odd(points: list[Any]) -> Any:
    """The first that is no number; `_NOTHING` if all are."""
    flat = [value for one in points for value in (one if isinstance(one, list) else [one])]
    numbers = (isinstance(value, int | float) and not isinstance(value, bool) for value in flat)
    return next((value for value, good in zip(flat, numbers, strict=True) if not good), _NOTHING)


def _fractional(v: Float) -> Mask:
    finite = np.where(np.isfinite(v), v, 0)
    return finite != np.round(finite)


def _count(item: dict[str, Any]) -> Any:
    return item.get("num_keypoints")


def _as_float(value: Any) -> float:
    """The count that is stated; -1, which none has, for what is no count, and NaN for none."""
    if value is None:
        return np.nan
    return float(value) if isinstance(value, int | float) and abs(value) < 1e9 else -1.0


def _copies(sheet: Sheet, least: int) -> Iterator[tuple[int, int]]:
    """Rows whose labelled points, `least` or more, are exactly those of a row before, and that row."""
    seen: dict[bytes, int] = {}
    points = np.where(sheet.sound[..., None], sheet.xyv, -1.0)
    judged = (sheet.sound.sum(axis=1) >= least) & ~at_one_place(sheet) & (sheet.image >= 0)
    for row in np.flatnonzero(judged):
        before = seen.setdefault(points[row].tobytes(), int(row))
        if before != row:
            yield int(row), before


def _near(sheet: Sheet, first: NDArray[np.intp], second: NDArray[np.intp]) -> Mask:
    """Which pairs of annotations are of the same thing: points apart by 2 % of their extent, not the same."""
    both = sheet.sound[first] & sheet.sound[second]
    gap = np.linalg.norm(sheet.xy[first] - sheet.xy[second], axis=-1)
    common = both.sum(axis=1)
    mean = np.where(both, gap, 0).sum(axis=1) / np.maximum(common, 1)
    extent = np.linalg.norm(sheet.span[first, 2:] - sheet.span[first, :2], axis=1)
    fewer = np.minimum(sheet.sound[first].sum(axis=1), sheet.sound[second].sum(axis=1))
    whole = (common >= 5) & (common >= 0.8 * fewer)
    return whole & (mean < 0.02 * extent) & (mean > 0)
