"""SimCC: a coordinate is a class on a fine ruler, one ruler for x and one for y (RTMPose, DWPose)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import Float
from pinpoint.codecs.points import gaussians, highest, known_points, point_weights

__all__ = ["SimCC"]

TARGETS = ("gaussian", "one-hot")


@dataclass(frozen=True)
class SimCC:
    """Two 1-D distributions per point (arXiv 2107.03332), read as RTMPose reads them (arXiv 2303.07399).

    `decode` undoes `encode` to half a bin, .5 / split_ratio pixels, for points from 0 to size - 1.

    Args:
        input_size: Width and height of the input.
        split_ratio: Bins per pixel. Bin b is the coordinate b / split_ratio, with no half bin.
        sigma: Spread of the targets in bins, one number or one each for x and y. None takes sqrt(side / 8),
            the rule behind RTMPose's published 4.9 and 5.66 (192 x 256) and 6.0 and 6.93 (288 x 384).
        target: `gaussian` is a bell of height 1, `one-hot` the nearest bin alone.
        smoothing: Share of a one-hot target that all other bins get, in equal parts, in [0, 1).

    Raises:
        ValueError: A number is out of range or the target unknown.
    """

    input_size: tuple[int, int]
    split_ratio: float = 2.0
    sigma: float | tuple[float, float] | None = None
    target: str = "gaussian"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not (self.split_ratio > 0 and min(self.sigmas) > 0):
            raise ValueError(
                f"SimCC has split_ratio {self.split_ratio}, sigma {self.sigma}, expected more than 0"
            )
        if self.target not in TARGETS:
            raise ValueError(f"SimCC has no target {self.target!r}, expected one of {TARGETS}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"SimCC smoothing is {self.smoothing}, expected 0 or more and less than 1")

    @property
    def sigmas(self) -> tuple[float, float]:
        """Spread of the targets in bins, for x and for y."""
        if self.sigma is None:
            width, height = self.input_size
            return (width / 8) ** 0.5, (height / 8) ** 0.5
        return self.sigma if isinstance(self.sigma, tuple) else (self.sigma, self.sigma)

    @property
    def bins(self) -> tuple[int, int]:
        """Length of the two rulers."""
        width, height = self.input_size
        return round(width * self.split_ratio), round(height * self.split_ratio)

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: the last bin of x, in input pixels."""
        return (self.bins[0] - 1) / self.split_ratio

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`."""
        x, y = outputs
        return x[:, order, ::-1], y[:, order]

    def encode(self, xy: Float, visible: ArrayLike) -> tuple[NDArray, ...]:
        """Bells of height 1 around each coordinate, not rounded to a bin, or its bin alone.

        Args:
            xy: Input pixels, shape (B, K, 2).
            visible: Whether each point is there, shape (B, K).

        Returns:
            Targets (B, K, width * split_ratio) and (B, K, height * split_ratio), and weights (B, K).
        """
        weights = point_weights(xy, visible, self.input_size)
        axes = zip(np.moveaxis(xy * self.split_ratio, -1, 0), self.bins, self.sigmas, strict=True)
        x, y = (self._ruler(*axis) * weights[..., None] for axis in axes)
        return x, y, weights

    def decode(self, x: NDArray, y: NDArray) -> tuple[Float, Float]:
        """The highest bin of each ruler; the score is the lower of the two heights.

        Args:
            x: Shape (B, K, width * split_ratio).
            y: Shape (B, K, height * split_ratio).

        Raises:
            ValueError: A ruler has another length.
        """
        if (x.shape[-1], y.shape[-1]) != self.bins:
            raise ValueError(f"SimCC outputs have {x.shape[-1]} and {y.shape[-1]} bins, expected {self.bins}")
        (column, across), (row, down) = highest(x), highest(y)
        return known_points(np.stack([column, row], axis=-1) / self.split_ratio, np.minimum(across, down))

    def _ruler(self, at: Float, bins: int, sigma: float) -> NDArray[np.float32]:
        """Targets of coordinates in bins, shapes (B, K) -> (B, K, bins)."""
        if self.target == "gaussian":
            return gaussians(at, bins, sigma)
        nearest = np.rint(np.nan_to_num(at)).clip(0, bins - 1)[..., None]
        rest = self.smoothing / (bins - 1)
        return np.where(np.arange(bins) == nearest, 1 - self.smoothing, rest).astype(np.float32)
