"""Estimators taken apart for video: who was seen a moment ago need not be looked for again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, boxes_of_points, clip_boxes, iou
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.pipelines.duplicates import distinct_bodies, distinct_hulls
from pinpoint.pipelines.point_network import MIN_PRESENCE, PointNetwork, View
from pinpoint.pipelines.preparation import picture_size
from pinpoint.pipelines.regions import Region, Regions
from pinpoint.skeletons import Skeleton

__all__ = [
    "LEAST_CARRIED",
    "LEAST_FOUND",
    "LEAST_OVERLOOKED",
    "Ask",
    "CropFollower",
    "EveryFrame",
    "Follower",
    "Sift",
    "ToldAs",
    "all_of_them",
    "boxes_around",
    "check_follower",
    "follower_of",
    "present_hulls",
    "still_there",
]

Sift = Callable[[Keypoints, Image], Keypoints]
"""Keeps the readings that are instances, each once, and puts boxes around them."""

Boxed = Callable[[Keypoints, Keypoints, Image], Float]
"""Boxes (N, 4) around N instances as they were read, given them as they were expected."""

SAME_PLACE = 0.4
"""IoU of two regions from which one look is enough; of less alike ones the surer reading stays."""

SURE = 0.3
FEWEST_SURE = 3  # fewer points do not tell how a box moved
NEARLY_ALL = 0.8  # of the points
TINY = 1e-9  # points that coincide have no spread
MOST_GROWTH = 1.2  # from one frame to the next; more is a misreading
LEAST_CARRIED = 0.15
"""Mean keypoint score below which nobody is there any more. 99 of 100 annotated people of COCO score more."""

LEAST_OVERLOOKED = 0.3
"""Mean keypoint score below which somebody is not there whom the detector does not see when it looks."""

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
    looked: bool = False
    """Whether the detector looked, so that who is not among those found was overlooked or is not there."""
    turn: int | None = None
    """Which frame this is, so that what is in no hurry may be left to some of them; None: it may not."""


@runtime_checkable
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


def check_follower(given: object) -> None:
    """Refuse what is no follower.

    Raises:
        TypeError: It is something else, such as the estimator that `pinpoint.load` gives.
    """
    if not isinstance(given, Follower):
        raise TypeError(
            f"the model is of type {type(given).__name__}, expected what load_follower gives, or in watch()"
            " the name of a task or model"
        )


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
        boxed: Puts boxes around those expected, given them as expected and as read: for networks that are
            placed by boxes. What the detector boxes is read there then, not where it was expected; networks
            that are placed by points know better from the frame before. None: `sift` does it.
    """

    finder: Callable[[Image], Keypoints]
    network: PointNetwork
    region: Region
    again: Region
    sift: Sift
    tell: Callable[[Keypoints], Keypoints]
    skeleton: Skeleton
    sure: float = MIN_PRESENCE
    boxed: Boxed | None = None
    carries: bool = True

    def find(self, image: Image) -> Keypoints:
        """Look for instances in the whole picture."""
        return self.finder(image)

    def read(self, asks: Sequence[Ask]) -> list[Keypoints]:
        """Read those found and those expected; see `Follower`."""
        views = [self._views(ask) for ask in asks]
        read = iter(self.network.together([view for pair in views for view in pair]))
        pairs = zip(asks, views, strict=True)
        return [self._joined(ask, known, next(read), next(read)) for ask, (known, _) in pairs]

    def told(self, kps: Keypoints) -> Keypoints:
        """Say what was read in the keypoints of the end."""
        return self.tell(kps) if len(kps) else Keypoints.empty(self.skeleton)

    def _views(self, ask: Ask) -> tuple[View, View]:
        """Where to look for those expected, and for those found: for nobody twice."""
        nobody = Keypoints.empty(self.network.skeleton)
        known = nobody if ask.expected is None else ask.expected
        at_known = _placed(self.again, known)
        # Whether those expected are there is to be seen now, whatever was thought of them before.
        known = replace(known, box_scores=np.ones(len(known)), track_ids=np.arange(len(known)))
        if not len(ask.found):  # as in most frames
            return View(ask.image, known, at_known), View(ask.image, nobody, _placed(self.region, nobody))
        found = ask.found
        read_already = found.skeleton == self.network.skeleton
        at_found = _placed(self.again if read_already else self.region, found)
        same = _same_places(_hulls(at_found), _hulls(at_known))
        scores = np.ones(len(found)) if found.box_scores is None else found.box_scores
        found = replace(found, box_scores=np.where(same >= 0, 1.0, scores), track_ids=same)
        stays = np.ones(len(known), dtype=bool)
        if self.boxed is None:
            new = same < 0
        else:
            new = np.ones(len(found), dtype=bool)
            stays[same[same >= 0]] = False
        return View(ask.image, known, at_known).only(stays), View(ask.image, found, at_found).only(new)

    def _joined(self, ask: Ask, known: View, carried: Keypoints, found: Keypoints) -> Keypoints:
        """Those expected and those found, as far as they are there."""
        if self.boxed is not None:
            carried = replace(carried, boxes=self.boxed(known.found, carried, ask.image))
        if self.boxed is not None and ask.looked and len(carried):
            carried = carried[carried.scores.mean(axis=1) >= LEAST_OVERLOOKED]
        return self.sift(Keypoints.concatenate([carried, found]), ask.image)


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


