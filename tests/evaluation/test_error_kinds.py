"""Kinds of mistakes, by hand and against a slow count."""

import numpy as np
import pytest

from evaluation.coco_oracle import random_world
from pinpoint.evaluation.average_precision import Found, Truth, keypoint_measures
from pinpoint.evaluation.error_kinds import KINDS, Diagnosis, diagnose, kinds_of_points

SIGMAS = np.full(5, 0.05)
MIRROR = np.array([0, 2, 1, 4, 3])
POINTS = np.array([[50.0, 10], [10, 10], [90, 10], [10, 90], [90, 90]])


def two_people():
    """Two squares of 100 pixels side by side, 200 pixels apart."""
    xy = np.array([POINTS, POINTS + np.array([200, 0])])
    boxes = np.array([[0.0, 0, 100, 100], [200, 0, 300, 100]])
    return Truth(np.zeros(2, int), xy, boxes, np.full(2, 1e4), np.zeros(2, bool))


@pytest.mark.parametrize(
    ("kind", "moved"),
    [
        ("good", [[52, 11]]),
        ("jitter", [[59, 10]]),
        ("miss", [[50, 60]]),
        ("swap", [[250, 10]]),
        ("miss", [[210, 10]]),  # another keypoint of the other person
        ("miss", [[np.nan, np.nan]]),
        ("inversion", [[50, 10], [90, 10]]),
        ("swap", [[50, 10], [290, 10]]),  # the mirror image in the other person
        ("miss", [[50, 10], [50, 10]]),
    ],
)
def test_a_point_that_lies_there_is_a(kind, moved):
    truth = two_people()
    xy = truth.xy.copy()
    xy[0, : len(moved)] = moved
    kinds, owner = kinds_of_points(truth, Found(truth.picture, xy, np.array([0.9, 0.8])), SIGMAS, MIRROR)
    assert KINDS[kinds[0, len(moved) - 1]] == kind
    assert (np.delete(kinds, len(moved) - 1, axis=1) == 0).all()
    assert owner.tolist() == [0, 1]


def test_what_is_not_labelled_and_who_has_no_pair_is_no_mistake():
    truth = two_people()
    truth.xy[0, 3] = np.nan
    xy = np.concatenate([two_people().xy, POINTS[None] + 1000])
    kinds, _ = kinds_of_points(truth, Found(np.zeros(3, int), xy, np.ones(3)), SIGMAS, MIRROR)
    assert kinds[0].tolist() == [0, 0, 0, -1, 0] and (kinds[2] == -1).all()


def mistaken_world(seed):
    """Some points of a world lie on those of somebody else, or on their mirror images."""
    truth, found, sigmas, _ = random_world(seed)
    rng = np.random.default_rng(seed)
    for row in range(len(found.scores)):
        others = np.flatnonzero(truth.picture == found.picture[row])
        if len(others):
            xy = truth.xy[rng.choice(others)]
            column = rng.integers(5)
            found.xy[row, column] = np.nan_to_num(xy[rng.choice([column, MIRROR[column]])], nan=5.0)
    return truth, found, sigmas[MIRROR] / 2 + sigmas / 2


def slow_kind(xy, column, own, people, sigmas):
    """People: points and area of each."""

    def similar(person, keypoint):
        points, area = people[person]
        squared = ((xy - points[keypoint]) ** 2).sum()
        value = np.exp(-squared / (2 * area * (2 * sigmas[keypoint]) ** 2))
        return 0.0 if np.isnan(value) else value

    if (value := similar(own, column)) >= 0.5:
        return "good" if value >= 0.85 else "jitter"
    twin = MIRROR[column]
    inverted = similar(own, twin) if twin != column else 0
    swapped = max([0, *(similar(p, k) for p in people if p != own for k in (column, twin))])
    if max(inverted, swapped) < 0.5:
        return "miss"
    return "swap" if swapped > inverted else "inversion"


@pytest.mark.parametrize("seed", range(6))
def test_kinds_are_those_of_a_slow_count(seed):
    truth, found, sigmas = mistaken_world(seed)
    kinds, owner = kinds_of_points(truth, found, sigmas, MIRROR)
    for row, column in np.argwhere(kinds >= 0):
        same = np.flatnonzero((truth.picture == found.picture[row]) & ~truth.crowd)
        people = {person: (truth.xy[person], truth.areas[person]) for person in same}
        expected = slow_kind(found.xy[row, column], column, owner[row], people, sigmas)
        assert KINDS[kinds[row, column]] == expected


def test_the_slow_count_meets_every_kind():
    met = set()
    for seed in range(6):
        truth, found, sigmas = mistaken_world(seed)
        met |= set(kinds_of_points(truth, found, sigmas, MIRROR)[0].ravel())
    assert met == {-1, 0, 1, 2, 3, 4}


def test_mending_the_only_mistake_gives_all_of_its_cost():
    """Four of five points right is an OKS of .8: right at the seven thresholds up to it."""
    truth = two_people()
    xy = truth.xy.copy()
    xy[:, 1] = truth.xy[:, 2]
    measures = diagnose(truth, Found(truth.picture, xy, np.array([0.9, 0.8])), SIGMAS, MIRROR).measures()
    assert measures["AP"] == pytest.approx(0.7)
    assert measures["AP-inversion"] == pytest.approx(0.3)
    assert measures["AP-miss"] == measures["AP-swap"] == measures["AP-jitter"] == 0
    assert (measures["good"], measures["inversion"]) == (0.8, 0.2)


@pytest.mark.parametrize("seed", range(3))
def test_as_it_was_found_it_has_the_usual_precision(seed):
    truth, found, sigmas = mistaken_world(seed)
    measures = diagnose(truth, found, sigmas, MIRROR).measures()
    assert measures["AP"] == keypoint_measures(truth, found, sigmas)["AP"]
    assert sum(measures[kind] for kind in KINDS) == pytest.approx(1)


def test_pictures_add_up_to_the_same_diagnosis():
    truth, found, sigmas = mistaken_world(3)
    numbers = np.unique(np.concatenate([truth.picture, found.picture]))
    parts = [
        diagnose(truth[truth.picture == n], found[found.picture == n], sigmas, MIRROR) for n in numbers[::-1]
    ]
    whole = diagnose(truth, found, sigmas, MIRROR)
    assert Diagnosis.merge(parts).measures() == whole.measures()
