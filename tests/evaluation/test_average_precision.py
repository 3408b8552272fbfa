"""COCO's ten numbers against pycocotools, and what they are at the edges."""

import numpy as np
import pytest

from evaluation.coco_oracle import NAMES, by_pycocotools, jittered, random_world
from pinpoint.evaluation.average_precision import Found, Truth, keypoint_measures, match
from pinpoint.evaluation.curves import Matches, precision_recall
from pinpoint.io.coco_truth import read_coco_truth, read_crowd_regions
from pinpoint.skeletons import skeleton

SIGMAS = np.full(5, 0.05)
SQUARE = np.array([[10.0, 10], [110, 10], [10, 110], [110, 110], [60, 60]])


def truth_of(*shifts, picture=None, areas=10000.0, crowd=False):
    """Squares of 100 pixels, moved to the right."""
    n = len(shifts)
    xy = SQUARE + np.array(shifts, float).reshape(-1, 1, 1) * [1, 0]
    boxes = np.concatenate([xy[:, 0], xy[:, 3]], axis=1)
    numbers = np.arange(n) if picture is None else np.array(picture)
    return Truth(numbers, xy, boxes, np.broadcast_to(areas, n).astype(float), np.full(n, crowd))


def found_of(truth, scores):
    return Found(truth.picture, truth.xy, np.array(scores, float))


@pytest.mark.parametrize("block", range(10))
def test_it_is_what_pycocotools_computes(block):
    """On 210 worlds by chance, each of them; what has no value in one has none in the other."""
    for seed in range(block * 21, block * 21 + 21):
        truth, found, sigmas, images = random_world(seed)
        ours = keypoint_measures(truth, found, sigmas)
        theirs = by_pycocotools(truth, found, sigmas, images)
        assert tuple(ours) == NAMES
        np.testing.assert_allclose(
            list(ours.values()), list(theirs.values()), rtol=0, atol=1e-9, err_msg=str(seed)
        )


HELD = {
    "something to find and something found": lambda truth, found, _: (
        (~truth.idle).any() and len(found.scores)
    ),
    "crowds": lambda truth, *_: truth.crowd.any(),
    "instances without labels": lambda truth, *_: (~truth.labelled.any(axis=1) & ~truth.crowd).any(),
    "tiny instances": lambda truth, *_: (truth.areas < 200).any(),
    "pictures without labels": lambda truth, _, images: len(set(truth.picture)) < images,
    "pictures without results": lambda _, found, images: len(set(found.picture)) < images,
    "ties of scores": lambda _, found, __: len(set(found.scores)) < len(found.scores),
    "the same instance twice": lambda truth, *_: (
        len(set(truth.areas)) == len(truth.areas) and len(set(map(bytes, truth.boxes))) < len(truth.boxes)
    ),
    "more results than count": lambda _, found, __: np.bincount(found.picture).max(initial=0) > 20,
    "areas of results": lambda _, found, __: found.areas is not None,
}
LEAST = dict.fromkeys(HELD, 20) | {
    "something to find and something found": 200,
    "more results than count": 10,
}


@pytest.mark.parametrize("what", HELD)
def test_the_worlds_hold_what_they_are_to_hold(what):
    worlds = [random_world(seed) for seed in range(210)]
    count = sum(bool(HELD[what](truth, found, images)) for truth, found, _, images in worlds)
    assert count >= LEAST[what]


def test_a_world_in_which_nothing_is_found_is_what_pycocotools_computes():
    truth, found, sigmas, images = random_world(3)
    nothing = found[np.zeros(0, int)]
    theirs = by_pycocotools(truth, nothing, sigmas, images)
    np.testing.assert_equal(keypoint_measures(truth, nothing, sigmas), theirs)
    assert theirs["AP"] == 0


def real_truth(path):
    """All labels of a COCO file, those without points and crowds too."""
    records = read_coco_truth(path)
    crowds = read_crowd_regions(path)
    picture, xy, boxes, areas, crowd = [], [], [], [], []
    for number, record in enumerate(records):
        regions = crowds.get(record.image, np.zeros((0, 4)))
        n, m = len(record.keypoints), len(regions)
        picture += [number] * (n + m)
        xy += [*record.keypoints.xy, *np.full((m, len(record.keypoints.skeleton), 2), np.nan)]
        boxes += [*(record.keypoints.boxes if n else ()), *regions]
        areas += [*(record.keypoints.areas if n else ()), *(regions[:, 2:] - regions[:, :2]).prod(axis=1)]
        crowd += [False] * n + [True] * m
    return Truth(*map(np.array, (picture, xy, boxes, areas, crowd)))


@pytest.mark.shared
def test_it_is_what_pycocotools_computes_on_real_labels(shared_data, rng):
    truth = real_truth(shared_data / "coco_person/val.json")
    found = jittered(rng, truth, 300, tie=False)
    sigmas = np.array(skeleton("coco17").sigmas)
    ours = keypoint_measures(truth, found, sigmas)
    assert 0.2 < ours["AP"] < 0.8 and truth.crowd.sum() == 3
    theirs = by_pycocotools(truth, found, sigmas, int(truth.picture.max()) + 1)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), atol=1e-9)


