"""Whole people in video: the body is followed, and its face and hands follow the body."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Image, boxes_of_points
from pinpoint.keypoints import Keypoints, convert
from pinpoint.pipelines.blazepose import blazepose35
from pinpoint.pipelines.following import Ask, CropFollower
from pinpoint.pipelines.point_network import MIN_PRESENCE, View
from pinpoint.pipelines.regions import HandOfBodyRegion, Regions
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
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["WholeBodyFollower"]

Flags = NDArray[np.bool_]

PARTS = ("body", "face", "left_hand", "right_hand")
EVERY = 3
"""Frames after which what was not seen of somebody is looked for again, each part in a frame of its own.

Most hands whose wrist is seen are too small or too hidden to be read, and to try that takes the most time.
"""


@dataclass(frozen=True)
class WholeBodyFollower:
    """People as the 133 points of COCO-WholeBody, from frame to frame.

    What is read of each are all points of the networks: those of the body, of the face's mesh and of both
    hands. A face or hand is looked for where it was in the frame before; what was not seen there, in one of
    three frames where the body says that it is. The whole picture is searched for bodies only.

    Args:
        body: Follows bodies, with BlazePose's points.
        face: Follows faces: its network reads the mesh, its `told` are 68 points.
        hand: Follows hands.
    """

    body: CropFollower
    face: CropFollower
    hand: CropFollower
    carries: bool = True

    @property
    def sure(self) -> float:
        """See `Follower`."""
        return self.body.sure

    @property
    def skeleton(self) -> Skeleton:
        """What is told in the end."""
        return skeleton("coco_wholebody133")

    def find(self, image: Image) -> Keypoints:
        """Look for bodies in the whole picture."""
        return self.body.find(image)

    def read(self, asks: Sequence[Ask]) -> list[Keypoints]:
        """Read those found and those expected; see `pinpoint.pipelines.following.Follower`."""
        bodies = self.body.read([self._of_bodies(ask) for ask in asks])
        before = [_before(ask, kps) for ask, kps in zip(asks, bodies, strict=True)]
        images, known = [ask.image for ask in asks], [*zip(asks, bodies, before, strict=True)]
        at_faces = [_face_regions(self.face, *one) for one in known]
        at_hands = [_hand_regions(self.hand, *one, side) for side in SIDES for one in known]
        faces = _read_part(self.face, images, bodies, at_faces)
        hands = _read_part(self.hand, images * 2, bodies * 2, at_hands)
        left, right = hands[: len(asks)], hands[len(asks) :]
        return [_joined(*parts) for parts in zip(bodies, faces, left, right, strict=True)]

    def told(self, kps: Keypoints) -> Keypoints:
        """Say what was read as 133 points."""
        if not len(kps):
            return Keypoints.empty(self.skeleton)
        rows = np.arange(len(kps))
        people = people_of(self.body.told(_part(kps, "body")))
        people = with_heads(placed(people, self.face.told(_part(kps, "face")), rows, "face"))
        for side in SIDES:
            people = placed(people, _part(kps, f"{side}_hand"), rows, f"{side}_hand")
        return with_wrists(without_twin_hands(people))

    def _of_bodies(self, ask: Ask) -> Ask:
        return ask if ask.expected is None else ask._replace(expected=_part(ask.expected, "body"))


@cache
def _columns() -> dict[str, Skeleton]:
    """The keypoints of each part as its network reads them."""
    hand = skeleton("hand21")
    return {
        "body": blazepose35(),
        "face": skeleton("facemesh468"),
        **{f"{side}_hand": hand for side in SIDES},
    }


@cache
def _all_columns() -> Skeleton:
    """The keypoints of all parts side by side."""
    names = [f"{part}/{name}" for part in PARTS for name in _columns()[part].keypoints]
    return Skeleton("wholebody_networks", tuple(names))


def _part(kps: Keypoints, name: str) -> Keypoints:
    """The keypoints of one part, with the boxes and ids of the whole."""
    start = sum(len(_columns()[part]) for part in PARTS[: PARTS.index(name)])
    chosen = slice(start, start + len(_columns()[name]))
    return replace(
        kps,
        xy=kps.xy[:, chosen],
        scores=kps.scores[:, chosen],
        skeleton=_columns()[name],
        labels=None,
        xyz=None,
    )


def _joined(body: Keypoints, *others: Keypoints) -> Keypoints:
    """The reverse of `_part`."""
    xy = np.concatenate([part.xy for part in (body, *others)], axis=1)
    scores = np.concatenate([part.scores for part in (body, *others)], axis=1)
    return replace(body, xy=xy, scores=scores, skeleton=_all_columns(), labels=None, xyz=None)


def _before(ask: Ask, bodies: Keypoints) -> Keypoints:
    """All points of each body where they are expected; missing for whoever was just found."""
    columns = _all_columns()
    rows = np.full(len(bodies), -1) if bodies.track_ids is None else bodies.track_ids
    nobody = np.full((1, len(columns), 2), np.nan)
    xy = nobody if ask.expected is None else np.concatenate([ask.expected.xy, nobody])
    return Keypoints(xy[rows], np.ones((len(rows), len(columns))), columns)  # row -1 is nobody's


def _read_part(
    follower: CropFollower, images: Sequence[Image], bodies: Sequence[Keypoints], regions: Sequence[Regions]
) -> list[Keypoints]:
    """Read one part of every body in every picture, in one batch; missing where it is not seen."""
    views = [View(*view) for view in zip(images, bodies, regions, strict=True)]
    return [_if_present(kps) for kps in follower.network.together(views)]


def _if_present(kps: Keypoints) -> Keypoints:
    presence = np.ones(len(kps)) if kps.box_scores is None else kps.box_scores
    there = (presence >= MIN_PRESENCE)[:, None]
    return replace(
        kps, xy=np.where(there[..., None], kps.xy, np.nan), scores=np.where(there, kps.scores, 0.0)
    )


def _due(ask: Ask, bodies: Keypoints, part: str) -> Flags:
    """Whether to look for a part that was not seen of each body: of whoever has just come, or in its turn."""
    if ask.turn is None or bodies.track_ids is None or (ask.turn - PARTS.index(part)) % EVERY == 0:
        return np.ones(len(bodies), dtype=bool)
    return bodies.track_ids < 0


def _face_regions(face: CropFollower, ask: Ask, body: Keypoints, before: Keypoints) -> Regions:
    """Where the face was, or where the head of the body says that it is; nowhere for heads hardly seen."""
    heads = convert(replace(body, labels=None, xyz=None), "face6")
    first = face.region(replace(heads, boxes=face_boxes(heads)))
    mesh = _part(before, "face")
    seen = (head_scores(body) >= MIN_HEAD) & _due(ask, body, "face")
    return _chosen((_is_known(mesh), face.again(mesh)), (seen, first))


def _hand_regions(hand: CropFollower, ask: Ask, body: Keypoints, before: Keypoints, side: str) -> Regions:
    """Where the hand was, if the wrist is still there, or where a wrist that is seen says that it is."""
    points = _part(before, f"{side}_hand")
    wrist, scores = (values[:, body.skeleton.index(f"{side}_wrist")] for values in (body.xy, body.scores))
    apart = np.linalg.norm(points.xy[:, points.skeleton.index("wrist")] - wrist, axis=1)
    hulls = boxes_of_points(points.xy)
    near = apart <= (hulls[:, 2:] - hulls[:, :2]).max(axis=1, initial=0.0)
    followed = _is_known(points) & (near | (scores < MIN_SURE))
    seen = (scores >= MIN_WRIST) & _due(ask, body, f"{side}_hand")
    return _chosen((followed, hand.again(points)), (seen, HandOfBodyRegion(side)(body)))


def _is_known(kps: Keypoints) -> Flags:
    return np.asarray(np.isfinite(kps.xy).all(axis=(1, 2)))


def _chosen(*ways: tuple[Flags, Regions]) -> Regions:
    """The first way that is open for each row; unknown where none is."""
    chosen = Regions(*(np.full_like(values, np.nan) for values in ways[0][1]))
    for open_, regions in reversed(ways):
        columns = zip(regions, chosen, strict=True)
        chosen = Regions(
            *(np.where(open_.reshape(-1, *[1] * (new.ndim - 1)), new, old) for new, old in columns)
        )
    return chosen
