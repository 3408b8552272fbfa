"""From a comparison of what is labelled with what was found to the numbers of a table."""

from collections.abc import Sequence

import numpy as np

from pinpoint.evaluation.average_precision import keypoint_measures
from pinpoint.evaluation.comparison import Comparison, compare
from pinpoint.evaluation.errors import exact_mean, share_within
from pinpoint.evaluation.lengths import box_sizes
from pinpoint.evaluation.nme import OUTER_EYE_CORNERS, length_between, nme
from pinpoint.evaluation.pictures import Judged
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = ["measures_of", "measures_of_keypoints", "nme_lengths"]


def measures_of_keypoints(pictures: Sequence[Judged], sigmas: Float) -> dict[str, float]:
    """Measure keypoints in pictures of one skeleton, one or more: see `measures_of`."""
    return measures_of(compare(pictures), sigmas)


def measures_of(comparison: Comparison, sigmas: Float) -> dict[str, float]:
    """Measure keypoints.

    Args:
        comparison: What is labelled, and what was found.
        sigmas: OKS falloff of each keypoint, shape (K,).

    Returns:
        COCO's ten numbers (`AP` to `ARl`), `PCK@.1` and `PCK@.05` by the longer side of the box, `NME` by
        `nme_lengths`, and `missed`, the labelled instances for which nothing was found.
        These are wrong in PCK and do not count in NME.
    """
    measures = keypoint_measures(comparison.truth, comparison.found, sigmas)
    measures |= {f"PCK@{share}": share_within(comparison.errors, float(share)) for share in (".1", ".05")}
    lengths = nme_lengths(comparison.truth.xy, comparison.truth.boxes, comparison.skeleton)
    errors = nme(comparison.truth.xy, comparison.predicted, lengths)
    return measures | {"NME": exact_mean(errors[np.isfinite(errors)]), "missed": float(comparison.missed)}


def nme_lengths(truth: Float, boxes: Float, columns: Skeleton) -> Float:
    """What errors are divided by for `NME`, shapes (N, K, 2) and (N, 4) -> (N,), in pixels.

    The distance of the outer corners of the eyes where the skeleton has them, else the root of the box's
    area.
    """
    if all(name in columns for name in OUTER_EYE_CORNERS):
        return length_between(truth, columns)
    return box_sizes(boxes)
