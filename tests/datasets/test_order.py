"""The walk through the data: everything in its share, the same for whoever asks."""

from collections import Counter

import numpy as np
import pytest

from pinpoint.datasets.order import Order


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_every_sample_of_weight_one_comes_once_in_every_epoch(epoch):
    order = Order([10, 3], [1, 1], seed=5)
    draws = order.draws(epoch * 13, (epoch + 1) * 13)
    assert {draw.epoch for draw in draws} == {epoch}
    expected = [(0, row) for row in range(10)] + [(1, row) for row in range(3)]
    assert sorted((draw.source, draw.row) for draw in draws) == expected


@pytest.mark.parametrize(("weight", "least", "most"), [(2, 2, 2), (2.5, 2, 3), (0.4, 0, 1), (0, 0, 0)])
def test_a_weight_says_how_often_each_sample_comes(weight, least, most):
    order = Order([20, 5], [weight, 1], seed=0)
    count = Counter(draw.row for draw in order.draws(0, len(order)) if draw.source == 0)
    assert sum(count.values()) == 20 * weight
    assert {count[row] for row in range(20)} == {least, most}


@pytest.mark.parametrize("weight", [1, 2, 2.5, 0.4])
def test_no_sample_comes_twice_in_the_same_pass(weight):
    """Chance depends on the pass: whoever comes twice in one epoch is changed in two ways."""
    order = Order([20, 5], [weight, 1], seed=0)
    draws = order.draws(0, 4 * len(order))
    assert len(set(draws)) == len(draws)
    assert {draw.epoch for draw in draws if draw.source == 1} == {0, 1, 2, 3}


def test_a_small_weight_takes_others_each_time_and_all_in_the_end():
    order = Order([10], [0.5], seed=0)
    halves = [frozenset(draw.row for draw in order.draws(at, at + 5)) for at in range(0, 100, 5)]
    assert len(set(halves)) > 10
    assert frozenset.union(*halves) == set(range(10))


def test_what_is_drawn_does_not_depend_on_who_asks_when():
    """Neither on the steps that are asked for at once, nor on what was asked for before."""
    whole = Order([7, 5], [1, 0.6], seed=3).draws(0, 60)
    order = Order([7, 5], [1, 0.6], seed=3)
    backwards = [order.draws(at, at + 4) for at in range(56, -4, -4)]
    assert [draw for part in reversed(backwards) for draw in part] == whole


def test_another_epoch_or_seed_is_another_order():
    order = Order([50], [1], seed=0)
    rows = [[draw.row for draw in part] for part in (order.draws(0, 50), order.draws(50, 100))]
    other = [draw.row for draw in Order([50], [1], seed=1).draws(0, 50)]
    assert len({tuple(row) for row in (*rows, other)}) == 3


def test_sources_are_mixed():
    """In the first half of an epoch each source has about its half: 50 +- 5 standard deviations of 3.5."""
    sources = [draw.source for draw in Order([100, 100], [1, 1], seed=0).draws(0, 100)]
    assert 32 < sum(sources) < 68


def test_a_source_that_has_a_weight_is_seen():
    assert {draw.source for draw in Order([100, 2], [1, 0.1], seed=0).draws(0, 101)} == {0, 1}


@pytest.mark.parametrize(("lengths", "weights"), [([], []), ([0], [1]), ([5], [0])])
def test_nothing_to_walk_through_is_an_error(lengths, weights):
    with pytest.raises(ValueError, match=r"sources of \[.*\] samples with weights \[.*\] hold nothing"):
        Order(lengths, weights, seed=0)


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_an_error(weight):
    with pytest.raises(ValueError, match=f"weight of a source is {weight}"):
        Order([5], [weight], seed=np.int64(0))
