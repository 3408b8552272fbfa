"""Boxes that do not say which way is up."""

from dataclasses import replace

import numpy as np

from pinpoint.geometry import Image
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.top_down import PointNetwork

__all__ = ["read_by_turns"]

QUARTERS = (np.pi, np.pi / 2, -np.pi / 2)


def read_by_turns(
    network: PointNetwork, image: Image, found: Keypoints, scale: float, *, sure: float
) -> Keypoints:
    """Read instances of which only the boxes are known, turned as the network is surest of them.

    It is shown each box upright. Those in which it is not sure that there is an instance are shown by quarter
    turns too, until it is.

    Args:
        network: A network that tells the presence of an instance as its box score.
        image: RGB, shape (H, W, 3).
        found: Instances with boxes.
        scale: Side of what it is shown over the longer side of the box.
        sure: Box score from which it is.
    """
    best = network(image, found, BoxRegion(scale=scale))
    for angle in QUARTERS:
        rows = np.flatnonzero(_presence(best) < sure)
        if not len(rows):
            break
        turned = network(image, found[rows], BoxRegion(scale=scale, angle=angle))
        better = _presence(turned) > _presence(best)[rows]
        best = _with_rows(best, rows[better], turned[better])
    return best


def _presence(kps: Keypoints) -> np.ndarray:
    return np.ones(len(kps)) if kps.box_scores is None else kps.box_scores


def _with_rows(kps: Keypoints, rows: np.ndarray, others: Keypoints) -> Keypoints:
    """Put other instances, which have the same fields, into some rows."""
    arrays = {name: values.copy() for name, values in kps.arrays().items()}
    for name, values in others.arrays().items():
        arrays[name][rows] = values
    return replace(kps, **arrays)
