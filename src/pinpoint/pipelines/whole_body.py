"""Body, feet, face and hands of every person, put together from three estimators."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Float, Image, boxes_of_points
from pinpoint.keypoints import Keypoints, convert
from pinpoint.pipelines.blazepose import BlazePose
from pinpoint.pipelines.face import Face68
from pinpoint.pipelines.hand import Hands
from pinpoint.pipelines.regions import HandOfBodyRegion
from pinpoint.pipelines.whole_body_following import WholeBodyFollower
from pinpoint.pipelines.whole_body_parts import (
    MIN_HEAD,
    MIN_SURE,
    MIN_WRIST,
    SIDES,
    face_boxes,
    head_scores,
    people_of,
    placed,
    with_heads,
    with_wrists,
    without_twin_hands,
)
from pinpoint.skeletons import skeleton

__all__ = ["WholeBody"]

Rows = NDArray[np.intp]


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
        people = people_of(bodies)
        faces, hands = self.face(image), self.hand(image)
        face_owners = _owners(faces, _nose(faces), people.xy[:, people.skeleton.indices(["nose"])])
        wrists = people.xy[:, people.skeleton.indices(f"{side}_wrist" for side in SIDES)]
        hand_owners = _owners(hands, hands.xy[:, 0], wrists, _reaches(hands, people))
        people = placed(people, faces, face_owners, "face")
        people = with_heads(self._with_missing_faces(image, people, bodies))
        for number, side in enumerate(SIDES):
            rows = np.where(hand_owners % 2 == number, hand_owners // 2, -1)
            people = placed(people, hands, rows, f"{side}_hand")
            people = self._with_missing_hands(image, people, bodies, side)
        people = with_wrists(without_twin_hands(people))
        if boxes is not None:
            return people
        strange = hands[(hand_owners < 0) & ~_inside(hands, people)]
        return Keypoints.concatenate([people, *_strangers(faces[face_owners < 0], strange)])

    def follower(self) -> WholeBodyFollower:
        """Return its parts for video: bodies are followed, and their faces and hands with them."""
        return WholeBodyFollower(self.body.follower(), self.face.follower(), self.hand.follower())

    def _with_missing_faces(self, image: Image, people: Keypoints, bodies: Keypoints) -> Keypoints:
        """Look for the faces of the heads that have none yet."""
        rows = np.flatnonzero(_lacks(people, "face") & (head_scores(bodies) >= MIN_HEAD))
        if not len(rows):
            return people
        heads = convert(replace(bodies[rows], track_ids=rows), "face6")
        found = self.face.read(image, replace(heads, boxes=face_boxes(heads)))
        return placed(people, found, _rows(found), "face")

    def _with_missing_hands(self, image: Image, people: Keypoints, bodies: Keypoints, side: str) -> Keypoints:
        """Look for the hands of the wrists that have none yet."""
        wrist = bodies.scores[:, bodies.skeleton.index(f"{side}_wrist")]
        rows = np.flatnonzero(_lacks(people, f"{side}_hand") & (wrist >= MIN_WRIST))
        if not len(rows):
            return people
        found = self.hand.read(image, replace(bodies[rows], track_ids=rows), HandOfBodyRegion(side), looks=2)
        return placed(people, found, _rows(found), f"{side}_hand")


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


def _strangers(faces: Keypoints, hands: Keypoints) -> list[Keypoints]:
    """Faces and hands that belong to no body, each as a person of whom nothing else is seen."""
    found = [convert(faces, "coco_wholebody133")] if len(faces) else []
    for side in SIDES:
        mine = hands[:0] if hands.labels is None else hands[hands.labels == side]
        if len(mine):
            found.append(placed(_unseen(mine), mine, np.arange(len(mine)), f"{side}_hand"))
    return found


def _unseen(parts: Keypoints) -> Keypoints:
    """As many people with the same boxes, of whom no point is seen."""
    columns = skeleton("coco_wholebody133")
    xy, scores = np.full((len(parts), len(columns), 2), np.nan), np.zeros((len(parts), len(columns)))
    return Keypoints(xy, scores, columns, boxes=parts.boxes, box_scores=parts.box_scores)
