"""Body, feet, face and hands of every person, put together from three estimators."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Float, Image, boxes_of_points, iou
from pinpoint.keypoints import Keypoints, convert
from pinpoint.pipelines.blazepose import BlazePose
from pinpoint.pipelines.face import Face68
from pinpoint.pipelines.hand import Hands
from pinpoint.pipelines.regions import HandOfBodyRegion
from pinpoint.skeletons import skeleton

__all__ = ["WholeBody"]

Rows = NDArray[np.intp]

SIDES = ("left", "right")
MIN_HEAD = 0.5  # a head whose nose and eyes score less is not worth a look for its face
MIN_WRIST = 0.3  # nor a wrist for its hand
MIN_SURE = 0.5  # a wrist that scores less may be half an arm off
SAME_HAND = 0.6


@dataclass(frozen=True)
class WholeBody:
    """All people of a picture, as the 133 points of COCO-WholeBody.

    Faces and hands are looked for in the whole picture and given to the bodies that they belong to. Where a
    body is left without, its own head and wrists say where to look. A face or a hand that belongs to nobody
    becomes a person of whom nothing else is seen. Small toes, which BlazePose does not know, are missing.

    Args:
        body: Finds bodies.
        face: Finds faces.
        hand: Finds hands.
    """

    body: BlazePose
    face: Face68
    hand: Hands

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order."""
        bodies = self.body(image, boxes)
        people = _people(bodies)
        faces, hands = self.face(image), self.hand(image)
        face_owners = _owners(faces, _nose(faces), people.xy[:, people.skeleton.indices(["nose"])])
        wrists = people.xy[:, people.skeleton.indices(f"{side}_wrist" for side in SIDES)]
        hand_owners = _owners(hands, hands.xy[:, 0], wrists, _reaches(hands, people))
        people = _placed(people, faces, face_owners, "face")
        people = _with_heads(self._with_missing_faces(image, people, bodies))
        for number, side in enumerate(SIDES):
            rows = np.where(hand_owners % 2 == number, hand_owners // 2, -1)
            people = _placed(people, hands, rows, f"{side}_hand")
            people = self._with_missing_hands(image, people, bodies, side)
        people = _with_wrists(_without_twin_hands(people))
        if boxes is not None:
            return people
        strange = hands[(hand_owners < 0) & ~_inside(hands, people)]
        return Keypoints.concatenate([people, *_strangers(faces[face_owners < 0], strange)])

    def _with_missing_faces(self, image: Image, people: Keypoints, bodies: Keypoints) -> Keypoints:
        """Look for the faces of the heads that have none yet."""
        seen = bodies.scores[:, bodies.skeleton.indices(["nose", "left_eye", "right_eye"])].mean(axis=1)
        rows = np.flatnonzero(_lacks(people, "face") & (seen >= MIN_HEAD))
        if not len(rows):
            return people
        heads = convert(replace(bodies[rows], track_ids=rows), "face6")
        found = self.face.read(image, replace(heads, boxes=_face_boxes(heads)))
        return _placed(people, found, _rows(found), "face")

    def _with_missing_hands(self, image: Image, people: Keypoints, bodies: Keypoints, side: str) -> Keypoints:
        """Look for the hands of the wrists that have none yet."""
        wrist = bodies.scores[:, bodies.skeleton.index(f"{side}_wrist")]
        rows = np.flatnonzero(_lacks(people, f"{side}_hand") & (wrist >= MIN_WRIST))
        if not len(rows):
            return people
        found = self.hand.read(image, replace(bodies[rows], track_ids=rows), HandOfBodyRegion(side), looks=2)
        return _placed(people, found, _rows(found), f"{side}_hand")


def _people(bodies: Keypoints) -> Keypoints:
    columns = skeleton("coco_wholebody133")
    if not len(bodies):
        return Keypoints.empty(columns)
    return convert(replace(bodies, xyz=None, labels=None), columns)


def _placed(people: Keypoints, parts: Keypoints, rows: Rows, name: str) -> Keypoints:
    """Put each part into the row of its owner (-1: nobody), in the columns of a part of the skeleton."""
    owned = rows >= 0
    cells = np.ix_(rows[owned], people.skeleton.part_index(name))
    xy, scores = people.xy.copy(), people.scores.copy()
    xy[cells], scores[cells] = parts.xy[owned], parts.scores[owned]
    return replace(people, xy=xy, scores=scores)


def _with_heads(people: Keypoints) -> Keypoints:
    """Take the nose and the eyes of those whose face was read from the face, which sees them larger."""
    columns = people.skeleton.indices(["nose", "left_eye", "right_eye"])
    faces = people.skeleton.part_index("face")
    seen = Keypoints(people.xy[:, faces], people.scores[:, faces], skeleton("face68"))
    return _better(people, columns, convert(seen, people.skeleton)) if len(people) else people


def _with_wrists(people: Keypoints) -> Keypoints:
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


def _lacks(people: Keypoints, name: str) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(people.xy[:, people.skeleton.part_index(name), 0]).all(axis=1))


