"""Rows of boxes and keypoints in input pixels."""

import numpy as np
import pytest

from pinpoint.codecs.dense import Dense

FAR, NEAR, WEAK = [50, 50, 60, 60, 0.6], [10, 10, 20, 30, 0.9], [0, 40, 9, 60, 0.1]
SHADOW = [11, 10, 21, 30, 0.8]  # NEAR, moved by one: IoU .82


def output(*rows):
    return np.array([rows], dtype=np.float32)


def test_boxes_are_given_as_they_are_best_first():
    found = Dense((64, 64)).decode(output(FAR, WEAK, NEAR))
    np.testing.assert_allclose(found.boxes, [NEAR[:4], FAR[:4]])
    np.testing.assert_allclose(found.box_scores, [0.9, 0.6])
    assert found.xy.shape == (2, 0, 2)


@pytest.mark.parametrize(("max_iou", "count"), [(0.7, 1), (0.9, 2)])
def test_a_box_that_overlaps_a_better_one_is_dropped(max_iou, count):
    assert len(Dense((64, 64), max_iou=max_iou).decode(output(SHADOW, NEAR)).boxes) == count


def test_keypoints_go_with_their_box():
    points = [[3, 4, 0.5, 5, 6, 0.7], [7, 8, 0.25, 9, 1, 0.0]]
    found = Dense((64, 64), keypoints=2).decode(output(FAR + points[0], NEAR + points[1]))
    np.testing.assert_allclose(found.xy, [[[7, 8], [np.nan, np.nan]], [[3, 4], [5, 6]]])
    np.testing.assert_allclose(found.scores, [[0.25, 0], [0.5, 0.7]])


def test_nothing_above_the_score_is_no_instance():
    found = Dense((64, 64), keypoints=3).decode(np.zeros((1, 5, 14), np.float32))
    assert (found.boxes.shape, found.xy.shape) == ((0, 4), (0, 3, 2))


@pytest.mark.parametrize("shape", [(1, 4, 5), (1, 4, 11), (2, 4, 8), (4, 8)])
def test_an_output_of_another_number_of_keypoints_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(1, n, 8"):
        Dense((64, 64), keypoints=1).decode(np.zeros(shape))


def test_fewer_than_no_keypoints_are_refused():
    with pytest.raises(ValueError, match="keypoints is -1"):
        Dense((64, 64), keypoints=-1)
