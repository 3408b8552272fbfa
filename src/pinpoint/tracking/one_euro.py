"""The one-euro filter (Casiez et al., CHI 2012, doi:10.1145/2207676.2208639) for many instances at once."""

import numpy as np

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints
from pinpoint.tracking.instances import Instances, Sighting, share
from pinpoint.tracking.memory import State

__all__ = ["OneEuro"]


class OneEuro:
    """Takes the tremble out of keypoints: firmly while they rest, hardly while they move fast.

    A low-pass filter whose cutoff grows with speed. Speed is counted in sizes of the instance (the longer
    side of its box, or of its points) per second, so that someone far away is treated like someone near.

    Beyond the published filter, a point is expected to go on as it moved, or as the whole instance moved
    where its own motion is too small to be told from noise; and a point of low score is believed less. In
    slow motion that is as calm at less than half the lag (`benchmarks/jitter.py`).

    One filter serves one stream: it knows instances by their `track_ids`. Scores are left as they are.

    Args:
        min_cutoff: Cutoff at rest, Hz. Lower is calmer and lags more in slow motion.
        beta: By how many Hz the cutoff grows with each size per second. Higher lags less in fast motion.
        d_cutoff: Cutoff of the speed, Hz.
        still: Speed in sizes per second below which a point's motion beside that of its instance is taken for
            noise rather than for its own; above 0. None is the published filter, which expects points to
            stay where they are.
        least_trust: How far a keypoint of score 0 is believed, in (0, 1]. 1 disregards scores.
        forget: Seconds after which an instance that is not seen is forgotten.

    Raises:
        ValueError: A cutoff is not above 0, or another number is out of range.

    >>> from pinpoint.skeletons import Skeleton
    >>> tip, smooth = Skeleton("tip", ("tip",)), OneEuro()
    >>> for frame, x in enumerate([10.0, 11.0, 10.0]):
    ...     kps = Keypoints([[[x, 5.0]]], [[1.0]], tip, boxes=[[0.0, 0.0, 100.0, 100.0]])
    ...     print(smooth(kps, frame / 30).xy[0, 0, 0].round(1))
    10.0
    10.3
    10.2
    """

    def __init__(
        self,
        *,
        min_cutoff: float = 1.8,
        beta: float = 8.0,
        d_cutoff: float = 1.0,
        still: float | None = 0.2,
        least_trust: float = 0.3,
        forget: float = 0.5,
    ) -> None:
        if not (min_cutoff > 0 and d_cutoff > 0 and beta >= 0):
            raise ValueError(
                f"min_cutoff {min_cutoff} and d_cutoff {d_cutoff} have to be above 0, beta {beta} at least 0"
            )
        if still is not None and not still > 0:
            raise ValueError(f"still is {still} sizes per second, expected more than 0, or None")
        self.min_cutoff, self.beta, self.d_cutoff, self.still = min_cutoff, beta, d_cutoff, still
        self._instances = Instances(self._step, (0, 0, 0), forget=forget, least_trust=least_trust)

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
        """Keep the smoothed points, those seen, and their velocities in sizes per second."""
        smooth, seen, velocity = kept
        fresh = (now.points - seen) / (now.sizes * now.elapsed)
        velocity = velocity + share(self.d_cutoff, now.elapsed) * (fresh - velocity)
        common = _middle(velocity)
        own = now.trust * (velocity - common)
        expected = smooth
        if self.still is not None:
            going = common + own * _shown(velocity - common, self.still)
            expected = smooth + going * now.sizes * now.elapsed
        cutoff = now.trust * self.min_cutoff + self.beta * _lengths(common + own)
        smooth = expected + share(cutoff, now.elapsed) * (now.points - expected)
        new = np.isnan(smooth)
        return np.where(new, now.points, smooth), now.points, np.where(new, common, velocity)


def _lengths(vectors: Float) -> Float:
    """Shapes (..., D) -> (..., 1)."""
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors))[..., None]


def _shown(velocity: Float, still: float) -> Float:
    """How much of a velocity is motion, if noise is about so large: Wiener's rule, in [0, 1]."""
    power = np.einsum("...d,...d->...", velocity, velocity)[..., None]
    return power / (power + still * still)


def _middle(vectors: Float) -> Float:
    """Medians over the points of each instance, shapes (N, P, D) -> (N, 1, D); 0 where all are NaN."""
    count = np.count_nonzero(~np.isnan(vectors), axis=1, keepdims=True)
    ordered = np.sort(vectors, axis=1)  # NaN come last
    ends = np.concatenate([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    ends = np.minimum(ends, vectors.shape[1] - 1)
    middle = np.take_along_axis(ordered, ends, axis=1).mean(axis=1, keepdims=True)
    return np.where(count == 0, 0.0, middle)
