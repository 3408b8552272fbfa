"""Mean distance as a share of a length of the instance, as landmarks of faces are judged."""

import numpy as np

from pinpoint.evaluation.errors import mean_errors, point_errors
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = ["OUTER_EYE_CORNERS", "length_between", "nme"]

OUTER_EYE_CORNERS = ("face-36", "face-45")
"""The ends of the inter-ocular length of 300-W (https://ibug.doc.ic.ac.uk/resources/300-W)."""


def nme(truth: Float, predicted: Float, lengths: Float) -> Float:
    """Normalised mean error of each instance: mean distance of its points, as a share of a length.

    Args:
        truth: Shape (N, K, 2), NaN where not labelled.
        predicted: Shape (N, K, 2), NaN where missing.
        lengths: In pixels, shape (N,), such as `length_between` gives.

    Returns:
        Shape (N,); NaN for an instance without a point that is both labelled and predicted, and for one
        without a length. Such instances have to be counted beside the mean of the others.
    """
    errors = mean_errors(point_errors(truth, predicted, np.asarray(lengths)))
    return np.where(np.isinf(errors), np.nan, errors)


def length_between(xy: Float, columns: Skeleton, ends: tuple[str, str] = OUTER_EYE_CORNERS) -> Float:
    """Distance of two named points in every instance, shapes (N, K, 2) -> (N,).

    Raises:
        KeyError: The skeleton has no such keypoint.
    """
    first, second = columns.indices(ends)
    return np.linalg.norm(xy[:, first] - xy[:, second], axis=-1)
