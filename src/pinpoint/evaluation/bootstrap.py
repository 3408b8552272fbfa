"""How far the numbers of an evaluation would move with other pictures of the same kind: the bootstrap.

Pictures, not instances, are drawn with replacement, since people in one picture have much in common (Efron
and Tibshirani, An Introduction to the Bootstrap, 1993). What was matched in a picture stays matched in every
draw, so a draw costs two sums over what was found and nothing is matched again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import match
from pinpoint.evaluation.comparison import Comparison, compare
from pinpoint.evaluation.curves import AREAS, RECALLS
from pinpoint.evaluation.nme import nme
from pinpoint.evaluation.pictures import Judged
from pinpoint.evaluation.summary import nme_lengths
from pinpoint.geometry import Float

__all__ = ["Contributions", "contributions", "draws", "interval", "replicates"]

Counts = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each of P pictures adds to the numbers of one run.

    Args:
        picture: Of each of M found instances, best score first, shape (M,).
        right: Which found an instance of their own, shape (T, M).
        wrong: Which count against, shape (T, M).
        wanted: Labelled instances of each picture, shape (P,).
        means: For numbers that are means, sum and count of each picture, both (P,), by the number's name.
    """

    picture: Counts
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    wanted: Counts
    means: Mapping[str, tuple[Float, Float]]

    @cached_property
    def right_rows(self) -> list[NDArray[np.intp]]:
        """Rows of those that are right at each threshold."""
        return [np.flatnonzero(right) for right in self.right]

    @cached_property
    def counted(self) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Which count at all, where that differs between thresholds, and the number of each threshold's."""
        distinct, number = np.unique(self.right | self.wrong, axis=0, return_inverse=True)
        return distinct, number.ravel()


def contributions(pictures: Sequence[Judged], sigmas: Float) -> Contributions:
    """Say what each picture adds to AP, AR, `PCK@.1`, `PCK@.05` and `NME`.

    Args:
        pictures: Of one skeleton, one picture or more.
        sigmas: OKS falloff of each keypoint, shape (K,).
    """
    comparison = compare(pictures)
    truth = comparison.truth
    matches = match(truth, comparison.found, sigmas, ranges={"": AREAS[""]})
    wanted = np.bincount(truth.picture[~truth.idle], minlength=len(pictures))
    order = np.lexsort((matches.picture, -matches.scores))
    right, ignored = matches.right[0][:, order], matches.ignored[0][:, order]
    return Contributions(
        matches.picture[order], right, ~right & ~ignored, wanted, _means(comparison, len(pictures))
    )


def draws(pictures: int, times: int, seed: int = 0) -> Counts:
    """How often each picture is in each of so many draws, shape (times, pictures)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=times)


def replicates(run: Contributions, counts: Counts) -> dict[str, Float]:
    """The numbers of a run in every draw: AP AP50 AP75 AR PCK@.1 PCK@.05 NME, each of shape (B,).

    Args:
        run: What each picture adds.
        counts: How often each picture is drawn, shape (B, P), the same for all runs that are compared.

    Returns:
        What `measures_of_keypoints` would say of the drawn pictures; NaN where nothing is to be found.
    """
    drawn = np.array([_draw(run, row) for row in counts]).reshape(len(counts), 2, len(run.right))
    precision, hits = drawn[:, 0], drawn[:, 1]
    named = {"AP": precision.mean(axis=1), "AP50": precision[:, 0], "AP75": precision[:, 5]}
    wanted = counts @ run.wanted
    named["AR"] = _ratio(hits.mean(axis=1), wanted)
    return named | {
        name: _ratio(counts @ total, counts @ count) for name, (total, count) in run.means.items()
    }


def interval(values: Float, share: float = 0.95) -> tuple[float, float]:
    """The middle part of the values that holds such a share of them; NaN where there is none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _draw(run: Contributions, row: Counts) -> tuple[Float, Float]:
    """Average precision and instances that are found, at each threshold of one draw, both (T,).

    A picture that is drawn twice brings each of its instances twice, one after the other. Precision is made
    to fall, so it is the same at both, and one step of 2 will do. It is highest where one is right, so it is
    looked at nowhere else.
    """
    wanted = row @ run.wanted
    weight = row[run.picture]
    counted, number = run.counted
    totals = np.cumsum(counted * weight, axis=1)
    precision, hits = np.full(len(run.right), np.nan), np.zeros(len(run.right))
    for threshold, rows in enumerate(run.right_rows):
        found = np.cumsum(weight[rows])
        hits[threshold] = found[-1] if len(found) else 0
        if wanted:
            share = found / np.maximum(totals[number[threshold], rows], 1)
            precision[threshold] = _average(share, found / wanted)
    return precision, hits


def _average(precision: Float, recall: Float) -> float:
    """Mean at COCO's recalls of a precision that is made to fall; 0 beyond the highest recall."""
    falling = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(falling[np.searchsorted(recall, RECALLS)].mean())


def _means(comparison: Comparison, pictures: int) -> dict[str, tuple[Float, Float]]:
    truth = comparison.truth

    def by_picture(values: Float) -> Float:
        return np.bincount(truth.picture, weights=values, minlength=pictures).astype(np.float64)

    points = by_picture((~np.isnan(comparison.errors)).sum(axis=1))
    near = {f"PCK@{share}": comparison.errors <= float(share) for share in (".1", ".05")}
    lengths = nme_lengths(truth.xy, truth.boxes, comparison.skeleton)
    errors = nme(truth.xy, comparison.predicted, lengths)
    known = np.isfinite(errors)
    means = {name: (by_picture(right.sum(axis=1)), points) for name, right in near.items()}
    return means | {"NME": (by_picture(np.where(known, errors, 0)), by_picture(known))}


def _ratio(total: Float, count: Float | Counts) -> Float:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
