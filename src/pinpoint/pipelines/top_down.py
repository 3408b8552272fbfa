"""One crop per instance: a detector says where, a network says what."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.geometry import Image
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.boxes import in_boxes, whole_picture
from pinpoint.pipelines.following import (
    LEAST_FOUND,
    CropFollower,
    EveryFrame,
    Follower,
    all_of_them,
    boxes_around,
    still_there,
)
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.regions import Region

__all__ = ["TopDown", "rescored"]


@dataclass(frozen=True)
class TopDown:
    """Find boxes, then the keypoints in each.

    The score of an instance is that of its box times the mean of its keypoints' (arXiv 1701.01779): who is
    seen well ranks first, in boxes that are given too.

    Args:
        detector: Finds the instances.
        network: Reads their keypoints.
        region: Where the network looks for what the detector found.
        box_region: Where it looks for a box that the caller gives.
        flip_test: Look at the mirror image too, and take the mean.
        flip_given: The same for boxes that the caller gives.
        sift: Which instances in boxes of the detector are kept, once their keypoints are known.
    """

    detector: Estimator
    network: PointNetwork
    region: Region
    box_region: Region
    flip_test: bool = False
    flip_given: bool = False
    sift: Callable[[Keypoints], Keypoints] = all_of_them

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order."""
        if boxes is not None:
            look = self.network.twice if self.flip_given else self.network
            return in_boxes(image, boxes, lambda given: rescored(look(image, given, self.box_region)))
        look = self.network.twice if self.flip_test else self.network
        return self.sift(rescored(look(image, self.detector(image), self.region)))

    def follower(self) -> Follower:
        """Return its parts for video; see `Follower`. It looks once, at the box of the frame before."""
        columns = self.network.skeleton
        if getattr(self.detector, "detector", self.detector) is whole_picture:
            return EveryFrame(self, columns)

        def there(kps: Keypoints, image: Image) -> Keypoints:
            return still_there(rescored(kps), image)

        return CropFollower(
            self.detector,
            self.network,
            self.region,
            self.box_region,
            there,
            all_of_them,
            columns,
            sure=LEAST_FOUND,
            boxed=boxes_around,
        )


def rescored(kps: Keypoints) -> Keypoints:
    """Weigh the score of each box by the mean score of its keypoints; one without a score counts as sure."""
    sure = np.ones(len(kps)) if kps.box_scores is None else kps.box_scores
    return replace(kps, box_scores=sure * kps.scores.mean(axis=1)) if len(kps.skeleton) else kps
