"""Whether scores mean what they say."""

import numpy as np
import pytest

from pinpoint.evaluation.calibration import reliability


def test_scores_that_are_shares_of_right_ones_are_calibrated(rng):
    scores = rng.random(200_000)
    curve = reliability(scores, rng.random(len(scores)) < scores)
    assert curve.ece < 0.01  # three standard deviations of a bin of 20,000
    np.testing.assert_allclose(curve.right, curve.score, atol=0.012)


def test_the_error_is_that_of_a_slow_sum(rng):
    scores, right = np.append(rng.random(500), [0, 1, 0.3]), rng.random(503) < 0.4
    gap = 0.0
    for number in range(10):
        inside = [i for i, s in enumerate(scores) if min(int(s * 10), 9) == number]
        gap += abs(sum(scores[inside]) - sum(right[inside])) / len(scores)
    curve = reliability(scores, right)
    assert curve.ece == pytest.approx(gap)
    assert curve.overconfidence == pytest.approx(scores.mean() - right.mean())
    assert curve.count.sum() == 503


def test_too_sure_is_positive():
    curve = reliability(np.full(10, 0.85), np.arange(10) < 5)
    assert curve.overconfidence == curve.ece == pytest.approx(0.35)
    assert curve.count.tolist() == [0] * 8 + [10, 0] and np.isnan(curve.score[:8]).all()


def test_nothing_has_no_error():
    assert np.isnan(reliability(np.zeros(0), np.zeros(0, bool)).ece)


@pytest.mark.parametrize("score", [-0.1, 1.5, np.nan])
def test_what_is_no_share_is_refused(score):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        reliability(np.array([0.5, score]), np.ones(2, bool))
