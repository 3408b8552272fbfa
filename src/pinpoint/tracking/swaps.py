"""Left and right exchanged: which pairs may be, and in which frames of a track they are."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, swaps_by_name

__all__ = ["exchanged", "pair_columns", "swap_tiers", "swapped_frames", "swapped_now"]

Bools = NDArray[np.bool_]

CLEAR = 0.08
"""Sizes that exchanging two points has to bring them nearer to where they were expected, together."""
PER_TURN, PER_FRAME = 0.1, 0.003
"""Sizes that a change of sides, and each pair that is exchanged in a frame, has to save in a whole track."""
FARTHEST = 0.3
"""Sizes beyond which a point does not speak the louder for being farther off."""


@cache
def pair_columns(skeleton: Skeleton) -> NDArray[np.intp]:
    """Columns of the left and the right of every pair, shape (P, 2), read-only."""
    columns = skeleton.indices(name for pair in skeleton.swaps for name in pair).reshape(-1, 2)
    columns.flags.writeable = False
    return columns


def swap_tiers(skeleton: Skeleton) -> list[Bools]:
    """What may be exchanged together, largest first: all, limbs, limbs without their root, single pairs.

    Limbs are the parts that a skeleton has on both sides, such as `left_arm` and `right_arm`.

    Returns:
        For each tier groups that share no pair, as masks of shape (G, P).
    """
    lefts = [left for left, _ in skeleton.swaps]
    limbs = [
        [lefts.index(name) for name in skeleton.parts[left] if name in lefts]
        for left, _ in swaps_by_name(skeleton.parts)
    ]
    tiers = [[range(len(lefts))], limbs, [limb[1:] for limb in limbs]]
    several = [[group for group in tier if len(group) > 1] for tier in tiers]
    singles = [[pair] for pair in range(len(lefts))]
    return [_masks(tier, len(lefts)) for tier in (*several, singles) if tier]


def _masks(groups: Sequence[Sequence[int]], count: int) -> Bools:
    """Masks of groups; of those that share a pair the first one stands."""
    masks = np.zeros((len(groups), count), dtype=np.bool_)
    for mask, group in zip(masks, groups, strict=True):
        mask[list(group)] = not masks[:, list(group)].any()
    return masks[masks.any(axis=1)]


def swapped_now(expected: Float, seen: Float, tiers: Sequence[Bools]) -> Bools:
    """Whether pairs are nearer to where they were expected if they are exchanged.

    Args:
        expected: Places of the left and right of each pair, in sizes of the instance, shape (N, P, 2, 2).
        seen: Those that are seen, same shape.
        tiers: What may be exchanged together.

    Returns:
        Shape (N, P).
    """
    keep, swap = _distances(seen, expected), _distances(seen[:, :, ::-1], expected)
    gain = keep - swap
    swapped = np.zeros(gain.shape, dtype=np.bool_)
    if not (gain > CLEAR / 2).any():  # as in almost every frame: no group has anybody who speaks for it
        return swapped
    for tier in tiers:
        left = ~swapped[:, None] & tier  # (N, G, P): pairs that the larger groups did not exchange
        total = np.where(left, gain[:, None], 0).sum(axis=2)
        against = (left & (gain[:, None] < -CLEAR / 2)).any(axis=2)
        better = np.where(left, (2 * swap - keep)[:, None], 0).sum(axis=2) < 0
        speaking = (left & (gain[:, None] > CLEAR / 2)).sum(axis=2) * 2 >= left.sum(axis=2)
        chosen = (total > CLEAR) & ~against & better & speaking
        swapped |= (chosen[..., None] & left).any(axis=1)
    return swapped


def swapped_frames(pairs: Float, sizes: Float, seconds: Float, tiers: Sequence[Bools]) -> Bools:
    """In which frames pairs are exchanged, if points are to keep their velocities best over the whole track.

    The side that pairs are on for longer is taken for the right one.

    Args:
        pairs: Places of the left and right of each pair, shape (T, P, 2, 2).
        sizes: Of the instance in each frame, shape (T,).
        seconds: Time of each frame, shape (T,).
        tiers: What may be exchanged together.

    Returns:
        Shape (T, P).
    """
    swapped = np.zeros(pairs.shape[:2], dtype=np.bool_)
    for tier in tiers:
        turned = np.where(swapped[..., None, None], pairs[:, :, ::-1], pairs)
        costs = np.einsum("gp,tpab->tgab", tier, _jolts(turned, sizes, seconds))
        chosen = _best_course(costs, PER_FRAME * tier.sum(axis=1))
        swapped ^= (chosen[..., None] & tier).any(axis=1)
    return swapped


def _jolts(pairs: Float, sizes: Float, seconds: Float) -> Float:
    """How far pairs are from where their last two frames led, in sizes, shape (T, P, 2, 2).

    The last axes say whether sides changed in this frame, and whether in the one before.
    """
    pace = (np.diff(seconds)[1:] / np.diff(seconds)[:-1])[:, None, None, None]
    unit = sizes[2:, None, None, None]
    jolts = np.zeros((*pairs.shape[:2], 2, 2))
    for now, before in np.ndindex(2, 2):
        last = pairs[1:-1, :, ::-1] if now else pairs[1:-1]
        first = pairs[:-2, :, ::-1] if now ^ before else pairs[:-2]
        led = last + (last - first) * pace
        jolts[2:, :, now, before] = _distances(pairs[2:] / unit, np.where(np.isnan(led), last, led) / unit)
    return jolts


def _best_course(costs: Float, per_frame: Float) -> Bools:
    """Cheapest choice of sides for each group (Viterbi's algorithm), shapes (T, G, 2, 2), (G,) -> (T, G)."""
    frames, groups = costs.shape[:2]
    sides = np.arange(2)
    change = sides[:, None] ^ sides
    own = PER_TURN * change + per_frame[:, None, None] * sides  # (G, before, now)
    total = own + per_frame[:, None, None] * sides[:, None]
    origins = np.zeros((frames, groups, 2, 2), dtype=np.intp)
    for frame in range(2, frames):
        # (G, first, before, now): what the frame before ended in, and what this one adds
        steps = total[..., None] + costs[frame][:, change[None], change[:, :, None]]
        origins[frame] = steps.argmin(axis=1)
        total = steps.min(axis=1) + own
    chosen = np.zeros((frames, groups), dtype=np.bool_)
    before, now = np.unravel_index(total.reshape(groups, 4).argmin(axis=1), (2, 2))
    for frame in range(frames - 1, 0, -1):
        chosen[frame] = now
        before, now = origins[frame, np.arange(groups), before, now], before
    chosen[0] = now
    return chosen


def exchanged(kps: Keypoints, swapped: Bools) -> Keypoints:
    """The keypoints with the two of some pairs exchanged, shape (N, P)."""
    if not swapped.any():
        return kps
    order = np.tile(np.arange(len(kps.skeleton)), (len(kps), 1))
    rows, chosen = np.nonzero(swapped)
    left, right = pair_columns(kps.skeleton)[chosen].T
    order[rows, left], order[rows, right] = right, left
    lines = np.arange(len(kps))[:, None]
    fields = {name: getattr(kps, name) for name in ("xy", "scores", "visible", "xyz")}
    return replace(kps, **{name: value[lines, order] for name, value in fields.items() if value is not None})


def _distances(a: Float, b: Float) -> Float:
    """Summed over the two of a pair; 0 for what is missing. Shapes (..., 2, D) -> (...)."""
    return np.nan_to_num(np.minimum(np.linalg.norm(a - b, axis=-1), FARTHEST)).sum(axis=-1)
