"""Estimators taken apart for video: who was seen a moment ago need not be looked for again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from pinpoint.geometry import Float, Image, boxes_of_points, clip_boxes, iou
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.pipelines.duplicates import distinct_bodies, distinct_hulls
from pinpoint.pipelines.point_network import PointNetwork, View
from pinpoint.pipelines.preparation import picture_size
from pinpoint.pipelines.regions import Region, Regions
from pinpoint.skeletons import Skeleton

__all__ = [
    "LEAST_CARRIED",
    "LEAST_FOUND",
    "Ask",
    "CropFollower",
    "EveryFrame",
    "Follower",
    "Sift",
    "ToldAs",
    "all_of_them",
    "follower_of",
    "present_hulls",
    "still_there",
]

Sift = Callable[[Keypoints, Image], Keypoints]
"""Keeps the readings that are instances, each once, and puts boxes around them."""

SAME_PLACE = 0.8
"""IoU of two regions from which one look is enough; of less alike ones the surer reading stays."""

MIN_PRESENCE = 0.5
SURE = 0.3
FEWEST_SURE = 3  # a hull of fewer points says nothing about the box
LEAST_CARRIED = 0.15
"""Mean keypoint score below which nobody is there any more. 99 of 100 annotated people of COCO score more."""

LEAST_FOUND = 0.12
"""Box times mean keypoint score of a person from whom on 3 of 4 are people: one who is found twice is one."""

MARGINS = (0.085, 0.17, 0.08, 0.09)
"""What annotated boxes of people have beyond the points that body-s is sure of: left, top, right, bottom.

