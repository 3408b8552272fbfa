"""Everybody who is labelled or found in many pictures, and who is whom: what all numbers are read from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import Found, Truth
from pinpoint.evaluation.errors import point_errors
from pinpoint.evaluation.pairing import pair_in_pictures
from pinpoint.evaluation.pictures import Judged, found_of, rows_of_pairs, there, truth_of
from pinpoint.evaluation.points import longer_sides
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = ["Comparison", "compare"]

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Comparison:
    """N labelled instances, crowds among them, and M found ones.

    Args:
        skeleton: Of all of them.
        truth: What is labelled; a crowd has no points.
        found: What was found, everybody with at least one point.
        point_scores: Of the found points, shape (M, K).
        rows: The found instance of each labelled one, -1 for none, shape (N,). What was looked for in given
            boxes is theirs; all else is paired by distance, see `pair_in_pictures`.
    """

    skeleton: Skeleton
    truth: Truth
    found: Found
    point_scores: Float
    rows: Rows

    @cached_property
    def predicted(self) -> Float:
        """The prediction of each labelled instance, shape (N, K, 2), NaN where there is none."""
        nothing = np.full((1, *self.truth.xy.shape[1:]), np.nan)
        return np.concatenate([self.found.xy, nothing])[self.rows]

    @property
    def predicted_scores(self) -> Float:
        """The score of each labelled point's prediction, shape (N, K); of no meaning where there is none."""
        return np.concatenate([self.point_scores, np.zeros((1, len(self.skeleton)))])[self.rows]

    @cached_property
    def errors(self) -> Float:
        """Distances as shares of the longer side of the box, shape (N, K); see `point_errors`."""
        return point_errors(self.truth.xy, self.predicted, longer_sides(self.truth.boxes))

    @property
    def missed(self) -> int:
        """How many instances with a label have no prediction."""
        nothing = ~there(self.predicted).any(axis=1)
        return int((self.truth.labelled.any(axis=1) & nothing).sum())


def compare(pictures: Sequence[Judged]) -> Comparison:
    """Put pictures of one skeleton together, one or more."""
    truth, found = truth_of(pictures), found_of(pictures)
    kept = np.asarray(there(np.concatenate([one.found.xy for one in pictures])).any(axis=1))
    scores = np.concatenate([one.found.scores for one in pictures])[kept]
    if any(one.rows is not None for one in pictures):
        rows = _given_rows(pictures, kept)
        rows = np.concatenate([rows, np.full(len(truth.areas) - len(rows), -1)])
    else:
        rows = pair_in_pictures(truth, found, longer_sides(truth.boxes))
    return Comparison(pictures[0].truth.skeleton, truth, found, scores, rows)


def _given_rows(pictures: Sequence[Judged], kept: NDArray[np.bool_]) -> Rows:
    """The same as `rows_of_pairs`, among the instances of all pictures that are kept."""
    number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    starts = np.cumsum([0, *(len(one.found) for one in pictures)])
    own = [rows_of_pairs(one) for one in pictures]
    return np.concatenate(
        [number[np.where(rows < 0, -1, start + rows)] for rows, start in zip(own, starts, strict=False)]
    )
