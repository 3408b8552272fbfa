"""What the JSON of an evaluation says of a run in keypoints beside its numbers."""

import math
from typing import Any

import numpy as np

from pinpoint.cli.evaluating.findings import NEAR, Findings
from pinpoint.evaluation.calibration import Reliability
from pinpoint.evaluation.comparison import Comparison
from pinpoint.evaluation.error_kinds import KINDS
from pinpoint.evaluation.sigmas import Sigmas

__all__ = ["details_of"]


def details_of(comparison: Comparison, findings: Findings, sigmas: Sigmas) -> dict[str, Any]:
    """Sigmas, counts, keypoints, kinds of errors and calibration; numbers that are not there are None.

    Args:
        comparison: What is labelled, and what was found.
        findings: What was seen in it.
        sigmas: OKS falloffs.
    """
    names, measures = comparison.skeleton.keypoints, findings.diagnosis.measures()
    shares = {kind: _known(measures[kind]) for kind in KINDS}
    costs = {kind: _known(measures[f"AP-{kind}"]) for kind in KINDS[1:]}
    return {
        "sigmas": dict(zip(names, sigmas.values.tolist(), strict=True)),
        "counts": _counts(comparison),
        "keypoints": {name: _keypoint(findings, column) for column, name in enumerate(names)},
        "errors": {"shares": shares, "AP that mending gains": costs},
        "ECE": None if findings.calibration is None else _known(findings.calibration.ece),
        "calibration": None if findings.calibration is None else _calibration(findings.calibration),
    }


def _counts(comparison: Comparison) -> dict[str, int]:
    truth = comparison.truth
    labelled = truth.labelled[~truth.crowd]
    return {
        "points": labelled.size,
        "not labelled": int((~labelled).sum()),
        "instances without a labelled point": int((~labelled.any(axis=1)).sum()),
        "crowds": int(truth.crowd.sum()),
        "found": len(comparison.found.scores),
    }


def _keypoint(findings: Findings, column: int) -> dict[str, Any]:
    one, counts = findings.keypoints, findings.diagnosis.counts[:, column]
    return {
        "labelled": int(one.labelled[column]),
        "missing": _known(one.missing[column]),
        "error": _known(one.error[column]),
        "PCK@.1": _known(one.near[column]),
        "PCK@.05": _known(one.nearer[column]),
        "kinds": dict(zip(KINDS, counts.tolist(), strict=True)),
    }


def _calibration(curve: Reliability) -> dict[str, Any]:
    bins = zip(curve.edges[:-1], curve.edges[1:], curve.count, curve.score, curve.right, strict=True)
    return {
        "right": f"within {NEAR:g} of the longer side of the box",
        "overconfidence": _known(curve.overconfidence),
        "bins": [
            {
                "from": round(float(low), 6),
                "to": round(float(high), 6),
                "points": int(count),
                "score": _known(score),
                "right": _known(right),
            }
            for low, high, count, score, right in bins
        ],
    }


def _known(value: float | np.floating[Any]) -> float | None:
    return None if math.isnan(value) else float(value)
