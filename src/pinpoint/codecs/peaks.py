"""Where between the cells of a map its peak lies."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Float

__all__ = ["dark", "mean_place", "quarter"]

FLOOR = 1e-10  # keeps the logarithm of an empty cell finite
FAINT = 1e-5  # share of the peak that counts as nothing: powers of less are slow, being denormal


def quarter(maps: NDArray, peaks: NDArray[np.intp]) -> Float:
    """A quarter cell from the peak to its higher neighbour in x and in y (arXiv 1603.06937), not at an edge.

    Args:
        maps: Shape (M, h, w).
        peaks: Column and row of the highest cell of each map, shape (M, 2).

    Returns:
        Column and row, shape (M, 2).
    """
    last = np.array(maps.shape[:0:-1]) - 1
    slopes, *_ = _slopes(_windows(maps, peaks, 1))
    step = 0.25 * np.sign(np.stack(slopes, axis=1))
    return peaks.astype(np.float64) + np.where((peaks == 0) | (peaks == last), 0, step)


def dark(maps: NDArray, peaks: NDArray[np.intp], blur: int) -> Float:
    """The top of a parabola through the logarithm of the blurred map (arXiv 1910.06278).

    It passes through the three cells around the peak, or the three nearest the edge if the peak lies on it.
    A blur over zeros beyond the edge would pull the top of a bell near it inwards, by up to a cell and a
    half. So it shrinks towards the edge to what lies inside the map on both sides.

    Args:
        maps: Shape (M, h, w), three cells or more each way.
        peaks: Column and row of the highest cell of each map, shape (M, 2).
        blur: Side of the Gaussian window, odd; 1 is none.

    Returns:
        Column and row, shape (M, 2), at most a cell from the peak; the peak itself if there is no top.
    """
    last = np.array(maps.shape[:0:-1]) - 1
    middles = peaks.clip(1, last - 1)
    reach = np.minimum(blur // 2, np.minimum(middles, last - middles) - 1)
    smooth = _smoothing(blur // 2).astype(maps.dtype)[reach]
    blurred = smooth[:, 1] @ _windows(maps, middles, blur // 2 + 1) @ smooth[:, 0].transpose(0, 2, 1)
    step, top = _parabola_tops(np.log(np.maximum(blurred, FLOOR), dtype=np.float64))
    return peaks.astype(np.float64) + np.where(top[:, None], (middles - peaks + step).clip(-1, 1), 0)


def mean_place(maps: NDArray, peaks: NDArray[np.intp], beta: float, reach: int) -> Float:
    """The mean place of a map read as a distribution (arXiv 1711.08229).

    The share of a cell is max(z, 0)^beta. Where z is a softmax over logits, that is the softmax of beta times
    the logits.

    Args:
        maps: Heights z, shape (M, h, w).
        peaks: Column and row of the highest cell of each map, shape (M, 2).
        beta: How much surer the distribution becomes; 1 takes the map as it is.
        reach: Cells on each side of the peak that count; 0 counts the whole map.

    Returns:
        Column and row, shape (M, 2), NaN where nothing is above 0.
    """
    cut, first = (_windows(maps, peaks, reach), peaks - reach) if reach else (maps, 0 * peaks)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.maximum(cut, 0)
        if beta != 1:
            shares = shares / shares.max(axis=(1, 2), keepdims=True)
            shares = np.where(shares > FAINT, shares, 0) ** beta
        means = [_mean_index(shares.sum(axis=axis)) for axis in (1, 2)]
        return first + np.stack(means, axis=1)


def _mean_index(shares: NDArray) -> Float:
    """Mean index of the numbers of each row, weighted by them, shapes (M, n) -> (M,)."""
    shares = shares.astype(np.float64)
    return (shares * np.arange(shares.shape[1])).sum(axis=1) / shares.sum(axis=1)


def _windows(maps: NDArray, middles: NDArray[np.intp], reach: int) -> Float:
    """Squares around cells, 0 outside the maps and where they are not finite.

    Shapes (M, h, w), (M, 2) -> (M, side, side) with side = 2 * reach + 1.
    """
    steps = np.arange(-reach, reach + 1)
    columns, rows = (middles[:, axis, None] + steps for axis in (0, 1))
    count, height, width = maps.shape
    known_columns, known_rows = columns.clip(0, width - 1), rows.clip(0, height - 1)
    starts = np.arange(count)[:, None] * height + known_rows
    cut = maps.reshape(-1).take(starts[:, :, None] * width + known_columns[:, None, :])
    inside = (known_rows == rows)[:, :, None] & (known_columns == columns)[:, None, :]
    return np.where(inside & np.isfinite(cut), cut, maps.dtype.type(0))


@lru_cache(maxsize=8)
def _smoothing(most: int) -> Float:
    """For each reach from 0 to `most`, the matrix from 2 * most + 3 cells to the blurred 3 in their middle.

    The spread of each kernel is the one OpenCV gives a window of its side. Do not write to it.
    """
    kernels = [
        np.ravel(cv2.getGaussianKernel(2 * reach + 1, 0)).astype(np.float64) for reach in range(most + 1)
    ]
    kernels = [np.pad(kernel, most - reach) for reach, kernel in enumerate(kernels)]
    table = np.stack([[np.pad(kernel, (row, 2 - row)) for row in range(3)] for kernel in kernels])
    table.flags.writeable = False
    return table


def _slopes(squares: Float) -> tuple[tuple[Float, Float], Float, Float, Float]:
    """Derivatives in the middle of squares (M, 3, 3): (dx, dy), dxx, dyy and dxy, each (M,)."""
    ((a, top, b), (left, middle, right), (c, bottom, d)) = np.moveaxis(squares, 0, -1)
    slope = (right - left) / 2, (bottom - top) / 2
    return slope, right - 2 * middle + left, bottom - 2 * middle + top, (d - c - b + a) / 4


def _parabola_tops(squares: Float) -> tuple[Float, NDArray[np.bool_]]:
    """Where parabolas through squares (M, 3, 3) are highest, in cells from their middle, and which are.

    Shapes (M, 2), 0 where there is no top, and (M,).
    """
    (dx, dy), dxx, dyy, dxy = _slopes(squares)
    curved = dxx * dyy - dxy**2
    top = (dxx < 0) & (curved > 0)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1)
    return np.divide(step, curved[:, None], out=np.zeros_like(step), where=top[:, None]), top
