"""A disc around each point, and from every cell the way to it (UDP's combined target)."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import Float
from pinpoint.codecs.points import highest, known_points, point_weights

__all__ = ["HeatmapOffset"]


@dataclass(frozen=True)
class HeatmapOffset:
    """A map of being near a point and two of where it is from there (arXiv 1911.07524).

    `decode` undoes `encode` to a thousandth of a pixel. The first and last cells are the first and last
    pixels.

    Args:
        input_size: Width and height of the input.
        heatmap_size: Width and height of the maps.
        radius: Of the disc, as a share of the longer side of the maps; offsets are counted in it.
        blur: Cells on each side of a cell that are averaged before the disc's middle is looked for.

    Raises:
        ValueError: A number is out of range.
    """

    input_size: tuple[int, int]
    heatmap_size: tuple[int, int]
    radius: float = 0.0546875
    blur: int = 11

    def __post_init__(self) -> None:
        if min(self.heatmap_size) < 2:
            raise ValueError(
                f"HeatmapOffset size is {self.heatmap_size}, expected two cells or more each way"
            )
        if not (self.radius > 0 and self.blur >= 0):
            raise ValueError(
                f"HeatmapOffset has radius {self.radius} and blur {self.blur}, "
                "expected more than 0, and 0 or more"
            )

    @property
    def pixels_per_cell(self) -> Float:
        """Step from one cell to the next in input pixels, x and y, shape (2,)."""
        return (np.array(self.input_size) - 1) / (np.array(self.heatmap_size) - 1)

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`."""
        return self.input_size[0] - 1.0

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`; offsets in x turn round."""
        (maps,) = outputs
        triples = maps.reshape(len(maps), maps.shape[1] // 3, 3, *maps.shape[2:])[:, order, :, :, ::-1].copy()
        triples[:, :, 1] *= -1
        return (triples.reshape(maps.shape),)

    def encode(self, xy: Float, visible: ArrayLike) -> tuple[NDArray, ...]:
        """Discs of height 1, and from every cell the offset to the point in radii.

        Args:
            xy: Input pixels, shape (B, K, 2).
            visible: Whether each point is there, shape (B, K).

        Returns:
            Maps (B, 3K, h, w), disc, x and y of each keypoint in turn, and weights (B, K).
        """
        weights = point_weights(xy, visible, self.input_size)
        there = weights[..., None, None] > 0
        columns, rows = np.moveaxis(xy / self.pixels_per_cell, -1, 0)[..., None, None]
        width, height = self.heatmap_size
        dx = np.where(there, columns - np.arange(width), 0) / self._cells
        dy = np.where(there, rows - np.arange(height)[:, None], 0) / self._cells
        maps = np.empty((*xy.shape[:2], 3, height, width), np.float32)
        maps[:, :, 0] = (dx**2 + dy**2 <= 1) & there
        maps[:, :, 1], maps[:, :, 2] = dx, dy
        return maps.reshape(len(xy), 3 * xy.shape[1], height, width), weights

    def decode(self, maps: NDArray) -> tuple[Float, Float]:
        """The middle of each disc and the offset that stands there.

        The score is the height of the blurred disc by that of a whole one.

        Args:
            maps: Shape (B, 3K, h, w).

        Raises:
            ValueError: The maps have another size, or do not come in threes.
        """
        width, height = self.heatmap_size
        if maps.ndim != 4 or maps.shape[2:] != (height, width) or maps.shape[1] % 3:
            raise ValueError(f"maps have shape {maps.shape}, expected (B, 3K, {height}, {width})")
        discs, dx, dy = np.moveaxis(maps.reshape(len(maps), maps.shape[1] // 3, 3, height * width), 2, 0)
        best, tops = highest(self._blurred(discs))
        step = np.concatenate(
            [np.take_along_axis(part, best[..., None], axis=2) for part in (dx, dy)], axis=2
        )
        cells = np.stack([best % width, best // width], axis=-1) + step * self._cells
        return known_points(cells * self.pixels_per_cell, tops / self._whole)

    @property
    def _cells(self) -> float:
        return self.radius * max(self.heatmap_size)

    @cached_property
    def _kernel(self) -> NDArray[np.float32]:
        return np.ravel(cv2.getGaussianKernel(2 * self.blur + 1, 0)).astype(np.float32)

    @cached_property
    def _whole(self) -> float:
        """Height of a blurred disc in its middle."""
        steps = np.arange(-self.blur, self.blur + 1)
        disc = steps**2 + steps[:, None] ** 2 <= self._cells**2
        return float(self._kernel @ disc @ self._kernel)

    def _blurred(self, discs: NDArray) -> NDArray:
        """Discs (B, K, h * w) blurred as if the map were reflected at its edges."""
        width, height = self.heatmap_size
        down, across = (_reflecting(self._kernel, length) for length in (height, width))
        maps = discs.reshape(-1, height, width).astype(np.float32, copy=False)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not a number is missing, as everywhere
            return (down @ (maps @ across.T)).reshape(discs.shape)


def _reflecting(kernel: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Matrix (length, length) that blurs a line of cells, which goes back from its last cell at each end."""
    reach = len(kernel) // 2
    cells = np.arange(-reach, length + reach)
    period = 2 * (length - 1)
    cells = np.abs((cells + length - 1) % period - (length - 1))
    matrix = np.zeros((length, length), np.float32)
    for row in range(length):
        np.add.at(matrix[row], cells[row : row + len(kernel)], kernel)
    return matrix
