"""One stream, frame by frame: who is there, who they were before, and where to look next."""

from dataclasses import replace

import numpy as np

from pinpoint.geometry import Float
from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.following import Ask, Follower, check_follower
from pinpoint.pipelines.preparation import picture_size
from pinpoint.stream.lookout import Lookout, Pauses
from pinpoint.tracking import ColorHistogram, OneEuro, Repair, Smoother, Tracker

__all__ = ["PAUSES", "Watcher", "usual_watcher"]

PAUSES = Pauses()


class Watcher:
    """Follows whoever is seen in one stream: call it with every frame.

    The detector looks when somebody is lost, when something moves where nobody is followed, and every now and
    then; otherwise people are read where they are expected.

    Args:
        follower: What finds and reads, as `pinpoint.pipelines.load.load_follower` returns it. Several
            watchers may share one.
        tracker: Gives ids; none for one that begins with what the follower is sure of.
        smooth: Steadies keypoints; none to leave them as they were read.
        pauses: How long the detector rests; none to let it look at every frame.
        min_score: Instances that score below are not followed.

    Attributes:
        looks: How often the detector looked.
    """

    def __init__(
        self,
        follower: Follower,
        *,
        tracker: Tracker | None = None,
        smooth: Smoother | None = None,
        pauses: Pauses | None = None,
        min_score: float = 0.0,
    ) -> None:
        check_follower(follower)
        self.looks = 0
        self._follower = follower
        self._tracker = tracker or Tracker(strong=follower.sure, weak=follower.sure / 3)
        self._smooth = smooth
        self._lookout = None if pauses is None else Lookout(pauses)
        self._min_score = min_score
        self._expected: Keypoints | None = None
        self._looked = self._lost = False
        self._turn = -1
        self._nobody = Keypoints.empty(follower.skeleton)

    def __call__(self, frame: Frame) -> Keypoints:
        """Say who is in a frame, with their track ids. Frames come in the order of their times.

        Raises:
            ValueError: The picture is not RGB uint8, or the time is not later than the one before.
        """
        return self.take(frame, self._follower.read([self.ask(frame)])[0])

    def ask(self, frame: Frame) -> Ask:
        """Look where it is due, and say whom to read in a frame: the first half of a call."""
        picture_size(frame.image)
        self._expected = self._tracker.expected(frame.seconds) if self._follower.carries else None
        self._looked = self._is_due(frame)
        self._turn += 1
        found = self._nobody
        if self._looked:
            self.looks += 1
            found = self._follower.find(frame.image).above(self._min_score)
        return Ask(frame.image, found, self._expected, looked=self._looked, turn=self._turn)

    def take(self, frame: Frame, read: Keypoints) -> Keypoints:
        """Give ids to what was read in the frame that was asked about: the second half of a call."""
        tracked = self._tracker(read.above(self._min_score), frame.seconds, frame.image)
        self._lost = self._tracker.lost > 0
        if self._looked and self._lookout is not None:
            # Not whoever was read: what is too unsure to be followed is to be looked for again.
            followed = self._tracker.expected(frame.seconds)
            news = bool(_names(followed) - _names(self._expected))
            self._lookout.looked(frame.image, frame.seconds, _boxes(followed), news=news)
        ids = np.asarray(tracked.track_ids)
        named = ids >= 0
        told = replace(self._follower.told(tracked[named]), track_ids=ids[named])
        return told if self._smooth is None else self._smooth(told, frame.seconds)

    def _is_due(self, frame: Frame) -> bool:
        if self._lookout is None or not self._follower.carries:
            return True
        return self._lookout.due(frame.image, frame.seconds, _boxes(self._expected), lost=self._lost)


def _boxes(kps: Keypoints | None) -> Float:
    return np.zeros((0, 4)) if kps is None or kps.boxes is None else kps.boxes


def _names(kps: Keypoints | None) -> set[int]:
    return set() if kps is None or kps.track_ids is None else set(kps.track_ids.tolist())


def usual_watcher(
    follower: Follower, *, smooth: bool = True, pauses: Pauses | None = PAUSES, min_score: float = 0.0
) -> Watcher:
    """Return what follows the people of one stream, as `watch`, engines, the command line and the server do.

    Who was lost comes back by their colours, points that leap and sides that are exchanged are mended, and
    keypoints are steadied.

    Args:
        follower: What finds and reads.
        smooth: Mend and steady keypoints.
        pauses: How long the detector rests; none to look at every frame.
        min_score: Instances that score below are left out.
    """
    tracker = Tracker(strong=follower.sure, weak=follower.sure / 3, appearance=ColorHistogram())
    smoother = _steady() if smooth else None
    return Watcher(follower, tracker=tracker, smooth=smoother, pauses=pauses, min_score=min_score)


def _steady() -> Smoother:
    repair, smooth = Repair(), OneEuro()

    def steadied(kps: Keypoints, seconds: float) -> Keypoints:
        mended, _ = repair(kps, seconds)
        return smooth(mended, seconds)

    return steadied
