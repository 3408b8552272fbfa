"""What a training run asks of the thing that is learnt, whatever that is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from numpy.typing import NDArray
from torch import Tensor, nn

from pinpoint.datasets.order import Draw
from pinpoint.geometry import Image
from pinpoint.hub import ModelSpec

__all__ = ["Batch", "Loss", "Task"]


class Batch(NamedTuple):
    """What one step sees, still on the host."""

    images: NDArray
    """RGB uint8, shape (B, h, w, 3)."""
    targets: tuple[NDArray, ...]
    """What the loss takes."""


class Loss(NamedTuple):
    """A loss in two parts, so that processes can add theirs up before they divide."""

    total: Tensor
    """Sum over everything that counts."""
    weight: Tensor
    """How much that is; not differentiated."""


class Task(Protocol):
    """A network, its data and its loss."""

    network: nn.Module
    spec: ModelSpec
    """What the finished file will say of itself; its metrics are those of the last measurement."""
    lengths: tuple[int, ...]
    """Samples in each source of training data."""
    weights: tuple[float, ...]
    """How often a sample of each source comes in one epoch."""

    @property
    def best_by(self) -> str:
        """The measure that picks the best weights; more is better."""
        ...

    def batch(self, draws: Sequence[Draw], progress: float) -> Batch:
        """Make what one step sees.

        Args:
            draws: Which samples.
            progress: How much of the run is over, in [0, 1).
        """
        ...

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Loss:
        """Compare raw outputs with the targets of the same batch."""
        ...

    def evaluate(self, network: nn.Module) -> Mapping[str, float]:
        """Measure a network, in evaluation mode, on the validation data."""
        ...

    def pictures(self, network: nn.Module) -> Sequence[Image]:
        """Draw what a network says of a few validation samples, the same ones every time."""
        ...
