"""Heatmaps: one small picture per point, bright where the point is (HRNet, ViTPose)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import Float
from pinpoint.codecs.points import gaussians, known_points, point_weights

__all__ = ["Heatmap"]

REFINEMENTS = ("dark", "quarter", "none")
FLOOR = 1e-10  # keeps the logarithm of an empty cell finite


@dataclass(frozen=True)
class Heatmap:
    """One Gaussian per point (arXiv 1804.06208).

    `decode` undoes `encode` to half a cell with refinement `none`, to a quarter with `quarter` and to a
    thousandth with `dark`. That is for points at least 3 sigma from the edge of the map; nearer, `dark` pulls
    inwards by up to a cell and a half, as the published one does.

    Args:
        input_size: Width and height of the input.
        heatmap_size: Width and height of the maps.
        sigma: Spread of the targets in cells.
        refine: How a peak is placed between cells: `dark` fits a parabola to the logarithm of the blurred map
            (arXiv 1910.06278), `quarter` moves a quarter cell to the higher neighbour, `none` leaves it.
        blur: Side of the Gaussian window of `dark`, odd: 11 goes with sigma 2, 17 with sigma 3, 1 is no blur.
        udp: Whether the first and last cells are the first and last pixels (arXiv 1911.07524, ViTPose). If
            not, cell c is pixel c * input / map (HRNet and others before).

    Raises:
        ValueError: An option is unknown or a number out of range.
    """

    input_size: tuple[int, int]
    heatmap_size: tuple[int, int]
    sigma: float = 2.0
    refine: str = "dark"
    blur: int = 11
    udp: bool = False

    def __post_init__(self) -> None:
        if self.refine not in REFINEMENTS:
            raise ValueError(f"Heatmap has no refinement {self.refine!r}, expected one of {REFINEMENTS}")
        if self.blur < 1 or self.blur % 2 == 0:
            raise ValueError(f"Heatmap blur is {self.blur}, expected an odd number of cells")
        if not self.sigma > 0:
            raise ValueError(f"Heatmap sigma is {self.sigma}, expected more than 0")
        if min(self.heatmap_size) < 2:
            raise ValueError(f"Heatmap size is {self.heatmap_size}, expected two cells or more each way")

    @property
    def pixels_per_cell(self) -> Float:
        """Step from one cell to the next in input pixels, x and y, shape (2,)."""
        last = int(self.udp)
        return (np.array(self.input_size) - last) / (np.array(self.heatmap_size) - last)

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: the last column of the maps, in input pixels."""
        return float((self.heatmap_size[0] - 1) * self.pixels_per_cell[0])

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`."""
        (maps,) = outputs
        return (maps[:, order, :, ::-1],)

    def encode(self, xy: Float, visible: ArrayLike) -> tuple[NDArray, ...]:
        """Bells of height 1, centred between cells where the point is.

        Args:
            xy: Input pixels, shape (B, K, 2).
            visible: Whether each point is there, shape (B, K).

        Returns:
            Maps (B, K, h, w) and weights (B, K).
        """
        weights = point_weights(xy, visible, self.input_size)
        columns, rows = np.moveaxis(xy / self.pixels_per_cell, -1, 0)
        width, height = self.heatmap_size
        across = gaussians(columns, width, self.sigma) * weights[..., None]
        return gaussians(rows, height, self.sigma)[..., :, None] * across[..., None, :], weights

    def decode(self, heatmaps: NDArray) -> tuple[Float, Float]:
        """The highest cell of each map, refined; the score is its height.

        Args:
            heatmaps: Shape (B, K, h, w).

        Raises:
            ValueError: The maps have another size.
        """
        width, height = self.heatmap_size
        if heatmaps.ndim != 4 or heatmaps.shape[2:] != (height, width):
            raise ValueError(f"heatmaps have shape {heatmaps.shape}, expected (B, K, {height}, {width})")
        maps = heatmaps.reshape(-1, height * width)
        best = maps.argmax(axis=1)
        scores = np.take_along_axis(maps, best[:, None], axis=1).reshape(heatmaps.shape[:2])
        peaks = np.stack([best % width, best // width], axis=1)
        cells = peaks + self._offsets(maps.reshape(-1, height, width), peaks)
        return known_points(cells.reshape(*heatmaps.shape[:2], 2) * self.pixels_per_cell, scores)

    def _offsets(self, maps: NDArray, peaks: NDArray[np.intp]) -> Float:
        """Where between its neighbours each peak lies, in cells, shapes (M, h, w), (M, 2) -> (M, 2)."""
        if self.refine == "none":
            return np.zeros(peaks.shape)
        if self.refine == "quarter":
            edge = (peaks == 0) | (peaks == np.array(self.heatmap_size) - 1)
            return np.where(edge, 0, 0.25 * np.sign(_slopes(_windows(maps, peaks, 1))))
        smooth = _smoothing(self.blur)
        blurred = smooth @ _windows(maps, peaks, self.blur // 2 + 1) @ smooth.T
        return _parabola_tops(np.log(np.maximum(blurred, FLOOR)))


def _windows(maps: NDArray, middles: NDArray[np.intp], reach: int) -> Float:
    """Squares around cells, 0 outside the maps and where they are not finite.

    Shapes (M, h, w), (M, 2) -> (M, side, side) with side = 2 * reach + 1.
    """
    steps = np.arange(-reach, reach + 1)
    columns, rows = (middles[:, axis, None] + steps for axis in (0, 1))
    height, width = maps.shape[1:]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    rows, columns = rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None, :]
    cut = maps[np.arange(len(maps))[:, None, None], rows, columns].astype(np.float64)
    return np.where(inside & np.isfinite(cut), cut, 0)


def _smoothing(blur: int) -> Float:
    """Matrix from blur + 2 cells to the blurred 3 in their middle, with the spread OpenCV gives a window."""
    kernel = np.ravel(cv2.getGaussianKernel(blur, 0)).astype(np.float64)
    return np.stack([np.pad(kernel, (row, 2 - row)) for row in range(3)])


def _slopes(squares: Float) -> Float:
    """First derivative by x and y in the middle of squares of 3 cells, shapes (M, 3, 3) -> (M, 2)."""
    across, down = squares[:, 1, 2] - squares[:, 1, 0], squares[:, 2, 1] - squares[:, 0, 1]
    return np.stack([across, down], axis=1) / 2


def _parabola_tops(squares: Float) -> Float:
    """Where a parabola through squares of 3 cells is highest, in cells from their middle, at most 1.

    Shapes (M, 3, 3) -> (M, 2); 0 where there is no top.
    """
    dx, dy = _slopes(squares).T
    middle = squares[:, 1, 1]
    dxx = squares[:, 1, 2] - 2 * middle + squares[:, 1, 0]
    dyy = squares[:, 2, 1] - 2 * middle + squares[:, 0, 1]
    dxy = (squares[:, 2, 2] - squares[:, 2, 0] - squares[:, 0, 2] + squares[:, 0, 0]) / 4
    curved = dxx * dyy - dxy**2
    top = (dxx < 0) & (curved > 0)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1)
    return np.clip(np.divide(step, curved[:, None], out=np.zeros_like(step), where=top[:, None]), -1, 1)
