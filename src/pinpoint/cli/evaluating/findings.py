"""What is said of a run beyond its numbers: curves, keypoints, kinds of errors, calibration."""

from dataclasses import dataclass

import numpy as np

from pinpoint.evaluation.average_precision import match
from pinpoint.evaluation.calibration import Reliability, reliability
from pinpoint.evaluation.comparison import Comparison
from pinpoint.evaluation.curves import AREAS, Curves, precision_recall
from pinpoint.evaluation.error_kinds import Diagnosis, diagnose
from pinpoint.evaluation.per_keypoint import PerKeypoint, per_keypoint
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


def findings_of(comparison: Comparison, sigmas: Float) -> Findings:
    """Look closer at a run in keypoints.

    Args:
        comparison: What is labelled, and what was found.
        sigmas: OKS falloff of each keypoint, shape (K,).
    """
    truth, found = comparison.truth, comparison.found
    return Findings(
        precision_recall(match(truth, found, sigmas, ranges={"": AREAS[""]})),
        per_keypoint(comparison.errors),
        diagnose(truth, found, sigmas, comparison.skeleton.flip_index),
        _calibration(comparison.errors, comparison.predicted_scores),
    )


def _calibration(errors: Float, scores: Float) -> Reliability | None:
    predicted = np.isfinite(errors) & np.isfinite(scores)
    scores = scores[predicted]
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        return None
    return reliability(scores, errors[predicted] <= NEAR)