def still_there(kps: Keypoints, _image: Image) -> Keypoints:
    """Sift what a network read that does not tell presence: by the mean score of the keypoints."""
    kps = kps[kps.scores.mean(axis=1) >= LEAST_CARRIED] if len(kps.skeleton) else kps
    return (distinct_bodies if kps.skeleton.sigmas else distinct_hulls)(kps)


def boxes_around(expected: Keypoints, read: Keypoints, image: Image) -> Float:
    """Put boxes around instances as a detector would.

    Whoever shows nearly all points has a box that holds them and what lies beyond (`MARGINS`). Of others the
    points that are seen say too little of how far they reach: their box moves and grows with these points.

    Args:
        expected: N instances with the boxes they were expected in.
        read: The same as they were read.
        image: RGB, shape (H, W, 3).

    Returns:
        Shape (N, 4), within the picture.
    """
    sure = read.scores >= SURE
    hulls = boxes_of_points(np.where(sure[..., None], read.xy, np.nan))
    side = (hulls[:, 2:] - hulls[:, :2]).max(axis=1, keepdims=True, initial=0.0)
    grown = hulls + side * np.array(MARGINS) * (-1, -1, 1, 1)
    moved = _moved(_boxes(expected), expected.xy, read.xy, sure & (expected.scores >= SURE))
    whole = sure.mean(axis=1) >= NEARLY_ALL if len(read.skeleton) else np.zeros(len(read), dtype=bool)
    both = np.concatenate([np.fmin(moved, grown)[:, :2], np.fmax(moved, grown)[:, 2:]], axis=1)
    return clip_boxes(np.where(whole[:, None], grown, both), picture_size(image))


def _moved(boxes: Float, before: Float, after: Float, known: NDArray[np.bool_]) -> Float:
    """Move and grow boxes (N, 4) as the known ones of points (N, K, 2) did, if they are enough to tell."""
    enough = known.sum(axis=1) >= FEWEST_SURE
    weights = np.where(enough[:, None], known, 1.0)[..., None]
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    middles, spreads = [], []
    for points in (np.nan_to_num(before), np.nan_to_num(after)):
        middles.append((points * weights).sum(axis=1))
        apart = points - middles[-1][:, None]
        spreads.append(np.sqrt((apart**2 * weights).sum(axis=(1, 2))))
    growth = np.clip(spreads[1] / np.maximum(spreads[0], TINY), 1 / MOST_GROWTH, MOST_GROWTH)
    corners = (boxes.reshape(-1, 2, 2) - middles[0][:, None]) * growth[:, None, None] + middles[1][:, None]
    return np.where(enough[:, None], corners.reshape(-1, 4), boxes)


def _same_places(found: Float, known: Float) -> NDArray[np.intp]:
    """Which of the known boxes each found one is, best pairs first and each once, shape (N,); -1 for none."""
    same = np.full(len(found), -1, dtype=np.intp)
    if not len(found) or not len(known):
        return same
    overlap = np.nan_to_num(iou(found, known))
    while overlap.size and overlap.max() >= SAME_PLACE:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        same[row] = column
        overlap[row], overlap[:, column] = 0, 0
    return same


def _boxes(kps: Keypoints) -> Float:
    return boxes_of_points(kps.xy) if kps.boxes is None else kps.boxes


def _placed(region: Region, found: Keypoints) -> Regions:
    nowhere = Regions(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))
    return region(found) if len(found) else nowhere


def _hulls(regions: Regions) -> Float:
    """Upright boxes of regions, as if they were not turned, shape (N, 4)."""
    return np.concatenate([regions.centers - regions.sizes / 2, regions.centers + regions.sizes / 2], axis=1)
