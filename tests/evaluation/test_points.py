"""Measures of one prediction per instance: against pycocotools, and against numbers made by hand."""

import numpy as np
import pytest

from evaluation.coco_oracle import by_pycocotools, random_world
from pinpoint.evaluation.average_precision import Found, Truth
from pinpoint.evaluation.oks import oks
from pinpoint.evaluation.points import average_precision, longer_sides, paired_oks, pck, point_measures
from pinpoint.skeletons import skeleton

NAN = float("nan")
LINE = np.array([[[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]]])


def instances(rng, n=40, k=17):
    """Truth with gaps, predictions near and far, scores, boxes and areas."""
    sides = rng.uniform(40, 300, (n, 2))
    truth = rng.random((n, k, 2)) * sides[:, None]
    boxes = np.concatenate([np.zeros((n, 2)), sides], axis=1)
    areas = 0.6 * sides.prod(axis=1)
    spread = np.sqrt(areas)[:, None, None] * rng.uniform(0, 0.2, (n, 1, 1))
    predicted = truth + rng.normal(size=truth.shape) * spread
    truth[rng.random((n, k)) < 0.3] = np.nan
    return truth, predicted, rng.random((n, k)), boxes, areas


def test_ap_in_true_boxes_is_pycocotools(rng):
    """Every instance in a picture of its own, so that nobody can be taken for a neighbour."""
    truth, predicted, scores, boxes, areas = instances(rng)
    sigmas = np.array(skeleton("coco17").sigmas)
    ours = point_measures(truth, predicted, scores, boxes, areas, sigmas)
    alone = Truth(np.arange(40), truth, boxes, areas, np.zeros(40, bool))
    theirs = by_pycocotools(alone, Found(np.arange(40), predicted, scores.mean(axis=1)), sigmas, 40)
    assert 0.1 < ours["AP"] < 0.9
    for name in ("AP", "AP50", "AP75"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-9)


@pytest.mark.shared
def test_ap_in_true_boxes_is_pycocotools_on_real_labels(shared_data, tmp_path, rng):
    from pinpoint.datasets.samples import read_samples

    samples = read_samples(shared_data / "coco_person/val.json", None, None, tmp_path, longest=64)
    samples = samples[samples.labelled.any(axis=1)]
    n, sigmas = len(samples), np.array(skeleton("coco17").sigmas)
    away = rng.normal(size=samples.xy.shape) * np.sqrt(samples.areas)[:, None, None] * 0.08
    predicted = np.nan_to_num(samples.xy) + away
    scores = rng.random((n, 17))
    ours = point_measures(samples.xy, predicted, scores, samples.boxes, samples.areas, sigmas)
    alone = Truth(np.arange(n), samples.xy, samples.boxes, samples.areas, np.zeros(n, bool))
    theirs = by_pycocotools(alone, Found(np.arange(n), predicted, scores.mean(axis=1)), sigmas, n)
    np.testing.assert_allclose(ours["AP"], theirs["AP"], atol=1e-9)


def test_paired_similarities_are_the_diagonal_of_all_pairs():
    truth, _, sigmas, _ = random_world(3)
    moved = np.nan_to_num(truth.xy, nan=3.0) + 2
    expected = np.diag(oks(truth.xy, moved, truth.areas, sigmas))
    np.testing.assert_allclose(paired_oks(truth.xy, moved, truth.areas, sigmas), expected, rtol=1e-12)


def test_a_point_that_was_not_predicted_is_wrong_and_one_not_labelled_does_not_count():
    truth, predicted = LINE.copy(), LINE.copy()
    truth[0, 0], predicted[0, 1] = NAN, NAN
    assert paired_oks(truth, predicted, np.array([100.0]), np.full(3, 0.05)).tolist() == [0.5]
    assert pck(truth, predicted, np.array([100.0]), 0.1) == 0.5


@pytest.mark.parametrize(("share", "expected"), [(0.1, 1 / 3), (0.2, 2 / 3), (0.3, 1), (0.05, 0)])
def test_pck_is_the_share_of_points_that_are_near(share, expected):
    """Off by 2, 4 and 6 pixels at a size of 20: .1, .2 and .3 of it, which is near enough by a hair."""
    predicted = LINE + np.array([[[2.0, 0], [0, 4], [-6, 0]]])
    assert pck(LINE, predicted, np.array([20.0 + 1e-9]), share) == pytest.approx(expected)


def test_pck_measures_every_instance_by_its_own_size():
    both, off = np.concatenate([LINE, LINE]), np.concatenate([LINE, LINE]) + np.array([5.0, 0])
    assert pck(both, off, np.array([100.0, 10.0]), 0.1) == 0.5


@pytest.mark.parametrize("n", [0, 2])
def test_nothing_labelled_is_no_number(n):
    truth, predicted = np.full((n, 3, 2), NAN), np.zeros((n, 3, 2))
    boxes, areas = np.tile([0.0, 0, 9, 9], (n, 1)), np.ones(n)
    measures = point_measures(truth, predicted, np.ones((n, 3)), boxes, areas, np.full(3, 0.05))
    assert np.isnan(list(measures.values())).all()


def test_predictions_that_are_all_missing_score_nothing():
    missing = np.full(LINE.shape, NAN)
    box = np.array([[0.0, 0, 20, 9]])
    measures = point_measures(LINE, missing, np.zeros((1, 3)), box, np.array([180.0]), np.full(3, 0.05))
    assert set(measures.values()) == {0.0}


def test_a_wrong_prediction_that_is_surer_costs_precision():
    """Wrong, then right: precision 1/2 at every recall. The other way round it is 1 up to recall 1/2."""
    values = np.array([0.0, 1.0])
    np.testing.assert_allclose(average_precision(values, np.array([0.9, 0.1])), 0.5 * 51 / 101)
    np.testing.assert_allclose(average_precision(values, np.array([0.1, 0.9])), 51 / 101)


def test_a_box_is_as_long_as_its_longer_side():
    assert longer_sides(np.array([[0.0, 0, 3, 7], [5, 5, 10, 6]])).tolist() == [7, 5]
    assert longer_sides(np.zeros((0, 4))).shape == (0,)
