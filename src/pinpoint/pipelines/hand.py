"""Hands by MediaPipe Hands (arXiv 2006.10214): a palm detector, and a network that reads 21 points."""

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from pinpoint.geometry import Image, boxes_of_points
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.boxes import in_boxes
from pinpoint.pipelines.duplicates import distinct_hulls
from pinpoint.pipelines.following import CropFollower, all_of_them, present_hulls
from pinpoint.pipelines.point_network import MIN_PRESENCE, PointNetwork
from pinpoint.pipelines.regions import AlignedBoxRegion, HullRegion, Region
from pinpoint.pipelines.turns import read_by_turns

__all__ = ["Hands"]

FROM_DETECTOR = AlignedBoxRegion("wrist", "middle_finger_mcp", up=True, scale=2.6, shift=-0.5)
BOX_SCALE = 1.5
# MediaPipe's choice: the tips move too much to place a crop by
STEADY = (
    "wrist", "thumb_cmc", "thumb_mcp", "thumb_ip", "index_finger_mcp", "index_finger_pip",
    "middle_finger_mcp", "middle_finger_pip", "ring_finger_mcp", "ring_finger_pip", "pinky_mcp", "pinky_pip",
)  # fmt: skip
AGAIN = HullRegion("wrist", "middle_finger_mcp", up=True, scale=2.0, shift=-0.1, points=STEADY)
SURE = 0.95


@dataclass(frozen=True)
class Hands:
    """All hands of a picture, as 21 points in the picture and in metres; `labels` says `left` or `right`.

    Args:
        detector: Finds hands as `palm7`, or as boxes only.
        network: Reads `hand21`.
        looks: How often the network looks; the second look is where the first one saw the hand.
    """

    detector: Estimator
    network: PointNetwork
    looks: int = 1

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order.

        A box does not say which way a hand points: the network tries quarter turns until it is sure, and then
        looks again.
        """
        if boxes is not None:
            return in_boxes(image, boxes, lambda given: self._in_boxes(image, given))
        found = self.detector(image)
        if "wrist" in found.skeleton:
            kps = self.read(image, found, FROM_DETECTOR, self.looks)
        else:
            kps = self._in_boxes(image, found).above(MIN_PRESENCE)
        return distinct_hulls(replace(kps, boxes=boxes_of_points(kps.xy)))

    def follower(self) -> CropFollower:
        """Return its parts for video; see `Follower`. It looks once, where the frame before saw the hand."""
        columns = self.network.skeleton
        return CropFollower(
            self._found, self.network, FROM_DETECTOR, AGAIN, present_hulls, all_of_them, columns
        )

    def _found(self, image: Image) -> Keypoints:
        found = self.detector(image)
        return found if "wrist" in found.skeleton else self._in_boxes(image, found).above(MIN_PRESENCE)

    def _in_boxes(self, image: Image, found: Keypoints) -> Keypoints:
        first = read_by_turns(self.network, image, found, BOX_SCALE, sure=SURE)
        return self.network(image, first, AGAIN)

    def read(self, image: Image, found: Keypoints, region: Region, looks: int) -> Keypoints:
        """Read the hands among what was found, in so many looks."""
        kps = self.network(image, found, region).above(MIN_PRESENCE)
        for _ in range(looks - 1):
            kps = self.network(image, kps, AGAIN).above(MIN_PRESENCE)
        return kps
