"""What is not labelled, and what is hardest."""

import torch
from torch import Tensor

__all__ = ["hardest", "labelled"]


def labelled(truth: Tensor) -> tuple[Tensor, Tensor]:
    """Targets that are safe to compute with, and which keypoints have any.

    A NaN must be gone before arithmetic: its gradient stays NaN even where the result is masked.

    Args:
        truth: Shape (B, K, ...), NaN or infinite where not labelled.

    Returns:
        The targets with 0 instead, and whether all numbers of a keypoint are finite, shape (B, K).
    """
    finite = truth.isfinite()
    return torch.where(finite, truth, 0.0), finite.flatten(2).all(dim=2)


def hardest(each: Tensor, weights: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Keep the keypoints of each crop that are told worst (OHKM, arXiv 1711.07319).

    Args:
        each: Loss of every keypoint, times its weight, shape (B, K).
        weights: How much each counts, shape (B, K).
        count: How many to keep; 0, or K and more, keeps all.

    Returns:
        Losses and weights of those, each (B, count). The mean loss is the sum of one by that of the other.
    """
    if not 0 < count < each.shape[1]:
        return each, weights
    worst = each.detach().topk(count, dim=1).indices
    return each.gather(1, worst), weights.gather(1, worst)
