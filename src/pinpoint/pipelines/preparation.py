"""From a picture to the batch that a network takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, Size, sampled_at_corners, warp
from pinpoint.hub.spec import ModelSpec
from pinpoint.runtime import TensorSpec

__all__ = ["Preparation", "picture_size"]

TYPES = ("uint8", "int32", "int64", "float16", "float32", "float64")
EXPECTED = "expected an RGB picture of shape (H, W, 3), uint8"

FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Preparation:
    """Cuts crops out of a picture and gives them the range, order and type a network was trained on.

    Args:
        size: Width and height of the input.
        mean: Per channel, in 0 to 255, subtracted first.
        std: Per channel, in 0 to 255, divided by.
        bgr: Whether the network wants blue first.
        pad_value: Grey level (0 to 255) outside the picture; none repeats its edge.
        channels_first: Whether the network wants (B, 3, h, w).
        corners: Whether the network's makers sampled pictures like MediaPipe; see `sampled_at_corners`. Only
            what it is shown shifts so; its points are mapped back by the true map, which is what it learnt.
        dtype: Type of the input. Whole-number inputs take 0 to 255 as they are.
    """

    size: Size
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (255.0, 255.0, 255.0)
    bgr: bool = False
    pad_value: float | None = 0.0
    channels_first: bool = False
    corners: bool = False
    dtype: np.dtype = FLOAT

    @classmethod
    def of(cls, spec: ModelSpec, tensor: TensorSpec) -> "Preparation":
        """What a model of the catalogue asks for, with layout and type read from its network.

        Raises:
            ValueError: The network's input is not a batch of colour pictures, or its type cannot hold them.
        """
        if len(tensor.shape) != 4 or 3 not in (tensor.shape[1], tensor.shape[3]):
            raise ValueError(
                f"{spec.name}: input {tensor.name!r} has shape {tensor.shape}, expected a batch of pictures"
            )
        if tensor.dtype.name not in TYPES:
            raise ValueError(
                f"{spec.name}: input {tensor.name!r} is {tensor.dtype}, expected one of {', '.join(TYPES)}"
            )
        return cls(
            size=spec.input_size,
            mean=spec.mean,
            std=spec.std,
            bgr=spec.color == "bgr",
            pad_value=spec.pad_value,
            channels_first=tensor.shape[1] == 3,
            corners=spec.sampling == "corners",
            dtype=tensor.dtype,
        )

    def __call__(self, image: Image, input_from_image: Float) -> NDArray:
        """Cut one crop per map.

        Args:
            image: RGB, shape (H, W, 3).
            input_from_image: Maps of shape (B, 2, 3).

        Returns:
            Shape (B, 3, h, w) or (B, h, w, 3), contiguous.

        Raises:
            ValueError: The picture has another shape or type.
        """
        return self.batch(self.crops(image, input_from_image))

    def crops(self, image: Image, input_from_image: Float) -> list[Image]:
        """Cut one crop per map, B of shape (h, w, 3), still as RGB uint8; see `__call__`."""
        picture_size(image)
        sampling = sampled_at_corners(input_from_image) if self.corners else input_from_image
        return [warp(image, matrix, self.size, self.pad_value) for matrix in sampling]

    def batch(self, crops: Sequence[Image]) -> NDArray:
        """Make crops the network's input, shape (B, 3, h, w) or (B, h, w, 3), contiguous."""
        width, height = self.size
        shape = (3, height, width) if self.channels_first else (height, width, 3)
        batch = np.empty((len(crops), *shape), dtype=self.dtype)
        for slot, crop in zip(batch, crops, strict=True):
            self._fill(slot, crop)
        return batch

    def _fill(self, slot: NDArray, crop: Image) -> None:
        if self.bgr:
            crop = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)
        if self.dtype.kind in "iu":
            slot[...] = crop.transpose(2, 0, 1) if self.channels_first else crop
        elif self.channels_first:
            for plane, channel, levels in zip(slot, cv2.split(crop), self._levels, strict=True):
                plane[...] = cv2.LUT(channel, levels)
        elif self._line is not None:
            factor, offset = self._line
            np.multiply(crop, factor, out=slot)
            if offset:
                slot += offset
        else:
            slot[...] = cv2.LUT(crop, np.ascontiguousarray(self._levels.T[None]))

    @cached_property
    def _levels(self) -> NDArray[np.float32]:
        """What each of the 256 levels becomes in each channel, shape (3, 256): faster than arithmetic."""
        mean, std = np.array(self.mean), np.array(self.std)
        return ((np.arange(256)[None] - mean[:, None]) / std[:, None]).astype(np.float32)

    @cached_property
    def _line(self) -> tuple[np.float32, np.float32] | None:
        """Factor and offset where all channels share them: then arithmetic beats a table."""
        if len({*zip(self.mean, self.std, strict=True)}) > 1:
            return None
        return np.float32(1 / self.std[0]), np.float32(-self.mean[0] / self.std[0])


def picture_size(image: Image) -> Size:
    """Width and height of a picture, which every estimator is given in the one form that this checks.

    Raises:
        ValueError: It is not an RGB picture of shape (H, W, 3), uint8.
    """
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image is a {type(image).__name__}, {EXPECTED}; read_image reads a file so")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"image has shape {image.shape}, {EXPECTED}")
    if image.dtype != np.uint8:
        raise ValueError(f"image is {image.dtype}, {EXPECTED} with values from 0 to 255")
    return image.shape[1], image.shape[0]
