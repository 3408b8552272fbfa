"""Heatmaps: one small picture per point, bright where the point is (HRNet, ViTPose)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import Float
from pinpoint.codecs.peaks import dark, mean_place, quarter
from pinpoint.codecs.points import gaussians, highest, known_points, point_weights

__all__ = ["Heatmap"]

REFINEMENTS = ("dark", "integral", "quarter", "none")


@dataclass(frozen=True)
class Heatmap:
    """One Gaussian per point (arXiv 1804.06208).

    `decode` undoes `encode` to half a cell with refinement `none` and to a quarter with `quarter`, both a
    cell or two from the edge of the map; to a thousandth of a cell with `dark`, anywhere on the map; to a
    hundredth with `integral`, 3 sigma / sqrt(beta) from the edge: the share beyond it is lost to the mean.

    The published `dark` sees zeros beyond the edge, which pull inwards by up to a cell and a half; this one
    agrees with it from blur / 2 + 1 cells inside the map on.

    Args:
        input_size: Width and height of the input.
        heatmap_size: Width and height of the maps.
        sigma: Spread of the targets in cells.
        refine: How a peak is placed between cells: `dark` fits a parabola to the logarithm of the blurred map
            (arXiv 1910.06278), `integral` takes the mean place of the map as a distribution (arXiv
            1711.08229), `quarter` moves a quarter cell to the higher neighbour, `none` leaves it.
        blur: Side of the Gaussian window of `dark`, odd: 11 goes with sigma 2, 17 with sigma 3, 1 is no blur.
        udp: Whether the first and last cells are the first and last pixels (arXiv 1911.07524, ViTPose). If
            not, cell c is pixel c * input / map (HRNet and others before).
        beta: Power of the heights that `integral` takes as shares: more counts the peak more.
        reach: Cells on each side of the peak that `integral` counts; 0 counts the whole map.
        shift: Cells that are added to what is read: .5 for networks whose targets were cut to whole cells
            instead of rounded (arXiv 1603.06937).

    Raises:
        ValueError: An option is unknown or a number out of range.
    """

    input_size: tuple[int, int]
    heatmap_size: tuple[int, int]
    sigma: float = 2.0
    refine: str = "dark"
    blur: int = 11
    udp: bool = False
    beta: float = 1.0
    reach: int = 0
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.refine not in REFINEMENTS:
            raise ValueError(f"Heatmap has no refinement {self.refine!r}, expected one of {REFINEMENTS}")
        if self.blur < 1 or self.blur % 2 == 0:
            raise ValueError(f"Heatmap blur is {self.blur}, expected an odd number of cells")
        if not self.sigma > 0:
            raise ValueError(f"Heatmap sigma is {self.sigma}, expected more than 0")
        if not (self.beta > 0 and self.reach >= 0):
            raise ValueError(
                f"Heatmap has beta {self.beta} and reach {self.reach}, expected more than 0, and 0 or more"
            )
        least = 3 if self.refine == "dark" else 2
        if min(self.heatmap_size) < least:
            raise ValueError(f"Heatmap size is {self.heatmap_size}, expected {least} cells or more each way")

    @property
    def pixels_per_cell(self) -> Float:
        """Step from one cell to the next in input pixels, x and y, shape (2,)."""
        last = int(self.udp)
        return (np.array(self.input_size) - last) / (np.array(self.heatmap_size) - last)

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: the first and the last column of the maps, in input pixels."""
        return float((self.heatmap_size[0] - 1 + 2 * self.shift) * self.pixels_per_cell[0])

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
        columns, rows = np.moveaxis(xy / self.pixels_per_cell - self.shift, -1, 0)
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
        best, scores = highest(maps)
        peaks = np.stack([best % width, best // width], axis=1)
        cells = self._refined(maps.reshape(-1, height, width), peaks) + self.shift
        return known_points(
            cells.reshape(*heatmaps.shape[:2], 2) * self.pixels_per_cell, scores.reshape(heatmaps.shape[:2])
        )

    def _refined(self, maps: NDArray, peaks: NDArray[np.intp]) -> Float:
        """Column and row of peaks between cells, shapes (M, h, w), (M, 2) -> (M, 2)."""
        if self.refine == "dark":
            return dark(maps, peaks, self.blur)
        if self.refine == "integral":
            return mean_place(maps, peaks, self.beta, self.reach)
        return quarter(maps, peaks) if self.refine == "quarter" else 1.0 * peaks
