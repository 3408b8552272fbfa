"""Which colour and weight every keypoint and edge of a skeleton gets, from its names, mirror pairs and parts.

Left is blue, right is orange and the middle is near white: the two hues that all common forms of colour
blindness keep apart. Shades tell head, arms, legs and feet apart; every finger has a colour of its own.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.viz.style import Color

__all__ = ["FINGERS", "MESH", "Look", "identity_color", "instance_colors", "look_of"]

LEFT: dict[str, Color] = {
    "torso": (92, 178, 255),
    "head": (150, 208, 255),
    "arm": (64, 160, 255),
    "leg": (58, 128, 255),
    "foot": (40, 200, 235),
    "face": (168, 214, 255),
}
RIGHT: dict[str, Color] = {
    "torso": (255, 176, 72),
    "head": (255, 208, 140),
    "arm": (255, 158, 30),
    "leg": (255, 112, 32),
    "foot": (255, 205, 50),
    "face": (255, 218, 164),
}
MIDDLE: Color = (236, 240, 246)
UNTRACKED: Color = (110, 226, 172)
LIPS: Color = (255, 166, 180)
FINGERS: dict[str, Color] = {
    "thumb": (246, 112, 128),
    "index": (242, 222, 84),
    "middle": (74, 204, 120),
    "ring": (96, 206, 242),
    "pinky": (216, 122, 214),
}
# Okabe and Ito's qualitative colours, lightened where they would drown on black, then more of that lightness.
IDENTITIES: tuple[Color, ...] = (
    (86, 180, 233),
    (240, 228, 66),
    (0, 190, 140),
    (235, 140, 190),
    (250, 170, 20),
    (150, 150, 255),
    (250, 110, 70),
    (160, 220, 90),
    (210, 190, 150),
    (190, 200, 210),
)

FINGER_WORDS = {"fore": "index", "little": "pinky", "small": "pinky"}
FINGER = re.compile(r"(thumb|index|fore|middle|ring|pinky|little|small)(?=.*(\d|mcp|pip|dip|tip|cmc|ip$))")
KINDS = tuple(
    (kind, re.compile(words))
    for kind, words in (
        ("arm", r"elbow|wrist|hand|palm|front|forearm|thumb|index|pinky|finger"),
        ("foot", r"toe|heel|foot"),
        ("leg", r"knee|ankle|paw|hoof|hind|rear|back_|thigh|leg"),
        ("head", r"eye|ear|nose|mouth|head|brow|face|chin|jaw|lip|iris|pupil|forehead"),
    )
)
RANK = {"torso": 0, "head": 1, "arm": 2, "leg": 2, "foot": 3, "finger": 4, "face": 4}
BODY = re.compile(r"shoulder|hip|elbow|knee|ankle|pelvis|neck|paw|withers")
FACE = re.compile(r"(face|jaw|brow|lip|mesh|contour|iris|pupil|eye|nose|mouth)\D*\d")
FACE_PARTS = {"jaw", "lips", "face_oval"}
DENSE_HAND, DENSE_FACE, MESH = 10, 20, 150


@dataclass(frozen=True, eq=False)
class Look:
    """What the drawing needs to know about a skeleton.

    Args:
        points: RGB of every keypoint, shape (K, 3).
        edges: RGB of every edge, shape (E, 3).
        groups: Columns that are scaled together by their own extent: the body first, each hand, the face.
        group_of: Which group a keypoint belongs to, shape (K,).
        weight: Line width of each keypoint relative to that of its group's extent, shape (K,).
        dots: Whether a keypoint is one of many and drawn as a small dot, shape (K,).
        detail_group: Group whose extent says how much of a keypoint is drawn, shape (K,), -1 for all of it:
            faces and hands go by their own, a body's own head by that of a dense face over it.
        outline: Whether a keypoint is on the outline of a dense face, shape (K,).
        covered: Whether a keypoint is of a body's own head with a dense face over it, shape (K,).
    """

    points: NDArray[np.float64]
    edges: NDArray[np.float64]
    groups: tuple[NDArray[np.intp], ...]
    group_of: NDArray[np.intp]
    weight: NDArray[np.float64]
    dots: NDArray[np.bool_]
    detail_group: NDArray[np.intp]
    outline: NDArray[np.bool_]
    covered: NDArray[np.bool_]


@dataclass(frozen=True)
class _Mark:
    """What is known about one keypoint: left, right or neither, what it is part of, and which finger."""

    side: str
    kind: str
    finger: str = ""
    lips: bool = False


def instance_colors(kps: Keypoints) -> NDArray[np.float64]:
    """RGB of the boxes and tags, shape (N, 3): by track, else by the side its label names."""
    tracks = np.full(len(kps), -1) if kps.track_ids is None else kps.track_ids
    labels = np.full(len(kps), "") if kps.labels is None else kps.labels
    sides = {"left": LEFT["arm"], "right": RIGHT["arm"]}
    return _colors(
        [
            identity_color(track) if track >= 0 else sides.get(str(label).lower(), UNTRACKED)
            for track, label in zip(tracks.tolist(), labels, strict=True)
        ]
    )


def identity_color(track: int) -> Color:
    """RGB of a track: of its box, its tag and its trail."""
    return IDENTITIES[track % len(IDENTITIES)]


@lru_cache(maxsize=64)
def look_of(skeleton: Skeleton) -> Look:
    """Choose the colours, groups and weights of a skeleton."""
    marks = _marks(skeleton)
    kinds = np.array([mark.kind for mark in marks], dtype=str)
    names = [f"{mark.side} {mark.kind}" if mark.kind == "finger" else mark.kind for mark in marks]
    groups = [name if name.endswith(("finger", "face")) else "body" for name in names]
    order = sorted(set(groups), key=lambda name: (name != "body", name))
    group_of = np.array([order.index(name) for name in groups], dtype=np.intp)
    face, fingers = kinds == "face", kinds == "finger"
    covered = (kinds == "head") & face.any()
    over = order.index("face") if "face" in order else -1
    return Look(
        points=_colors([_color(mark) for mark in marks]) if _told_apart(marks) else _cycle(len(marks)),
        edges=_edge_colors(skeleton, marks),
        groups=tuple(np.flatnonzero(group_of == group) for group in range(len(order))),
        group_of=group_of,
        weight=_weights(kinds),
        dots=face,
        detail_group=np.where(face | fingers, group_of, np.where(covered, over, -1)),
        outline=np.isin(np.arange(len(skeleton)), list(_outline_columns(skeleton))),
        covered=covered,
    )


def _weights(kinds: NDArray[np.str_]) -> NDArray[np.float64]:
    """A face is drawn thin, a mesh thinner, and a body's own head thin where a dense face lies over it."""
    face, head = kinds == "face", kinds == "head"
    weights = np.where(face, 0.35 if face.sum() > MESH else 0.5, 1.0)
    return np.where(head & face.any(), 0.6, weights)


