"""Losses on heatmaps."""

import torch
from torch import Tensor
from torch.nn import functional

from pinpoint.losses.masking import labelled

__all__ = ["adaptive_wing", "cross_entropy", "focal", "focal_terms", "integral", "mean_squared_error"]


def cross_entropy(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """How badly a distribution over the cells tells a bell: -sum q log softmax(z), q the bell with sum 1.

    The cross-entropy form of a distribution over places (arXiv 1711.08229, 2107.03332).

    Args:
        outputs: Logits z of shape (B, K, h, w).
        targets: Bells of shape (B, K, h, w); an empty one and one that is NaN give 0.

    Returns:
        Shape (B, K).
    """
    (logits,), (truth,) = outputs, targets
    bells, there = labelled(truth)
    logs = functional.log_softmax(logits.float().flatten(2), dim=2)
    return -(_shares(bells.flatten(2)) * logs).sum(dim=2) * there


def mean_squared_error(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Mean of (z - t)^2 over the cells of each map (arXiv 1804.06208).

    `pinpoint.losses.masking.hardest` keeps the worst keypoints of it, as arXiv 1711.07319 has it.

    Args:
        outputs: Maps z of shape (B, K, h, w).
        targets: Bells t of shape (B, K, h, w); one that is NaN gives 0, an empty one teaches an empty map.

    Returns:
        Shape (B, K).
    """
    (maps,), (truth,) = outputs, targets
    bells, there = labelled(truth)
    return (maps.float() - bells).square().mean(dim=(2, 3)) * there


def adaptive_wing(
    outputs: tuple[Tensor, ...],
    targets: tuple[Tensor, ...],
    *,
    alpha: float = 2.1,
    omega: float = 14.0,
    epsilon: float = 1.0,
    theta: float = 0.5,
    foreground: float = 10.0,
) -> Tensor:
    """Sharp where the bell is, tolerant where it is not (arXiv 1904.07399).

    With d = |z - t| and a = alpha - t, a cell costs omega log(1 + (d / epsilon)^a) for d < theta, and goes on
    straight, with the same value and slope there, beyond. Cells of the bell, grown by one, weigh 1 +
    foreground.

    Args:
        outputs: Maps z of shape (B, K, h, w).
        targets: Bells t of shape (B, K, h, w); one that is NaN gives 0, an empty one teaches an empty map.
        alpha: Exponent where the bell is 0; more than 2, so that the slope at d = 0 stays 0 at its top.
        omega: Scale.
        epsilon: How far off is much.
        theta: From where on it is straight.
        foreground: How much more cells count where the bell is above .2, or a neighbour's is.

    Returns:
        Mean over the cells of each map, shape (B, K).
    """
    (maps,), (truth,) = outputs, targets
    bells, there = labelled(truth)
    power, edge = alpha - bells, theta / epsilon
    slope = omega / (1 + edge**power) * power * edge ** (power - 1) / epsilon
    start = omega * torch.log1p(edge**power)
    away = (maps.float() - bells).abs()
    near = omega * torch.log1p((away.clamp_max(theta) / epsilon) ** power)
    each = torch.where(away < theta, near, start + slope * (away - theta))
    weights = 1 + foreground * (functional.max_pool2d(bells, 3, 1, 1) > 0.2)
    return (weights * each).mean(dim=(2, 3)) * there


def focal(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Sum of `focal_terms` over each map, whose highest cell is the place to be found (arXiv 1808.01244).

    Args:
        outputs: Logits of shape (B, K, h, w).
        targets: Bells of shape (B, K, h, w); an empty one teaches an empty map, one that is NaN gives 0.

    Returns:
        Shape (B, K).
    """
    (logits,), (truth,) = outputs, targets
    bells, there = labelled(truth)
    top = bells.amax(dim=(2, 3), keepdim=True)
    bells = torch.where((bells == top) & (top > 0), 1.0, bells)
    return focal_terms(logits.float(), bells).sum(dim=(2, 3)) * there


def focal_terms(logits: Tensor, targets: Tensor, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    """What each cell of a map of places costs (CornerNet, arXiv 1808.01244; CenterNet, 1904.07850).

    With p = sigmoid(z): -(1 - p)^alpha log p where the target t is 1, and -(1 - t)^beta p^alpha log(1 - p)
    elsewhere, so that cells near a place are hardly wrong. Their sum is divided by the number of places.

    Args:
        logits: z, any shape.
        targets: t in [0, 1], of the same shape, 1 at the places alone.
        alpha: How much less a cell counts that is nearly right.
        beta: How much less a cell counts that is near a place.
    """
    found = logits.sigmoid()
    missed = (1 - found) ** alpha * functional.softplus(-logits)
    wrong = (1 - targets) ** beta * found**alpha * functional.softplus(logits)
    return torch.where(targets == 1, missed, wrong)


def integral(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """How far the mean place of softmax(z) is from that of the bell, |dx| + |dy| in cells (arXiv 1711.08229).

    Args:
        outputs: Logits z of shape (B, K, h, w).
        targets: Bells of shape (B, K, h, w); an empty one and one that is NaN give 0.

    Returns:
        Shape (B, K).
    """
    (logits,), (truth,) = outputs, targets
    bells, there = labelled(truth)
    there = there & (bells.amax(dim=(2, 3)) > 0)
    told = functional.softmax(logits.float().flatten(2), dim=2).view_as(logits)
    true = _shares(bells.flatten(2)).view_as(bells)
    return (_mean_places(told) - _mean_places(true)).abs().sum(dim=2) * there


def _shares(bells: Tensor) -> Tensor:
    """Bells (B, K, n) as distributions; an empty one stays empty."""
    return bells / bells.sum(dim=2, keepdim=True).clamp_min(1e-6)


def _mean_places(shares: Tensor) -> Tensor:
    """Mean column and row of distributions (B, K, h, w), shape (B, K, 2)."""
    parts = (shares.sum(dim=2), shares.sum(dim=3))
    return torch.stack([(part * torch.arange(part.shape[2]).to(part)).sum(dim=2) for part in parts], dim=2)
