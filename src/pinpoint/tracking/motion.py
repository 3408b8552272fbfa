"""How tracks move: bodies at a steady velocity, and their points around them, as many Kalman filters at once.

A person coasts on through what hides them, but their limbs do not go on swinging. So a track is a place that
moves at an almost constant velocity, and offsets from it, one for each keypoint and each corner of the box,
whose own velocities die away soon. Both velocities are Ornstein-Uhlenbeck processes, exact for any time step.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from pinpoint.geometry import Float

__all__ = ["Motion", "Pace"]

GROWS, SHRINKS = 0.3, 0.05  # share of a difference in size that is believed at once
FAR, SIGMAS = 0.5, 4.0  # sizes, and deviations, from which somebody is not where they could be
CORNERS = 2  # the last points of a track are those of its box


@dataclass(frozen=True)
class Pace:
    """How velocities change and how exact points are; lengths in sizes, the root of a box's area.

    Args:
        lasts: Seconds in which a velocity falls to 1/e of what it was.
        speed: What velocities are like before anything is known, in sizes per second.
        noise: Standard deviation of what is measured.
    """

    lasts: float
    speed: float
    noise: float


BODY = Pace(lasts=3.0, speed=1.7, noise=0.02)  # walking is some 1.5 sizes a second
POINTS = Pace(lasts=0.15, speed=1.0, noise=0.03)  # a hand turns round within a quarter of a second


@dataclass(frozen=True, eq=False)
class Motion:
    """What is known about how T tracks of P points move. The last two points are corners of boxes.

    Args:
        place: Where each is, in pixels, shape (T, 2).
        velocity: Pixels per second, shape (T, 2).
        doubt: Variance of the place, covariance with the velocity, variance of that, shape (T, 3), in squared
            sizes.
        offsets: Points as seen from the place, NaN where never seen, shape (T, P, 2).
        swing: Their own velocities, shape (T, P, 2).
        point_doubt: Their variances, as `doubt`, shape (T, P, 3).
        size: Root of the box's area in pixels, shape (T,). Slow to shrink: who is half hidden stays as large.
    """

    place: Float
    velocity: Float
    doubt: Float
    offsets: Float
    swing: Float
    point_doubt: Float
    size: Float

    @classmethod
    def started(cls, points: Float) -> "Motion":
        """Begin at points that were found, shape (T, P, 2), NaN where missing; corners are always there."""
        place = points[:, -CORNERS:].mean(axis=1)
        count, number = points.shape[:2]
        return cls(
            place=place,
            velocity=np.zeros((count, 2)),
            doubt=np.tile(_fresh(BODY), (count, 1)),
            offsets=points - place[:, None],
            swing=np.zeros(points.shape),
            point_doubt=np.tile(_fresh(POINTS), (count, number, 1)),
            size=_sizes(points),
        )

    @property
    def points(self) -> Float:
        """Keypoints and corners in pixels, shape (T, P, 2)."""
        return self.place[:, None] + self.offsets

    @property
    def boxes(self) -> Float:
        """Boxes of the tracks, shape (T, 4)."""
        corners = self.points[:, -CORNERS:]
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def __len__(self) -> int:
        return len(self.place)

    def __getitem__(self, rows: np.ndarray) -> "Motion":
        """Keep some tracks."""
        return Motion(*(getattr(self, field.name)[rows] for field in fields(self)))

    def joined(self, other: "Motion") -> "Motion":
        """These tracks and then others."""
        both = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return Motion(*(np.concatenate(pair) for pair in both))

    def later(self, seconds: float) -> "Motion":
        """Go on for some time."""
        place, velocity, doubt = _moved(self.place, self.velocity, self.doubt, BODY, seconds)
        offsets, swing, point_doubt = _moved(self.offsets, self.swing, self.point_doubt, POINTS, seconds)
        return Motion(place, velocity, doubt, offsets, swing, point_doubt, self.size)

    def seen_by(self, now_from_before: Float) -> "Motion":
        """Go along with a camera that moved, by a map of pixels of shape (2, 3)."""
        turn = now_from_before[:, :2].T
        return replace(
            self,
            place=self.place @ turn + now_from_before[:, 2],
            velocity=self.velocity @ turn,
            offsets=self.offsets @ turn,
            swing=self.swing @ turn,
            size=self.size * np.sqrt(abs(np.linalg.det(turn))),
        )

    def corrected(self, points: Float, trust: Float) -> "Motion":
        """Take in where points were found.

        What keypoints have in common, their median, moves the place; a person of whom only half is seen stays
        where they are. Where there are no keypoints the corners do.

        Args:
            points: In pixels, NaN where missing, shape (T, P, 2).
            trust: How exact points are, a share of the usual exactness in (0, 1], shape (T, P).
        """
        off = points - self.points
        shared = _shared(off)
        doubt = _surprised(self.doubt, np.linalg.norm(shared, axis=1) / self.size)
        place, velocity, doubt = _corrected(
            (self.place, self.velocity, doubt), shared, np.full(len(self), BODY.noise**2)
        )
        own = (self.offsets, self.swing, self.point_doubt)
        offsets, swing, point_doubt = _corrected(own, off - shared[:, None], (POINTS.noise / trust) ** 2)
        new = np.isnan(offsets) & ~np.isnan(points)
        first = points - (self.place + shared)[:, None]
        more = _sizes(points) - self.size
        size = self.size + more * np.where(more > 0, GROWS, SHRINKS)
        return Motion(place, velocity, doubt, np.where(new, first, offsets), swing, point_doubt, size)


def _sizes(points: Float) -> Float:
    """Roots of the boxes' areas, at least 1."""
    sides = np.abs(points[:, -1] - points[:, -2])
    return np.sqrt(np.maximum(sides[:, 0] * sides[:, 1], 1.0))


