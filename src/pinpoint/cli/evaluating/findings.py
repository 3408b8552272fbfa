"""What the report says of a run beyond its numbers: curves, keypoints, kinds of errors, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.evaluation.average_precision import match
from pinpoint.evaluation.calibration import Reliability, reliability
from pinpoint.evaluation.curves import AREAS, Curves, precision_recall
from pinpoint.evaluation.error_kinds import Diagnosis, diagnose
from pinpoint.evaluation.errors import point_errors
from pinpoint.evaluation.per_keypoint import PerKeypoint, per_keypoint
from pinpoint.evaluation.pictures import Judged, found_of, prediction_of, rows_of_pairs, truth_of
from pinpoint.evaluation.points import longer_sides
from pinpoint.geometry import Float

__all__ = ["NEAR", "Findings", "findings_of"]

NEAR = 0.1  # share of the box's longer side within which a point is right, for calibration


@dataclass(frozen=True, eq=False)
class Findings:
    """What one run does well and badly.

    Args:
        curves: Precision and recall of instances of all sizes.
        keypoints: The numbers of each keypoint, errors as shares of the longer side of the box.
        diagnosis: The kinds of its errors.
        calibration: Whether the scores of points mean what they say; none where some are no shares.
    """

    curves: Curves
    keypoints: PerKeypoint
    diagnosis: Diagnosis
    calibration: Reliability | None


def findings_of(pictures: Sequence[Judged], sigmas: Float) -> Findings:
    """Look closer at a run in keypoints.

    Args:
        pictures: Of one skeleton, one picture or more.
        sigmas: OKS falloff of each keypoint, shape (K,).
    """
    truth, found = truth_of(pictures), found_of(pictures)
    errors = np.concatenate([_errors(one) for one in pictures])
    scores = np.concatenate([_scores(one) for one in pictures])
    mirror = pictures[0].truth.skeleton.flip_index
    return Findings(
        precision_recall(match(truth, found, sigmas, ranges={"": AREAS[""]})),
        per_keypoint(errors),
        diagnose(truth, found, sigmas, mirror),
        _calibration(errors, scores),
    )


def _errors(one: Judged) -> Float:
    return point_errors(one.truth.xy, prediction_of(one), longer_sides(np.asarray(one.truth.boxes)))


def _scores(one: Judged) -> Float:
    """Score of every labelled point's prediction, shape (N, K)."""
    nothing = np.zeros((1, one.truth.xy.shape[1]))
    return np.concatenate([one.found.scores, nothing])[rows_of_pairs(one)]


def _calibration(errors: Float, scores: Float) -> Reliability | None:
    predicted = np.isfinite(errors) & np.isfinite(scores)
    scores = scores[predicted]
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        return None
    return reliability(scores, errors[predicted] <= NEAR)
