"""Precision and recall of what was matched, at the thresholds and recalls that COCO reads them at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float

__all__ = ["AREAS", "RECALLS", "THRESHOLDS", "Curves", "Matches", "precision_recall"]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS: Mapping[str, tuple[float, float]] = {"": (0, 1e10), "m": (32**2, 96**2), "l": (96**2, 1e10)}
"""Least and greatest area in square pixels of all, medium and large instances; keys end names of measures."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of M found instances at T thresholds, for A ranges of area.

    Args:
        picture: Number of each one's picture, shape (M,); within a picture the best score comes first.
        scores: Shape (M,).
        right: Which found an instance of their own, shape (A, T, M).
        ignored: Which count neither for nor against, shape (A, T, M).
        wanted: How many labelled instances are to be found, shape (A,).
    """

    picture: NDArray[np.integer]
    scores: Float
    right: Flags
    ignored: Flags
    wanted: NDArray[np.integer]

    @classmethod
    def merge(cls, parts: Sequence["Matches"]) -> "Matches":
        """Put the matches of different pictures together: the whole is what all at once would have given."""
        return cls(
            np.concatenate([part.picture for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.right for part in parts], axis=2),
            np.concatenate([part.ignored for part in parts], axis=2),
            np.sum([part.wanted for part in parts], axis=0),
        )


@dataclass(frozen=True, eq=False)
class Curves:
    """Precision and recall for A ranges of area at T thresholds.

    Args:
        precision: At 101 recalls from 0 to 1, made to fall, shape (A, T, 101); NaN if nothing is to be found.
        recall: The highest, shape (A, T); NaN likewise.
    """

    precision: Float
    recall: Float

    def measures(self) -> dict[str, float]:
        """COCO's numbers: AP AP50 AP75 APm APl AR AR50 AR75 ARm ARl, NaN if nothing is to be found.

        Those of medium and large instances are there if their ranges of area are.
        """
        named: dict[str, float] = {}
        for key, values in (("AP", self.precision.mean(axis=2)), ("AR", self.recall)):
            named |= {key: values[0].mean(), f"{key}50": values[0, 0], f"{key}75": values[0, 5]}
            ranges = list(AREAS)[: len(values)]
            named |= {f"{key}{area}": values[row].mean() for row, area in enumerate(ranges) if area}
        return {name: float(value) for name, value in named.items()}


def precision_recall(matches: Matches) -> Curves:
    """Precision at 101 recalls, and the highest recall.

    Of equal scores that in the picture of the lower number comes first, whatever order the pictures are in.
    """
    order = np.lexsort((matches.picture, -matches.scores))
    areas, thresholds, _ = matches.right.shape
    precision = np.full((areas, thresholds, len(RECALLS)), np.nan)
    recall = np.full((areas, thresholds), np.nan)
    for area, threshold in np.ndindex(areas, thresholds):
        if wanted := int(matches.wanted[area]):
            right, ignored = matches.right[area, threshold, order], matches.ignored[area, threshold, order]
            precision[area, threshold], recall[area, threshold] = _curve(right, ~right & ~ignored, wanted)
    return Curves(precision, recall)


def _curve(right: Flags, wrong: Flags, wanted: int) -> tuple[Float, float]:
    """Precision at 101 recalls, and the highest recall, of found instances with the best score first."""
    hits, misses = np.cumsum(right), np.cumsum(wrong)
    precision = hits / (hits + misses + np.spacing(1))
    falling = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    recall = hits / wanted
    return falling[np.searchsorted(recall, RECALLS)], recall[-1] if len(recall) else 0.0
