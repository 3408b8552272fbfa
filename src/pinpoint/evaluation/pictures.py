"""From what was found in many pictures to the numbers of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import Found, Truth, keypoint_measures
from pinpoint.evaluation.boxes import box_measures
from pinpoint.evaluation.lengths import box_sizes
from pinpoint.evaluation.nme import OUTER_EYE_CORNERS, length_between, nme
from pinpoint.evaluation.pairing import pair_by_distance
from pinpoint.evaluation.points import longer_sides, pck
from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = [
    "Judged",
    "coco_measures",
    "found_of",
    "instance_scores",
    "measures_of_boxes",
    "measures_of_keypoints",
    "nme_lengths",
    "prediction_of",
    "rows_of_pairs",
    "truth_of",
]


@dataclass(frozen=True, eq=False)
class Judged:
    """One picture: what is in it, and what was found.

    Args:
        truth: N labelled instances with boxes and areas.
        crowds: Boxes in which nothing counts for or against, shape (C, 4).
        found: M found instances of the same skeleton.
        rows: In the box of which labelled instance each found one was looked for, shape (M,); none where
            nobody said where to look.
    """

    truth: Keypoints
    crowds: Float
    found: Keypoints
    rows: NDArray[np.intp] | None = None


def coco_measures(pictures: Sequence[Judged], sigmas: Float) -> dict[str, float]:
    """COCO's ten numbers of keypoints: see `keypoint_measures`; crowds and bare instances do not count."""
    return keypoint_measures(truth_of(pictures), found_of(pictures), sigmas)


def measures_of_keypoints(pictures: Sequence[Judged], sigmas: Float) -> dict[str, float]:
    """Measure keypoints.

    Args:
        pictures: Of one skeleton, one picture or more.
        sigmas: OKS falloff of each keypoint, shape (K,).

    Returns:
        COCO's ten numbers (`AP` to `ARl`), `PCK@.1` and `PCK@.05` by the longer side of the box, `NME` by
        `nme_lengths`, and `missed`, the labelled instances for which nothing was found.
        These are wrong in PCK and do not count in NME. What is found is paired with what is labelled by the
        distance of the points, where it was not looked for in given boxes.
    """
    measures = coco_measures(pictures, sigmas)
    truth = np.concatenate([one.truth.xy for one in pictures])
    boxes = np.concatenate([np.asarray(one.truth.boxes) for one in pictures])
    predicted = np.concatenate([prediction_of(one) for one in pictures])
    sizes = longer_sides(boxes)
    measures |= {f"PCK@{share}": pck(truth, predicted, sizes, float(share)) for share in (".1", ".05")}
    errors = nme(truth, predicted, nme_lengths(truth, boxes, pictures[0].truth.skeleton))
    measures["NME"] = float(np.nanmean(errors)) if np.isfinite(errors).any() else float("nan")
    labelled = _there(truth).any(axis=1)
    return measures | {"missed": float((labelled & ~_there(predicted).any(axis=1)).sum())}


def nme_lengths(truth: Float, boxes: Float, columns: Skeleton) -> Float:
    """What errors are divided by for `NME`, shapes (N, K, 2) and (N, 4) -> (N,), in pixels.

    The distance of the outer corners of the eyes where the skeleton has them, else the root of the box's
    area.
    """
    if all(name in columns for name in OUTER_EYE_CORNERS):
        return length_between(truth, columns)
    return box_sizes(boxes)


def measures_of_boxes(pictures: Sequence[Judged]) -> dict[str, float]:
    """Measure boxes: see `box_measures`."""
    return dict(
        box_measures(
            [
                (
                    np.asarray(one.truth.boxes),
                    one.crowds,
                    np.zeros((0, 4)) if one.found.boxes is None else one.found.boxes,
                    _box_scores(one.found),
                )
                for one in pictures
            ]
        )
    )


def instance_scores(kps: Keypoints) -> Float:
    """How sure an estimator is of each instance, shape (N,): its own score, or the mean of its keypoints'."""
    if kps.box_scores is None and len(kps.skeleton):
        return np.nan_to_num(kps.scores.mean(axis=1))
    return _box_scores(kps)


def _box_scores(kps: Keypoints) -> Float:
    return np.ones(len(kps)) if kps.box_scores is None else np.nan_to_num(kps.box_scores)


def _there(xy: Float) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(xy).all(axis=-1))


def truth_of(pictures: Sequence[Judged]) -> Truth:
    """Instances and, as instances without labels, crowds."""
    k = len(pictures[0].truth.skeleton)
    crowds = np.concatenate([one.crowds for one in pictures])
    own = [len(one.truth) for one in pictures]
    others = [len(one.crowds) for one in pictures]
    numbers = np.arange(len(pictures))
    return Truth(
        picture=np.concatenate([np.repeat(numbers, own), np.repeat(numbers, others)]),
        xy=np.concatenate([*(one.truth.xy for one in pictures), np.full((len(crowds), k, 2), np.nan)]),
        boxes=np.concatenate([*(np.asarray(one.truth.boxes) for one in pictures), crowds]),
        areas=np.concatenate(
            [*(np.asarray(one.truth.areas) for one in pictures), (crowds[:, 2:] - crowds[:, :2]).prod(axis=1)]
        ),
        crowd=np.repeat([False, True], [sum(own), sum(others)]),
    )


def found_of(pictures: Sequence[Judged]) -> Found:
    """Instances of which at least one point was found."""
    xy = np.concatenate([one.found.xy for one in pictures])
    scores = np.concatenate([instance_scores(one.found) for one in pictures])
    numbers = np.repeat(np.arange(len(pictures)), [len(one.found) for one in pictures])
    rows = np.flatnonzero(_there(xy).any(axis=1))
    return Found(numbers[rows], xy[rows], scores[rows])


def prediction_of(one: Judged) -> Float:
    """The prediction of each labelled instance, shape (N, K, 2), NaN where there is none."""
    nothing = np.full((1, *one.truth.xy.shape[1:]), np.nan)
    return np.concatenate([one.found.xy, nothing])[rows_of_pairs(one)]


def rows_of_pairs(one: Judged) -> NDArray[np.intp]:
    """Row of the found instance of each labelled one, -1 where there is none, shape (N,)."""
    if one.rows is None:
        return pair_by_distance(one.truth.xy, one.found.xy, longer_sides(np.asarray(one.truth.boxes)))
    rows = np.full(len(one.truth), -1)
    rows[one.rows] = np.arange(len(one.found))
    return rows
