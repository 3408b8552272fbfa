"""Measures of tracks: by hand, against stored numbers of trackeval, and at the edges."""

import numpy as np
import pytest

import pinpoint as pp
from evaluation.tracked import BOX, GOLDEN, MEASURES, boxes_of, crossing
from pinpoint.evaluation.tracks import box_similarity, point_similarity, track_measures

HERE, THERE = [0, 0, 10, 20], [100, 0, 110, 20]


def clip(*frames):
    """Frames of pairs of an id and a box."""
    return [boxes_of(np.array([i for i, _ in frame], int), [box for _, box in frame]) for frame in frames]


@pytest.mark.parametrize("seed", range(3))
def test_they_are_what_trackeval_computes(seed):
    measures = track_measures(*crossing(seed))
    np.testing.assert_allclose([measures[name] for name in MEASURES], GOLDEN[seed], rtol=1e-12)


def test_tracks_that_are_the_truth_are_perfect():
    truth, _ = crossing(0)
    measures = track_measures(truth, truth)
    assert {name: value for name, value in measures.items() if value != 1} == {
        "switches": 0,
        "missed": 0,
        "false": 0,
    }


def test_one_change_of_id_in_the_middle_counts_as_one_switch_and_half_the_identity():
    """Of four frames the best single id holds two. HOTA: all is found, and each half associates 2 of 4."""
    truth = clip(*[[(1, HERE)]] * 4)
    found = clip(*[[(5, HERE)]] * 2, *[[(6, HERE)]] * 2)
    measures = track_measures(truth, found)
    assert measures["switches"] == 1
    assert measures["IDF1"] == measures["IDP"] == measures["IDR"] == 0.5
    assert measures["MOTA"] == 1 - 1 / 4
    assert (measures["DetA"], measures["AssA"]) == (1.0, 0.5)
    assert measures["HOTA"] == pytest.approx(np.sqrt(0.5))


def test_swapped_ids_are_two_switches():
    truth = clip(*[[(1, HERE), (2, THERE)]] * 2)
    found = clip([(1, HERE), (2, THERE)], [(2, HERE), (1, THERE)])
    assert track_measures(truth, found)["switches"] == 2


def test_missed_and_false_instances_are_counted():
    truth, found = clip([(1, HERE)], [(1, HERE)]), clip([(1, HERE), (2, THERE)], [])
    measures = track_measures(truth, found)
    assert (measures["missed"], measures["false"], measures["MOTA"]) == (1, 1, 0)
    assert measures["IDF1"] == 0.5


def test_names_of_ids_do_not_matter():
    truth, found = crossing(1)
    renamed = [boxes_of(1000 - kps.track_ids, kps.boxes) for kps in found]
    assert track_measures(truth, renamed) == track_measures(truth, found)


def test_instances_without_an_id_do_not_count():
    truth = clip([(1, HERE)])
    assert track_measures(truth, clip([(4, HERE), (-1, THERE)])) == track_measures(truth, clip([(4, HERE)]))


def test_without_anything_there_is_no_number():
    measures = track_measures(clip([]), clip([]))
    assert np.isnan([measures[name] for name in ("HOTA", "IDF1", "MOTA")]).all()


@pytest.mark.parametrize(
    ("truth", "found", "complaint"),
    [
        (clip([]), clip([], []), "found has 2 frames, expected 1"),
        (clip([(3, HERE), (3, THERE)]), clip([]), r"truth\[0\] has a track id twice"),
        (
            clip([]),
            [pp.Keypoints(np.zeros((1, 0, 2)), np.zeros((1, 0)), BOX)],
            r"found\[0\].*without track_ids",
        ),
    ],
)
def test_what_makes_no_clip_is_refused(truth, found, complaint):
    with pytest.raises(ValueError, match=complaint):
        track_measures(truth, found)


def test_points_and_boxes_of_the_same_instances_agree_wholly():
    skeleton = pp.skeleton("coco17")
    xy = np.random.default_rng(0).uniform(0, 100, (2, 17, 2))
    kps = pp.Keypoints(xy, np.ones((2, 17)), skeleton)
    for similarity in (box_similarity, point_similarity):
        np.testing.assert_allclose(np.diag(similarity(kps, kps)), 1)


def test_points_need_sigmas():
    with pytest.raises(ValueError, match="'box' has no sigmas"):
        point_similarity(*clip([(1, HERE)], [(1, HERE)]))
