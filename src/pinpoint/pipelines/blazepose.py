"""Bodies by BlazePose (arXiv 2006.10204): a detector places circles, a network reads what is in them."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.geometry import Float, Image, boxes_of_points, clip_boxes, iou
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.pipelines.boxes import in_boxes
from pinpoint.pipelines.duplicates import distinct_bodies
from pinpoint.pipelines.following import CropFollower
from pinpoint.pipelines.point_network import MIN_PRESENCE, PointNetwork, averaged
from pinpoint.pipelines.regions import BoxRegion, CircleRegion, Regions
from pinpoint.pipelines.turns import HEAD_DOWN, righted
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["BlazePose", "WholePersonBoxes", "blazepose35"]

FROM_DETECTOR = CircleRegion("mid_hip", "full_body_circle", scale=1.25)
UPRIGHT = replace(FROM_DETECTOR, upright=True)
FROM_BOX = BoxRegion(scale=1.25)
AROUND_BODY = CircleRegion("mid_hip", "full_body_circle", scale=1.0)
AGAIN = CircleRegion("mid_hip", "full_body_circle", scale=1.4)
FULL = 0.6  # IoU of a body's hull with its box: more is not to be had, heads and feet reach beyond the joints


@cache
def blazepose35() -> Skeleton:
    """The 33 body points and the two that place the next crop."""
    body = skeleton("blazepose33")
    return replace(body, name="blazepose35", keypoints=(*body.keypoints, "mid_hip", "full_body_circle"))


@dataclass(frozen=True)
class BlazePose:
    """All bodies of a picture, as 33 points in the picture and in metres from the middle of the hips.

    The box of each is the hull of its points in the picture, or the box that the caller gave. A box says less
    than the detector's circle about where the network should look, so it looks at those twice.

    The box score is the geometric mean of what detector and network say, and with given boxes what the
    network says, less where the body does not fill the box.

    Args:
        detector: Finds people as `blazepose_align4`, or as boxes only.
        network: Reads `blazepose35`.
        looks: 1 looks once at what the detector found; 2 looks again where the first look's points say that
            the body is, plainly and in the mirror. None: 1 for the detector's finds, 2 for boxes.
    """

    detector: Estimator
    network: PointNetwork
    looks: int | None = None

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order."""
        if boxes is not None:
            return in_boxes(image, boxes, lambda given: self._of_boxes(image, given))
        found = self.detector(image)
        if "mid_hip" not in found.skeleton:
            return distinct_bodies(self._of_boxes(image, found))
        kps = righted(self.network, image, found, FROM_DETECTOR, UPRIGHT)
        there = _scores(kps) >= MIN_PRESENCE
        kps, detected = kps[there], _scores(found)[there]
        kps = self._again(image, kps) if self.looks == 2 else kps
        height, width = image.shape[:2]
        hulls = clip_boxes(boxes_of_points(kps.xy[:, :33]), (width, height))
        scores = np.sqrt(_scores(kps) * detected)
        return distinct_bodies(_trimmed(replace(kps, boxes=hulls, box_scores=scores)))

    def follower(self) -> CropFollower:
        """Return its parts for video; see `Follower`. It looks once, where the frame before saw the body.

        The network is shown the body as large as after the detector: in a wider look it reads the points that
        place the next one a little off, frame after frame, until it has lost whoever is half in the picture.
        """
        body = skeleton("blazepose33")
        return CropFollower(self._found, self.network, _first_region, FROM_DETECTOR, _present, _trimmed, body)

    def _found(self, image: Image) -> Keypoints:
        """What the detector tells; where that is somebody head down, what the network reads there."""
        found = self.detector(image)
        if "mid_hip" not in found.skeleton or not (np.abs(FROM_DETECTOR(found).angles) > HEAD_DOWN).any():
            return found
        return righted(self.network, image, found, FROM_DETECTOR, UPRIGHT).above(MIN_PRESENCE)

    def _of_boxes(self, image: Image, found: Keypoints) -> Keypoints:
        kps = self._again(image, self.network(image, found, FROM_BOX))
        fit = _fit(boxes_of_points(convert(kps, "coco17").xy), found.boxes)
        return _trimmed(replace(kps, box_scores=_scores(kps) * fit))

    def _again(self, image: Image, kps: Keypoints) -> Keypoints:
        plain = self.network(image, kps, AGAIN)
        return plain if self.looks == 1 else averaged(plain, self.network(image, kps, AGAIN, mirrored=True))


@dataclass(frozen=True)
class WholePersonBoxes:
    """BlazePose's detector for those who need a box around the whole person: its own boxes hold faces.

    Args:
        detector: Finds people as `blazepose_align4`. What has no circles is passed on as it is.
    """

    detector: Estimator

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. Boxes are squares around the circles of bodies, cut to the picture."""
        found = self.detector(image, boxes)
        if boxes is not None or "full_body_circle" not in found.skeleton:
            return found
        middle, sizes, _ = AROUND_BODY(found)
        height, width = image.shape[:2]
        squares = np.concatenate([middle - sizes / 2, middle + sizes / 2], axis=1)
        return replace(found, boxes=clip_boxes(squares, (width, height)))


def _first_region(found: Keypoints) -> Regions:
    return (FROM_DETECTOR if "mid_hip" in found.skeleton else FROM_BOX)(found)


def _present(kps: Keypoints, image: Image) -> Keypoints:
    """Keep the bodies that are there, each once, in the boxes of their points."""
    kps = kps.above(MIN_PRESENCE)
    height, width = image.shape[:2]
    return distinct_bodies(replace(kps, boxes=clip_boxes(boxes_of_points(kps.xy[:, :33]), (width, height))))


def _trimmed(kps: Keypoints) -> Keypoints:
    """Drop the two points that only place crops."""
    return convert(kps, "blazepose33")


def _scores(kps: Keypoints) -> Float:
    return np.zeros(len(kps)) if kps.box_scores is None else kps.box_scores


def _fit(hulls: Float, boxes: Float | None) -> Float:
    """How well each body fills the box it was looked for in, shape (N,); a neighbour's does not."""
    if boxes is None:
        return np.ones(len(hulls))
    return np.clip(np.diagonal(iou(np.nan_to_num(hulls), boxes)) / FULL, 0, 1)
