"""Which track goes on with which found instance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs.assignment import assigned
from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.tracking.motion import BODY
from pinpoint.tracking.tracks import ALIKE, Tracks

__all__ = ["Claims", "associated", "others", "paired"]

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]

ENOUGH = 0.6  # looks of one person agree as much even when half of them is hidden
AGREES = (0.25, 0.4)  # so much even when they are nearly hidden, and so much more when clear
SHARP = 1.5  # how fast less becomes unlikely
FIRM = 2.0  # how much more looks are trusted for who was lost, whom places tell less about
KEEPS = 0.3  # of looks, and how much they say: enough to believe a place after COAST
COAST = 1.0  # seconds for which a velocity alone is believed
FADES = 0.1  # share of its claim that a track loses in a second
SEEN = 0.5  # how much looks have to say to take a lost track up again by them
AHEAD = 0.8  # and how near the best other track may come
MOMENT = 1e-6  # seconds
SURE = 0.1  # of looks from ALIKE to the same, and near: enough to take a lost track up again
REACH = (1.0, 2.5)  # sizes that somebody may be off when taken up again, and per second away
NEAR = 0.2  # how fast what is farther away becomes less likely, by sizes
LEAP = 2.0  # sizes from one call to the next at which what is fast is another
FARTHER = 1.5  # of the way since the last call, once that is known
AS_LARGE = 0.7  # ratio of sizes of what leaps
LEAST_NEAR = 0.1
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


def associated(
    claims: Claims, tracks: Tracks, found: Keypoints, looks: Float, least: float
) -> tuple[Rows, Rows]:
    """Pairs of a track and the instance it goes on with, shape (P, 2), and whose place tracks are at, (T,).

    After the rounds by place and looks, tracks that were lost are taken up again by who looks like them, out
    of what nobody took, and of what new tracks took: those may just have begun with somebody who was here
    before, and then the two exchange their places. So are tracks that went on with somebody who does not
    look like them. What is left over where nobody came or went has leapt: small and fast ones, such as
    faces, are so far from where they were that places have nothing in common.

    Args:
        claims: How alike they are.
        tracks: Where they are expected.
        found: What was found, with boxes.
        looks: What that looks like, rows as long as much is seen of it, shape (N, F).
        least: How alike a pair is at least.
    """
    same, trust = _compared(tracks.looks, looks)
    worth = _worth(claims, same, trust) if trust.any() else claims.alike * _faith(claims.away)
    free = np.ones(len(tracks), bool)
    pairs = np.zeros((0, 2), np.intp)
    for given in claims.rounds:
        pairs = np.concatenate([pairs, paired(worth * free[:, None] * given, least)])
        free[pairs[:, 0]] = False
    places = np.arange(len(tracks))
    for _ in range(2 * trust.any()):  # whom one track gives back may be another
        could = _may_be(claims, tracks, pairs, same)
        if could.any():
            again = paired(could * _back(tracks, found, pairs, same, trust), SURE)
            pairs, places = _taken_up(pairs, again, places)
    here, new = _left(claims, pairs)
    if not len(here) or len(here) != len(new):  # somebody came or went
        return pairs, places
    near = _near(tracks[here], found[new]) * _fits(same, trust)[np.ix_(here, new)]
    leapt = paired(near, LEAST_NEAR)
    return np.concatenate([pairs, np.stack([here[leapt[:, 0]], new[leapt[:, 1]]], axis=1)]), places


def _back(tracks: Tracks, found: Keypoints, pairs: Rows, same: Float, trust: Float) -> Float:
    """How surely instances are tracks by their looks, and may be by their places, shape (T, N), in [0, 1]."""
    sure = np.minimum(1, FIRM * trust)
    rivals = same * sure
    young = pairs[~tracks.settled[pairs[:, 0]]]
    rivals[young[:, 0], young[:, 1]] = 0.0  # of course who just came looks like themselves
    return _likely(tracks, found) * _recognised(same, sure, rivals)


def _may_be(claims: Claims, tracks: Tracks, pairs: Rows, same: Float) -> Flags:
    """Which tracks that were lost, or went on with somebody else, may be whom nobody is sure of, (T, N).

    Whoever was found while a track was found too is not who that track lost.
    """
    settled = tracks.settled[pairs[:, 0]]
    held = pairs[~settled | (same[pairs[:, 0], pairs[:, 1]] >= ALIKE), 0]
    seeking = (tracks.ids > 0) & others(len(tracks), held)
    known: Flags = np.asarray(np.stack(claims.rounds).any(axis=0))
    could = seeking[:, None] & known & others(len(known), pairs[settled, 1])
    could[:, pairs[:, 1]] &= tracks.unlike[:, None] >= tracks.age[pairs[:, 0]] - MOMENT
    return could


def _taken_up(pairs: Rows, again: Rows, places: Rows) -> tuple[Rows, Rows]:
    """Put pairs in the place of those before; whoever gave somebody away now is where the other was."""
    given, taken = np.nonzero(pairs[:, 1, None] == again[:, 1])
    both = np.stack([pairs[given, 0], again[taken, 0]])
    places = places.copy()
    places[both] = places[both[::-1]]
    kept = others(len(pairs), given) & ~np.isin(pairs[:, 0], again[:, 0])
    return np.concatenate([pairs[kept], again]), places


def _left(claims: Claims, pairs: Rows) -> tuple[Rows, Rows]:
    """Tracks found in the call before, and sure instances, that are in no pair, shapes (P,) and (Q,)."""
    if len(pairs) == min(claims.alike.shape):
        return pairs[:0, 0], pairs[:0, 1]
    here = np.setdiff1d(np.flatnonzero(claims.away == 0), pairs[:, 0])
    return here, np.setdiff1d(np.flatnonzero(claims.rounds[0]), pairs[:, 1])


def _near(tracks: Tracks, found: Keypoints) -> Float:
    """How near instances are to where tracks were or are expected, shape (T, N), 0 from as far as they leap.

    That is some sizes while nobody knows how fast they are, and a little farther than they went then.
    """
    assert found.boxes is not None
    motion = tracks.motion
    went = motion.velocity * tracks.unseen[:, None]
    known = motion.doubt[:, 2] < BODY.speed**2 / 2
    reach = motion.size * np.where(known, 0.0, LEAP) + np.linalg.norm(went, axis=1) * FARTHER
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    far = [np.linalg.norm(at[:, None] - middles, axis=-1) for at in (motion.place, motion.place - went)]
    size = np.sqrt(np.maximum((found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1), 1.0))
    ratio = size / motion.size[:, None]
    near = np.clip(1 - np.minimum(*far) / np.maximum(reach, 1e-9)[:, None], 0, 1)
    return near * (np.minimum(ratio, 1 / ratio) > AS_LARGE)


def _faith(away: Float) -> Float:
    """How much places alone are believed of tracks, shape (T, 1)."""
    return ((1 - FADES) ** away * (away <= COAST))[:, None]


def _worth(claims: Claims, same: Float, trust: Float) -> Float:
    """What pairs are worth by places and looks, shape (T, N)."""
    away = claims.away[:, None]
    firm = np.minimum(1, np.where(away > 0, FIRM, 1.0) * trust)
    fits = np.minimum(1, same / ENOUGH) * _shares(same * firm)
    kept = (away <= COAST) | (firm * fits >= KEEPS)
    return claims.alike * (1 - firm * (1 - fits)) * (1 - FADES) ** away * kept


def _fits(same: Float, trust: Float) -> Float:
    """Whether looks agree as much as those of one person do, shape (T, N), in [0, 1].

    Little has to be seen for that: even of somebody nearly hidden some looks agree.
    """
    usual = AGREES[0] + AGREES[1] * trust
    return np.where(trust > 0, np.minimum(1, same / usual) ** SHARP, 1.0)


def _compared(known: Float, seen: Float) -> tuple[Float, Float]:
    """How alike tracks and instances look, and how much that says, both (T, N), in [0, 1]."""
    if not seen.any():  # as in most frames
        return np.zeros((len(known), len(seen))), np.zeros((len(known), len(seen)))
    much, clear = (np.linalg.norm(looks, axis=1) for looks in (known, seen))
    same = known @ seen.T / np.maximum(np.outer(much, clear), 1e-12)
    return same, np.outer(np.minimum(much, 1), np.minimum(clear, 1))


def _shares(weighed: Float) -> Float:
    """How much each look is below the best other claim of its track or its instance, (T, N), in [0, 1]."""
    rival = np.maximum(_best_other(weighed), _best_other(weighed.T).T)
    return np.minimum(1, np.divide(weighed, rival, out=np.ones_like(weighed), where=rival > 0))


def _best_other(weighed: Float) -> Float:
    """The most in each column but for the row itself, shape (T, N)."""
    if len(weighed) < 2:
        return np.zeros_like(weighed)
    second, first = np.partition(weighed, -2, axis=0)[-2:]
    return np.where(weighed == first, second, first)


def _recognised(same: Float, trust: Float, rivals: Float) -> Float:
    """How surely somebody is a track by looks alone: 0 unless well seen, and well above all other tracks."""
    alone = AHEAD * same * trust >= _best_other(rivals)
    return np.clip((same - ALIKE) / (1 - ALIKE), 0, 1) * (trust >= SEEN) * alone


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


def others(count: int, rows: Rows) -> Flags:
    """Which of so many rows are not among these, shape (count,)."""
    others = np.ones(count, bool)
    others[rows] = False
    return others
