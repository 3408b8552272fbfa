"""The whole picture at once: detectors, and networks that find boxes and keypoints together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.codecs import InstanceCodec, Instances
from pinpoint.geometry import Float, Image, invert, letterbox, transform_boxes, transform_points
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.preparation import Preparation
from pinpoint.runtime import Session
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["OneStage", "as_boxes"]


@dataclass(frozen=True)
class OneStage:
    """Find every instance of one picture in one run of a network.

    Args:
        session: The network.
        codec: How its outputs are read.
        prepare: How the picture is made into its input.
        skeleton: What its K columns are; `box` for a plain detector.
        align: Where the letterboxed picture sits: .5 in the middle, 0 in the top left corner.
    """

    session: Session
    codec: InstanceCodec
    prepare: Preparation
    skeleton: Skeleton
    align: float = 0.5

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; with `boxes`, keep for each the instance that fits it best (see `Estimator`)."""
        height, width = image.shape[:2]
        return self.within(image, letterbox((width, height), self.prepare.size, self.align))

    def within(self, image: Image, input_from_image: Float) -> Keypoints:
        """Look at the part of the picture that a map of shape (2, 3) shows to the network."""
        found = self.codec.decode(*self.session.run(self.prepare(image, input_from_image[None])))
        return _in_image(found, invert(input_from_image), self.skeleton)


def as_boxes(boxes: ArrayLike) -> Keypoints:
    """Instances of which only the boxes are known.

    Args:
        boxes: x1 y1 x2 y2, shape (N, 4).

    Raises:
        ValueError: The shape is another one, or a box is not finite or has no area.
    """
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have shape {array.shape}, expected (N, 4) as x1 y1 x2 y2")
    bad = ~(np.isfinite(array).all(axis=1) & (array[:, 2:] > array[:, :2]).all(axis=1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"box {row} is {array[row].tolist()}, expected finite x1 < x2 and y1 < y2")
    n = len(array)
    return Keypoints(
        np.zeros((n, 0, 2)), np.zeros((n, 0)), skeleton("box"), boxes=array, box_scores=np.ones(n)
    )


def _in_image(found: Instances, image_from_input: Float, columns: Skeleton) -> Keypoints:
    return Keypoints(
        xy=transform_points(found.xy, image_from_input),
        scores=found.scores,
        skeleton=columns,
        boxes=transform_boxes(found.boxes, image_from_input),
        box_scores=found.box_scores,
    )
