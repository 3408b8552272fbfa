"""What other pictures of the same kind would say."""

import numpy as np
import pytest

from pinpoint.evaluation.bootstrap import contributions, draws, interval, replicates
from pinpoint.evaluation.pictures import Judged
from pinpoint.evaluation.summary import measures_of_keypoints
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

COCO = skeleton("coco17")
SIGMAS = np.array(COCO.sigmas)


def world(rng, pictures=12, spread=8.0):
    """Pictures of none to three people, some found badly, some twice; pictures share scores."""
    return [picture(rng, int(rng.integers(0, 4)), spread) for _ in range(pictures)]


def picture(rng, n, spread):
    low = np.arange(n)[:, None] * [300.0, 0]
    xy = low[:, None] + rng.random((n, 17, 2)) * [100, 200]
    xy[rng.random((n, 17)) < 0.3] = np.nan
    boxes = np.concatenate([low, low + np.array([100, 200])], axis=1)
    truth = Keypoints(xy, np.ones(xy.shape[:2]), COCO, boxes=boxes, areas=np.full(n, 12000.0))
    rows = rng.permutation(np.repeat(np.arange(n), 2))[: 2 * n - 1]
    off = rng.normal(scale=spread * rng.choice([0.2, 1, 3], (len(rows), 1, 1)), size=(len(rows), 17, 2))
    found = low[rows][:, None] + rng.random((len(rows), 17, 2)) * [100, 200]
    found = np.where(np.isnan(xy[rows]), found, xy[rows]) + off
    sure = rng.permutation(6)[: len(rows)] / 10  # within a picture no two are equal
    crowds = np.array([[0.0, 0, 50, 50]]) if rng.random() < 0.3 else np.zeros((0, 4))
    return Judged(truth, crowds, Keypoints(found, np.ones(found.shape[:2]), COCO, box_scores=sure))


def test_every_picture_once_gives_the_numbers_themselves(rng):
    judged = world(rng)
    numbers = replicates(contributions(judged, SIGMAS), np.ones((1, len(judged)), int))
    measures = measures_of_keypoints(judged, SIGMAS)
    assert {name: pytest.approx(measures[name]) for name in numbers} == {n: v[0] for n, v in numbers.items()}
    assert 0.1 < measures["AP"] < 0.9


@pytest.mark.parametrize("seed", range(10))
def test_a_draw_is_what_its_pictures_would_give(seed):
    """The oracle measures the drawn pictures anew, those drawn twice as two pictures."""
    rng = np.random.default_rng(seed)
    judged = world(rng)
    counts = draws(len(judged), 3, seed)
    numbers = replicates(contributions(judged, SIGMAS), counts)
    for draw, row in enumerate(counts):
        drawn = [one for one, times in zip(judged, row, strict=True) for _ in range(times)]
        measures = measures_of_keypoints(drawn, SIGMAS)
        assert {name: pytest.approx(measures[name]) for name in numbers} == {
            name: values[draw] for name, values in numbers.items()
        }


def test_a_draw_without_people_is_nan():
    empty = picture(np.random.default_rng(0), 0, 1.0)
    numbers = replicates(contributions([empty, empty], SIGMAS), draws(2, 4))
    assert all(np.isnan(values).all() for values in numbers.values())
    assert np.isnan(interval(numbers["AP"])).all()


def test_draws_are_the_same_for_the_same_seed_and_as_large_as_the_set():
    counts = draws(30, 50, seed=7)
    assert (counts.sum(axis=1) == 30).all() and (counts == draws(30, 50, seed=7)).all()
    assert (counts != draws(30, 50, seed=8)).any()


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem(rng):
    """PCK of pictures with one person each: the standard error of a mean of 400 independent numbers."""
    judged = [one for one in world(rng, 900) if len(one.truth) == 1][:200]
    run = contributions(judged, SIGMAS)
    total, count = run.means["NME"]
    errors = total[count > 0]
    low, high = interval(replicates(run, draws(len(judged), 2000))["NME"])
    expected = 2 * 1.96 * errors.std(ddof=1) / np.sqrt(len(errors))
    assert high - low == pytest.approx(expected, rel=0.1)
    assert low < errors.mean() < high


def test_an_interval_leaves_out_as_much_on_both_sides():
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))
