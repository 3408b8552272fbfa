"""What networks are taught with. Each is a function of outputs and targets with one value per keypoint."""

from importlib import import_module
from typing import Protocol

from torch import Tensor

__all__ = ["LOSSES", "PointLoss", "point_loss"]

LOSSES: dict[str, str] = {
    "heatmap-cross-entropy": "pinpoint.losses.heatmap:cross_entropy",
    "heatmap-mse": "pinpoint.losses.heatmap:mean_squared_error",
    "simcc-kl": "pinpoint.losses.simcc:kl_divergence",
}
"""Where the loss of each name is. Imported when asked for."""


class PointLoss(Protocol):
    """How far a top-down network's raw outputs are from what its codec encoded."""

    def __call__(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Loss of every keypoint of every crop, shape (B, K).

        What is not labelled is masked by the caller; it must only not be NaN, in value or gradient, where the
        targets are the zeros that a codec encodes for it.
        """
        ...


def point_loss(name: str) -> PointLoss:
    """Return the loss of a name.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in LOSSES:
        raise ValueError(f"no loss {name!r}; there are {', '.join(sorted(LOSSES))}")
    module, function = LOSSES[name].split(":")
    return getattr(import_module(module), function)
