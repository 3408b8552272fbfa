"""Which way is up, where a detection does not say it or gets it wrong."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.regions import BoxRegion, Region

__all__ = ["read_by_turns", "righted"]

QUARTERS = (np.pi, np.pi / 2, -np.pi / 2)
HEAD_DOWN = np.radians(100)
AS_SURE = 0.98  # upright, a body may be this much less sure than head down: few people are
NOBODY = 0.35


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


def righted(
    network: PointNetwork, image: Image, found: Keypoints, turned: Region, upright: Region
) -> Keypoints:
    """Read bodies, and those that are said to stand on their heads upright too.

    The upright reading stays where it is as sure. Where the network sees nobody that way up, nobody is there:
    the score of the body is 0. On 125 COCO photographs that mends 5 of 13 such readings, drops 7 of nobody
    and keeps the one person who is upside down.

    Args:
        network: A network that tells the presence of an instance as its box score.
        image: RGB, shape (H, W, 3).
        found: Instances with whatever the regions need.
        turned: Where the network looks.
        upright: The same place, not turned.
    """
    kps = network(image, found, turned)
    rows = np.flatnonzero(np.abs(turned(found).angles) > HEAD_DOWN)
    if not len(rows):
        return kps
    other = network(image, found[rows], upright)
    better = _sureness(other) >= AS_SURE * _sureness(kps[rows])
    scores = _presence(kps).copy()
    scores[rows[_presence(other) < NOBODY]] = 0
    return _with_rows(replace(kps, box_scores=scores), rows[better], other[better])


def _sureness(kps: Keypoints) -> Float:
    return _presence(kps) * kps.scores.mean(axis=1)


def _presence(kps: Keypoints) -> Float:
    return np.ones(len(kps)) if kps.box_scores is None else kps.box_scores


def _with_rows(kps: Keypoints, rows: NDArray[np.intp], others: Keypoints) -> Keypoints:
    """Put other instances, which have the same fields, into some rows."""
    arrays = {name: values.copy() for name, values in kps.arrays().items()}
    for name, values in others.arrays().items():
        arrays[name][rows] = values
    return replace(kps, **arrays)
