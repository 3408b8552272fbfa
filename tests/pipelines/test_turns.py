"""Which way is up, where a detection does not say it or gets it wrong."""

import numpy as np

from pinpoint.codecs import Extras
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.turns import read_by_turns, righted
from spots import boxed, lit, spot_network


class UprightCodec:
    """Sure of an instance only if its light is in the upper third of the crop."""

    input_size = (64, 64)

    def decode(self, spots):
        return np.repeat(spots[:, None], 3, axis=1), np.full((len(spots), 3), 0.9)

    def extras(self, spots):
        return Extras(np.where(spots[:, 1] < 64 / 3, 0.97, 0.2))


def read(image, boxes):
    network = spot_network(UprightCodec())
    return read_by_turns(network, image, boxes, 1.0, sure=0.95), network.session.batches


def test_a_box_is_turned_until_the_network_is_sure():
    """The light is on the right, so the third look, a quarter turn, brings it up."""
    found, batches = read(lit(130, 70), boxed([60, 30, 140, 110]))
    np.testing.assert_allclose(found.xy[0, 0], (130, 70), atol=0.7)
    assert found.box_scores.tolist() == [0.97]
    assert len(batches) == 3


def test_an_upright_one_is_looked_at_once():
    found, batches = read(lit(100, 40), boxed([60, 30, 140, 110]))
    np.testing.assert_allclose(found.xy[0, 0], (100, 40), atol=0.7)
    assert len(batches) == 1


def test_only_those_in_doubt_are_turned_and_the_surest_turn_stays():
    """The first box holds the light on top; in the second it is in the middle, whichever way up."""
    both = Keypoints.concatenate([boxed([60, 60, 140, 140]), boxed([90, 60, 110, 80])])
    found, batches = read(lit(100, 70), both)
    assert [len(batch) for batch in batches] == [2, 1, 1, 1]
    assert found.box_scores.tolist() == [0.97, 0.2]
    np.testing.assert_allclose(found.xy[:, 0], [(100, 70)] * 2, atol=0.7)


HEAD_DOWN, UPRIGHT = BoxRegion(scale=1.0, angle=np.pi), BoxRegion(scale=1.0)


def test_a_body_said_to_be_head_down_is_read_upright_where_that_is_as_sure():
    """The light is at the top, which the network is sure of only in the upright crop."""
    network = spot_network(UprightCodec())
    found = righted(network, lit(100, 40), boxed([60, 30, 140, 110]), HEAD_DOWN, UPRIGHT)
    np.testing.assert_allclose(found.xy[0, 0], (100, 40), atol=0.7)
    assert found.box_scores.tolist() == [0.97]


def test_a_body_said_to_be_head_down_of_which_nothing_is_seen_upright_is_nobody():
    """The light is at the bottom: head down the network is sure of it, upright it sees nobody."""
    network = spot_network(UprightCodec())
    found = righted(network, lit(100, 100), boxed([60, 30, 140, 110]), HEAD_DOWN, UPRIGHT)
    assert found.box_scores.tolist() == [0]


def test_a_body_that_leans_is_read_once():
    network = spot_network(UprightCodec())
    righted(network, lit(100, 40), boxed([60, 30, 140, 110]), BoxRegion(angle=np.radians(95)), UPRIGHT)
    assert len(network.session.batches) == 1
