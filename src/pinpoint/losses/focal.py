"""Focal losses: what is nearly right already counts little."""

from torch import Tensor
from torch.nn import functional

__all__ = ["bell_focal"]

ALPHA, BETA = 2, 4


def bell_focal(logits: Tensor, bells: Tensor) -> Tensor:
    """How badly cells tell whether they are the top of a bell (arXiv 1808.01244, equation 1).

    With p = sigmoid(z): -(1 - p)^2 log p where the bell t is 1, -(1 - t)^4 p^2 log(1 - p) elsewhere, so that
    cells near a top are hardly wrong. The published loss is the sum by the number of tops.

    Args:
        logits: z, of any shape.
        bells: t in [0, 1], exactly 1 at tops, of the same shape.

    Returns:
        Shape of the logits.
    """
    likely = logits.sigmoid()
    top = (1 - likely) ** ALPHA * functional.logsigmoid(logits)
    rest = (1 - bells) ** BETA * likely**ALPHA * functional.logsigmoid(-logits)
    return -((bells == 1) * top + (bells != 1) * rest)
