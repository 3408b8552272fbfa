"""Boxes that do not say which way is up."""

import numpy as np

from pinpoint.codecs import Extras
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.turns import read_by_turns
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
