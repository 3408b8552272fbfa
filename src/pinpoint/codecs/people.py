"""From the points of people to instances: networks that find points first tell no boxes."""

import numpy as np

from pinpoint.codecs import Float, Instances
from pinpoint.codecs.points import known_points
from pinpoint.geometry import boxes_of_points

__all__ = ["instances_of"]


def instances_of(xy: Float, scores: Float, min_score: float, person_scores: Float | None = None) -> Instances:
    """People with boxes around their points, best first.

    Args:
        xy: Shape (N, K, 2), NaN where a point lacks.
        scores: Shape (N, K).
        min_score: People below are dropped.
        person_scores: Shape (N,); none: the mean of their points', those that lack count 0.
    """
    xy, scores = known_points(xy, scores)
    ranks = scores.mean(axis=1) if person_scores is None else np.clip(person_scores, 0, 1)
    boxes = boxes_of_points(xy)
    kept = np.flatnonzero(np.isfinite(boxes).all(axis=1) & (ranks >= min_score))
    kept = kept[np.argsort(-ranks[kept], kind="stable")]
    return Instances(boxes[kept], ranks[kept], xy[kept], scores[kept])
