"""The loss on whether a keypoint can be seen."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["visibility"]


def visibility(logits: Tensor, visible: Tensor) -> Tensor:
    """Binary cross entropy, -v log p - (1 - v) log(1 - p) with p = sigmoid(z).

    Args:
        logits: z, shape (B, K).
        visible: v, 1 if a keypoint can be seen, 0 if not, NaN if nobody said: that gives 0. Shape (B, K).

    Returns:
        Shape (B, K).
    """
    said = visible.isfinite()
    known = torch.where(said, visible, 0.0)
    each = functional.binary_cross_entropy_with_logits(logits.float(), known.float(), reduction="none")
    return each * said
