"""What Keypoint R-CNN is taught with."""

import numpy as np
import pytest
import torch

from pinpoint.codecs.keypoint_rcnn import LAG
from pinpoint.losses.keypoint_rcnn import box_change, keypoint_cells, keypoint_rcnn_loss
from pinpoint.models.regions import moved

BOX = torch.tensor([[10.0, 20.0, 66.0, 76.0]])


def targets():
    xy = torch.full((1, 1, 2, 2), torch.nan)
    xy[0, 0, 0] = torch.tensor([30.5, 40.5]) + LAG
    return BOX[None] - 0.5, torch.ones(1, 1, dtype=torch.bool), xy, torch.full((1, 1, 4), -1.0)


def outputs(*, sure=20.0, rows=(0, -1, -2)):
    """Of three anchors and three regions that say what is right, surely; the third does not count."""
    rows = torch.tensor([rows])
    holds = (rows >= 0).float()
    boxes = BOX.expand(1, 3, 4)
    maps = torch.zeros(1, 2, 56, 56)
    maps[0, 0, 20, 20] = 2 * sure
    maps[0, 1] = torch.randn(56, 56)  # not labelled
    logits = sure * (2 * holds - 1)
    logits[rows == -2] = 5.0
    both = torch.stack([-logits, logits], dim=-1) / 2
    rois = torch.cat([torch.zeros(1, 1), BOX], dim=1)
    points = (maps, rois, torch.zeros(1, dtype=torch.long))
    none = torch.zeros(1, 3, 4)
    return [logits, none, boxes, rows, both, none, boxes, rows, *points]


def test_what_is_said_surely_and_right_costs_nothing():
    total, weight = keypoint_rcnn_loss(tuple(outputs()), targets())
    assert total.item() == pytest.approx(0, abs=1e-6)
    assert weight.item() == 1


@pytest.mark.parametrize(
    ("place", "change", "cost"),
    [
        (0, lambda logits: -logits, 20),  # of two anchors that count, each wrong by 20
        (4, lambda logits: -logits, 20),
        (1, lambda deltas: deltas + 1, 4 * (1 - 1 / 18) / 2),  # smooth L1 of one of the two
        (5, lambda deltas: deltas + 1, 4 * (1 - 1 / 18) / 2),
        (8, lambda maps: maps.roll(1, dims=3), 40),
    ],
)
def test_what_is_wrong_costs_as_the_paper_says(place, change, cost):
    own = outputs()
    own[place] = change(own[place])
    total, _ = keypoint_rcnn_loss(tuple(own), targets())
    assert total.item() == pytest.approx(cost, rel=1e-4)


def test_the_change_of_a_box_is_what_moves_it_there():
    rng, weights = np.random.default_rng(0), (10.0, 10.0, 5.0, 5.0)
    low, size = rng.uniform(0, 50, (2, 9, 2)), rng.uniform(5, 40, (2, 9, 2))
    truth, boxes = torch.from_numpy(np.concatenate([low, low + size], axis=2))
    torch.testing.assert_close(moved(box_change(truth, boxes, weights), boxes, weights), truth)


def test_points_outside_a_region_have_no_cell():
    xy = torch.tensor([[[9.9, 30.0], [10.1, 75.9], [30.0, 76.1], [torch.nan, torch.nan]]]) + LAG
    cell, there = keypoint_cells(xy, BOX, 56)
    assert there.tolist() == [[False, True, False, False]]
    assert cell[0, 1] == 55 * 56


def test_a_batch_without_anybody_teaches_only_what_is_background():
    rows = (-1, -1, -2)
    own = outputs(rows=rows)
    own[8:] = [torch.zeros(0, 2, 56, 56, requires_grad=True), torch.zeros(0, 5), torch.zeros(0)]
    total, _ = keypoint_rcnn_loss(tuple(own), targets())
    total.backward()
    assert total.item() == pytest.approx(0, abs=1e-6)
