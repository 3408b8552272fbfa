"""The loss on UDP's combined target."""

from torch import Tensor

from pinpoint.losses.masking import labelled

__all__ = ["mean_squared_error"]


def mean_squared_error(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Half the mean of (d - D)^2, D (x - X)^2 and D (y - Y)^2, each over the cells (arXiv 1911.07524).

    Offsets count inside the disc D alone.

    Args:
        outputs: Maps d, x, y of each keypoint in turn, shape (B, 3K, h, w).
        targets: Maps D, X, Y of the same shape; what is NaN gives 0.

    Returns:
        Sum of the three, shape (B, K).
    """
    shape = (len(targets[0]), -1, 3, *targets[0].shape[2:])
    truth, there = labelled(targets[0].reshape(shape))
    squared = (outputs[0].float().reshape(shape) - truth).square()
    disc = truth[:, :, :1]
    inside = disc * squared[:, :, 1:]
    return 0.5 * (squared[:, :, 0].mean(dim=(2, 3)) + inside.mean(dim=(3, 4)).sum(dim=2)) * there
