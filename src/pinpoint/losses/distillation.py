"""What a teacher's outputs and features teach (arXiv 1503.02531), and how DWPose puts them together."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["divergence", "feature_error", "first_stage", "relative_feature_error"]

FEATURES, LOGITS = 5e-5, 0.1
"""DWPose's weights of squared feature errors, summed over a picture, and of divergences."""


def divergence(
    outputs: Sequence[Tensor], said: Sequence[Tensor], sharpness: float, temperature: float
) -> Tensor:
    """How badly a student tells what its teacher says, KL(p || q) T^2 of each keypoint, (B, K).

    Args:
        outputs: The student's, each (B, K, ...), one distribution over the rest.
        said: The teacher's, of the same shapes; what is NaN gives 0.
        sharpness: Factor on both.
        temperature: By how much both are made less sure.
    """
    factor = sharpness / temperature
    parts = []
    for own, other in zip(outputs, said, strict=True):
        known = other.float().flatten(2)
        there = known.isfinite().all(dim=2)
        q = functional.log_softmax(factor * own.float().flatten(2), dim=2)
        p = functional.log_softmax(factor * torch.where(there[..., None], known, 0.0), dim=2)
        parts.append(functional.kl_div(q, p, reduction="none", log_target=True).sum(dim=2) * there)
    return torch.stack(parts).sum(dim=0) * temperature**2


def feature_error(own: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of a student's features, summed over channels and cells, averaged over pictures.

    Args:
        own: After a 1 x 1 convolution to the teacher's channels, shape (B, C, h, w); resized if need be.
        wanted: The teacher's, shape (B, C, H, W).
    """
    return (_resized(own, wanted) - wanted.float()).square().sum() / len(wanted)


def relative_feature_error(own: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of a student's features as a share of the teacher's variance.

    Args:
        own: After a 1 x 1 convolution to the teacher's channels, shape (B, C, h, w); resized if need be.
        wanted: The teacher's, shape (B, C, H, W).
    """
    return functional.mse_loss(_resized(own, wanted), wanted.float()) / wanted.var().clamp_min(1e-6)


def first_stage(labels: Tensor, features: Tensor, logits: Tensor, progress: float) -> Tensor:
    """DWPose's first stage: labels + r (5e-5 features + .1 logits) with r = 1 - progress (arXiv 2307.15880).

    The teacher leads at first, and the labels have the last word. In its second stage, a network teaches a
    new head on its own frozen backbone by `divergence` alone.

    Args:
        labels: What the labels teach.
        features: `feature_error` of the backbones.
        logits: Mean `divergence` from the teacher's rulers.
        progress: How much of the run is over, in [0, 1].
    """
    return labels + (1 - progress) * (FEATURES * features + LOGITS * logits)


def _resized(own: Tensor, wanted: Tensor) -> Tensor:
    own = own.float()
    if own.shape[2:] == wanted.shape[2:]:
        return own
    return functional.interpolate(own, size=wanted.shape[2:], mode="bilinear")
