"""Which keypoints are hard."""

import numpy as np

from pinpoint.evaluation.per_keypoint import per_keypoint


def test_a_keypoint_is_summed_up_over_its_labels():
    errors = np.array([[0.01, 0.2], [0.07, np.nan], [0.3, np.nan], [np.inf, np.nan], [np.nan, np.inf]])
    summary = per_keypoint(errors)
    np.testing.assert_array_equal(summary.labelled, [4, 2])
    np.testing.assert_array_equal(summary.missing, [0.25, 0.5])
    np.testing.assert_array_equal(summary.error, [0.07, 0.2])  # the median of those that are there
    np.testing.assert_array_equal(summary.near, [0.5, 0])
    np.testing.assert_array_equal(summary.nearer, [0.25, 0])


def test_a_keypoint_that_nobody_labels_has_no_number():
    summary = per_keypoint(np.full((3, 1), np.nan))
    assert summary.labelled[0] == 0
    for values in (summary.missing, summary.error, summary.near, summary.nearer):
        assert np.isnan(values).all()
