"""The few measures that the benchmarks print. Points are pixels; NaN marks a point that is not there."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]

OUTER_EYE_CORNERS = (36, 45)
"""Of the 68 iBUG points; their distance is what 300-W divides by (Sagonas et al., ICCV 2013 workshops)."""

COCO17_FROM_BLAZEPOSE33 = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)


def normalised_mean_error(xy: Float, truth: Float) -> Float:
    """Mean distance over the distance of the outer eye corners, shapes (N, 68, 2), (N, 68, 2) -> (N,)."""
    left, right = OUTER_EYE_CORNERS
    span = np.linalg.norm(truth[:, left] - truth[:, right], axis=-1)
    return np.linalg.norm(xy - truth, axis=-1).mean(axis=-1) / span


def hull(xy: Float) -> Float:
    """Box x1 y1 x2 y2 around the points that are there, shapes (..., K, 2) -> (..., 4)."""
    return np.concatenate([np.nanmin(xy, axis=-2), np.nanmax(xy, axis=-2)], axis=-1)


def longer_side(boxes: Float) -> Float:
    """Shape (..., 4) -> (...,)."""
    return (boxes[..., 2:] - boxes[..., :2]).max(axis=-1)


def overlap(a: Float, b: Float) -> Float:
    """Intersection over union of every pair of boxes, shapes (N, 4), (M, 4) -> (N, M)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(axis=-1) for box in (a, b))
    return shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9)


def match(boxes: Float, truth: Float, threshold: float) -> list[tuple[int, int]]:
    """Pair found boxes (N, 4) with true ones (M, 4), the best overlap first, each used once."""
    score = overlap(boxes, truth)
    pairs: list[tuple[int, int]] = []
    while score.size and score.max() >= threshold:
        found, true = np.unravel_index(score.argmax(), score.shape)
        pairs.append((int(found), int(true)))
        score[found, :] = score[:, true] = -1
    return pairs


def point_errors(xy: Float, truth: Float, size: Float) -> Float:
    """Distance of every point as a share of its instance's size, shapes (N, K, 2) x2, (N,) -> (N, K)."""
    return np.linalg.norm(xy - truth, axis=-1) / size[:, None]


def coco_keypoint_scores(
    annotations: Path, results: Sequence[dict[str, Any]], images: Sequence[int] = ()
) -> dict[str, float]:
    """OKS average precision and recall by pycocotools.

    Args:
        annotations: A COCO keypoint file.
        results: COCO results: `image_id`, `category_id`, `keypoints` (51 numbers) and `score`.
        images: Ids of the images that were looked at, none for all of the file.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not results:
        return dict.fromkeys(("AP", "AP50", "AP75", "AR"), 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        run = COCOeval(truth, truth.loadRes(list(results)), "keypoints")
        run.params.imgIds = list(images) or run.params.imgIds
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(("AP", "AP50", "AP75", "AR"), run.stats[[0, 1, 2, 5]].tolist(), strict=True))
