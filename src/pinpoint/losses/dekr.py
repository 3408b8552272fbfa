"""What DEKR is taught with: heatmaps everywhere, offsets around the middles of people."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

__all__ = ["dekr_loss"]

BEND = 1 / 9  # cells, below which the loss of an offset is a square
OFFSET_WEIGHT = 0.03


def dekr_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Weighted squares on heatmaps and weighted smooth L1 on offsets (arXiv 2104.02300, equations 6 and 7).

    Offsets count 1 / diagonal of their person, so that the same share of a small and a large person weighs
    the same. Their sum is divided by how many are taught, in each picture.

    Args:
        outputs: Heatmaps (B, K + 1, h, w) and offsets (B, 2K, h, w).
        targets: Heatmaps, how much each cell counts, offsets, and how much each counts, in the same shapes.
        sigmas: Not looked at.

    Returns:
        Sum over pictures, and how many they are.
    """
    maps, offsets = outputs
    bells, weights, ways, counts = targets
    heat = ((maps - bells).square() * weights).mean(dim=(1, 2, 3))
    away = functional.smooth_l1_loss(offsets, ways, reduction="none", beta=BEND) * counts
    told = (counts > 0).sum(dim=(1, 2, 3)).clamp_min(1)
    total = heat + OFFSET_WEIGHT * away.sum(dim=(1, 2, 3)) / told
    return total.sum(), total.new_tensor(len(maps))
