"""What is in pictures and what was found there, as arrays over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.average_precision import Found, Truth, hull_areas, keypoint_measures
from pinpoint.evaluation.boxes import box_measures
from pinpoint.evaluation.pairing import pair_by_distance
from pinpoint.evaluation.points import longer_sides
from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints

__all__ = [
    "Judged",
    "coco_measures",
    "found_of",
    "instance_scores",
    "measures_of_boxes",
    "prediction_of",
    "rows_of_pairs",
    "there",
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
        crowd_areas: What the crowds cover in square pixels, shape (C,), NaN or none for what their boxes do.
    """

    truth: Keypoints
    crowds: Float
    found: Keypoints
    rows: NDArray[np.intp] | None = None
    crowd_areas: Float | None = None


def coco_measures(pictures: Sequence[Judged], sigmas: Float) -> dict[str, float]:
    """COCO's ten numbers of keypoints: see `keypoint_measures`; crowds and bare instances do not count."""
    return keypoint_measures(truth_of(pictures), found_of(pictures), sigmas)


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


def there(xy: Float) -> NDArray[np.bool_]:
    """Which points are neither missing nor half missing, shapes (..., 2) -> (...)."""
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
            [*(np.asarray(one.truth.areas) for one in pictures), *(_crowd_areas(one) for one in pictures)]
        ),
        crowd=np.repeat([False, True], [sum(own), sum(others)]),
    )


def _crowd_areas(one: Judged) -> Float:
    of_boxes = (one.crowds[:, 2:] - one.crowds[:, :2]).prod(axis=1)
    own = np.full(len(of_boxes), np.nan) if one.crowd_areas is None else one.crowd_areas
    return np.where(np.isfinite(own), own, of_boxes)


def found_of(pictures: Sequence[Judged]) -> Found:
    """Instances of which at least one point was found, with the areas of their boxes, as COCO takes them."""
    xy = np.concatenate([one.found.xy for one in pictures])
    scores = np.concatenate([instance_scores(one.found) for one in pictures])
    numbers = np.repeat(np.arange(len(pictures)), [len(one.found) for one in pictures])
    areas = np.concatenate([_found_areas(one.found) for one in pictures])
    rows = np.flatnonzero(there(xy).any(axis=1))
    return Found(numbers[rows], xy[rows], scores[rows], areas[rows])


def _found_areas(kps: Keypoints) -> Float:
    """Areas of the boxes or, where there is none, of the hull of the points."""
    if kps.boxes is None:
        return hull_areas(kps.xy)
    boxes = np.asarray(kps.boxes)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return areas if np.isfinite(areas).all() else np.where(np.isfinite(areas), areas, hull_areas(kps.xy))


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
