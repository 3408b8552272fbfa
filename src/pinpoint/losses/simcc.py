"""The loss on SimCC's rulers."""

from torch import Tensor
from torch.nn import functional

__all__ = ["kl_divergence"]

BETA = 10.0


def kl_divergence(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """How badly two rulers tell two bells: KL(p || q) of x and of y, p = softmax(10 t), q = softmax(10 z).

    RTMPose's loss (arXiv 2303.07399, after 2107.03332). As the target goes through the softmax too, the bell
    itself is the best output, so heights can be read as scores. In nats: bins are added up, not averaged.

    Args:
        outputs: Heights z of shapes (B, K, bins of x) and (B, K, bins of y).
        targets: Bells t of the same shapes; an empty one gives 0.

    Returns:
        Shape (B, K).
    """
    x, y = (_divergence(*pair) for pair in zip(outputs, targets, strict=True))
    return x + y


def _divergence(heights: Tensor, bells: Tensor) -> Tensor:
    told = functional.log_softmax(BETA * heights.float(), dim=2)
    true = functional.log_softmax(BETA * bells.float(), dim=2)
    divergence = functional.kl_div(told, true, reduction="none", log_target=True).sum(dim=2)
    return divergence * (bells.amax(dim=2) > 0)
