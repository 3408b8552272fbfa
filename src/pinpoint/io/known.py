"""Which skeleton a file means that does not say so itself."""

import logging

from pinpoint.skeletons import Skeleton, skeleton, skeleton_names

__all__ = ["skeleton_by_count", "skeleton_by_names"]

log = logging.getLogger(__name__)

_USUAL = {17: "coco17"}  # what a file in COCO's form means by 17, though other skeletons have as many


def skeleton_by_names(names: tuple[str, ...]) -> Skeleton | None:
    """Return the skeleton of this package with these keypoints in this order, if there is exactly one.

    `Left Shoulder` is `left_shoulder`, unless there is a skeleton that says it in the same way.
    """
    return _only(names) or _only(tuple(name.lower().replace(" ", "_") for name in names))


def _only(names: tuple[str, ...]) -> Skeleton | None:
    same = [known for known in map(skeleton, skeleton_names()) if known.keypoints == names]
    return same[0] if len(same) == 1 else None


def skeleton_by_count(k: int) -> Skeleton:
    """Return the skeleton that a bare count of keypoints means, and say so in the log.

    Raises:
        ValueError: No skeleton of this package has as many keypoints, or several have.
    """
    same = [name for name in skeleton_names() if len(skeleton(name)) == k]
    name = _USUAL.get(k, same[0] if len(same) == 1 else None)
    if name is None:
        those = f"{' and '.join(same)} have" if same else "no skeleton of this package has"
        raise ValueError(f"{those} {k} keypoints: say which are meant with skeleton=")
    if k:
        log.info("%d keypoints without names are taken for %s", k, name)
    return skeleton(name)
