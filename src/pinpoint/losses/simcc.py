"""Losses on SimCC's rulers."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pinpoint.losses.masking import labelled

__all__ = ["cross_entropy", "js_divergence", "kl_divergence"]

BETA = 10.0


def kl_divergence(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """How badly two rulers tell two bells: KL(p || q) of x and of y, p = softmax(10 t), q = softmax(10 z).

    RTMPose's loss (arXiv 2303.07399, after 2107.03332). As the target goes through the softmax too, the bell
    itself is the best output, so heights can be read as scores. In nats: bins are added up, not averaged.

    Args:
        outputs: Heights z of shapes (B, K, bins of x) and (B, K, bins of y).
        targets: Bells t of the same shapes; an empty one and one that is NaN give 0.

    Returns:
        Shape (B, K).
    """
    x, y = (_divergence(*pair) for pair in zip(outputs, targets, strict=True))
    return x + y


def js_divergence(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """The same with (KL(p || m) + KL(q || m)) / 2, m = (p + q) / 2: symmetric, and log 2 per ruler at most.

    Jensen and Shannon's divergence, which arXiv 1801.07372 has for maps.

    Args:
        outputs: Heights z of shapes (B, K, bins of x) and (B, K, bins of y).
        targets: Bells t of the same shapes; an empty one and one that is NaN give 0.

    Returns:
        Shape (B, K).
    """
    x, y = (_symmetric(*pair) for pair in zip(outputs, targets, strict=True))
    return x + y


def cross_entropy(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """How badly two distributions tell two others: -sum q log softmax(z) of x and of y (arXiv 2107.03332).

    For one-hot targets, smoothed or not, and for bells, which are brought to the sum 1 first.

    Args:
        outputs: Logits z of shapes (B, K, bins of x) and (B, K, bins of y).
        targets: Of the same shapes; an empty one and one that is NaN give 0.

    Returns:
        Shape (B, K).
    """
    x, y = (_entropy(*pair) for pair in zip(outputs, targets, strict=True))
    return x + y


def _divergence(heights: Tensor, bells: Tensor) -> Tensor:
    told, true, there = _logarithms(heights, bells)
    return functional.kl_div(told, true, reduction="none", log_target=True).sum(dim=2) * there


def _symmetric(heights: Tensor, bells: Tensor) -> Tensor:
    told, true, there = _logarithms(heights, bells)
    middle = torch.logaddexp(told, true) - math.log(2)
    both = (functional.kl_div(middle, one, reduction="none", log_target=True) for one in (told, true))
    return torch.stack([part.sum(dim=2) for part in both]).mean(dim=0) * there


def _entropy(logits: Tensor, truth: Tensor) -> Tensor:
    bells, there = labelled(truth)
    shares = bells / bells.sum(dim=2, keepdim=True).clamp_min(1e-6)
    return -(shares * functional.log_softmax(logits.float(), dim=2)).sum(dim=2) * there


def _logarithms(heights: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of both distributions, (B, K, bins), and whether there is a bell, (B, K)."""
    bells, there = labelled(truth)
    told = functional.log_softmax(BETA * heights.float(), dim=2)
    true = functional.log_softmax(BETA * bells.float(), dim=2)
    return told, true, there & (bells.amax(dim=2) > 0)