def test_perfect_predictions_score_one():
    truth = truth_of(0, 50, 300)
    measures = keypoint_measures(truth, found_of(truth, [0.5, 0.9, 0.1]), SIGMAS)
    assert {name: value for name, value in measures.items() if name not in ("APm", "ARm")} == {
        name: pytest.approx(1) for name in NAMES if name not in ("APm", "ARm")
    }
    assert np.isnan([measures["APm"], measures["ARm"]]).all()  # nobody is medium


def test_the_same_instance_found_twice_is_right_once():
    """Precision 1, then 1/2: the better score comes first and recall is whole by then."""
    truth = truth_of(0)
    twice = Found(np.zeros(2, int), np.concatenate([truth.xy, truth.xy]), np.array([0.9, 0.8]))
    matches = match(truth, twice, SIGMAS)
    assert matches.right[0, 0].tolist() == [True, False] and not matches.ignored[0].any()
    assert keypoint_measures(truth, twice, SIGMAS)["AP"] == pytest.approx(1)


def test_the_best_score_chooses_first():
    """Both are near the one on the left; the second is left with none at the highest threshold."""
    truth = truth_of(0, 300, picture=[0, 0])
    near = Found(np.zeros(2, int), truth.xy[[0, 0]] + [[[1.0]], [[0.0]]], np.array([0.9, 0.8]))
    assert match(truth, near, SIGMAS).right[0, 9].tolist() == [True, False]


def test_what_is_found_in_a_crowd_counts_neither_for_nor_against():
    people = truth_of(0, picture=[0])
    crowd = truth_of(300, picture=[0], crowd=True)
    both = Truth(
        *(
            np.concatenate([getattr(people, n), getattr(crowd, n)])
            for n in ("picture", "xy", "boxes", "areas")
        ),
        crowd=np.array([False, True]),
    )
    in_crowd = np.concatenate([crowd.xy + 5, crowd.xy + 9])
    found = Found(np.zeros(3, int), np.concatenate([in_crowd, people.xy]), np.array([0.9, 0.8, 0.1]))
    both.xy[1] = np.nan
    assert keypoint_measures(both, found, SIGMAS)["AP"] == pytest.approx(1)
    assert match(both, found, SIGMAS).ignored[0].all(axis=0).tolist() == [True, True, False]


def test_only_so_many_of_a_picture_count():
    truth = truth_of(0)
    false = np.tile(truth.xy + 5000, (20, 1, 1))
    found = Found(np.zeros(21, int), np.concatenate([truth.xy, false]), np.array([0.1] + [0.9] * 20))
    assert keypoint_measures(truth, found, SIGMAS)["AR"] == 0
    assert len(match(truth, found, SIGMAS, most=21).scores) == 21
    assert precision_recall(match(truth, found, SIGMAS, most=21)).recall[0, 0] == 1


def test_a_missing_prediction_is_infinitely_far():
    """Three of five points are exact: OKS .6 is right at .5 and .55, wrong from .65."""
    truth = truth_of(0)
    xy = truth.xy.copy()
    xy[0, :2] = np.nan
    right = match(truth, Found(truth.picture, xy, np.ones(1)), SIGMAS).right[0, :, 0]
    assert right[:2].all() and not right[3:].any()


def test_nothing_found_is_zero_and_nothing_to_find_is_nothing():
    truth = truth_of(0)
    nothing = Found(np.zeros(0, int), np.zeros((0, 5, 2)), np.zeros(0))
    assert keypoint_measures(truth, nothing, SIGMAS)["AP"] == 0
    assert keypoint_measures(truth, nothing, SIGMAS)["AR"] == 0
    assert np.isnan(keypoint_measures(truth_of(), found_of(truth, [1.0]), SIGMAS)["AP"])
    assert np.isnan(list(keypoint_measures(truth_of(), nothing, SIGMAS).values())).all()


@pytest.mark.parametrize("seed", range(8))
def test_pictures_add_up_to_the_same_number_in_any_order(seed, rng):
    """With ties of scores between pictures too."""
    truth, found, sigmas, images = random_world(seed)
    parts = [
        match(truth[truth.picture == number], found[found.picture == number], sigmas)
        for number in rng.permutation(images)
    ]
    merged = precision_recall(Matches.merge(parts)).measures()
    np.testing.assert_equal(merged, keypoint_measures(truth, found, sigmas))


def test_areas_that_are_given_are_those_of_what_is_found():
    """A false one of a medium area spoils the medium; by its points it is large and does not."""
    truth = truth_of(0, areas=2000.0)
    xy = np.concatenate([truth.xy, truth.xy + 5000])
    for areas, expected in ((None, 1.0), (np.array([2000.0, 2000.0]), 0.5)):
        found = Found(np.zeros(2, int), xy, np.array([0.5, 0.9]), areas)
        assert keypoint_measures(truth, found, SIGMAS)["APm"] == pytest.approx(expected)


def test_an_instance_without_an_area_is_refused():
    truth = truth_of(0, 50, areas=np.array([2000.0, np.nan]))
    with pytest.raises(ValueError, match="1 labelled instances are NaN"):
        keypoint_measures(truth, found_of(truth, [1.0, 1.0]), SIGMAS)


def test_pairs_computed_in_small_parts_are_the_same(monkeypatch):
    truth, found, sigmas, _ = random_world(4)
    whole = keypoint_measures(truth, found, sigmas)
    monkeypatch.setattr("pinpoint.evaluation.average_precision.NUMBERS_AT_ONCE", 30)
    assert keypoint_measures(truth, found, sigmas) == whole
