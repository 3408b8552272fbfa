"""The Kalman filter of single points, against the textbook's matrices. What smoothers share is tested with
`OneEuro`."""

import numpy as np

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.tracking.kalman_smoothing import FIRST_SPEED, KalmanSmoother

TIP = Skeleton("tip", ("tip",))


def test_it_is_the_textbook_filter_of_constant_velocity(rng):
    """Matrices, as anybody would write them; without agility, in a box of size 1."""
    xs, seconds = rng.normal(0, 0.1, 30).cumsum(), rng.uniform(0.01, 0.1, 30).cumsum()
    scores = rng.uniform(0.2, 1, 30)
    smooth = KalmanSmoother(drift=0.7, noise=0.05, agility=0.0, least_trust=1e-9)
    found = [
        smooth(Keypoints([[[x, 0.0]]], [[score]], TIP, boxes=[[0.0, 0.0, 1.0, 1.0]]), t).xy[0, 0, 0]
        for x, score, t in zip(xs, scores, seconds, strict=True)
    ]
    np.testing.assert_allclose(found, _textbook(xs, seconds, 0.7, 0.05 / scores), rtol=1e-6)


def _textbook(xs: np.ndarray, seconds: np.ndarray, drift: float, noise: np.ndarray) -> list[float]:
    state, spread = np.array([xs[0], 0.0]), np.diag([noise[0] ** 2, FIRST_SPEED**2])
    said, see = [xs[0]], np.array([1.0, 0.0])
    for x, t, off in zip(xs[1:], np.diff(seconds), noise[1:], strict=True):
        go = np.array([[1.0, t], [0.0, 1.0]])
        wander = drift**2 * np.array([[t**3 / 3, t**2 / 2], [t**2 / 2, t]])
        state, spread = go @ state, go @ spread @ go.T + wander
        gain = spread @ see / (see @ spread @ see + off**2)
        state = state + gain * (x - see @ state)
        spread = spread - np.outer(gain, see @ spread)
        said.append(state[0])
    return said


def test_a_turn_is_followed_sooner_with_agility():
    """Rest, then a walk at two sizes a second."""
    xs = np.maximum(np.arange(40) - 20, 0) * 2 / 30

    def behind(agility: float) -> float:
        smooth = KalmanSmoother(agility=agility)
        boxes = [[0.0, 0.0, 1.0, 1.0]]
        found = [
            smooth(Keypoints([[[x, 0.0]]], [[1.0]], TIP, boxes=boxes), frame / 30)
            for frame, x in enumerate(xs)
        ]
        return float(np.abs(xs - [kps.xy[0, 0, 0] for kps in found]).max())

    assert behind(2.0) < 0.7 * behind(0.0)
