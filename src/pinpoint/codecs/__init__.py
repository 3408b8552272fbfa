"""Between keypoints and what networks put out, in pixels of the network's input. Numpy only, vectorised."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codec", "Extras", "InstanceCodec", "Instances"]

Float = NDArray[np.floating]


class Codec(Protocol):
    """One instance per crop: what a top-down network is trained on and read by."""

    input_size: tuple[int, int]

    def encode(self, xy: Float, visible: NDArray[np.bool_]) -> tuple[NDArray, ...]:
        """Turn points (B, K, 2) and whether each is there (B, K) into training targets."""
        ...

    def decode(self, *outputs: NDArray) -> tuple[Float, Float]:
        """Turn network outputs into points (B, K, 2) and scores (B, K) in [0, 1]."""
        ...


class Extras(NamedTuple):
    """What some networks say of a crop beyond its points."""

    presence: Float
    """Confidence that the crop holds an instance at all, shape (B,), in [0, 1]."""
    xyz: Float | None = None
    """Points in metres, in the orientation of the crop, shape (B, K, 3)."""
    labels: NDArray[np.str_] | None = None
    """A word for each crop, shape (B,)."""


class Instances(NamedTuple):
    """What a one-stage network found in one picture, in input pixels."""

    boxes: Float
    """x1 y1 x2 y2, shape (N, 4)."""
    box_scores: Float
    """Shape (N,), in [0, 1]."""
    xy: Float
    """Shape (N, K, 2); K is 0 for a plain detector."""
    scores: Float
    """Shape (N, K), in [0, 1]."""


class InstanceCodec(Protocol):
    """Many instances per picture: how a one-stage network or a detector is read."""

    input_size: tuple[int, int]

    def decode(self, *outputs: NDArray) -> Instances:
        """Turn the outputs for one picture (B = 1) into instances, overlaps removed, best first."""
        ...
