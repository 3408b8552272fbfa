"""What networks with tags are taught with: bells where points are, tags that join and part people."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["associative_loss", "masked_squares", "push_and_pull"]

TAG_WEIGHT = 1e-3  # of push and pull each, as published (arXiv 1908.10357)


def associative_loss(
    outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...], sigmas: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Loss of heatmaps in two sizes and of tags in the smaller (arXiv 1908.10357).

    Args:
        outputs: Heatmaps and tags, shape (B, 2K, h, w); heatmaps of twice the size, (B, K, 2h, 2w).
        targets: Bells (B, K, h, w), which cells count (B, h, w), both again at twice the size, and the cell
            of each point of each person, -1 where none, (B, M, K).
        sigmas: Not looked at.

    Returns:
        Sum over pictures, and how many they are.
    """
    coarse, fine = outputs
    bells, mask, fine_bells, fine_mask, places = targets
    keypoints = bells.shape[1]
    heatmaps, tags = coarse[:, :keypoints], coarse[:, keypoints:]
    push, pull = push_and_pull(tags, places)
    each = masked_squares(heatmaps, bells, mask) + masked_squares(fine, fine_bells, fine_mask)
    return (each + TAG_WEIGHT * (push + pull)).sum(), each.new_tensor(len(each))


def masked_squares(maps: Tensor, bells: Tensor, mask: Tensor) -> Tensor:
    """Mean of mask * (z - t)^2 over keypoints and cells, shapes (B, K, h, w), the same, (B, h, w) -> (B,)."""
    return ((maps - bells).square() * mask[:, None]).mean(dim=(1, 2, 3))


def push_and_pull(tags: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """How alike the tags of different people are, and how unlike those of one person (arXiv 1611.05424).

    With t the tags of a person's points and m their mean, pull is the mean over people of the mean of
    (t - m)^2, and push is half the mean over pairs of people of exp(-(m - m')^2). Points that are not told
    take no part. One person is pushed by nobody.

    Args:
        tags: Shape (B, K, h, w).
        places: Cell of each point, row by row, shape (B, M, K); -1 where none.

    Returns:
        Push (B,) and pull (B,).
    """
    told = places >= 0
    flat = tags.flatten(2).transpose(1, 2)
    read = flat.gather(1, places.clamp_min(0))  # (B, M, K): from each keypoint's own map
    count = told.sum(dim=2)
    means = (read * told).sum(dim=2) / count.clamp_min(1)
    spread = ((read - means[..., None]).square() * told).sum(dim=2) / count.clamp_min(1)
    there = count > 0
    people = there.sum(dim=1)
    pairs = (
        there[:, None] & there[:, :, None] & ~torch.eye(there.shape[1], dtype=torch.bool, device=tags.device)
    )
    likeness = torch.exp(-(means[:, None] - means[:, :, None]).square()) * pairs
    push = 0.5 * likeness.sum(dim=(1, 2)) / (people * (people - 1)).clamp_min(1)
    return push, (spread * there).sum(dim=1) / people.clamp_min(1)
