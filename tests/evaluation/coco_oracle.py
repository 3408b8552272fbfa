"""Worlds of labelled and found instances, and what pycocotools says of them."""

import contextlib
import io
from dataclasses import replace

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pinpoint.evaluation.average_precision import Found, Truth

NAMES = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


def by_pycocotools(truth: Truth, found: Found, sigmas: np.ndarray, images: int) -> dict[str, float]:
    """The ten numbers; NaN where it says -1. Pictures are numbered from 0 to `images` - 1."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(images)],
            "categories": [{"id": 1}],
            "annotations": _annotations(truth),
        }
        coco.createIndex()
        evaluation = COCOeval(
            coco, coco.loadRes(_results(found)) if len(found.scores) else COCO(), "keypoints"
        )
        evaluation.params.kpt_oks_sigmas = np.asarray(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = [float("nan") if value == -1 else float(value) for value in evaluation.stats]
    return dict(zip(NAMES, values, strict=True))


def _annotations(truth: Truth) -> list[dict]:
    labelled = truth.labelled
    flat = np.concatenate([np.nan_to_num(truth.xy), 2.0 * labelled[..., None]], axis=2)
    return [
        {
            "id": row + 1,
            "image_id": int(truth.picture[row]),
            "category_id": 1,
            "iscrowd": int(truth.crowd[row]),
            "bbox": [*(box[:2] + 0.5), *(box[2:] - box[:2])],
            "area": float(truth.areas[row]),
            "num_keypoints": int(labelled[row].sum()),
            "keypoints": flat[row].ravel().tolist(),
        }
        for row, box in enumerate(truth.boxes)
    ]


def _results(found: Found) -> list[dict]:
    flat = np.concatenate([found.xy, np.ones((*found.xy.shape[:2], 1))], axis=2)
    return [
        {
            "image_id": int(found.picture[row]),
            "category_id": 1,
            "score": float(score),
            "keypoints": flat[row].ravel().tolist(),
        }
        | ({} if found.areas is None else {"bbox": [0, 0, float(found.areas[row]), 1]})
        for row, score in enumerate(found.scores)
    ]


def jittered(rng: np.random.Generator, truth: Truth, false: int, tie: bool) -> Found:
    """Two looks at every instance, near or far by chance, and some at nothing."""
    rows = np.repeat(np.arange(len(truth.areas)), 2)
    spread = np.sqrt(truth.areas[rows])[:, None, None] * rng.choice([0, 0.02, 0.1, 0.3], (len(rows), 1, 1))
    away = rng.normal(size=truth.xy[rows].shape) * spread
    middle = (truth.boxes[rows, None, :2] + truth.boxes[rows, None, 2:]) / 2
    near = np.where(np.isnan(truth.xy[rows]), middle, truth.xy[rows]) + away
    nowhere = rng.uniform(0, 640, (false, 1, 2)) + rng.normal(scale=40, size=(false, truth.xy.shape[1], 2))
    pictures = np.concatenate([truth.picture[rows], rng.integers(0, truth.picture.max(initial=0) + 1, false)])
    scores = rng.random(len(pictures))
    order = rng.permutation(len(pictures))
    xy = np.concatenate([near, nowhere])
    return Found(pictures[order], xy[order], scores.round(1) if tie else scores)


def random_world(seed: int, keypoints: int = 5) -> tuple[Truth, Found, np.ndarray, int]:
    """A few pictures with crowds, ties, instances without labels and tiny ones; some pictures are empty.

    In some worlds what is found has areas of its own, as results with boxes have.
    """
    rng = np.random.default_rng(seed)
    images, count = int(rng.integers(1, 8)), int(rng.integers(0, 30))
    sides = np.exp(rng.uniform(np.log(4), np.log(300), (count, 2)))
    low = rng.uniform(0, 400, (count, 2))
    xy = low[:, None] + rng.random((count, keypoints, 2)) * sides[:, None]
    xy[rng.random((count, keypoints)) < 0.3] = np.nan
    crowd = rng.random(count) < 0.1
    xy[crowd | (rng.random(count) < 0.1)] = np.nan
    again = rng.random(count) < 0.1  # the same instance labelled twice: every similarity is a tie
    for row in np.flatnonzero(again & ~crowd)[1:]:
        xy[row], low[row], sides[row] = xy[row - 1], low[row - 1], sides[row - 1]
    truth = Truth(
        picture=rng.integers(0, images, count),
        xy=xy,
        boxes=np.concatenate([low, low + sides], axis=1) - 0.5,
        areas=sides.prod(axis=1) * rng.uniform(0.3, 1, count),
        crowd=crowd,
    )
    found = jittered(rng, truth, int(rng.integers(0, 25)), tie=bool(rng.random() < 0.5))
    sigmas = rng.uniform(0.02, 0.12, keypoints)
    if rng.random() < 0.3:
        found = replace(found, areas=np.exp(rng.uniform(np.log(400), np.log(40000), len(found.scores))))
    return truth, found, sigmas, images
