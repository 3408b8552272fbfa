"""How alike where tracks are expected and what was found are: functions that a tracker is given."""

from collections.abc import Callable

import numpy as np

from pinpoint.evaluation.oks import oks
from pinpoint.geometry import Float, iou
from pinpoint.keypoints import Keypoints

__all__ = ["Similarity", "by_boxes", "by_points", "by_points_and_boxes"]

Similarity = Callable[[Keypoints, Keypoints], Float]
"""Of T expected and N found instances, both with boxes, the expected with areas too: (T, N), in [0, 1]."""

POINTS = 0.75  # their part in the mean of both
FEWEST = 3  # points in common; with fewer the similarity is that of boxes


def by_boxes(expected: Keypoints, found: Keypoints) -> Float:
    """Intersection over union of the boxes, shape (T, N)."""
    assert expected.boxes is not None and found.boxes is not None
    return iou(expected.boxes, found.boxes)


def by_points(expected: Keypoints, found: Keypoints) -> Float:
    """Object keypoint similarity over the points that both have, shape (T, N).

    The areas of the expected are wider than their boxes the longer they were not seen. It is the
    intersection over union where two have fewer than three points in common, and for skeletons without
    sigmas.
    """
    sigmas = expected.skeleton.sigmas
    if sigmas is None or expected.areas is None:
        return by_boxes(expected, found)
    here, there = (~np.isnan(kps.xy[..., 0]) for kps in (expected, found))
    shared = here.astype(float) @ there.T.astype(float)
    total = oks(expected.xy, found.xy, expected.areas, np.array(sigmas)) * here.sum(axis=1)[:, None]
    enough = shared >= FEWEST
    return np.where(enough, total / np.maximum(shared, 1), 0.0 if enough.all() else by_boxes(expected, found))


def by_points_and_boxes(expected: Keypoints, found: Keypoints) -> Float:
    """Three parts `by_points` and one part `by_boxes`, shape (T, N).

    Points tell people apart who stand together; boxes hold on to who moves faster than points forgive.
    """
    return POINTS * by_points(expected, found) + (1 - POINTS) * by_boxes(expected, found)
