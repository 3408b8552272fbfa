"""Which track goes on with which found instance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs.assignment import assigned
from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.tracking.tracks import Tracks

__all__ = ["Claims", "associated", "paired"]

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]

POWER = 4  # how much looks count beside places: half as alike is a sixteenth
COAST = 1.0  # seconds for which a velocity is believed
FADES = 0.1  # share of its claim that a track loses in a second
ALIKE = 0.8  # looks of two people seldom agree as much, those of one nearly always
SURE = 0.1  # of looks from ALIKE to the same, and near: enough to take a lost track up again
REACH = (1.0, 2.5)  # sizes that somebody may be off when taken up again, and per second away
NEAR = 0.2  # how fast what is farther away becomes less likely, by sizes
SMALLEST = 0.1  # ratio of sizes; who comes out from behind something is small at first


@dataclass(frozen=True, eq=False)
class Claims:
    """What T tracks and N instances have to do with each other.

    Args:
        alike: How alike they are by their places, shape (T, N), in [0, 1].
        away: Seconds since a track was found; 0 for those that were found in the call before, shape (T,).
        rounds: The instances that each round of association gives away, shapes (N,), the surest first.
    """

    alike: Float
    away: Float
    rounds: Sequence[Flags]


def associated(claims: Claims, tracks: Tracks, found: Keypoints, looks: Float, least: float) -> Rows:
    """Pairs of a track and the instance it goes on with, shape (P, 2).

    After the rounds by place and looks, tracks that were lost are taken up again by who looks like them, out
    of what nobody took, and of what tracks took that are not confirmed: those may just have begun with
    somebody who was here before.

    Args:
        claims: How alike they are.
        tracks: Where they are expected.
        found: What was found, with boxes.
        looks: What that looks like, shape (N, F).
        least: How alike a pair is at least.
    """
    same = tracks.looks @ looks.T
    told = np.outer(tracks.looks.any(axis=1), looks.any(axis=1))
    worth = claims.alike * np.where(told, same**POWER, 1.0)
    worth *= ((1 - FADES) ** claims.away * (claims.away <= COAST))[:, None]
    free = np.ones(len(tracks), bool)
    pairs = np.zeros((0, 2), np.intp)
    for given in claims.rounds:
        pairs = np.concatenate([pairs, paired(worth * free[:, None] * given, least)])
        free[pairs[:, 0]] = False
    lost = free & (claims.away > 0) & (tracks.ids > 0)
    if not lost.any() or not told.any():
        return pairs
    open_: Flags = np.asarray(np.stack(claims.rounds).any(axis=0))
    open_[pairs[tracks.ids[pairs[:, 0]] > 0, 1]] = False
    back = _likely(tracks, found) * np.where(told, np.clip((same - ALIKE) / (1 - ALIKE), 0, 1), 0.0)
    again = paired(back * lost[:, None] * open_, SURE)
    return np.concatenate([pairs[~np.isin(pairs[:, 1], again[:, 1])], again])


def _likely(tracks: Tracks, found: Keypoints) -> Float:
    """Whether somebody who was away may be here, by place and size, shape (T, N), in [0, 1]."""
    assert found.boxes is not None
    size = np.sqrt(np.maximum((found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1), 1.0))
    here, there = ((boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (found.boxes, tracks.motion.boxes))
    far = np.linalg.norm(there[:, None] - here, axis=-1) / tracks.motion.size[:, None]
    ratio = size / tracks.motion.size[:, None]
    fits = np.minimum(ratio, 1 / ratio) > SMALLEST
    return np.exp(-NEAR * far) * fits * (far < REACH[0] + REACH[1] * tracks.unseen[:, None])


def paired(worth: Float, least: float) -> Rows:
    """Pairs of a row and a column that are worth most together, each row and column in one pair at most.

    Where the best columns of all rows differ, taking them is the optimum: no sum of one number of each row is
    larger. That is so in almost every frame; where two want the same one, the Hungarian method decides.

    Args:
        worth: Shape (T, N), at least 0.
        least: Pairs that are worth less are none; above 0.

    Returns:
        Shape (P, 2), by row.
    """
    worth = np.where(worth >= least, worth, 0.0)
    rows = np.flatnonzero(worth.any(axis=1))
    if not len(rows):
        return np.zeros((0, 2), np.intp)
    best = worth[rows].argmax(axis=1)
    if len(set(best.tolist())) == len(rows):
        return np.stack([rows, best], axis=1)
    pairs = assigned(-worth[rows])
    pairs[:, 0] = rows[pairs[:, 0]]
    return pairs[worth[pairs[:, 0], pairs[:, 1]] > 0]
