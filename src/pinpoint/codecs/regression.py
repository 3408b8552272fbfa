"""Networks that put out the coordinates themselves, as shares of the input."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import Float
from pinpoint.codecs.points import known_points, point_weights

__all__ = ["MoveNet", "Regression", "ResidualLikelihood"]


@dataclass(frozen=True)
class Regression:
    """Coordinates divided by width and height, and perhaps a score (arXiv 1312.4659, mmpose).

    Args:
        input_size: Width and height of the input.
    """

    input_size: tuple[int, int]

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`: that of the picture, for there are no cells."""
        return self.input_size[0] - 1.0

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`."""
        (table,) = outputs
        table = table[:, order]
        table[..., 0] = self.mirror_sum / self.input_size[0] - table[..., 0]
        return (table,)

    def encode(self, xy: Float, visible: ArrayLike) -> tuple[NDArray, ...]:
        """Divide by the size of the input.

        Args:
            xy: Input pixels, shape (B, K, 2).
            visible: Whether each point is there, shape (B, K).

        Returns:
            Targets (B, K, 2), 0 where the weight is, and weights (B, K).
        """
        weights = point_weights(xy, visible, self.input_size)
        return np.where(weights[..., None] > 0, xy / self.input_size, 0).astype(np.float32), weights

    def decode(self, output: NDArray) -> tuple[Float, Float]:
        """Multiply by the size of the input; the score is 1 where the network gives none.

        Args:
            output: x, y and perhaps a score, shape (B, K, 2 or 3).

        Raises:
            ValueError: The output has another shape.
        """
        if output.ndim != 3 or output.shape[2] not in (2, 3):
            raise ValueError(f"output has shape {output.shape}, expected (B, K, 2) or (B, K, 3)")
        scores = output[..., 2] if output.shape[2] == 3 else np.ones(output.shape[:2])
        return known_points(output[..., :2].astype(np.float64) * self.input_size, scores)


@dataclass(frozen=True)
class ResidualLikelihood:
    """Coordinates with the spread of their error, both as shares of the input (RLE, arXiv 2107.11291).

    Args:
        input_size: Width and height of the input.
    """

    input_size: tuple[int, int]

    @property
    def mirror_sum(self) -> float:
        """See `MirrorCodec`."""
        return Regression(self.input_size).mirror_sum

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """See `MirrorCodec`; a spread is the same in a mirror."""
        return Regression(self.input_size).mirrored(*outputs, order=order)

    def encode(self, xy: Float, visible: ArrayLike) -> tuple[NDArray, ...]:
        """Divide by the size of the input, with a spread of 0: as sure as can be.

        Args:
            xy: Input pixels, shape (B, K, 2).
            visible: Whether each point is there, shape (B, K).

        Returns:
            Targets (B, K, 4), 0 where the weight is, and weights (B, K).
        """
        shares, weights = Regression(self.input_size).encode(xy, visible)
        return np.concatenate([shares, np.zeros_like(shares)], axis=-1), weights

    def decode(self, output: NDArray) -> tuple[Float, Float]:
        """Multiply by the size of the input; the score is 1 less the mean of both spreads.

        Args:
            output: x, y and their spreads in (0, 1), shape (B, K, 4).

        Raises:
            ValueError: The output has another shape.
        """
        if output.ndim != 3 or output.shape[2] != 4:
            raise ValueError(f"output has shape {output.shape}, expected (B, K, 4)")
        table = output.astype(np.float64)
        return known_points(table[..., :2] * self.input_size, 1 - table[..., 2:].mean(axis=-1))


@dataclass(frozen=True)
class MoveNet:
    """MoveNet's single-pose networks: y, x and score, measured from the input's outer edge.

    Their card only says "normalised". That they count from the edge, half a pixel from the first pixel's
    centre, was measured: readings of a photograph and of its mirror image then agree to a tenth of a pixel.

    Args:
        input_size: Width and height of the input.
    """

    input_size: tuple[int, int]

    def encode(self, xy: Float, visible: ArrayLike) -> tuple[NDArray, ...]:
        """Write points as the network would.

        Args:
            xy: Input pixels, shape (B, K, 2).
            visible: Whether each point is there, shape (B, K).

        Returns:
            y, x and score (B, 1, K, 3), 0 where the weight is, and weights (B, K).
        """
        weights = point_weights(xy, visible, self.input_size)
        share = (xy + 0.5) / self.input_size
        table = np.concatenate([share[..., ::-1], weights[..., None]], axis=-1)
        return np.where(weights[..., None] > 0, table, 0).astype(np.float32)[:, None], weights

    def decode(self, output: NDArray) -> tuple[Float, Float]:
        """Read points.

        Args:
            output: y, x and score, shape (B, 1, K, 3).

        Raises:
            ValueError: The output has another shape.
        """
        if output.ndim != 4 or output.shape[1] != 1 or output.shape[3] != 3:
            raise ValueError(f"output has shape {output.shape}, expected (B, 1, K, 3)")
        table = output[:, 0].astype(np.float64)
        return known_points(table[..., 1::-1] * self.input_size - 0.5, table[..., 2])
