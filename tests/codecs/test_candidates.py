import numpy as np
import pytest

from pinpoint.codecs.candidates import anchor_cells, best_rows, cell_boxes, distinct, only_picture
from pinpoint.codecs.points import known_points


def test_cells_run_along_rows_level_by_level():
    cells, strides = anchor_cells((32, 16), (8, 16))
    expected = [(x, y, 8) for y in range(2) for x in range(4)] + [(x, 0, 16) for x in range(2)]
    assert np.hstack([cells, strides]).tolist() == [list(map(float, row)) for row in expected]


def test_an_input_that_does_not_hold_whole_cells_is_refused():
    with pytest.raises(ValueError, match=r"420 x 416 is not a multiple of strides \[8, 16, 32\]"):
        anchor_cells((420, 416), (8, 16, 32))


def test_cell_boxes_agree_with_a_loop(rng):
    cells, strides = anchor_cells((64, 32), (8, 16))
    raw = rng.normal(0, 0.5, (len(cells), 4))
    for box, (x, y, w, h), (column, row), (stride,) in zip(
        cell_boxes(raw, cells, strides), raw, cells, strides, strict=True
    ):
        width, height = stride * np.exp(w), stride * np.exp(h)
        left, top = (column + x) * stride - width / 2, (row + y) * stride - height / 2
        np.testing.assert_allclose(box, [left, top, left + width, top + height])


def test_the_best_rows_come_first_and_bad_scores_not_at_all():
    scores = np.array([0.3, np.nan, 0.9, 0.29, np.inf, 0.5, -np.inf])
    assert best_rows(scores, 0.3).tolist() == [2, 5, 0]


def test_of_too_many_rows_the_best_are_kept(rng):
    scores = rng.uniform(size=5000)
    np.testing.assert_array_equal(best_rows(scores, 0.0), np.argsort(-scores)[:1000])


def test_rows_of_equal_score_keep_their_order():
    assert best_rows(np.full(5, 0.5), 0.1).tolist() == [0, 1, 2, 3, 4]


def test_no_two_boxes_kept_overlap_and_every_box_dropped_overlaps_a_better_one(rng):
    """What greedy non-maximum suppression promises, checked with areas counted in whole pixels."""
    corner = rng.integers(0, 60, (80, 2))
    boxes = np.hstack([corner, corner + rng.integers(5, 30, (80, 2))]).astype(float)
    scores = rng.permutation(80) / 100 + 0.1
    found = distinct(boxes, scores, 0.4)

    def pixels(box):
        return {(x, y) for x in range(int(box[0]), int(box[2])) for y in range(int(box[1]), int(box[3]))}

    def overlap(a, b):
        return len(pixels(a) & pixels(b)) / len(pixels(a) | pixels(b))

    kept = {float(score) for score in found.box_scores}
    for box, score in zip(boxes, scores, strict=True):
        better = [b for b, s in zip(found.boxes, found.box_scores, strict=True) if s > score]
        assert any(overlap(box, b) > 0.4 for b in better) == (float(score) not in kept)


def test_boxes_that_are_no_boxes_are_dropped():
    boxes = np.array([[0, 0, 9, 9], [5, 5, 5, 9], [9, 9, 1, 1], [np.nan, 0, 9, 9], [0, 0, np.inf, 9]])
    found = distinct(boxes, np.linspace(0.9, 0.5, 5), 0.5)
    assert found.boxes.tolist() == [[0, 0, 9, 9]]
    assert found.xy.shape == (1, 0, 2)


def test_keypoints_stay_with_their_box():
    boxes = np.array([[0, 0, 9, 9], [50, 50, 60, 60], [0, 0, 9, 10]], dtype=float)
    xy, scores = np.arange(12.0).reshape(3, 2, 2), np.full((3, 2), 0.5)
    found = distinct(boxes, np.array([0.4, 0.9, 0.8]), 0.5, xy, scores)
    assert found.box_scores.tolist() == [0.9, 0.8]
    np.testing.assert_array_equal(found.xy, xy[[1, 2]])


def test_missing_points_look_the_same_however_they_went_missing():
    xy = np.array([[1.0, np.nan], [np.inf, 2], [3, 4], [5, 6], [7, 8], [9, 10]])
    scores = np.array([0.5, 0.5, 0.0, np.nan, np.inf, 0.5])
    known, known_scores = known_points(xy, scores)
    assert np.isnan(known[:5]).all()
    assert known[5].tolist() == [9, 10]
    assert known_scores.tolist() == [0, 0, 0, 0, 0, 0.5]


@pytest.mark.parametrize("shape", [(2, 10, 5), (1, 10, 4), (10, 5)])
def test_an_output_that_is_not_one_picture_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(1, n, 5 or more\)"):
        only_picture(np.zeros(shape), 5)
