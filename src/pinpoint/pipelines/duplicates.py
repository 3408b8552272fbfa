"""One instance found twice is one instance."""

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.oks import oks
from pinpoint.geometry import boxes_of_points, iou
from pinpoint.keypoints import Keypoints, convert

__all__ = ["distinct_bodies", "distinct_hulls", "likely_bodies"]

SAME_BODY = 0.5  # OKS, as in MMDeploy's PoseTracker
SAME_HULL = 0.5
HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
MIN_HEAD = 0.4  # mean score of a head that is surely seen
LEAST_BODY = 0.05
"""Box times mean keypoint score below which what was found is hardly ever a person."""


def distinct_bodies(kps: Keypoints) -> Keypoints:
    """Keep the surest of each group of people whose keypoints are alike, or who have the same head.

    They are compared as keypoints of their own skeleton, or of `coco17` where nobody published its sigmas. Of
    somebody half in view, two readings may guess the other half in two ways, but both see the head.
    """
    if len(kps) < 2:
        return kps
    body = kps if kps.skeleton.sigmas else convert(kps, "coco17")
    hulls = boxes_of_points(body.xy)
    areas = 0.53 * np.prod(hulls[:, 2:] - hulls[:, :2], axis=1)  # the usual share of a person in its box
    sigmas = np.array(body.skeleton.sigmas)
    alike = oks(body.xy, body.xy, areas, sigmas) > SAME_BODY
    if heads := [name for name in HEAD if name in body.skeleton]:
        columns = body.skeleton.indices(heads)
        seen = body.scores[:, columns].mean(axis=1) >= MIN_HEAD
        same = oks(body.xy[:, columns], body.xy[:, columns], areas, sigmas[columns]) > SAME_BODY
        alike |= same & seen[:, None] & seen
    return kps[_surest(kps, alike | alike.T)]


def likely_bodies(kps: Keypoints) -> Keypoints:
    """Keep people whose own score is `LEAST_BODY` or more, each once, best first."""
    scores = np.ones(len(kps)) if kps.box_scores is None else kps.box_scores
    return distinct_bodies(kps[scores >= LEAST_BODY])


def distinct_hulls(kps: Keypoints) -> Keypoints:
    """Keep the surest of each group of instances whose keypoints fill the same box."""
    if len(kps) < 2:
        return kps
    hulls = np.nan_to_num(boxes_of_points(kps.xy))
    return kps[_surest(kps, iou(hulls, hulls) > SAME_HULL)]


def _surest(kps: Keypoints, alike: NDArray[np.bool_]) -> list[int]:
    """Rows to keep, best first: each is unlike all that were kept before."""
    scores = np.zeros(len(kps)) if kps.box_scores is None else kps.box_scores
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        if not alike[kept, row].any():
            kept.append(int(row))
    return kept
