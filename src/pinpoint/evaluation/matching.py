"""Which found instance takes which labelled one: in every picture the best score chooses first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.curves import Matches
from pinpoint.geometry import Float

__all__ = ["Pairs", "all_pairs", "judged", "match_pairs", "ranked"]

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of a found and a labelled instance of one picture, those of one found instance together.

    Args:
        found: Rows of the found ones, rising, shape (P,).
        truth: Rows of the labelled ones, shape (P,).
        similarity: Such as OKS or IoU, shape (P,).
    """

    found: Rows
    truth: Rows
    similarity: Float

    def __getitem__(self, kept: Flags) -> "Pairs":
        """Keep some pairs."""
        return Pairs(self.found[kept], self.truth[kept], self.similarity[kept])


def ranked(picture: NDArray[np.integer], scores: Float, most: int) -> tuple[Rows, Rows]:
    """Rows by picture and falling score, and the place of each within its picture, both (M,).

    Args:
        picture: Number of each found instance's picture, shape (N,).
        scores: Shape (N,).
        most: Of each picture, so many with the best scores are kept.
    """
    order = np.lexsort((-scores, picture))
    pictures = picture[order]
    rank = np.arange(len(order)) - np.searchsorted(pictures, pictures, side="left")
    return order[rank < most], rank[rank < most]


def all_pairs(found: NDArray[np.integer], truth: NDArray[np.integer]) -> tuple[Rows, Rows]:
    """Rows of found and labelled instances of one picture, every pair of them, shapes (M,), (N,) -> (P,) x2.

    Args:
        found: Number of the picture of each found instance.
        truth: The same of the labelled ones.
    """
    order = np.argsort(truth, kind="stable")
    first, last = (np.searchsorted(truth[order], found, side=side) for side in ("left", "right"))
    count = last - first
    rows = np.repeat(np.arange(len(found)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, order[np.repeat(first, count) + within]


def match_pairs(
    pairs: Pairs, rank: Rows, ignored: Flags, crowd: Flags, thresholds: Float
) -> NDArray[np.integer]:
    """Say which labelled instance each found one takes, -1 for none, shape (A, T, M).

    All pictures choose at the same time, first whoever is best in its picture, then the second, and so on.
    Of several instances at or above the threshold one that counts is taken before one that is ignored, then
    the more similar, then the later one. Crowds are never taken up.

    Args:
        pairs: Of similar instances.
        rank: Place of each found instance in its picture by score, shape (M,).
        ignored: Labelled instances that count neither for nor against, for A ranges of area, shape (A, N).
        crowd: Labelled instances that several may take, shape (N,).
        thresholds: Least similarities, shape (T,).
    """
    pairs = pairs[pairs.similarity >= min(thresholds[0], 1 - 1e-10)]
    rows, columns, similarity = pairs.found, pairs.truth, pairs.similarity
    chosen = np.full((len(ignored), len(thresholds), len(rank)), -1, np.int32)  # a third of all memory here
    if not len(rows):
        return chosen
    count = len(crowd)
    free = np.ones((*chosen.shape[:2], count), bool)
    enough = similarity >= np.minimum(thresholds, 1 - 1e-10)[:, None]
    levels, level = np.unique(similarity, return_inverse=True)
    keys = (level + len(levels) * ~ignored[:, columns]) * count + columns
    for number in range(int(rank[rows].max()) + 1):
        turn = np.flatnonzero(rank[rows] == number)
        if not len(turn):
            continue
        allowed = free[..., columns[turn]] & enough[:, turn]
        starts = np.flatnonzero(np.diff(rows[turn], prepend=-1))
        best = np.maximum.reduceat(np.where(allowed, keys[:, None, turn], -1), starts, axis=2)
        taken = np.where(best >= 0, best % count, -1)
        chosen[..., rows[turn][starts]] = taken
        area, threshold, place = np.nonzero(taken >= 0)
        instances = taken[area, threshold, place]
        free[area, threshold, instances] = crowd[instances]
    return chosen


def judged(
    chosen: NDArray[np.integer],
    found: tuple[NDArray[np.integer], Float],
    ignored: Flags,
    useless: Flags,
) -> Matches:
    """Say of every found instance whether it is right, wrong or of no account.

    Args:
        chosen: What each took, shape (A, T, M): see `match_pairs`.
        found: Pictures and scores of the found instances, shapes (M,).
        ignored: Labelled instances that count neither for nor against, shape (A, N).
        useless: Found instances that are of no account if they take none, broadcast to (A, T, M).
    """
    taken = chosen >= 0
    of_ignored = (
        np.take_along_axis(ignored[:, None], np.maximum(chosen, 0), axis=2) if ignored.size else taken
    )
    without = np.where(taken, of_ignored, useless)
    return Matches(*found, taken & ~without, without, (~ignored).sum(axis=1))