def _rows(found: Keypoints) -> Rows:
    """Rows of the bodies that parts were looked for at; they travel as track ids."""
    return np.zeros(0, dtype=np.intp) if found.track_ids is None else found.track_ids


def _owners(parts: Keypoints, points: Float, anchors: Float, reach: Float | float = 0.0) -> Rows:
    """Give each part to the nearest anchor within half its own size, nearest pairs first.

    Args:
        parts: M faces or hands.
        points: The point of each that should lie on an anchor, shape (M, 2).
        anchors: Shape (N, A, 2): A anchors for each of N people.
        reach: Pixels from which a part is taken all the same, shape (M, N * A) or a number.

    Returns:
        Index of the anchor among N * A, -1 for nobody's, shape (M,).
    """
    size = np.nan_to_num((boxes_of_points(parts.xy)[:, 2:] - boxes_of_points(parts.xy)[:, :2]).max(axis=1))
    flat = anchors.reshape(-1, 2)
    apart = np.linalg.norm(points[:, None] - flat[None], axis=2)
    apart = np.where(apart <= np.maximum(size[:, None] / 2, reach), apart, np.inf)  # NaN is infinitely far
    owners = np.full(len(parts), -1, dtype=np.intp)
    while apart.size and np.isfinite(apart.min()):
        part, anchor = np.unravel_index(apart.argmin(), apart.shape)
        owners[part] = anchor
        apart[part], apart[:, anchor] = np.inf, np.inf
    return owners


def _reaches(hands: Keypoints, people: Keypoints) -> Float:
    """How far a hand may be from each wrist, shape (M, N * 2): half an arm, if the wrist was hardly seen.

    The hand must be of that side.
    """
    shoulders, elbows, wrists = (
        people.xy[:, people.skeleton.indices(f"{side}_{name}" for side in SIDES)]
        for name in ("shoulder", "elbow", "wrist")
    )
    upper, fore = (np.linalg.norm(end - elbows, axis=2) for end in (shoulders, wrists))
    seen = people.scores[:, people.skeleton.indices(f"{side}_wrist" for side in SIDES)]
    half = np.where(seen < MIN_SURE, np.nan_to_num(np.fmax(upper, fore)), 0.0).reshape(-1)
    labels = np.full(len(hands), "") if hands.labels is None else hands.labels
    return np.where(labels[:, None] == np.tile(SIDES, len(people)), half, 0.0)


def _inside(hands: Keypoints, people: Keypoints) -> NDArray[np.bool_]:
    """Whether the middle of each hand lies in somebody's box: then it is that person's, seen twice."""
    middle = hands.xy.mean(axis=1)[:, None]
    boxes = np.zeros((0, 4)) if people.boxes is None else people.boxes
    within = (middle >= boxes[None, :, :2]) & (middle <= boxes[None, :, 2:])
    return within.all(axis=2).any(axis=1)


def _nose(faces: Keypoints) -> Float:
    return faces.xy[:, faces.skeleton.index("face-30")]


def _face_boxes(heads: Keypoints) -> Float:
    """Squares from brow to chin, as the face detector draws them, from `face6` points, shape (N, 4)."""
    eyes = heads.xy[:, heads.skeleton.indices(["right_eye", "left_eye"])].mean(axis=1)
    mouth = heads.xy[:, heads.skeleton.index("mouth")]
    ears = heads.xy[:, heads.skeleton.indices(["right_ear", "left_ear"])]
    down = np.linalg.norm(mouth - eyes, axis=1)
    half = np.maximum(np.linalg.norm(ears[:, 1] - ears[:, 0], axis=1), 2.2 * down)[:, None] / 2
    middle = eyes + 0.6 * (mouth - eyes)
    return np.concatenate([middle - half, middle + half], axis=1)


def _without_twin_hands(people: Keypoints) -> Keypoints:
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


def _strangers(faces: Keypoints, hands: Keypoints) -> list[Keypoints]:
    """Faces and hands that belong to no body, each as a person of whom nothing else is seen."""
    found = [convert(faces, "coco_wholebody133")] if len(faces) else []
    for side in SIDES:
        mine = hands[:0] if hands.labels is None else hands[hands.labels == side]
        if len(mine):
            found.append(_placed(_unseen(mine), mine, np.arange(len(mine)), f"{side}_hand"))
    return found


def _unseen(parts: Keypoints) -> Keypoints:
    """As many people with the same boxes, of whom no point is seen."""
    columns = skeleton("coco_wholebody133")
    xy, scores = np.full((len(parts), len(columns), 2), np.nan), np.zeros((len(parts), len(columns)))
    return Keypoints(xy, scores, columns, boxes=parts.boxes, box_scores=parts.box_scores)
