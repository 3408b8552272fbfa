"""How the keypoints of one skeleton are had from another: by name, as a middle, or from the nearest thing.

Skeletons call the same thing by the same name, so most keypoints need no rule. `SUBSTITUTES` holds the
rest, as published conversions have it: OpenPose's neck and pelvis are middles; mmpose and MotionBERT take
the nose for Human3.6M's `neck_base` and, for want of the top of the head, the middle of the eyes for its
`head`. A foot's index (MediaPipe) is not quite the big toe (COCO-WholeBody, OpenPose), but what is commonly
taken for it. Points that lie far from any rule, such as the top of the head from a face, are not guessed.
"""

from collections.abc import Mapping

from pinpoint.skeletons import Skeleton

__all__ = ["SUBSTITUTES", "sources"]

_SHOULDERS, _HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")

SUBSTITUTES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "neck": (_SHOULDERS,),
    "thorax": (_SHOULDERS,),
    "mid_shoulder": (_SHOULDERS,),
    "pelvis": (_HIPS,),
    "mid_hip": (_HIPS,),
    "spine": (("thorax", "pelvis"), _SHOULDERS + _HIPS),
    "upper_neck": (("neck",),),
    "neck_base": (("nose",),),
    "head": (("head_top",), ("left_eye", "right_eye")),
    "head_top": (("head",),),
    "left_big_toe": (("left_foot_index",),),
    "right_big_toe": (("right_foot_index",),),
    "left_foot_index": (("left_big_toe",),),
    "right_foot_index": (("right_big_toe",),),
    "nose": (("nose_tip",), ("face-30",)),
    "nose_tip": (("nose",), ("face-30",)),
    "left_eye": (tuple(f"face-{i}" for i in range(42, 48)),),
    "right_eye": (tuple(f"face-{i}" for i in range(36, 42)),),
    "left_mouth_corner": (("face-54",),),
    "right_mouth_corner": (("face-48",),),
    "mouth": (("left_mouth_corner", "right_mouth_corner"), ("face-48", "face-54")),
}
"""For a name that a skeleton lacks: groups of names whose mean stands for it, best first."""


def sources(target: Skeleton, source: Skeleton) -> tuple[tuple[str, ...], ...]:
    """Say where each keypoint of one skeleton comes from in another.

    Returns:
        For each keypoint of the target the names in the source whose mean it is; none where it cannot be had.

    >>> from pinpoint.skeletons import skeleton
    >>> sources(skeleton("openpose18"), skeleton("coco17"))[:2]
    (('nose',), ('left_shoulder', 'right_shoulder'))
    """
    return tuple(_group(name, source) for name in target.keypoints)


def _group(name: str, source: Skeleton) -> tuple[str, ...]:
    groups = ((name,), *SUBSTITUTES.get(name, ()))
    return next((group for group in groups if all(part in source for part in group)), ())
