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
    right, ignored = matches.right[..., order], matches.ignored[..., order]
    hits = np.cumsum(right, axis=2)
    misses = np.cumsum(~right & ~ignored, axis=2)
    precision = hits / (hits + misses + np.spacing(1))
    falling = np.maximum.accumulate(precision[..., ::-1], axis=2)[..., ::-1]
    falling = np.append(falling, np.zeros((*falling.shape[:2], 1)), axis=2)
    wanted = np.where(matches.wanted > 0, matches.wanted, np.nan)[:, None, None]
    recall = hits / wanted
    places = np.apply_along_axis(np.searchsorted, 2, recall, RECALLS) if len(order) else np.zeros(1, int)
    places = np.broadcast_to(places, (*recall.shape[:2], len(RECALLS)))
    highest = recall[..., -1] if len(order) else 0 * np.broadcast_to(wanted[..., 0], recall.shape[:2])
    return Curves(np.where(wanted > 0, np.take_along_axis(falling, places, axis=2), np.nan), highest)