def _marks(skeleton: Skeleton) -> list[_Mark]:
    sides = _sides(skeleton)
    hand, face, lips = _hand_columns(skeleton), _face_columns(skeleton), _lip_columns(skeleton)
    marks = []
    for column, name in enumerate(skeleton.keypoints):
        kind = "finger" if column in hand else "face" if column in face else _kind(name)
        finger = _finger(name) if kind == "finger" else ""
        marks.append(_Mark(sides[column], kind, finger, lips=column in face & lips))
    return marks


def _sides(skeleton: Skeleton) -> list[str]:
    named = [re.search(r"(?<![a-z])(left|right)", name.lower()) for name in skeleton.keypoints]
    sides = [found.group(1) if found else "middle" for found in named]
    for left, right in skeleton.swaps:
        sides[skeleton.index(left)], sides[skeleton.index(right)] = "left", "right"
    return sides


def _kind(name: str) -> str:
    return next((kind for kind, words in KINDS if words.search(name.lower())), "torso")


def _finger(name: str) -> str:
    found = FINGER.search(name.lower())
    return FINGER_WORDS.get(found.group(1), found.group(1)) if found else ""


def _hand_columns(skeleton: Skeleton) -> set[int]:
    """Columns of whole hands. A body's own few finger points are part of its arm."""
    fingers = {column for column, name in enumerate(skeleton.keypoints) if _finger(name)}
    if len(fingers) < DENSE_HAND:
        return set()
    has_body = any(BODY.search(name) for name in skeleton.keypoints)
    root = re.compile(r"hand|palm" if has_body else r"hand|palm|wrist")
    return fingers | {column for column, name in enumerate(skeleton.keypoints) if root.search(name)}


