"""One person found twice is one person, and what is hardly seen is none."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.duplicates import LEAST_BODY, distinct_bodies, likely_bodies
from pinpoint.skeletons import skeleton

SHAPE = np.random.default_rng(0).uniform(0, 100, (33, 2))


def found(*shifts, name="coco17", scores=None):
    """The same person at each shift to the right; later ones are less sure unless scores say otherwise."""
    columns = skeleton(name)
    xy = np.array([SHAPE[: len(columns)] + np.array([shift, 0]) for shift in shifts])
    sure = np.linspace(0.9, 0.5, len(shifts)) if scores is None else np.array(scores)
    return Keypoints(xy, np.ones(xy.shape[:2]), columns, box_scores=sure)


@pytest.mark.parametrize("name", ["coco17", "blazepose33", "crowdpose14"])
def test_the_surest_of_those_that_lie_on_each_other_is_kept(name):
    """`blazepose33` has no sigmas of its own, `crowdpose14` no face."""
    kps = distinct_bodies(found(0, 1, 200, name=name, scores=[0.5, 0.9, 0.2]))
    assert kps.box_scores.tolist() == [0.9, 0.2]


def test_two_bodies_with_the_same_head_are_one_person():
    """Half out of the picture, the other half is guessed in two ways."""
    kps = found(0, 0)
    kps.xy[1, 5:] += [60.0, 90.0]
    assert len(distinct_bodies(kps)) == 1


def test_heads_that_are_hardly_seen_do_not_make_two_people_one():
    kps = found(0, 0)
    kps.xy[1, 5:] += [60.0, 90.0]
    kps.scores[:, :5] = 0.2
    assert len(distinct_bodies(kps)) == 2


def test_who_is_hardly_seen_is_left_out():
    kps = likely_bodies(found(0, 200, 400, scores=[LEAST_BODY, LEAST_BODY - 0.01, 0.5]))
    assert kps.box_scores.tolist() == [0.5, LEAST_BODY]


def test_who_has_no_score_counts_as_seen():
    assert len(likely_bodies(replace(found(0, 200), box_scores=None))) == 2


def test_nobody_stays_nobody():
    assert len(likely_bodies(Keypoints.empty(skeleton("coco17")))) == 0
