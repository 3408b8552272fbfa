"""Our OKS against pycocotools' own, and what it says at the edges."""

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from pinpoint.evaluation.oks import oks

SIGMAS = np.array([0.26, 0.25, 0.35, 0.79, 0.62]) / 10


def world(rng):
    """Truth (4, 5, 2), some of it missing but never all, predictions (6, 5, 2), and areas (4,)."""
    truth = rng.uniform(0, 200, (4, 5, 2))
    truth[:, 1:][rng.random((4, 4)) < 0.3] = np.nan
    predicted = truth[rng.integers(0, 4, 6)] + rng.normal(0, 4, (6, 5, 2))
    return truth, np.nan_to_num(predicted, nan=17.0), rng.uniform(400, 40000, 4)


def by_pycocotools(truth, predicted, areas):
    """Similarities, shape (N, M)."""
    evaluation = COCOeval(iouType="keypoints")
    evaluation.params.kpt_oks_sigmas = SIGMAS
    labels = [np.column_stack([np.nan_to_num(xy), 2 * ~np.isnan(xy[:, 0])]).ravel() for xy in truth]
    evaluation._gts[1, 1] = [
        {"keypoints": flat.tolist(), "area": area, "bbox": [0, 0, 1, 1]}
        for flat, area in zip(labels, areas, strict=True)
    ]
    evaluation._dts[1, 1] = [
        {"keypoints": np.column_stack([xy, np.ones(5)]).ravel().tolist(), "score": -number}
        for number, xy in enumerate(predicted)
    ]
    return evaluation.computeOks(1, 1).T


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_pycocotools_computes(seed):
    truth, predicted, areas = world(np.random.default_rng(seed))
    expected = by_pycocotools(truth, predicted, areas)
    assert expected.max() > 0.1
    np.testing.assert_allclose(oks(truth, predicted, areas, SIGMAS), expected, rtol=1e-12, atol=1e-300)


def test_a_prediction_that_is_missing_counts_as_far_away(rng):
    truth = rng.uniform(0, 200, (1, 5, 2))
    predicted = truth.copy()
    predicted[0, :2] = np.nan
    np.testing.assert_allclose(oks(truth, predicted, np.array([900.0]), SIGMAS), [[3 / 5]])


def test_one_sigma_away_by_the_root_of_the_area_is_known():
    """exp(-d^2 / (2 s^2 (2 sigma)^2)) at d = s * 2 sigma is exp(-1/2)."""
    away = np.full((1, 5, 2), 0.0)
    away[0, :, 0] = 30 * 2 * SIGMAS
    np.testing.assert_allclose(oks(np.zeros((1, 5, 2)), away, np.array([900.0]), SIGMAS), np.exp(-0.5))


def test_nobody_resembles_an_instance_without_keypoints(rng):
    truth = np.full((1, 5, 2), np.nan)
    assert oks(truth, rng.uniform(0, 9, (3, 5, 2)), np.array([np.nan]), SIGMAS).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_nobody_against_somebody_is_an_empty_table(n, m):
    assert oks(np.zeros((n, 5, 2)), np.zeros((m, 5, 2)), np.ones(n), SIGMAS).shape == (n, m)
