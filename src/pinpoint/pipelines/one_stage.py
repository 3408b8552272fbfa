"""The whole picture at once: detectors, and networks that find boxes and keypoints together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs import InstanceCodec, Instances, ZoomCodec
from pinpoint.geometry import (
    Float,
    Image,
    Size,
    compose,
    invert,
    letterbox,
    transform_boxes,
    transform_points,
)
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
        flip_test: Look at the mirror image too, and take the mean of what is said, where the codec can turn
            that back (see `MirrorCodec`).
        scales: How large the picture is shown, one look each, where the codec can grow what is said (see
            `ZoomCodec`). 1 is one of them; others are smaller. To look closer, give a network of a larger
            input: the picture at .5 is what a network of half the input sees.

    Raises:
        ValueError: The codec cannot read several looks, or a scale is out of range.
    """

    session: Session
    codec: InstanceCodec
    prepare: Preparation
    skeleton: Skeleton
    align: float = 0.5
    flip_test: bool = False
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not all(0 < scale <= 1 for scale in self.scales) or 1 not in self.scales:
            raise ValueError(f"scales are {self.scales}, expected 1 and others between 0 and 1")
        needed = {"mirrored": self.flip_test, "zoomed": len(self.scales) > 1}
        if lacking := [name for name, used in needed.items() if used and not hasattr(self.codec, name)]:
            raise ValueError(f"{type(self.codec).__name__} has no {lacking[0]}: it is read from one look")

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order.

        It holds the instance that fits the box best. A box that no instance overlaps by .3
        (IoU) has missing keypoints and score 0.
        """
        found = self.within(image, letterbox(picture_size(image), self.prepare.size, self.align))
        return found if boxes is None else best_in_boxes(image, found, boxes, MIN_IOU)

    def within(self, image: Image, input_from_image: Float) -> Keypoints:
        """Look at the part of the picture that a map of shape (2, 3) shows to the network."""
        found = self.codec.decode(*self._outputs(image, input_from_image))
        return _in_image(found, invert(input_from_image), self.skeleton)

    def _outputs(self, image: Image, input_from_image: Float) -> tuple[NDArray, ...]:
        """What the network says in all its looks, as if it were one."""
        ways = (False, True) if self.flip_test else (False,)
        looks = [self._look(image, input_from_image, scale, way) for scale in self.scales for way in ways]
        if len(looks) == 1:
            return looks[0]
        return getattr(self.codec, "together", _mean)(*looks)

    def _look(
        self, image: Image, input_from_image: Float, scale: float, mirrored: bool
    ) -> tuple[NDArray, ...]:
        """What the network says of a smaller or mirrored picture, told as of the plain one."""
        codec = cast(ZoomCodec, self.codec)
        matrix = (
            input_from_image if scale == 1 else compose(_zoom(scale, self.prepare.size), input_from_image)
        )
        if mirrored:
            matrix = compose(np.array([[-1.0, 0.0, codec.mirror_sum], [0.0, 1.0, 0.0]]), matrix)
        outputs = self.session.run(self.prepare(image, matrix[None]))
        if mirrored:
            outputs = codec.mirrored(*outputs, order=self.skeleton.flip_index)
        return outputs if scale == 1 else codec.zoomed(*outputs, zoom=scale)


def _zoom(scale: float, size: Size) -> Float:
    """Show an input smaller, around its middle."""
    x, y = (np.array(size) - 1) / 2 * (1 - scale)
    return np.array([[scale, 0.0, x], [0.0, scale, y]])


def _mean(*looks: Sequence[NDArray]) -> tuple[NDArray, ...]:
    return tuple(np.mean(outputs, axis=0) for outputs in zip(*looks, strict=True))


def _in_image(found: Instances, image_from_input: Float, columns: Skeleton) -> Keypoints:
    return Keypoints(
        xy=transform_points(found.xy, image_from_input),
        scores=found.scores,
        skeleton=columns,
        boxes=transform_boxes(found.boxes, image_from_input),
        box_scores=found.box_scores,
    )
