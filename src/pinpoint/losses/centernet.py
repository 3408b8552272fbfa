"""What CenterNet is taught with: where peaks are, and what is told at them (arXiv 1904.07850)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pinpoint.losses.focal import bell_focal

__all__ = ["centernet_loss"]

HEADS = 6
SIZE_WEIGHT = 0.1
NONE = 1e-4  # keeps the mean of nothing finite


def centernet_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Focal loss of both heatmaps, L1 of sizes, offsets and ways, in two parts that processes can add up.

    Each is a mean over the batch: of heatmaps by the number of peaks, else by the numbers that are told;
    sizes count a tenth. Stacks of an hourglass are taught alike.

    Args:
        outputs: Of each stack, hm (B, 1, h, w) and hm_hp (B, K, h, w) as logits, in the order of
            `pinpoint.codecs.centernet.CenterNet.decode`.
        targets: See `pinpoint.codecs.centernet.CenterNet.encode`.
        sigmas: Not used.

    Returns:
        Sum over the pictures, and how many there are.
    """
    stacks = [outputs[first : first + HEADS] for first in range(0, len(outputs), HEADS)]
    total = torch.stack([_stack_loss(stack, targets) for stack in stacks]).mean()
    count = len(outputs[0])
    return total * count, total.new_tensor(float(count))


def _stack_loss(outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    hm, wh, hps, reg, hm_hp, hp_offset = outputs
    middles, points, counts, there, places, boxes, ways, labelled, cells, rests = targets
    total = _peak_loss(hm, middles, counts) + _peak_loss(hm_hp, points, counts)
    total = total + SIZE_WEIGHT * _mean(_at(wh, places) - boxes[..., :2], there[..., None])
    total = total + _mean(_at(reg, places) - boxes[..., 2:], there[..., None])
    total = total + _mean(_at(hps, places).unflatten(2, ways.shape[2:]) - ways, labelled[..., None])
    own = _at(hp_offset, cells.flatten(1)).unflatten(1, cells.shape[1:])
    return total + _mean(own - rests, labelled[..., None])


def _peak_loss(logits: Tensor, bells: Tensor, counts: Tensor) -> Tensor:
    return (bell_focal(logits, bells) * counts[:, None]).sum() / (bells == 1).sum().clamp_min(1)


def _at(maps: Tensor, places: Tensor) -> Tensor:
    """What maps (B, C, h, w) tell at cells (B, N), counted row by row, shape (B, N, C)."""
    return maps.flatten(2).gather(2, places[:, None].expand(-1, maps.shape[1], -1)).transpose(1, 2)


def _mean(away: Tensor, counts: Tensor) -> Tensor:
    counts = counts.to(away.dtype).expand_as(away)
    return (away.abs() * counts).sum() / (counts.sum() + NONE)
