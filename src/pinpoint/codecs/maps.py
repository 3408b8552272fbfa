"""Maps in which everyone of a picture is seen at once: how they are painted, and where they peak.

A cell is `stride` input pixels wide. Where the middle of the first one lies differs between networks.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float

__all__ = ["bells", "best_peaks", "is_peak", "labelled", "only_maps", "outside_boxes", "zoomed_maps"]

CUT = 3.0  # sigmas from its middle, a bell ends


def bells(cells: Float, size: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    """Bells of height 1 that end 3 sigma from their middle; where several meet, the highest counts.

    Args:
        cells: Column and row of every point, shape (M, K, 2), NaN where there is none.
        size: Width and height of the maps.
        sigma: Spread in cells.

    Returns:
        Shape (K, h, w).
    """
    width, height = size
    maps = np.zeros((cells.shape[1], height, width), np.float32)
    person, kind = np.nonzero(labelled(cells))
    middles = cells[person, kind]
    reach = int(np.ceil(CUT * sigma))
    near = np.round(middles).astype(np.intp)[:, None] + np.arange(-reach, reach + 1)[:, None]
    falls = np.exp(-np.square(near - middles[:, None]) / (2 * sigma**2)).astype(np.float32)
    inside = (near >= 0) & (near < np.array(size))
    columns, rows = near[:, None, :, 0], near[:, :, None, 1]
    kept = inside[:, None, :, 0] & inside[:, :, None, 1]
    places = (kind[:, None, None] * height + rows) * width + columns
    heights = falls[:, None, :, 0] * falls[:, :, None, 1]
    np.maximum.at(maps.reshape(-1), places[kept], heights[kept])
    return maps


def labelled(xy: Float) -> NDArray[np.bool_]:
    """Which points are told, shapes (..., 2) -> (...)."""
    return np.logical_and.reduce(np.isfinite(xy), axis=-1)


def outside_boxes(boxes: Float, size: tuple[int, int], stride: float) -> NDArray[np.float32]:
    """1 in cells whose middle is in none of the boxes, else 0.

    Args:
        boxes: x1 y1 x2 y2 in input pixels, shape (I, 4).
        size: Width and height of the map.
        stride: Input pixels per cell.

    Returns:
        Shape (h, w).
    """
    width, height = size
    x, y = ((np.arange(length) + 0.5) * stride - 0.5 for length in (width, height))
    across = (x >= boxes[:, :1]) & (x <= boxes[:, 2:3])
    down = (y >= boxes[:, 1:2]) & (y <= boxes[:, 3:])
    return 1 - (down.T.astype(np.float32) @ across.astype(np.float32)).clip(0, 1)


def is_peak(maps: NDArray, reach: int = 1) -> NDArray[np.bool_]:
    """Which cells are the highest of those within reach, shapes (K, h, w). Of equal ones, the first is.

    Values that are not finite are no peaks.
    """
    height, width = maps.shape[1:]
    steps = range(-reach, reach + 1)
    padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)), constant_values=-np.inf)
    highest = np.isfinite(maps)
    for down in steps:
        for across in steps:
            if (down, across) == (0, 0):
                continue
            top, left = reach + down, reach + across
            other = padded[:, top : top + height, left : left + width]
            highest &= maps > other if (down, across) < (0, 0) else maps >= other
    return highest


def best_peaks(
    maps: NDArray, reach: int, most: int, min_score: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The highest peaks of each map, best first.

    Args:
        maps: Shape (K, h, w).
        reach: Two peaks of a map are further apart, in cells.
        most: How many of each map there are at most.
        min_score: Lower ones are left out.

    Returns:
        The map of each peak, shape (P,), and its column and row, shape (P, 2).
    """
    kind, row, column = np.nonzero(is_peak(maps, reach) & (maps > min_score))
    order = np.lexsort((-maps[kind, row, column], kind))
    kind, cells = kind[order], np.stack([column, row], axis=1)[order]
    rank = np.arange(len(kind)) - np.searchsorted(kind, kind)
    return kind[rank < most], cells[rank < most]


def zoomed_maps(
    maps: NDArray, zoom: float, places: tuple[float, float], input_size: tuple[int, int]
) -> NDArray:
    """What maps of the plain input would be, from those of one that shows it smaller, around its middle.

    Args:
        maps: Shape (1, C, h, w).
        zoom: How large the picture is shown, at most 1.
        places: Input pixels per cell, and where the middle of the first cell is.
        input_size: Width and height of the input.
    """
    stride, first = places
    shift = ((np.array(input_size) - 1) / 2 - first) / stride * (1 - zoom)
    matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
    size, flags = (maps.shape[3], maps.shape[2]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grown = [
        cv2.warpAffine(one, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE) for one in maps[0]
    ]
    return np.stack(grown)[None].astype(maps.dtype)


def only_maps(name: str, maps: NDArray, channels: int, size: tuple[int, int] | None = None) -> NDArray:
    """Take the maps of the one picture, shape (C, h, w).

    Raises:
        ValueError: They have another shape than (1, channels, h, w), with the size where one is given.
    """
    height, width = size[::-1] if size else ("h", "w")
    known = size is None or maps.shape[2:] == (height, width)
    if maps.ndim != 4 or maps.shape[:2] != (1, channels) or not known:
        raise ValueError(f"{name} have shape {maps.shape}, expected (1, {channels}, {height}, {width})")
    return maps[0]
