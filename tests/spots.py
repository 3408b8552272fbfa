"""Networks that see one bright spot, so that every pipeline can be held against where the spot is."""

import cv2
import numpy as np

from pinpoint.codecs import Extras, Instances
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.preparation import Preparation
from pinpoint.runtime import FakeSession, TensorSpec
from pinpoint.skeletons import Skeleton, skeleton

SIDE = 64
ARROW = Skeleton("arrow3", ("tip", "left_barb", "right_barb"), swaps=(("left_barb", "right_barb"),))


def spot(batch):
    """Middle of the brightness of each crop, shape (B, 2), in pixels; NaN for a black one."""
    grey = batch.astype(np.float64).sum(axis=-1)
    total = grey.sum(axis=(1, 2))
    y, x = np.mgrid[: grey.shape[1], : grey.shape[2]]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([(grey * x).sum(axis=(1, 2)) / total, (grey * y).sum(axis=(1, 2)) / total], axis=1)


class SpotCodec:
    """Every keypoint lies on the spot; the left barb a crop pixel to its right, the right one to its left."""

    input_size = (SIDE, SIDE)

    def decode(self, spots):
        return spots[:, None] + [[0, 0], [1, 0], [-1, 0]], np.tile([0.9, 0.8, 0.7], (len(spots), 1))


class SpotWithExtras(SpotCodec):
    """Says, besides, that each crop shows a left hand whose tip is 1 metre to the right and 2 metres down."""

    def extras(self, spots):
        metres = np.tile([[1.0, 2, 0.5], [2, 0, 0], [3, 0, 0]], (len(spots), 1, 1))
        return Extras(np.full(len(spots), 0.6), metres, np.full(len(spots), "left"))


def spot_session(size=(SIDE, SIDE)):
    width, height = size
    tensor = TensorSpec("image", (None, height, width, 3), np.dtype(np.float32))
    return FakeSession(lambda batch: (spot(batch),), input=tensor)


def spot_network(codec=None, columns=ARROW):
    return PointNetwork(spot_session(), codec or SpotCodec(), Preparation((SIDE, SIDE)), columns)


class FixedCodec:
    """Finds the same boxes in every picture, whatever it shows; each carries its own middle as a point."""

    def __init__(self, boxes, scores=None, size=(SIDE, SIDE)):
        self.boxes, self.input_size = np.array(boxes, dtype=float).reshape(-1, 4), size
        self.scores = np.ones(len(self.boxes)) if scores is None else np.array(scores)

    def decode(self, _):
        middle = (self.boxes[:, None, :2] + self.boxes[:, None, 2:]) / 2
        return Instances(self.boxes, self.scores, middle, self.scores[:, None])


def lit(x, y, size=(200, 150), radius=4):
    """A black picture with one white disc."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    return cv2.circle(image, (x, y), radius, (255, 255, 255), -1)


def people(xy, names=("start", "end"), **fields):
    """Instances with a few named points."""
    xy = np.array(xy, dtype=float).reshape(-1, len(names), 2)
    return Keypoints(xy, np.ones(xy.shape[:2]), Skeleton("line", tuple(names)), **fields)


def boxed(*boxes):
    """Instances of which only the boxes are known."""
    array = np.array(boxes, dtype=float).reshape(-1, 4)
    n = len(array)
    return Keypoints(
        np.zeros((n, 0, 2)), np.zeros((n, 0)), skeleton("box"), boxes=array, box_scores=np.ones(n)
    )
