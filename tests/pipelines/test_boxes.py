"""Boxes that the caller gives."""

import logging

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.boxes import as_boxes, best_in_boxes, in_boxes, in_rows
from spots import ARROW, boxed

PICTURE = np.zeros((80, 100, 3), np.uint8)


def middles(given):
    """Every keypoint in the middle of its box."""
    xy = np.repeat((given.boxes[:, None, :2] + given.boxes[:, None, 2:]) / 2, 3, axis=1)
    labels = np.full(len(given), "left")
    return Keypoints(
        xy, np.ones((len(given), 3)), ARROW, boxes=given.boxes, box_scores=given.box_scores, labels=labels
    )


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 5, 5], [0, 0, np.nan, 5]], r"box 1 is \[0.0, 0.0, nan, 5.0\], expected finite x1 < x2"),
        ([[0, 0, 5, np.inf]], "box 0 is .*inf"),
        ([[0, 0, 5, 5], [0, 0, 5, 5], [9, 0, 5, 5]], r"box 2 is \[9.0, 0.0, 5.0, 5.0\]"),
        ([[0, 5, 5, 5]], "box 0"),
        ([0, 0, 5, 5], r"shape \(4,\), expected \(N, 4\) as x1 y1 x2 y2"),
        (np.zeros((2, 5)), r"shape \(2, 5\)"),
        (np.zeros((0, 5)), r"shape \(0, 5\)"),
    ],
)
def test_what_is_no_box_is_refused_by_number(boxes, message):
    with pytest.raises(ValueError, match=message):
        as_boxes(boxes)


@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4)), ()])
def test_no_boxes_are_no_instances(boxes):
    found = in_boxes(PICTURE, boxes, middles)
    assert (len(found), found.skeleton) == (0, ARROW)


def test_there_is_one_row_for_each_box_in_order():
    boxes = [[50, 40, 60, 60], [0, 0, 10, 10], [50, 40, 60, 60], [90, 70, 200, 300]]
    found = in_boxes(PICTURE, boxes, middles)
    assert found.boxes.tolist() == boxes
    assert found.xy[:, 0].tolist() == [[55, 50], [5, 5], [55, 50], [145, 185]]


def test_a_box_outside_the_picture_keeps_its_row_and_is_named_in_a_warning(caplog):
    boxes = [[0, 0, 9, 9], [100, 0, 120, 9], [5, 5, 9, 9], [-30, 2, -1, 9]]
    with caplog.at_level(logging.WARNING, "pinpoint"):
        found = in_boxes(PICTURE, boxes, middles)
    assert np.isnan(found.xy).all(axis=(1, 2)).tolist() == [False, True, False, True]
    assert found.scores.sum(axis=1).tolist() == [3, 0, 3, 0]
    assert found.box_scores.tolist() == [1, 0, 1, 0]
    assert found.labels.tolist() == ["left", "", "left", ""]
    assert found.boxes.tolist() == boxes
    assert "box 1 is [100.0, 0.0, 120.0, 9.0], outside the picture of 100 x 80" in caplog.text
    assert "box 3" in caplog.text


def test_a_box_that_touches_the_outermost_pixel_is_inside():
    boxes = [[99.4, 0, 120, 9], [-30, 2, -0.4, 9]]
    assert not np.isnan(in_boxes(PICTURE, boxes, middles).xy).any()


def test_rows_that_were_not_read_keep_boxes_and_ids():
    found = Keypoints(
        **boxed([0, 0, 5, 5], [5, 5, 9, 9]).arrays(), skeleton=boxed().skeleton, track_ids=[7, 8]
    )
    placed = in_rows(middles(found[[1]]), np.array([False, True]), found)
    assert placed.track_ids.tolist() == [7, 8]
    assert placed.boxes.tolist() == found.boxes.tolist()
    assert placed.xy[1, 0].tolist() == [7, 7]


def test_each_box_gets_the_instance_that_overlaps_it_most():
    found = middles(boxed([0, 0, 10, 10], [40, 40, 60, 60], [42, 40, 60, 60]))
    given = [[41.5, 40, 60, 60], [0, 0, 10, 12], [70, 70, 80, 79]]
    best = best_in_boxes(PICTURE, found, given, 0.3)
    assert best.xy[:2, 0].tolist() == [[51, 50], [5, 5]]
    assert np.isnan(best.xy[2]).all()
    assert best.box_scores.tolist() == [1, 1, 0]
    assert best.boxes.tolist() == given


def test_nobody_is_given_to_two_boxes():
    found = middles(boxed([0, 0, 10, 10]))
    best = best_in_boxes(PICTURE, found, [[0, 0, 10, 14], [0, 0, 10, 11]], 0.3)
    assert np.isnan(best.xy[:, 0, 0]).tolist() == [True, False]


@pytest.mark.parametrize(("x2", "joined"), [(33.0, True), (34.0, False)])
def test_an_overlap_below_the_least_joins_nothing(x2, joined):
    """10 of 33 is .303, 10 of 34 is .294."""
    best = best_in_boxes(PICTURE, middles(boxed([0, 0, 10, 10])), [[0, 0, x2, 10]], 0.3)
    assert bool(np.isfinite(best.xy).all()) == joined


def test_boxes_where_nothing_was_found_are_rows_without_keypoints():
    best = best_in_boxes(PICTURE, Keypoints.empty(ARROW), [[0, 0, 9, 9], [5, 5, 7, 7]], 0.3)
    assert np.isnan(best.xy).all()
    assert best.xy.shape == (2, 3, 2)
    assert best.scores.max() == 0