Shares of the longer side of these points' box, medians over 300 people of COCO: heads and feet reach beyond
the joints.
"""


class Ask(NamedTuple):
    """Whom to read in one picture."""

    image: Image
    """RGB, shape (H, W, 3)."""
    found: Keypoints
    """Whom the detector has just found, as `Follower.find` told them."""
    expected: Keypoints | None = None
    """Where those of the frames before are expected now, as `Follower.read` told them; none at first."""


class Follower(Protocol):
    """An estimator for video, in parts.

    What `read` returns may hold more points than are told in the end.
    """

    @property
    def skeleton(self) -> Skeleton:
        """What is told in the end."""
        ...

    @property
    def carries(self) -> bool:
        """Whether `read` goes on from the frame before; if not, `find` has to look at every frame."""
        ...

    @property
    def sure(self) -> float:
        """Box score from which a track may begin with what was read."""
        ...

    def find(self, image: Image) -> Keypoints:
        """Look for instances in the whole picture."""
        ...

    def read(self, asks: Sequence[Ask]) -> list[Keypoints]:
        """Read the instances of several pictures in one batch, those found and those expected.

        Who is not there (any more), or is there twice, is left out. All have boxes and box scores, and as
        `track_ids` the row among those expected that each was read from, -1 for who was found.
        """
        ...

    def told(self, kps: Keypoints) -> Keypoints:
        """Say what was read in the keypoints of the end, one row for each, in their order."""
        ...


@dataclass(frozen=True)
class CropFollower:
    """A detector and a network that reads crops.

    Args:
        finder: Finds the instances. What it tells in the network's own keypoints was read already.
        network: Reads them.
        region: Where the network looks for what was found.
        again: Where it looks for what was read in the frame before.
        sift: Which readings are instances, and their boxes.
        tell: Turns readings into what is told in the end.
        skeleton: What that is.
        sure: See `Follower`.
    """

    finder: Callable[[Image], Keypoints]
    network: PointNetwork
    region: Region
    again: Region
    sift: Sift
    tell: Callable[[Keypoints], Keypoints]
    skeleton: Skeleton
    sure: float = MIN_PRESENCE
    carries: bool = True

    def find(self, image: Image) -> Keypoints:
        """Look for instances in the whole picture."""
        return self.finder(image)

    def read(self, asks: Sequence[Ask]) -> list[Keypoints]:
        """Read those found and those expected; see `Follower`."""
        read = self.network.together([view for ask in asks for view in self._views(ask)])
        pairs = zip(read[::2], read[1::2], strict=True)
        joined = [Keypoints.concatenate(pair) for pair in pairs]
        return [self.sift(kps, ask.image) for kps, ask in zip(joined, asks, strict=True)]

    def told(self, kps: Keypoints) -> Keypoints:
        """Say what was read in the keypoints of the end."""
        return self.tell(kps) if len(kps) else Keypoints.empty(self.skeleton)

    def _views(self, ask: Ask) -> tuple[View, View]:
        """Where to look for those expected, and for those found elsewhere."""
        nobody = Keypoints.empty(self.network.skeleton)
        expected = nobody if ask.expected is None else ask.expected
        rows = np.arange(len(expected))
        # Whether they are there is to be seen now, whatever was thought of them before.
        expected = replace(expected, box_scores=np.ones(len(rows)), track_ids=rows)
        known = View(ask.image, expected, _placed(self.again, expected))
        found = ask.found if len(ask.found) else nobody
        read_already = found.skeleton == self.network.skeleton
        regions = _placed(self.again if read_already else self.region, found)
        new = iou(_hulls(regions), _hulls(known.regions)).max(axis=1, initial=0.0) < SAME_PLACE
        found = replace(found, track_ids=np.full(len(found), -1))
        return known, View(ask.image, found[new], Regions(*(values[new] for values in regions)))


@dataclass(frozen=True)
class EveryFrame:
    """An estimator that cannot be taken apart: it looks at the whole of every frame.

    Args:
        estimator: What finds and reads.
        skeleton: What it tells.
        sure: See `Follower`.
    """

    estimator: Estimator
    skeleton: Skeleton
    sure: float = SURE
    carries: bool = False

    def find(self, image: Image) -> Keypoints:
        """Find and read the instances."""
        return self.estimator(image)

    def read(self, asks: Sequence[Ask]) -> list[Keypoints]:
        """Take what was found for read."""
        return [ask.found for ask in asks]

    def told(self, kps: Keypoints) -> Keypoints:
        """Tell it as it is."""
        return kps


@dataclass(frozen=True)
class ToldAs:
    """A follower whose answer is told in another skeleton.

    Args:
        follower: What finds and reads.
        skeleton: What is told.
    """

    follower: Follower
    skeleton: Skeleton

    @property
    def carries(self) -> bool:
        """See `Follower`."""
        return self.follower.carries

    @property
    def sure(self) -> float:
        """See `Follower`."""
        return self.follower.sure

    def find(self, image: Image) -> Keypoints:
        """See `Follower`."""
        return self.follower.find(image)

    def read(self, asks: Sequence[Ask]) -> list[Keypoints]:
        """See `Follower`."""
        return self.follower.read(asks)

    def told(self, kps: Keypoints) -> Keypoints:
        """See `Follower`."""
        return convert(self.follower.told(kps), self.skeleton) if len(kps) else Keypoints.empty(self.skeleton)


def follower_of(estimator: Estimator, skeleton: Skeleton) -> Follower:
    """Take an estimator apart if it can be, by its own method `follower`.

    Args:
        estimator: What finds keypoints in pictures.
        skeleton: What it tells.
    """
    make = getattr(estimator, "follower", None)
    return EveryFrame(estimator, skeleton) if make is None else make()


def all_of_them(kps: Keypoints) -> Keypoints:
    """Sift nothing out, and tell everything as it is."""
    return kps


def present_hulls(kps: Keypoints, _image: Image) -> Keypoints:
    """Sift what a network read that tells presence: each instance once, in the box of its points."""
    kps = kps.above(MIN_PRESENCE)
    return distinct_hulls(replace(kps, boxes=boxes_of_points(kps.xy)))


def still_there(kps: Keypoints, image: Image) -> Keypoints:
    """Sift what a network read that does not tell presence: by the mean score of the keypoints.

    Boxes hold the points that the network is sure of and what lies beyond them (`MARGINS`).
    """
    kps = kps[kps.scores.mean(axis=1) >= LEAST_CARRIED] if len(kps.skeleton) else kps
    distinct = distinct_bodies if kps.skeleton.sigmas else distinct_hulls
    return distinct(replace(kps, boxes=_boxes_around(kps, image)))


def _boxes_around(kps: Keypoints, image: Image) -> Float:
    """Boxes of shape (N, 4); whoever shows too few points keeps the box that they have."""
    sure = kps.scores >= SURE
    hulls = boxes_of_points(np.where(sure[..., None], kps.xy, np.nan))
    side = (hulls[:, 2:] - hulls[:, :2]).max(axis=1, keepdims=True, initial=0.0)
    grown = clip_boxes(hulls + side * np.array(MARGINS) * (-1, -1, 1, 1), picture_size(image))
    known = sure.sum(axis=1) >= FEWEST_SURE
    before = boxes_of_points(kps.xy) if kps.boxes is None else kps.boxes
    return np.where(known[:, None], grown, before)


def _placed(region: Region, found: Keypoints) -> Regions:
    nowhere = Regions(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))
    return region(found) if len(found) else nowhere


def _hulls(regions: Regions) -> Float:
    """Upright boxes of regions, as if they were not turned, shape (N, 4)."""
    return np.concatenate([regions.centers - regions.sizes / 2, regions.centers + regions.sizes / 2], axis=1)
