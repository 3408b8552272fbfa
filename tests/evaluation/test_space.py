"""Poses in space, against mmpose's numbers and their inverses."""

import numpy as np
import pytest

from evaluation.published import GOLDEN, arrays
from pinpoint.evaluation.errors import mean_error, point_errors
from pinpoint.evaluation.space import acceleration_errors, aligned, scaled

DATA = arrays()
TRUTH, FOUND = DATA["xyz"], DATA["found_xyz"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("MPJPE", FOUND), ("N-MPJPE", scaled(TRUTH, FOUND)), ("PA-MPJPE", aligned(TRUTH, FOUND))],
)
def test_it_is_what_mmpose_computes(name, found):
    assert mean_error(point_errors(TRUTH, found)) == pytest.approx(GOLDEN[name], abs=1e-6)


def test_a_turned_scaled_and_moved_pose_is_aligned_exactly(rng):
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    np.testing.assert_allclose(aligned(TRUTH, 2.5 * TRUTH @ turn + [1, -2, 3]), TRUTH, atol=1e-12)


def test_a_mirrored_pose_is_not_aligned():
    assert mean_error(point_errors(TRUTH, aligned(TRUTH, TRUTH * [-1, 1, 1]))) > 0.1


def test_points_that_are_missing_have_no_say():
    truth, found = TRUTH.copy(), FOUND.copy()
    truth[:, 0], found[:, 1] = np.nan, np.nan
    for align in (scaled, aligned):
        np.testing.assert_allclose(align(truth, found)[:, 2:], align(TRUTH[:, 2:], FOUND[:, 2:]), atol=1e-12)


def test_a_pose_that_is_one_point_lands_on_the_middle():
    found = aligned(TRUTH, np.ones_like(TRUTH))
    np.testing.assert_allclose(found, np.broadcast_to(TRUTH.mean(axis=1, keepdims=True), TRUTH.shape))


def test_acceleration_is_the_second_difference_frame_by_frame():
    slow = [
        np.linalg.norm(
            (FOUND[t + 2] - 2 * FOUND[t + 1] + FOUND[t]) - (TRUTH[t + 2] - 2 * TRUTH[t + 1] + TRUTH[t]),
            axis=1,
        )
        for t in range(len(TRUTH) - 2)
    ]
    np.testing.assert_allclose(acceleration_errors(TRUTH, FOUND), slow)


def test_steady_drift_has_no_acceleration_error():
    drift = np.arange(len(TRUTH))[:, None, None] * [0.1, 0.2, -0.3]
    np.testing.assert_allclose(acceleration_errors(TRUTH, TRUTH + drift), 0, atol=1e-12)
