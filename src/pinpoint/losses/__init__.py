"""What networks are taught with. Each is a function of outputs and targets with one value per keypoint."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor

__all__ = ["LOSSES", "PICTURE_LOSSES", "PictureLoss", "PointLoss", "picture_loss", "point_loss"]

LOSSES: dict[str, str] = {
    "coordinate-mse": "pinpoint.losses.regression:mean_squared_error",
    "heatmap-adaptive-wing": "pinpoint.losses.heatmap:adaptive_wing",
    "heatmap-cross-entropy": "pinpoint.losses.heatmap:cross_entropy",
    "heatmap-focal": "pinpoint.losses.heatmap:focal",
    "heatmap-integral": "pinpoint.losses.heatmap:integral",
    "heatmap-mse": "pinpoint.losses.heatmap:mean_squared_error",
    "heatmap-mse-stages": "pinpoint.losses.stages:staged_mean_squared_error",
    "heatmap-offset-mse": "pinpoint.losses.heatmap_offset:mean_squared_error",
    "mae": "pinpoint.losses.regression:mean_absolute_error",
    "rle": "pinpoint.losses.rle:residual_log_likelihood",
    "simcc-cross-entropy": "pinpoint.losses.simcc:cross_entropy",
    "simcc-js": "pinpoint.losses.simcc:js_divergence",
    "simcc-kl": "pinpoint.losses.simcc:kl_divergence",
    "smooth-l1": "pinpoint.losses.regression:smooth_l1",
    "wing": "pinpoint.losses.regression:wing",
}
"""Where the loss of each name is. Imported when asked for."""

PICTURE_LOSSES: dict[str, str] = {
    "associative": "pinpoint.losses.associative:associative_loss",
    "centernet": "pinpoint.losses.centernet:centernet_loss",
    "dekr": "pinpoint.losses.dekr:dekr_loss",
    "dense-detection": "pinpoint.losses.detection:detection_loss",
    "keypoint-rcnn": "pinpoint.losses.keypoint_rcnn:keypoint_rcnn_loss",
    "paf": "pinpoint.losses.paf:paf_loss",
    "yolo-pose": "pinpoint.losses.yolo_pose:yolo_pose_loss",
    "rtmo": "pinpoint.losses.rtmo:rtmo_loss",
}
"""Where the loss of each kind of one-stage network is. Imported when asked for."""


class PointLoss(Protocol):
    """How far a top-down network's raw outputs are from what its codec encoded."""

    def __call__(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Loss of every keypoint of every crop, shape (B, K).

        What is not labelled is masked by the caller; it must only be finite, in value and gradient, where the
        targets are the zeros that a codec encodes for it, or NaN.
        """
        ...


class PictureLoss(Protocol):
    """How far a one-stage network's raw outputs are from what is in its pictures."""

    def __call__(
        self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
    ) -> tuple[Tensor, Tensor]:
        """Loss of a batch, in two parts that several processes can add up.

        Args:
            outputs: What the network puts out in training.
            targets: What its codec's `encode` makes of each picture, stacked; of a codec without `encode`
                boxes (B, M, 4), whether each is one (B, M), points (B, M, K, 2), NaN where not labelled, and
                boxes in which nothing counts (B, I, 4).
            sigmas: Falloff of each keypoint, K of them, or none.

        Returns:
            Sum over everything that counts, and how much that is.
        """
        ...


def point_loss(name: str) -> PointLoss:
    """Return the loss of a name.

    Raises:
        ValueError: There is none of that name.
    """
    return _named(name, LOSSES)


def picture_loss(name: str) -> PictureLoss:
    """Return the loss of a name.

    Raises:
        ValueError: There is none of that name.
    """
    return _named(name, PICTURE_LOSSES)


def _named(name: str, table: Mapping[str, str]) -> Any:
    if name not in table:
        raise ValueError(f"no loss {name!r}; there are {', '.join(sorted(table))}")
    module, function = table[name].split(":")
    return getattr(import_module(module), function)
