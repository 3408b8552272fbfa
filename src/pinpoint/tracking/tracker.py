"""The tracker: who in this frame is who in the frames before."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.tracking.appearance import Appearance, clearness
from pinpoint.tracking.association import Claims, associated, others
from pinpoint.tracking.camera import Camera
from pinpoint.tracking.similarity import Similarity, by_points_and_boxes
from pinpoint.tracking.tracks import NEW, Tracks, has_place, whole

__all__ = ["Tracker"]

Rows = NDArray[np.intp]

PLAIN = 0.5
"""How alike by place a track and its only candidate are where nobody needs to look at them."""
LEARNS = 0.3  # seconds after which it looks again


class Tracker:
    """Gives instances ids that stay theirs over time. Its state is one stream's: every stream needs its own.

    Boxes and keypoints move on by a Kalman filter, at their own velocities, for as long as the time between
    two calls is. Where tracks are expected is compared with what was found: first what is surely there, then
    what is unsure, which may go on with a track but begin none (ByteTrack, arXiv 2110.06864). A track that
    finds nothing coasts for a second; after that, within `window`, only somebody who looks alike takes it up.
    So an id that was new becomes an old one again when who got it turns out to be somebody known.
    What people look like is asked for as long as places leave a doubt, and a few times a second otherwise.

    Args:
        similarity: How alike tracks and instances are, such as `by_points` or `by_boxes`.
        camera: Says how the camera moved, such as `CameraMotion()`; none: it stands still.
        appearance: Says what instances look like, such as `ColorHistogram()`; none: only places tell.
        window: Seconds after which a track that was not found is forgotten.
        births: How often somebody has to be found until they get an id, but for those of the first call.
        strong: Scores of instances that may begin a track.
        weak: Scores of instances that may go on with one; those below are ignored.
        least: How alike a track and the instance that goes on with it are at least.

    Attributes:
        lost: How many tracks that were found in the call before were not found in the last one.

    Raises:
        ValueError: A number makes no sense.
    """

    lost: int

    def __init__(
        self,
        *,
        similarity: Similarity = by_points_and_boxes,
        camera: Camera | None = None,
        appearance: Appearance | None = None,
        window: float = 2.0,
        births: int = 2,
        strong: float = 0.25,
        weak: float = 0.1,
        least: float = 0.2,
    ) -> None:
        if not (births >= 1 and window >= 0 and weak <= strong and 0 < least <= 1):
            given = f"births={births}, window={window}, weak={weak}, strong={strong}, least={least}"
            raise ValueError(f"{given}: expected births >= 1, window >= 0, weak <= strong and 0 < least <= 1")
        self._similarity, self._camera, self._appearance = similarity, camera, appearance
        self._window, self._births = window, births
        self._strong, self._weak, self._least = strong, weak, least
        self.reset()

    def reset(self) -> None:
        """Begin anew, with ids from 1."""
        self.lost = 0
        self._tracks: Tracks | None = None
        self._ahead: tuple[float, Tracks] | None = None
        self._skeleton: Skeleton | None = None
        self._seconds = self._looked = -np.inf
        self._confirmed = self._born = 0
        if self._camera is not None:
            self._camera.forget()

    def __call__(self, kps: Keypoints, seconds: float, image: Image | None = None) -> Keypoints:
        """Say who is who in the next frame.

        Args:
            kps: What was found there. Instances without boxes are taken by their keypoints, and without box
                scores by those of the keypoints; K may be 0.
            seconds: When that was, later than in the call before.
            image: RGB, shape (H, W, 3), for `camera` and `appearance`. A call may do without.

        Returns:
            The same instances in the same order with `track_ids`; -1 for those not confirmed yet, too
            unsure, or without a place.

        Raises:
            ValueError: Time stands still or goes back, or the skeleton is another than before.
        """
        self._check(kps, seconds)
        there = has_place(kps)
        placed, found = np.flatnonzero(there), whole(kps[there])
        tracks = self._expected_now(found, seconds, image)
        alike = self._alike(tracks, found)
        looks = self._looks(tracks, found, alike, seconds, image)
        if looks.shape[1] and not tracks.looks.shape[1]:  # no picture until now
            tracks = replace(tracks, looks=np.zeros((len(tracks), looks.shape[1])))
        pairs, places = self._associated(tracks, found, alike, looks, seconds)
        (rows, columns), tracks = pairs.T, tracks.at(places)
        missed = others(len(tracks), rows)
        new = self._beginning(found, columns)
        now = self._with_ids(tracks[rows].found_again(found[columns], looks[columns]))
        if len(new) or self._tracks is None:
            now = now.joined(self._started(found[new], looks[new]))
        self.lost = int(np.count_nonzero(self._was_seen(tracks, seconds) & missed))
        ids = np.full(len(kps), -1, np.int64)
        ids[placed[np.concatenate([columns, new])]] = np.maximum(now.ids, -1)
        self._tracks, self._ahead = now.joined(self._remembered(tracks[missed])), None
        self._seconds, self._skeleton = seconds, kps.skeleton
        return replace(kps, track_ids=ids)

    def expected(self, seconds: float) -> Keypoints | None:
        """Where the tracks that were found in the last call will be, those not confirmed yet among them.

        Args:
            seconds: A time not before the last call.

        Returns:
            Keypoints, their last scores, and boxes. `track_ids` are those of the tracks; one that is not
            confirmed yet has a number of its own below -1. None before the first call.

        Raises:
            ValueError: The time is before the last call.
        """
        if self._tracks is None or self._skeleton is None:
            return None
        if seconds < self._seconds:
            raise ValueError(f"seconds is {seconds}, expected {self._seconds}, the last call's, or later")
        return self._later(self._tracks, seconds)[self._tracks.unseen == 0].expected(self._skeleton)

    def _check(self, kps: Keypoints, seconds: float) -> None:
        if not seconds > self._seconds:
            raise ValueError(f"seconds is {seconds}, expected later than {self._seconds}, the call before")
        if self._skeleton is not None and kps.skeleton != self._skeleton:
            wanted = f"{self._skeleton.name!r} as in the calls before"
            raise ValueError(f"the skeleton is {kps.skeleton.name!r}, expected {wanted}")

    def _expected_now(self, found: Keypoints, seconds: float, image: Image | None) -> Tracks:
        """The tracks at this time."""
        before = self._tracks
        if before is None:
            before = Tracks.started(found[:0], np.zeros((0, 0)), 0)
        tracks = self._later(before, seconds)
        if self._camera is not None and image is not None:
            map_ = self._camera(image, before.motion.boxes[before.unseen == 0])
            tracks = replace(tracks, motion=tracks.motion.seen_by(map_))
        elif self._camera is not None:
            self._camera.forget()
        return tracks[self._was_seen(tracks, seconds) | (tracks.unseen <= self._window)]

    def _later(self, tracks: Tracks, seconds: float) -> Tracks:
        """The tracks of the last call at a time; the same time is often asked for twice."""
        if not len(tracks):
            return tracks
        if self._ahead is None or self._ahead[0] != seconds:
            self._ahead = seconds, tracks.later(seconds - self._seconds)
        return self._ahead[1]

    def _alike(self, tracks: Tracks, found: Keypoints) -> Float:
        """How alike tracks and instances are by their places, shape (T, N)."""
        if not len(tracks) or not len(found):
            return np.zeros((len(tracks), len(found)))
        return self._similarity(tracks.expected(found.skeleton), found)

    def _looks(
        self, tracks: Tracks, found: Keypoints, alike: Float, seconds: float, image: Image | None
    ) -> Float:
        """What the found instances look like; zeros where that need not be known."""
        unknown = np.zeros((len(found), tracks.looks.shape[1]))
        if self._appearance is None or image is None:
            return unknown
        learnt = seconds - self._looked < LEARNS and bool((tracks.hits >= NEW).all())
        if unknown.shape[1] and learnt and self._is_plain(tracks, found, alike, seconds):
            return unknown
        self._looked = seconds
        return self._appearance(image, found) * clearness(found)[:, None]

    def _is_plain(self, tracks: Tracks, found: Keypoints, alike: Float, seconds: float) -> bool:
        """Whether places alone say who is who: nobody is away, and each has one candidate, which is near."""
        assert found.box_scores is not None
        near = alike >= self._least
        paired = (near.sum(axis=0) == 1).all() and (near.sum(axis=1) == 1).all()
        seen = self._was_seen(tracks, seconds).all() and (found.box_scores >= self._weak).all()
        return bool(paired and seen and (alike[near] >= PLAIN).all())

    def _was_seen(self, tracks: Tracks, seconds: float) -> NDArray[np.bool_]:
        """Which tracks were found in the call before, if that was not too long ago."""
        elapsed = seconds - self._seconds
        return (tracks.unseen <= elapsed) & (elapsed <= self._window)

    def _associated(
        self, tracks: Tracks, found: Keypoints, alike: Float, looks: Float, seconds: float
    ) -> tuple[Rows, Rows]:
        """Pairs of a track and an instance, shape (P, 2), and whose places tracks are at, shape (T,)."""
        if not len(tracks) or not len(found):
            return np.zeros((0, 2), np.intp), np.arange(len(tracks))
        assert found.box_scores is not None
        strong = found.box_scores >= self._strong
        claims = Claims(
            alike=alike,
            away=np.where(self._was_seen(tracks, seconds), 0.0, tracks.unseen),
            rounds=(strong, ~strong & (found.box_scores >= self._weak)),
        )
        return associated(claims, tracks, found, looks, self._least)

    def _with_ids(self, tracks: Tracks) -> Tracks:
        """Confirm those that were found often enough."""
        new = np.flatnonzero((tracks.ids < 0) & (tracks.hits >= self._births))
        if not len(new):
            return tracks
        ids = tracks.ids.copy()
        ids[new] = self._confirmed + 1 + np.arange(len(new))
        self._confirmed += len(new)
        return replace(tracks, ids=ids)

    def _beginning(self, found: Keypoints, taken: Rows) -> Rows:
        """Rows of the instances that begin a track."""
        assert found.box_scores is not None
        return np.flatnonzero(others(len(found), taken) & (found.box_scores >= self._strong))

    def _started(self, found: Keypoints, looks: Float) -> Tracks:
        born = Tracks.started(found, looks, self._born)
        self._born += len(found)
        if self._tracks is None:  # whoever is there at the start has not just come
            born = replace(born, hits=np.full_like(born.hits, self._births))
        return self._with_ids(born)

    def _remembered(self, missed: Tracks) -> Tracks:
        """Of tracks that were not found: who was confirmed."""
        return missed[missed.ids > 0]
