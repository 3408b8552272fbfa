"""Faults of boxes and areas."""

from typing import Any

import numpy as np

from pinpoint.datasets.doctor.fault import Case, Spot, Spots, at
from pinpoint.datasets.doctor.points import (
    at_one_place,
    beyond_picture,
    enough_points,
    in_pixels,
    swapped_axes,
)
from pinpoint.datasets.doctor.sheet import Mask, Sheet
from pinpoint.geometry import Float

__all__ = ["corners_of", "form_of"]

MANY = 10  # boxes that say something of the conventions of a file
BEYOND = 2.0  # pixels by which a box may leave its picture
LOOSE = 0.25  # share of the longer side of its box by which a point may lie outside


def missing(case: Case) -> Spots:
    """Annotations without a box."""
    return at("annotations", np.array([item.get("bbox") is None for item in case.sheet.annotations], bool))


def no_numbers(case: Case) -> Spots:
    """Annotations whose box is not four finite numbers."""
    sheet = case.sheet
    given = np.array([item.get("bbox") is not None for item in sheet.annotations], dtype=bool)
    odd = given & ~np.isfinite(sheet.boxes).all(axis=1)
    return at("annotations", odd, lambda row: f"{sheet.annotations[row]['bbox']!r:.60}")


def no_extent(case: Case) -> Spots:
    """Annotations whose box has no width or no height, or less than none."""
    sheet = case.sheet
    flat = np.isfinite(sheet.boxes).all(axis=1) & ~sheet.has_box
    return at("annotations", flat, lambda row: f"{_by(sheet.boxes[row, 2:])}")


def as_corners(case: Case) -> Spots:
    """A file whose boxes are x1 y1 x2 y2."""
    if form_of(case.sheet) == "corners":
        yield Spot("file", text=f"{int(case.sheet.has_box.sum())} boxes")


def as_centres(case: Case) -> Spots:
    """A file whose boxes are those of a centre, a width and a height."""
    if form_of(case.sheet) == "centre":
        yield Spot("file", text=f"{int(case.sheet.has_box.sum())} boxes")


def normalised(case: Case) -> Spots:
    """Annotations whose box is within 0 and 1, in a picture of many pixels."""
    return at("annotations", _normalised(case.sheet), lambda row: f"{case.sheet.boxes[row].tolist()}")


def outside(case: Case) -> Spots:
    """Boxes that leave their picture."""
    sheet = case.sheet
    if form_of(sheet) != "xywh":
        return ()
    corners = corners_of(sheet.boxes, "xywh").reshape(-1, 2, 2)  # of pixels, not of their centres
    far = beyond_picture(corners - 0.5, sheet.size_of[:, None]).any(axis=1)
    far &= (corners < -BEYOND).any(axis=(1, 2)) | (corners > sheet.size_of[:, None] + BEYOND).any(axis=(1, 2))
    return at(
        "annotations",
        sheet.has_box & far,
        lambda row: f"{sheet.boxes[row].tolist()} in {_by(sheet.size_of[row])}",
    )


def not_containing(case: Case) -> Spots:
    """Boxes that points in sight are far outside of, where nothing else explains it."""
    sheet = case.sheet
    far = points_outside(sheet)
    sane = in_pixels(sheet) & ~swapped_axes(sheet) & ~_normalised(sheet) & ~sheet.crowd
    sane &= form_of(sheet) == "xywh"
    for row in np.flatnonzero(sane & far.any(axis=1)):
        names = ", ".join(sheet.keypoint(int(row), int(column)) for column in np.flatnonzero(far[row])[:3])
        yield Spot(
            "annotations", int(row), f"{int(far[row].sum())} of {int(sheet.sound[row].sum())} points: {names}"
        )


def area_missing(case: Case) -> Spots:
    """Annotations without an area."""
    return at("annotations", np.array([item.get("area") is None for item in case.sheet.annotations], bool))


