"""A Kalman filter of constant velocity for keypoints of many instances."""

import numpy as np

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.tracking.instances import Instances, Sighting, share
from pinpoint.tracking.memory import State

__all__ = ["KalmanSmoother"]

SURPRISE_CUTOFF = 6.0  # Hz: two frames or three of a video tell a turn from an outlier
FIRST_SPEED = 1.0  # sizes per second: how fast what is new may be


class KalmanSmoother:
    """Takes the tremble out of keypoints that keep their velocity but for slow changes.

    Every point is filtered by itself, in sizes of its instance. Where points are off by more than was
    expected, the filter takes it that they turn, and follows faster. It lags less than `OneEuro`, and swings
    a little beyond where a motion stops.

    One filter serves one stream: it knows instances by their `track_ids`. Scores are left as they are.

    Args:
        drift: How fast velocities wander, in sizes per second per square root of a second. Lower is calmer.
        noise: How far a keypoint of score 1 is off, in sizes; one of score .5 is off twice as far.
        agility: How much faster velocities wander for each multiple by which errors exceed what was expected;
            0 is the plain filter.
        least_trust: How far a keypoint of score 0 is believed, in (0, 1]. 1 disregards scores.
        forget: Seconds after which an instance that is not seen is forgotten.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        *,
        drift: float = 0.1,
        noise: float = 0.007,
        agility: float = 3.0,
        least_trust: float = 0.3,
        forget: float = 0.5,
    ) -> None:
        if not (drift > 0 and noise > 0 and agility >= 0):
            raise ValueError(
                f"drift {drift} and noise {noise} have to be above 0, agility {agility} at least 0"
            )
        self.drift, self.noise, self.agility = drift, noise, agility
        self._instances = Instances(self._step, (0, 0, 1, 1, 1, 1), forget=forget, least_trust=least_trust)

    def __call__(self, kps: Keypoints, seconds: float) -> Keypoints:
        """Smooth the points and boxes of one frame.

        Args:
            kps: What was found, with `track_ids`, or one instance alone. Rows of id -1 pass as they are. NaN
                passes, too; a point that comes back starts anew.
            seconds: The frame's time, later than the last one's.

        Raises:
            ValueError: Time does not go on, two instances have one id, or several have none.
        """
        return self._instances(kps, seconds)

    def _step(self, kept: State, now: Sighting) -> State:
        """Keep points, velocities, the three entries of their covariance, and how surprising they were.

        Velocities are in sizes per second, covariances in sizes and seconds.
        """
        place, velocity, places, both, velocities, surprise = kept
        t, unsure = now.elapsed, (self.noise / now.trust) ** 2
        expected = place + velocity * now.sizes * t
        off = (now.points - expected) / now.sizes
        places, both = places + t * (2 * both + t * velocities), both + t * velocities
        power = np.einsum("npd,npd->np", off, off)[..., None] / off.shape[-1]
        surprise = surprise + share(SURPRISE_CUTOFF, t) * (power / (places + unsure) - surprise)
        wander = self.drift**2 * (1 + self.agility * np.maximum(surprise - 1, 0)) * t
        places, both, velocities = places + wander * t * t / 3, both + wander * t / 2, velocities + wander
        gain, turn = places / (places + unsure), both / (places + unsure)
        after = (
            expected + gain * off * now.sizes,
            velocity + turn * off,
            (1 - gain) * places,
            (1 - gain) * both,
            velocities - turn * both,
            surprise,
        )
        return _restarted(after, now.points, unsure)


def _restarted(state: State, points: Float, unsure: Float) -> State:
    """The state with what is new at rest where it was seen."""
    new = np.isnan(state[0]).any(axis=-1, keepdims=True)
    first = (points, 0.0, unsure, 0.0, FIRST_SPEED**2, 1.0)
    return tuple(np.where(new, start, array) for start, array in zip(first, state, strict=True))
