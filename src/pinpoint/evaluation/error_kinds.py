"""What kind of mistake each predicted point is, and what each kind costs.

Ronchi and Perona, Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation (arXiv 1707.05388).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import MOST, Found, Truth, match, similar_pairs
from pinpoint.evaluation.curves import AREAS, Matches, precision_recall
from pinpoint.evaluation.matching import all_pairs, match_pairs, ranked
from pinpoint.geometry import Float

__all__ = ["KINDS", "Diagnosis", "diagnose", "kinds_of_points"]

KINDS = ("good", "jitter", "inversion", "swap", "miss")
GOOD, CLOSE = 0.85, 0.5  # least similarities of a point with the place it is at
PAIRED = 0.1  # least OKS of an instance with the one it was found for

Kinds = NDArray[np.int8]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """How often points were mistaken, and what would be right without each kind of mistake.

    Args:
        counts: Points of each kind by keypoint, shape (5, K), in the order of `KINDS`.
        matches: Of all areas: as it was found under `good`, and by kind with every such mistake mended.
    """

    counts: NDArray[np.integer]
    matches: dict[str, Matches]

    @classmethod
    def merge(cls, parts: Sequence["Diagnosis"]) -> "Diagnosis":
        """Put diagnoses of different pictures together: the whole is what all at once would have given."""
        matches = {kind: Matches.merge([part.matches[kind] for part in parts]) for kind in KINDS}
        return cls(np.sum([part.counts for part in parts], axis=0), matches)

    def measures(self) -> dict[str, float]:
        """Share of each kind among the labelled points of paired instances, AP, and the AP each kind costs.

        Returns:
            `good` to `miss`, `AP`, and `AP-jitter` to `AP-miss`: how much higher AP were if every point of
            that kind lay exactly where it belongs and all others stayed. Costs do not add up.
        """
        total = self.counts.sum()
        by_kind = zip(KINDS, self.counts.sum(axis=1), strict=True)
        shares = {kind: float(count / total) if total else float("nan") for kind, count in by_kind}
        precision = {kind: precision_recall(self.matches[kind]).measures()["AP"] for kind in KINDS}
        costs = {f"AP-{kind}": precision[kind] - precision["good"] for kind in KINDS[1:]}
        return shares | {"AP": precision["good"]} | costs


def diagnose(truth: Truth, found: Found, sigmas: Float, mirror: Rows) -> Diagnosis:
    """Say of every point what kind of mistake it is, and match again with each kind mended.

    Args:
        truth: What is there.
        found: What was found. All instances of a picture have to be given at once.
        sigmas: OKS falloff of each keypoint, shape (K,).
        mirror: Column of each keypoint's mirror image, such as `Skeleton.flip_index`, shape (K,).
    """
    kinds, owner = kinds_of_points(truth, found, sigmas, mirror)
    counts = np.array([(kinds == number).sum(axis=0) for number in range(len(KINDS))])
    matches: dict[str, Matches] = {}
    for number, kind in enumerate(KINDS):
        mended = (kinds == number)[..., None]
        xy = np.where(mended, truth.xy[owner], found.xy) if number and mended.any() else found.xy
        matches[kind] = match(truth, replace(found, xy=xy), sigmas, ranges={"": AREAS[""]})
    return Diagnosis(counts, matches)


def kinds_of_points(truth: Truth, found: Found, sigmas: Float, mirror: Rows) -> tuple[Kinds, Rows]:
    """Tell good points, jitter, inversions, swaps and misses apart.

    Found instances are paired with labelled ones from an OKS of .1, best scores first. Of a paired instance a
    point is `good` from a similarity of .85 with its label and `jitter` from .5. Else it is an `inversion` if
    it lies as near its mirror image of the same instance, a `swap` if it lies as near that keypoint, or its
    mirror image, of another one in the picture, whichever is nearer, and a `miss` if it is near none of them.

    Returns:
        Number in `KINDS` of each point, shape (M, K), -1 where nothing is labelled or the instance has no
        pair; and the row of each found one's labelled instance, shape (M,), of no meaning without a pair.
    """
    owner = _owners(truth, found, sigmas)
    paired = np.flatnonzero(owner >= 0)
    own = owner[paired]
    similar = _similar(found.xy[paired], truth, own, sigmas)
    inverted = np.where(
        mirror == np.arange(len(mirror)), 0, _mirrored(found.xy[paired], truth, own, sigmas, mirror)
    )
    swapped = _most_similar_of_others(truth, found[paired], own, sigmas, mirror)
    confused = np.where(swapped > inverted, KINDS.index("swap"), KINDS.index("inversion"))
    kinds = np.where(np.maximum(inverted, swapped) >= CLOSE, confused, KINDS.index("miss"))
    kinds = np.where(similar >= CLOSE, KINDS.index("jitter"), kinds)
    kinds = np.where(similar >= GOOD, KINDS.index("good"), kinds)
    all_kinds = np.full(found.xy.shape[:2], -1, np.int8)
    all_kinds[paired] = np.where(truth.labelled[own], kinds, -1)
    return all_kinds, np.maximum(owner, 0)


def _owners(truth: Truth, found: Found, sigmas: Float) -> Rows:
    """Row of the labelled instance that each found one is paired with, -1 for none, shape (M,)."""
    rows, rank = ranked(found.picture, found.scores, MOST)
    pairs = similar_pairs(truth, found, sigmas, rows)
    pairs = pairs[~truth.idle[pairs.truth]]
    nobody = np.zeros(len(truth.picture), bool)
    owner = np.full(len(found.picture), -1)
    owner[rows] = match_pairs(pairs, rank, nobody[None], nobody, np.array([PAIRED]))[0, 0]
    return owner


def _similar(xy: Float, truth: Truth, rows: Rows, sigmas: Float) -> Float:
    """Similarity of each point with a labelled instance's, shape (P, K); 0 where either is not there."""
    squared = ((xy - truth.xy[rows]) ** 2).sum(axis=-1)
    scale = 2 * (2 * np.asarray(sigmas)) ** 2 * (truth.areas[rows, None] + np.spacing(1))
    return np.exp(-np.where(np.isnan(squared), np.inf, squared) / scale)


def _mirrored(xy: Float, truth: Truth, rows: Rows, sigmas: Float, mirror: Rows) -> Float:
    """Similarity of each point with the mirror image of its keypoint."""
    return _similar(xy[:, mirror], truth, rows, sigmas)[:, mirror]


def _most_similar_of_others(truth: Truth, found: Found, own: Rows, sigmas: Float, mirror: Rows) -> Float:
    """Greatest similarity of each point with its keypoint, or the mirror image, of others in the picture."""
    rows, others = all_pairs(found.picture, truth.picture)
    different = (others != own[rows]) & ~truth.crowd[others]
    rows, others = rows[different], others[different]
    near = np.maximum(
        _similar(found.xy[rows], truth, others, sigmas),
        _mirrored(found.xy[rows], truth, others, sigmas, mirror),
    )
    most = np.zeros(found.xy.shape[:2])
    if len(rows):
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        most[rows[starts]] = np.maximum.reduceat(near, starts, axis=0)
    return most