def area_no_number(case: Case) -> Spots:
    """Annotations whose area is NaN, infinite or no number."""
    sheet = case.sheet
    given = np.array([item.get("area") is not None for item in sheet.annotations], dtype=bool)
    return at(
        "annotations", given & ~np.isfinite(sheet.areas), lambda row: repr(sheet.annotations[row]["area"])
    )


def area_not_positive(case: Case) -> Spots:
    """Annotations whose area is 0 or below."""
    sheet = case.sheet
    return at("annotations", sheet.areas <= 0, lambda row: f"{sheet.areas[row]:g}")


def area_beyond_box(case: Case) -> Spots:
    """Annotations whose area is larger than that of their box."""
    sheet = case.sheet
    if form_of(sheet) != "xywh":
        return ()
    whole = sheet.boxes[:, 2:].prod(axis=1)
    judged = sheet.has_box & ~_normalised(sheet) & np.isfinite(sheet.areas)
    return at(
        "annotations",
        judged & (sheet.areas > 1.05 * whole + 1),
        lambda row: f"{sheet.areas[row]:g}, box {_by(sheet.boxes[row, 2:])} = {whole[row]:g}",
    )


def corners_of(boxes: Float, form: str) -> Float:
    """x1 y1 x2 y2 of boxes that are written as `xywh`, `corners` or `centre`, shape (A, 4)."""
    if form == "corners":
        return boxes
    low = boxes[:, :2] - (boxes[:, 2:] / 2 if form == "centre" else 0)
    return np.concatenate([low, low + boxes[:, 2:]], axis=1)


def form_of(sheet: Sheet) -> str:
    """How the boxes of a file are written: `xywh` unless pictures and points prove another form."""
    judged = sheet.has_box & enough_points(sheet) & ~_normalised(sheet) & ~sheet.crowd
    judged &= in_pixels(sheet) & ~at_one_place(sheet) & np.isfinite(sheet.size_of).all(axis=1)
    if judged.sum() < MANY:
        return "xywh"
    good = {form: _agree(sheet, judged, form) for form in ("xywh", "corners", "centre")}
    best = max(good, key=lambda form: good[form])
    return best if good[best] >= 0.95 and good["xywh"] < 0.6 else "xywh"


def points_outside(sheet: Sheet) -> Mask:
    """Which points are outside their box by more than annotators differ, shape (A, K).

    Hidden points (v = 1) are not meant: boxes are often drawn around what is in sight.
    """
    corners, loose = (
        corners_of(sheet.boxes, "xywh"),
        LOOSE * sheet.boxes[:, None, 2:].max(axis=2, keepdims=True),
    )
    far = (sheet.xy < corners[:, None, :2] - loose - 1) | (sheet.xy > corners[:, None, 2:] + loose + 1)
    seen = ~beyond_picture(sheet.xy, sheet.size_of[:, None]) & (sheet.xyv[..., 2] != 1)
    return sheet.has_box[:, None] & far.any(axis=-1) & seen


def _agree(sheet: Sheet, judged: Mask, form: str) -> float:
    """Share of the boxes that hold their points and stay in the picture, written in a form."""
    corners, span, sizes = (
        part[judged] for part in (corners_of(sheet.boxes, form), sheet.span, sheet.size_of)
    )
    extent = span[:, 2:] - span[:, :2]
    slack = 2 + 0.15 * extent
    holds = (corners[:, :2] <= span[:, :2] + slack) & (corners[:, 2:] >= span[:, 2:] - slack)
    stays = (corners[:, :2] >= -BEYOND - 0.02 * sizes) & (corners[:, 2:] <= 1.02 * sizes + BEYOND)
    return float((holds & stays).all(axis=1).mean())


def _normalised(sheet: Sheet) -> Mask:
    within = (sheet.boxes >= 0).all(axis=1) & (sheet.boxes <= 1).all(axis=1)
    return sheet.has_box & within & (sheet.size_of > 10).all(axis=1)


def _by(size: Any) -> str:
    return " x ".join(f"{side:g}" for side in size)
