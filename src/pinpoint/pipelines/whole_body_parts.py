"""Putting bodies, faces and hands together as the 133 points of COCO-WholeBody."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, boxes_of_points, iou
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import skeleton

__all__ = [
    "MIN_HEAD",
    "MIN_SURE",
    "MIN_WRIST",
    "SIDES",
    "face_boxes",
    "head_scores",
    "people_of",
    "placed",
    "with_heads",
    "with_wrists",
    "without_twin_hands",
]

Rows = NDArray[np.intp]

SIDES = ("left", "right")
MIN_HEAD = 0.5  # a head whose nose and eyes score less is not worth a look for its face
MIN_WRIST = 0.3  # nor a wrist for its hand
MIN_SURE = 0.5  # and one that scores less may be half an arm off
SAME_HAND = 0.6


def head_scores(bodies: Keypoints) -> Float:
    """How well the nose and the eyes of each body are seen, shape (N,)."""
    return bodies.scores[:, bodies.skeleton.indices(["nose", "left_eye", "right_eye"])].mean(axis=1)


def people_of(bodies: Keypoints) -> Keypoints:
    """Bodies as whole people without faces and hands."""
    columns = skeleton("coco_wholebody133")
    if not len(bodies):
        return Keypoints.empty(columns)
    return convert(replace(bodies, xyz=None, labels=None), columns)


def placed(people: Keypoints, parts: Keypoints, rows: Rows, name: str) -> Keypoints:
    """Put each part into the row of its owner (-1: nobody), in the columns of a part of the skeleton."""
    owned = rows >= 0
    cells = np.ix_(rows[owned], people.skeleton.part_index(name))
    xy, scores = people.xy.copy(), people.scores.copy()
    xy[cells], scores[cells] = parts.xy[owned], parts.scores[owned]
    return replace(people, xy=xy, scores=scores)


def with_heads(people: Keypoints) -> Keypoints:
    """Take the nose and the eyes of those whose face was read from the face, which sees them larger."""
    columns = people.skeleton.indices(["nose", "left_eye", "right_eye"])
    faces = people.skeleton.part_index("face")
    seen = Keypoints(people.xy[:, faces], people.scores[:, faces], skeleton("face68"))
    return _better(people, columns, convert(seen, people.skeleton)) if len(people) else people


def with_wrists(people: Keypoints) -> Keypoints:
    """Take the wrists of those whose hands were read from the hands."""
    for side in SIDES:
        wrist, root = (people.skeleton.indices([f"{side}_{name}"]) for name in ("wrist", "hand_root"))
        hands = replace(people, xy=people.xy.copy(), scores=people.scores.copy())
        hands.xy[:, wrist], hands.scores[:, wrist] = people.xy[:, root], people.scores[:, root]
        people = _better(people, wrist, hands)
    return people


def _better(people: Keypoints, columns: NDArray[np.intp], parts: Keypoints) -> Keypoints:
    """Put some columns of others into the rows that have them."""
    rows = np.flatnonzero(np.isfinite(parts.xy[:, columns]).all(axis=(1, 2)))
    cells = np.ix_(rows, columns)
    xy, scores = people.xy.copy(), people.scores.copy()
    xy[cells], scores[cells] = parts.xy[cells], parts.scores[cells]
    return replace(people, xy=xy, scores=scores)


def face_boxes(heads: Keypoints) -> Float:
    """Squares from brow to chin, as the face detector draws them, from `face6` points, shape (N, 4)."""
    eyes = heads.xy[:, heads.skeleton.indices(["right_eye", "left_eye"])].mean(axis=1)
    mouth = heads.xy[:, heads.skeleton.index("mouth")]
    ears = heads.xy[:, heads.skeleton.indices(["right_ear", "left_ear"])]
    down = np.linalg.norm(mouth - eyes, axis=1)
    half = np.maximum(np.linalg.norm(ears[:, 1] - ears[:, 0], axis=1), 2.2 * down)[:, None] / 2
    middle = eyes + 0.6 * (mouth - eyes)
    return np.concatenate([middle - half, middle + half], axis=1)


def without_twin_hands(people: Keypoints) -> Keypoints:
    """Where both hands of a person are the same hand, leave the surer one."""
    left, right = (people.skeleton.part_index(f"{side}_hand") for side in SIDES)
    boxes = [boxes_of_points(people.xy[:, columns]) for columns in (left, right)]
    twins = np.flatnonzero(np.diagonal(iou(*np.nan_to_num(boxes))) > SAME_HAND)
    if not len(twins):
        return people
    xy, scores = people.xy.copy(), people.scores.copy()
    for row in twins:
        loser = right if scores[row, left].mean() >= scores[row, right].mean() else left
        xy[row, loser], scores[row, loser] = np.nan, 0.0
    return replace(people, xy=xy, scores=scores)
