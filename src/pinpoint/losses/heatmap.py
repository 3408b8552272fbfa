"""Losses on heatmaps."""

from torch import Tensor
from torch.nn import functional

__all__ = ["cross_entropy", "mean_squared_error"]


def cross_entropy(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """How badly a distribution over the cells tells a bell: -sum q log softmax(z), q the bell with sum 1.

    The cross-entropy form of a distribution over places (arXiv 1711.08229, 2107.03332).

    Args:
        outputs: Logits z of shape (B, K, h, w).
        targets: Bells of shape (B, K, h, w); an empty one gives 0.

    Returns:
        Shape (B, K).
    """
    (logits,), (bells,) = outputs, targets
    shares = bells.flatten(2)
    shares = shares / shares.sum(dim=2, keepdim=True).clamp_min(1e-6)
    return -(shares * functional.log_softmax(logits.float().flatten(2), dim=2)).sum(dim=2)


def mean_squared_error(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Mean of (z - t)^2 over the cells of each map (arXiv 1804.06208).

    Args:
        outputs: Maps z of shape (B, K, h, w).
        targets: Bells t of shape (B, K, h, w).

    Returns:
        Shape (B, K).
    """
    (maps,), (bells,) = outputs, targets
    return (maps.float() - bells).square().mean(dim=(2, 3))
