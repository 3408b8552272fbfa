"""Average precision of the parts of a whole body, each judged on its own, as COCO-WholeBody does it.

https://github.com/jin-s13/COCO-WholeBody (arXiv 2007.11858)
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import Found, Truth, hull_areas, match
from pinpoint.evaluation.curves import Matches, precision_recall
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = ["PARTS", "match_parts", "part_columns", "part_measures"]

PARTS = ("body", "feet", "face", "left_hand", "right_hand")

Columns = Mapping[str, NDArray[np.intp]]


def part_columns(skeleton: Skeleton) -> dict[str, NDArray[np.intp]]:
    """Columns of those of `PARTS` that a skeleton has, and `whole`, which is all of them.

    >>> from pinpoint.skeletons import skeleton
    >>> {part: len(columns) for part, columns in part_columns(skeleton("coco_wholebody133")).items()}
    {'body': 17, 'feet': 6, 'face': 68, 'left_hand': 21, 'right_hand': 21, 'whole': 133}
    """
    columns = {part: skeleton.part_index(part) for part in PARTS if skeleton.parts.get(part)}
    return columns | {"whole": np.arange(len(skeleton))}


def part_measures(
    truth: Truth,
    found: Found,
    sigmas: Float,
    columns: Columns,
    part_scores: Mapping[str, Float] | None = None,
) -> dict[str, dict[str, float]]:
    """COCO's ten numbers of every part: see `match_parts`."""
    matches = match_parts(truth, found, sigmas, columns, part_scores)
    return {part: precision_recall(one).measures() for part, one in matches.items()}


def match_parts(
    truth: Truth,
    found: Found,
    sigmas: Float,
    columns: Columns,
    part_scores: Mapping[str, Float] | None = None,
) -> dict[str, Matches]:
    """Match instances by each part of their points alone; where a part is not labelled it does not count.

    Medium and large are whole instances: labelled ones by their area, found ones by theirs or, where there
    are none, by the hull of the points of their body. What was found without a point of a part is left out.

    Args:
        truth: What is there.
        found: What was found.
        sigmas: OKS falloff of each keypoint, shape (K,).
        columns: Of each part, such as `part_columns` gives.
        part_scores: Of the found instances by part, shapes (M,); for others it is the instance's score.
    """
    areas = found.areas
    if areas is None:
        areas = hull_areas(found.xy[:, columns["body"]] if "body" in columns else found.xy)
    scores = dict.fromkeys(columns, found.scores) | dict(part_scores or {})
    matches: dict[str, Matches] = {}
    for part, chosen in columns.items():
        xy = found.xy[:, chosen]
        there = np.flatnonzero(np.isfinite(xy[..., 0]).any(axis=1))
        of_part = Found(found.picture, xy, scores[part], areas)[there]
        matches[part] = match(replace(truth, xy=truth.xy[:, chosen]), of_part, np.asarray(sigmas)[chosen])
    return matches
