"""Errors of points, against mmpose's numbers and slow sums."""

import numpy as np
import pytest

from evaluation.published import GOLDEN, arrays
from pinpoint.evaluation.errors import (
    area_under_errors,
    area_under_pck,
    exact_mean,
    failure_rate,
    mean_error,
    mean_errors,
    point_errors,
    share_within,
    shares_within,
)
from pinpoint.evaluation.points import pck

DATA = arrays()
TRUTH = np.where(DATA["labelled"][..., None], DATA["truth"], np.nan)
ERRORS = point_errors(TRUTH, DATA["predicted"], DATA["sizes"])
PIXELS = point_errors(TRUTH, DATA["predicted"])
WHOLE = point_errors(DATA["truth"], DATA["predicted"], DATA["sizes"])


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("mPCK@.05", np.nanmean(shares_within(ERRORS, 0.05))),
        ("mPCK@.1", np.nanmean(shares_within(ERRORS, 0.1))),
        ("AUC", area_under_pck(PIXELS, 30)),
        ("EPE", mean_error(PIXELS)),
        ("mean error", mean_error(ERRORS)),
        ("NME", exact_mean(mean_errors(WHOLE))),
    ],
)
def test_it_is_what_mmpose_computes(name, ours):
    assert ours == pytest.approx(GOLDEN[name], abs=1e-6)


def test_the_share_of_all_points_is_that_of_a_slow_count():
    near = [error <= 0.1 for error in ERRORS.ravel() if not np.isnan(error)]
    assert 0 < sum(near) < len(near)
    assert share_within(ERRORS, 0.1) == sum(near) / len(near)
    assert share_within(ERRORS, 0.1) == pck(TRUTH, DATA["predicted"], DATA["sizes"], 0.1)


def test_what_is_not_predicted_is_infinitely_far_and_what_is_not_labelled_does_not_count():
    predicted = DATA["predicted"].copy()
    predicted[0, 0] = np.nan
    errors = point_errors(TRUTH, predicted)
    assert errors[0, 0] == np.inf
    assert (np.isnan(errors) == ~DATA["labelled"]).all()
    assert share_within(errors, 1e9) < 1


def test_an_instance_without_a_length_does_not_count():
    assert np.isnan(point_errors(TRUTH[:2], TRUTH[:2], np.array([0, np.nan]))).all()
    assert np.isnan(share_within(np.full((2, 3), np.nan), 1))
    assert np.isnan(area_under_pck(np.full((2, 3), np.nan), 1))


def test_the_area_under_the_curve_of_errors_is_that_of_fine_steps():
    errors = np.append(mean_errors(WHOLE), [np.inf, np.nan])
    steps = np.linspace(0, 0.15, 200_001)
    shares = [(errors[:-1] <= step).mean() for step in steps[::20]]
    assert area_under_errors(errors, 0.15) == pytest.approx(np.mean(shares), abs=1e-3)
    assert failure_rate(errors, 0.15) == pytest.approx(1 - shares[-1])


def test_a_missed_instance_fails_and_one_without_labels_does_not_count():
    errors = mean_errors(np.array([[np.inf, np.nan], [np.nan, np.nan], [0.1, np.inf]]))
    np.testing.assert_equal(errors, [np.inf, np.nan, 0.1])
    assert failure_rate(errors, 0.2) == 0.5


def test_perfect_predictions_have_the_whole_area():
    perfect = point_errors(TRUTH, TRUTH)
    assert area_under_pck(perfect, 30) == area_under_errors(mean_errors(perfect), 0.08) == 1
