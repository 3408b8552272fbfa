"""The lengths that errors are divided by, in pixels: of boxes, faces, torsos, heads and bones."""

import numpy as np

from pinpoint.evaluation.nme import OUTER_EYE_CORNERS, length_between
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = [
    "bone_lengths",
    "box_diagonals",
    "box_sizes",
    "eye_distances",
    "head_sizes",
    "pupil_distances",
    "torso_lengths",
]

EYES = (  # points of the right and of the left eye of a face, of which the middle is a pupil
    (("wflw-96",), ("wflw-97",)),
    (tuple(f"face-{point}" for point in range(36, 42)), tuple(f"face-{point}" for point in range(42, 48))),
    (("right_eye",), ("left_eye",)),
)
OUTER_CORNERS = (OUTER_EYE_CORNERS, ("wflw-60", "wflw-72"))
TORSOS = (("left_shoulder", "right_hip"),)
HEAD_OF_BOX = 0.6  # MPII's head size, as a share of the diagonal of the head's box


def box_diagonals(boxes: Float) -> Float:
    """Diagonal of each box, shapes (N, 4) -> (N,)."""
    return np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)


def box_sizes(boxes: Float) -> Float:
    """Root of the area of each box, shapes (N, 4) -> (N,)."""
    return np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


def head_sizes(boxes: Float) -> Float:
    """What PCKh divides by: .6 of the diagonal of each head's box, shapes (N, 4) -> (N,).

    Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art Analysis, CVPR 2014.
    """
    return HEAD_OF_BOX * box_diagonals(boxes)


def torso_lengths(xy: Float, columns: Skeleton) -> Float:
    """What PDJ divides by: from the left shoulder to the right hip, shapes (N, K, 2) -> (N,); NaN if unknown.

    Sapp and Taskar, MODEC, CVPR 2013; Toshev and Szegedy, DeepPose (arXiv 1312.4659).

    Raises:
        ValueError: The skeleton has no such keypoints.
    """
    return _between_named(xy, columns, TORSOS, "torso")


def eye_distances(xy: Float, columns: Skeleton) -> Float:
    """Inter-ocular: between the outer corners of the eyes, shapes (N, K, 2) -> (N,); NaN if unknown.

    Raises:
        ValueError: The skeleton has no corners of eyes.
    """
    return _between_named(xy, columns, OUTER_CORNERS, "corners of eyes")


def pupil_distances(xy: Float, columns: Skeleton) -> Float:
    """Inter-pupil: between the middles of the eyes' points, shapes (N, K, 2) -> (N,); NaN if one is unknown.

    Raises:
        ValueError: The skeleton has no eyes.
    """
    for right, left in EYES:
        if all(name in columns for name in (*right, *left)):
            middles = (xy[:, columns.indices(names)].mean(axis=1) for names in (right, left))
            return np.linalg.norm(np.subtract(*middles), axis=-1)
    raise ValueError(f"{columns!r} has no points of both eyes")


def bone_lengths(xy: Float, columns: Skeleton) -> Float:
    """Mean length of the edges that end at each keypoint, shapes (N, K, 2) -> (N, K).

    Returns:
        NaN for a keypoint without an edge whose two ends are known.
    """
    first, second = columns.edge_index.T
    ends = np.eye(len(columns))[first] + np.eye(len(columns))[second]
    lengths = np.linalg.norm(xy[:, first] - xy[:, second], axis=-1)
    total, count = np.nan_to_num(lengths) @ ends, np.isfinite(lengths) @ ends
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _between_named(xy: Float, columns: Skeleton, candidates: tuple[tuple[str, str], ...], what: str) -> Float:
    for ends in candidates:
        if all(name in columns for name in ends):
            return length_between(xy, columns, ends)
    raise ValueError(f"{columns!r} has no {what}: none of {candidates}")
