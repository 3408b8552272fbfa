"""Who is who, where found instances come in any order."""

import numpy as np

from pinpoint.evaluation.pairing import pair_by_distance

NAN = np.nan


def test_instances_find_themselves_in_any_order(rng):
    truth = rng.uniform(0, 500, (6, 1, 2)) + rng.uniform(0, 20, (6, 5, 2))
    order = rng.permutation(6)
    found = truth[order] + rng.normal(scale=0.5, size=(6, 5, 2))
    rows = pair_by_distance(truth, found, np.full(6, 20.0))
    assert order[rows].tolist() == list(range(6))


def test_the_nearest_pair_is_joined_first_and_nobody_twice():
    """At 0 and 10 are labels, at 4 and 5 found ones: 5 is nearer to 10 than 4, and 4 is left for 0."""
    truth, found = (np.array(xs, float).reshape(-1, 1, 1) * [1, 0] for xs in ([0, 10], [5.5, 4]))
    assert pair_by_distance(truth, found, np.full(2, 20.0)).tolist() == [1, 0]
    assert pair_by_distance(truth, found[:1], np.full(2, 20.0)).tolist() == [-1, 0]


def test_what_is_too_far_away_is_nobody():
    truth = np.zeros((1, 3, 2))
    assert pair_by_distance(truth, truth + np.array([9.0, 0]), np.array([20.0])).tolist() == [0]
    assert pair_by_distance(truth, truth + np.array([11.0, 0]), np.array([20.0])).tolist() == [-1]


def test_only_points_that_both_have_are_compared():
    truth = np.array([[[0.0, 0], [NAN, NAN], [50, 0]]])
    found = np.array([[[1.0, 0], [700, 0], [NAN, NAN]]])
    assert pair_by_distance(truth, found, np.array([20.0])).tolist() == [0]
    assert pair_by_distance(truth, np.full((1, 3, 2), NAN), np.array([20.0])).tolist() == [-1]


def test_nobody_is_paired_with_nobody():
    assert pair_by_distance(np.zeros((0, 3, 2)), np.zeros((2, 3, 2)), np.zeros(0)).shape == (0,)
    assert pair_by_distance(np.zeros((2, 3, 2)), np.zeros((0, 3, 2)), np.ones(2)).tolist() == [-1, -1]
