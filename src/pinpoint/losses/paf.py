"""What networks with part affinity fields are taught with, at every stage."""

from collections.abc import Sequence

from torch import Tensor

__all__ = ["paf_loss"]


def paf_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Mean over cells of |z - t|^2, those that do not count left out, summed over stages (arXiv 1812.08008).

    Args:
        outputs: Heatmaps of every stage (B, S, K + 1, h, w) and fields of every stage (B, S', 2E, h, w).
        targets: Heatmaps (B, K + 1, h, w), fields (B, 2E, h, w), and which cells count (B, h, w).
        sigmas: Not looked at.

    Returns:
        Sum over pictures, and how many they are.
    """
    heatmaps, fields, mask = targets
    total = _squares(outputs[0], heatmaps, mask) + _squares(outputs[1], fields, mask)
    return total, total.new_tensor(len(mask))


def _squares(stages: Tensor, maps: Tensor, mask: Tensor) -> Tensor:
    """Sum over pictures, stages and maps of the mean over cells."""
    return ((stages - maps[:, None]).square() * mask[:, None, None]).mean(dim=(3, 4)).sum()
