"""The whole picture at once: detectors, and networks that find boxes and keypoints together."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from pinpoint.codecs import InstanceCodec, Instances
from pinpoint.geometry import Float, Image, invert, letterbox, transform_boxes, transform_points
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.boxes import best_in_boxes
from pinpoint.pipelines.preparation import Preparation, picture_size
from pinpoint.runtime import Session
from pinpoint.skeletons import Skeleton

__all__ = ["OneStage"]

MIN_IOU = 0.3  # a box from elsewhere and ours around the same instance overlap at least so


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
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order.

        It holds the instance that fits the box best. A box that no instance overlaps by .3
        (IoU) has missing keypoints and score 0.
        """
        found = self.within(image, letterbox(picture_size(image), self.prepare.size, self.align))
        return found if boxes is None else best_in_boxes(image, found, boxes, MIN_IOU)

    def within(self, image: Image, input_from_image: Float) -> Keypoints:
        """Look at the part of the picture that a map of shape (2, 3) shows to the network."""
        found = self.codec.decode(*self.session.run(self.prepare(image, input_from_image[None])))
        return _in_image(found, invert(input_from_image), self.skeleton)


def _in_image(found: Instances, image_from_input: Float, columns: Skeleton) -> Keypoints:
    return Keypoints(
        xy=transform_points(found.xy, image_from_input),
        scores=found.scores,
        skeleton=columns,
        boxes=transform_boxes(found.boxes, image_from_input),
        box_scores=found.box_scores,
    )