def _face_columns(skeleton: Skeleton) -> set[int]:
    """Columns of a dense face. A body's own nose, eyes and ears are part of its head."""
    if len(skeleton.parts.get("face", ())) >= DENSE_FACE:
        return set(skeleton.part_index("face").tolist())
    if FACE_PARTS & set(skeleton.parts):
        return set(range(len(skeleton)))
    columns = {column for column, name in enumerate(skeleton.keypoints) if FACE.search(name.lower())}
    return columns if len(columns) >= DENSE_FACE else set()


def _lip_columns(skeleton: Skeleton) -> set[int]:
    """Columns of the lips of a dense face: by part, by name, or by place in the 68 points of iBUG's 300-W."""
    face = skeleton.parts.get("face", ())
    names = skeleton.parts.get("lips", face[48:] if len(face) == 68 else ())
    named = {name for name in skeleton.keypoints if re.search("lip|mouth", name.lower())}
    return {skeleton.index(name) for name in named | set(names)}


def _outline_columns(skeleton: Skeleton) -> set[int]:
    """Columns of the outline of a dense face: by part, or by place in the 68 points of iBUG's 300-W."""
    face = skeleton.parts.get("face", ())
    jaw = skeleton.parts.get("jaw", face[:17] if len(face) == 68 else ())
    return {skeleton.index(name) for name in (*jaw, *skeleton.parts.get("face_oval", ()))}


def _told_apart(marks: list[_Mark]) -> bool:
    """Whether sides, fingers or a face tell them apart: a user's own object often has none."""
    return any(mark.side != "middle" or mark.kind in ("finger", "face") for mark in marks)


def _color(mark: _Mark) -> Color:
    if mark.finger:
        return FINGERS[mark.finger]
    if mark.lips:
        return LIPS
    kind = "arm" if mark.kind == "finger" else mark.kind
    return {"left": LEFT, "right": RIGHT}[mark.side][kind] if mark.side != "middle" else MIDDLE


def _edge_colors(skeleton: Skeleton, marks: list[_Mark]) -> NDArray[np.float64]:
    if not _told_apart(marks):
        return _cycle(len(marks))[skeleton.edge_index[:, 1]]
    return _colors([_color(_joined(marks[a], marks[b])) for a, b in skeleton.edge_index])


def _joined(a: _Mark, b: _Mark) -> _Mark:
    """What an edge is part of: the outer kind of its ends, their common side, and the finger it leads to."""
    sides = {a.side, b.side} - {"middle"}
    fingers = {a.finger, b.finger} - {""}
    outer = max(a, b, key=lambda mark: RANK[mark.kind])
    return _Mark(
        side=sides.pop() if len(sides) == 1 else "middle",
        kind=outer.kind,
        finger=fingers.pop() if len(fingers) == 1 else "",
        lips=a.lips and b.lips,
    )


def _colors(colors: list[Color]) -> NDArray[np.float64]:
    return np.array(colors, dtype=np.float64).reshape(-1, 3)


def _cycle(count: int) -> NDArray[np.float64]:
    return _colors([IDENTITIES[column % len(IDENTITIES)] for column in range(count)])
