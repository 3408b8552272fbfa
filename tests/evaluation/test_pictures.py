"""From pictures to the numbers of a table."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.evaluation.average_precision import Found, Truth, keypoint_measures
from pinpoint.evaluation.pictures import Judged, instance_scores, measures_of_boxes
from pinpoint.evaluation.summary import measures_of_keypoints
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

COCO = skeleton("coco17")
SIGMAS = np.array(COCO.sigmas)
NOTHING = np.zeros((0, 4))


def people(rng, n, columns=COCO):
    """Labelled people of 100 x 200 pixels, well apart."""
    low = np.arange(n)[:, None] * [300.0, 0]
    xy = low[:, None] + rng.random((n, len(columns), 2)) * [100, 200]
    boxes = np.concatenate([low, low + np.array([100, 200])], axis=1)
    return Keypoints(xy, np.ones(xy.shape[:2]), columns, boxes=boxes, areas=np.full(n, 12000.0))


def near(truth, rng, spread=4.0):
    """What a fair model finds of them, in any order."""
    order = rng.permutation(len(truth))
    xy = truth.xy[order] + rng.normal(scale=spread, size=truth.xy.shape)
    scores = rng.random(truth.scores.shape)
    return Keypoints(xy, scores, truth.skeleton, boxes=truth.boxes[order], box_scores=rng.random(len(truth)))


def test_pictures_give_what_their_arrays_give(rng):
    truths = [people(rng, n) for n in (3, 0, 2)]
    judged = [Judged(truth, NOTHING, near(truth, rng, 8.0)) for truth in truths]
    picture = np.repeat(np.arange(3), [3, 0, 2])
    truth, found = Keypoints.concatenate(truths), Keypoints.concatenate([one.found for one in judged])
    expected = keypoint_measures(
        Truth(picture, truth.xy, truth.boxes, truth.areas, np.zeros(5, bool)),
        Found(picture, found.xy, found.box_scores),
        SIGMAS,
    )
    measures = measures_of_keypoints(judged, SIGMAS)
    np.testing.assert_equal({name: measures[name] for name in expected}, expected)
    assert 0 < measures["AP"] < 1


def test_perfect_predictions_are_perfect_in_any_order(rng):
    truth = people(rng, 4)
    measures = measures_of_keypoints([Judged(truth, NOTHING, near(truth, rng, 0.0))], SIGMAS)
    assert measures["AP"] == pytest.approx(1)
    assert (measures["PCK@.1"], measures["PCK@.05"], measures["missed"]) == (1, 1, 0)


def test_who_is_missed_is_counted_and_wrong_in_pck(rng):
    truth = people(rng, 4)
    measures = measures_of_keypoints([Judged(truth, NOTHING, near(truth, rng, 0.0)[:3])], SIGMAS)
    assert (measures["PCK@.1"], measures["missed"]) == (0.75, 1)


def test_in_given_boxes_nobody_is_paired_anew(rng):
    """What was read in the box of the neighbour is wrong, though it would fit the neighbour."""
    truth = people(rng, 2)
    swapped = truth[[1, 0]]
    assert measures_of_keypoints([Judged(truth, NOTHING, swapped)], SIGMAS)["PCK@.1"] == 1
    given = Judged(truth, NOTHING, swapped, np.arange(2))
    assert measures_of_keypoints([given], SIGMAS)["PCK@.1"] == 0
    only = Judged(truth, NOTHING, truth[[1]], np.array([1]))
    assert measures_of_keypoints([only], SIGMAS)["PCK@.1"] == 0.5


def test_what_is_found_in_a_crowd_does_no_harm(rng):
    truth, away = people(rng, 2), np.array([1000.0, 0])
    beside = replace(truth, xy=truth.xy + away, boxes=truth.boxes + np.tile(away, 2))
    found = Keypoints.concatenate([beside, truth])
    crowd = np.array([[900.0, -100, 1600, 400]])
    assert measures_of_keypoints([Judged(truth, crowd, found)], SIGMAS)["AP"] == pytest.approx(1)
    assert measures_of_keypoints([Judged(truth, NOTHING, found)], SIGMAS)["AP"] < 0.9


def test_faces_have_an_nme_and_missed_ones_do_not_count(rng):
    face = skeleton("face68")
    truth = people(rng, 2, face)
    corners = truth.xy[:, 36] - truth.xy[:, 45]
    off = replace(truth[:1], xy=truth.xy[:1] + np.array([3.0, 4.0]))
    measures = measures_of_keypoints([Judged(truth, NOTHING, off)], np.array(face.sigmas))
    assert measures["NME"] == pytest.approx(5 / np.hypot(*corners[0])) and measures["missed"] == 1
    nobody = Judged(truth, NOTHING, Keypoints.empty(face))
    assert np.isnan(measures_of_keypoints([nobody], np.array(face.sigmas))["NME"])


def test_bodies_have_an_nme_by_the_root_of_the_box(rng):
    truth = people(rng, 1)
    off = replace(truth, xy=truth.xy + np.array([3.0, 4.0]))
    measures = measures_of_keypoints([Judged(truth, NOTHING, off)], SIGMAS)
    assert measures["NME"] == pytest.approx(5 / np.sqrt(100 * 200))


def test_an_instance_is_as_sure_as_its_estimator_says_or_as_its_points(rng):
    kps = replace(people(rng, 2), scores=np.full((2, 17), 0.5), box_scores=np.array([0.8, np.nan]))
    np.testing.assert_allclose(instance_scores(kps), [0.8, 0])
    np.testing.assert_allclose(instance_scores(replace(kps, box_scores=None)), [0.5, 0.5])


def test_boxes_alone_are_measured_too(rng):
    truth = people(rng, 3)
    measures = measures_of_boxes([Judged(truth, NOTHING, replace(truth[:2], box_scores=np.ones(2)))])
    assert measures["recall"] == pytest.approx(2 / 3) and measures["false"] == 0
    assert measures_of_boxes([Judged(truth, NOTHING, Keypoints.empty(skeleton("box")))])["recall"] == 0
