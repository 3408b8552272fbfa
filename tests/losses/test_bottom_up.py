"""Losses of networks that find everyone's points first."""

import math

import numpy as np
import pytest
import torch

from pinpoint.codecs.associative import AssociativeEmbedding
from pinpoint.codecs.dekr import Dekr
from pinpoint.codecs.paf import Paf
from pinpoint.losses import picture_loss
from pinpoint.losses.associative import push_and_pull

SIZE = (64, 64)
CODECS = {
    "paf": Paf(SIZE, 3, ((0, 1), (1, 2))),
    "associative": AssociativeEmbedding(SIZE, 3),
    "dekr": Dekr(SIZE, 3, least=1.0),
}
PEOPLE = np.array([[[10.0, 10], [20, 12], [24, 30]], [[40, 40], [50, 44], [np.nan, np.nan]]])
BOXES = np.array([[10.0, 10, 24, 30], [40, 40, 50, 44]])
NOBODY = np.zeros((0, 4)), np.zeros((0, 3, 2))
NOWHERE = np.zeros((0, 4))
EVERYWHERE = np.array([[-0.5, -0.5, 63.5, 63.5]])


def targets(name, boxes=BOXES, xy=PEOPLE, ignored=NOWHERE):
    return tuple(torch.from_numpy(target)[None] for target in CODECS[name].encode(boxes, xy, ignored))


def perfect(name, taught):
    """What a network puts out that has learnt the targets."""
    if name == "paf":
        return taught[0][:, None], taught[1][:, None]
    if name == "dekr":
        return taught[0], taught[2]
    return torch.cat([taught[0], torch.zeros_like(taught[0])], dim=1), taught[2]


def started(name, taught):
    """Outputs by chance that gradients go to."""
    torch.manual_seed(0)
    return tuple(torch.randn_like(output).requires_grad_() for output in perfect(name, taught))


@pytest.mark.parametrize("name", CODECS)
def test_what_is_learnt_costs_nothing_but_tags_that_are_alike(name):
    """Two people with tag 0 push each other with .5 exp(0), a thousandth of which counts."""
    taught = targets(name)
    total, weight = picture_loss(name)(perfect(name, taught), taught)
    assert total.item() == pytest.approx(0.5e-3 if name == "associative" else 0, abs=1e-9)
    assert weight.item() == 1


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("case", ["people", "nobody", "ignored"])
def test_gradients_are_finite(name, case):
    taught = targets(name, *(NOBODY if case == "nobody" else (BOXES, PEOPLE)))
    taught = targets(name, ignored=EVERYWHERE) if case == "ignored" else taught
    outputs = started(name, taught)
    picture_loss(name)(outputs, taught)[0].backward()
    assert all(torch.isfinite(output.grad).all() for output in outputs)


@pytest.mark.parametrize("name", ["paf", "dekr"])
def test_nothing_is_learnt_where_everything_is_ignored(name):
    taught = targets(name, ignored=EVERYWHERE)
    outputs = started(name, taught)
    picture_loss(name)(outputs, taught)[0].backward()
    assert all((output.grad == 0).all() for output in outputs)


@pytest.mark.parametrize("name", CODECS)
def test_a_batch_costs_what_its_pictures_cost(name):
    """Parts can be added up by several processes."""
    pictures = [targets(name), targets(name, *NOBODY)]
    singles = [(started(name, one), one) for one in pictures]
    outputs, taught = (
        tuple(torch.cat(parts) for parts in zip(*rows, strict=True)) for rows in zip(*singles, strict=True)
    )
    whole, weight = picture_loss(name)(outputs, taught)
    assert whole.item() == pytest.approx(sum(picture_loss(name)(*one)[0].item() for one in singles), rel=1e-5)
    assert weight.item() == 2


def test_push_and_pull_by_hand():
    """Tags 0 and 1 of one person, 3 of another: means .5 and 3, spreads .25 and 0."""
    tags = torch.tensor([0.0, 3, 1, 0]).reshape(1, 2, 1, 2)
    places = torch.tensor([[[0, 0], [1, -1], [-1, -1]]])
    push, pull = push_and_pull(tags, places)
    assert push.item() == pytest.approx(0.5 * math.exp(-(2.5**2)))
    assert pull.item() == pytest.approx(0.25 / 2)


def test_one_person_is_pushed_by_nobody():
    push, pull = push_and_pull(torch.ones(1, 2, 1, 2), torch.tensor([[[0, 1], [-1, -1]]]))
    assert push.item() == pull.item() == 0


def test_small_people_weigh_as_much_as_large_ones():
    """Offsets that are off by the same share of a person twice as large cost the same."""
    small = targets("dekr", BOXES[:1], PEOPLE[:1])
    large = targets("dekr", 2 * BOXES[:1], 2 * PEOPLE[:1])
    costs = []
    for taught, off in ((small, 4.0), (large, 8.0)):
        outputs = taught[0], taught[2] + off
        costs.append(picture_loss("dekr")(outputs, taught)[0].item())
    assert costs[0] == pytest.approx(costs[1], rel=0.02)  # smooth L1 is bent below 1/9
