"""Normalised mean error by numbers made by hand."""

import numpy as np
import pytest

from pinpoint.evaluation.nme import length_between, nme
from pinpoint.skeletons import Skeleton, skeleton

TRUTH = np.array([[[0.0, 0.0], [30.0, 40.0]], [[5.0, 5.0], [5.0, 15.0]]])


def test_it_is_the_mean_distance_as_a_share_of_the_length():
    """Distances 5 and 0 at length 50, then 2 and 4 at length 10."""
    predicted = TRUTH + np.array([[[3.0, 4], [0, 0]], [[2, 0], [0, -4]]])
    pair = Skeleton("pair", ("a", "b"))
    lengths = length_between(TRUTH, pair, ("a", "b"))
    assert lengths.tolist() == [50, 10]
    np.testing.assert_allclose(nme(TRUTH, predicted, lengths), [0.05, 0.3])


def test_points_that_are_not_labelled_or_not_there_do_not_count():
    truth, predicted = TRUTH.copy(), TRUTH + np.array([3.0, 4.0])
    truth[0, 0], predicted[1] = np.nan, np.nan
    np.testing.assert_allclose(nme(truth, predicted, np.array([50.0, 10.0])), [0.1, np.nan])


@pytest.mark.parametrize("length", [0.0, np.nan])
def test_an_instance_without_a_length_has_none(length):
    assert np.isnan(nme(TRUTH, TRUTH, np.full(2, length))).all()


def test_the_ocular_length_of_a_face_is_between_the_outer_corners(rng):
    """Points 37 and 46 of the published figure, which counts from 1."""
    xy = rng.uniform(0, 99, (3, 68, 2))
    expected = np.linalg.norm(xy[:, 36] - xy[:, 45], axis=1)
    np.testing.assert_allclose(length_between(xy, skeleton("face68")), expected)


def test_a_skeleton_without_eyes_has_no_ocular_length():
    with pytest.raises(KeyError, match="no keypoint 'face-36'"):
        length_between(np.zeros((1, 17, 2)), skeleton("coco17"))
