"""Hands by MediaPipe Hands (arXiv 2006.10214): a palm detector, and a network that reads 21 points."""

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from pinpoint.geometry import Image, boxes_of_points
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.boxes import in_boxes
from pinpoint.pipelines.duplicates import distinct_hulls
from pinpoint.pipelines.regions import AlignedBoxRegion, BoxRegion, HullRegion, Region
from pinpoint.pipelines.top_down import PointNetwork

__all__ = ["Hands"]

FROM_DETECTOR = AlignedBoxRegion("wrist", "middle_finger_mcp", up=True, scale=2.6, shift=-0.5)
FROM_BOX = BoxRegion(scale=2.0)
# MediaPipe's choice: the tips move too much to place a crop by
STEADY = (
    "wrist", "thumb_cmc", "thumb_mcp", "thumb_ip", "index_finger_mcp", "index_finger_pip",
    "middle_finger_mcp", "middle_finger_pip", "ring_finger_mcp", "ring_finger_pip", "pinky_mcp", "pinky_pip",
)  # fmt: skip
AGAIN = HullRegion("wrist", "middle_finger_mcp", up=True, scale=2.0, shift=-0.1, points=STEADY)
MIN_PRESENCE = 0.5


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

        The turn of a hand in a given box is not known, so the network always looks at it twice.
        """
        if boxes is not None:
            return in_boxes(image, boxes, lambda given: self._of_boxes(image, given))
        found = self.detector(image)
        kps = self.read(image, found, FROM_DETECTOR if "wrist" in found.skeleton else FROM_BOX, self.looks)
        return distinct_hulls(replace(kps, boxes=boxes_of_points(kps.xy)))

    def _of_boxes(self, image: Image, found: Keypoints) -> Keypoints:
        return self.network(image, self.network(image, found, FROM_BOX), AGAIN)

    def read(self, image: Image, found: Keypoints, region: Region, looks: int) -> Keypoints:
        """Read the hands among what was found, in so many looks."""
        kps = self.network(image, found, region).above(MIN_PRESENCE)
        for _ in range(looks - 1):
            kps = self.network(image, kps, AGAIN).above(MIN_PRESENCE)
        return kps
