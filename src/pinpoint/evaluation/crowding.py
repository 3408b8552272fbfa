"""Average precision of pictures that are more or less crowded, as CrowdPose does it.

https://github.com/Jeff-sjtu/CrowdPose (arXiv 1812.00324)
"""

from collections.abc import Mapping

import numpy as np

from pinpoint.evaluation.average_precision import Found, Truth, match
from pinpoint.evaluation.curves import AREAS, Matches, precision_recall
from pinpoint.geometry import Float

__all__ = ["LEVELS", "crowd_measures", "match_by_crowding"]

LEVELS: Mapping[str, tuple[float, float]] = {
    "": (-np.inf, np.inf),
    "easy": (-np.inf, 0.2),
    "medium": (0.2, 0.8),
    "hard": (0.8, np.inf),
}
"""Least crowd index of the pictures of each level, and that from which they are of the next one."""


def crowd_measures(truth: Truth, found: Found, sigmas: Float, index: Float) -> dict[str, float]:
    """CrowdPose's numbers: AP AP50 AP75 AR AR50 AR75 APeasy APmedium APhard; see `match_by_crowding`."""
    matches = match_by_crowding(truth, found, sigmas, index)
    measures = {level: precision_recall(one).measures() for level, one in matches.items()}
    return measures[""] | {f"AP{level}": measures[level]["AP"] for level in LEVELS if level}


def match_by_crowding(truth: Truth, found: Found, sigmas: Float, index: Float) -> dict[str, Matches]:
    """Match the instances of all pictures, and of those of each level of crowding alone.

    Args:
        truth: What is there. CrowdPose has no areas, so they are .53 of the box, and instances whose points
            are all hidden are `ignored`.
        found: What was found.
        sigmas: OKS falloff of each keypoint, shape (K,).
        index: Crowd index of each picture in [0, 1], shape (P,); pictures are numbered from 0 to P - 1.

    Returns:
        By the keys of `LEVELS`, without ranges of area.
    """
    every = {"": AREAS[""]}
    matches: dict[str, Matches] = {}
    for level, (low, high) in LEVELS.items():
        inside = (index >= low) & (index < high)
        there, here = truth[inside[truth.picture]], found[inside[found.picture]]
        matches[level] = match(there, here, sigmas, ranges=every)
    return matches
