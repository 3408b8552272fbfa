"""Faults shown in pictures: a sheet of crops for each kind, to see at a glance what is meant."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pinpoint.datasets.doctor.fault import Finding, Spot
from pinpoint.datasets.doctor.sheet import Sheet
from pinpoint.datasets.samples import find_picture
from pinpoint.geometry import Float, Image, transform_points, warp
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image, write_image
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names
from pinpoint.viz import Style, draw

__all__ = ["shown", "write_pictures"]

TILE = 320  # pixels of the side of one crop
MOST = 20  # crops on a sheet
AROUND = 1.5  # side of a crop relative to what is shown
INK, PAPER = (235, 235, 235), 24


def write_pictures(findings: Sequence[Finding], folder: Path, pictures: Path | None) -> list[Path]:
    """Write a sheet of crops for each fault that annotations have; pictures that cannot be read are left out.

    Args:
        findings: What was found.
        folder: Where the sheets are written; it is made.
        pictures: Folder of the pictures; none looks in the usual places beside the annotations.
    """
    written = []
    for finding in findings:
        if (sheet := shown(finding, pictures)) is not None:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{finding.sheet.path.stem}-{finding.fault.code}.png"
            write_image(path, sheet)
            written.append(path)
    return written


def shown(finding: Finding, pictures: Path | None, most: int = MOST) -> Image | None:
    """Draw places of a fault, spread evenly over all of them; none where there is nothing to see."""
    spots = [spot for spot in finding.spots if spot.table == "annotations"]
    step = max(1, len(spots) // most)
    tiles = [_tile(finding.sheet, spot, pictures) for spot in spots[::step][:most]]
    tiles = [tile for tile in tiles if tile is not None]
    return _in_rows(tiles) if tiles else None


def _tile(sheet: Sheet, spot: Spot, pictures: Path | None) -> Image | None:
    name = sheet.file_name(int(sheet.image[spot.row]))
    region = _region(sheet, spot.row)
    if not name or region is None:
        return None
    try:
        image = read_image(find_picture(name, sheet.path, pictures))
    except (UnreadableError, OSError):
        return None
    scale = TILE / (region[2] - region[0])
    tile_from_image = np.array([[scale, 0, -scale * region[0]], [0, scale, -scale * region[1]]])
    tile = warp(image, tile_from_image, (TILE, TILE))
    kps = _keypoints(sheet, spot.row, tile_from_image)
    tile = draw(np.asarray(tile, np.uint8), kps, style=Style(line_width=0.006, boxes=kps.boxes is not None))
    return _written(tile, f"{sheet.annotations[spot.row].get('id')} {spot.text}")


def _region(sheet: Sheet, row: int) -> Float | None:
    """A square around the box and the points of an annotation."""
    box = sheet.boxes[row] if sheet.has_box[row] else np.full(4, np.nan)
    corners = np.array([sheet.span[row], [*box[:2], *(box[:2] + box[2:])]])
    corners = corners[np.isfinite(corners).all(axis=1)]
    if not len(corners):
        return None
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    centre, half = (low + high) / 2, max(AROUND * (high - low).max(), 16) / 2
    return np.concatenate([centre - half, centre + half])


def _keypoints(sheet: Sheet, row: int, tile_from_image: Float) -> Keypoints:
    category = int(sheet.category[row])
    columns = _skeleton(sheet, category, sheet.xy.shape[1])
    xy = transform_points(sheet.xy[row : row + 1, : len(columns)], tile_from_image)
    boxes = None
    if sheet.has_box[row]:
        box = sheet.boxes[row]
        corners = np.array([box[:2], box[:2] + box[2:]])
        boxes = transform_points(corners, tile_from_image).reshape(1, 4)
    visible = sheet.xyv[row : row + 1, : len(columns), 2] != 1
    return Keypoints(xy, np.isfinite(xy).all(axis=-1).astype(float), columns, visible, boxes)


def _skeleton(sheet: Sheet, category: int, k: int) -> Skeleton:
    """What is drawn: one of this package's where the names are its, so that there are limbs."""
    names = tuple(sheet.names[category]) if category >= 0 else ()
    for one in map(skeleton, skeleton_names()):
        if names and one.keypoints == names:
            return one
    if not names or len(set(names)) < len(names):
        names = tuple(f"point {column + 1}" for column in range(k))
    return Skeleton.from_coco({"name": "labels", "keypoints": names})


def _written(tile: Image, text: str) -> Image:
    tile = tile.copy()
    cv2.rectangle(tile, (0, 0), (TILE, 16), (0, 0, 0), -1)
    cv2.putText(tile, text[:52], (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, INK, 1, cv2.LINE_AA)
    return tile


def _in_rows(tiles: Sequence[Image]) -> Image:
    columns = min(5, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    sheet = np.full((rows * TILE, columns * TILE, 3), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = divmod(number, columns)
        sheet[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] = tile
    return sheet