def _fresh(pace: Pace) -> Float:
    return np.array([pace.noise**2, 0.0, pace.speed**2])


def _moved(where: Float, velocity: Float, doubt: Float, pace: Pace, seconds: float) -> tuple[Float, ...]:
    """One step of the process: d velocity = -velocity / lasts dt + noise."""
    kept = np.exp(-seconds / pace.lasts)
    reach = pace.lasts * (1 - kept)
    of_where, both, of_velocity = doubt[..., 0], doubt[..., 1], doubt[..., 2]
    energy = 2 * pace.speed**2 / pace.lasts
    half = pace.lasts / 2 * (1 - kept**2)
    grown = np.empty_like(doubt)
    grown[..., 0] = of_where + 2 * reach * both + reach**2 * of_velocity
    grown[..., 1] = kept * (both + reach * of_velocity)
    grown[..., 2] = kept**2 * of_velocity
    grown += energy * np.array([pace.lasts**2 * (seconds - 2 * reach + half), reach**2 / 2, half])
    return where + reach * velocity, kept * velocity, grown


def _surprised(doubt: Float, off: Float) -> Float:
    """Doubt the velocity of who is farther off, in sizes (T,), than could be: they turned or leapt."""
    pull = doubt[:, 1] / doubt[:, 0]
    far = (off > FAR) & (off**2 > SIGMAS**2 * doubt[:, 0])
    more = off[:, None] ** 2 * np.stack([np.ones_like(pull), pull, pull**2], axis=1)
    more[:, 2] += BODY.speed**2
    return doubt + np.where(far[:, None], more, 0.0)


def _corrected(state: tuple[Float, Float, Float], off: Float, noise: Float) -> tuple[Float, Float, Float]:
    """Kalman's correction by what was measured less what was expected, NaN where nothing was."""
    where, velocity, doubt = state
    of_where, both, of_velocity = doubt[..., 0], doubt[..., 1], doubt[..., 2]
    here = ~np.isnan(off[..., 0])
    scale = here / (of_where + noise)
    gain, pull = of_where * scale, both * scale
    step = np.where(here[..., None], off, 0.0)
    left = np.empty_like(doubt)
    left[..., 0] = (1 - gain) * of_where
    left[..., 1] = (1 - gain) * both
    left[..., 2] = of_velocity - pull * both
    return where + gain[..., None] * step, velocity + pull[..., None] * step, left


def _shared(off: Float) -> Float:
    """Median over the keypoints that were measured, or the mean of the corners, (T, P, 2) -> (T, 2)."""
    corners = off[:, -CORNERS:].mean(axis=1)
    if off.shape[1] == CORNERS:
        return corners
    ordered = np.sort(off[:, :-CORNERS], axis=1)  # NaN comes last
    count = (~np.isnan(ordered[..., 0])).sum(axis=1)
    rows, last = np.arange(len(off)), np.maximum(count - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where((count > 0)[:, None], middle, corners)
