"""Reading regions, dropping overlaps, proposing and drawing."""

import numpy as np
import pytest
import torch

from pinpoint.geometry import nms
from pinpoint.models.nms import _all_at_once, _one_by_one, clipped, overlaps
from pinpoint.models.regions import BACKGROUND, UNDECIDED, Targets, drawn, matched, moved
from pinpoint.models.roi import pyramid_align, roi_align

W, H = 40, 30


def boxes(rng, count, size=(W, H)):
    low = rng.uniform(0, 0.7, (count, 2)) * size
    return np.concatenate([low, low + rng.uniform(0.02, 0.5, (count, 2)) * size], axis=1)


def slope():
    """A map that is x + 100 y at the middle of each cell: what is read of it tells where it was read."""
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    return (x + 100.0 * y)[None, None]


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_slope_is_read_in_the_middle_of_each_cell(aligned, samples):
    rois = torch.tensor([[0.0, 4.0, 6.0, 32.0, 20.0]])
    read = roi_align(slope(), rois, 7, samples=samples, aligned=aligned)
    x = 4 + (torch.arange(7) + 0.5) * 4 - 0.5 * aligned
    y = 6 + (torch.arange(7) + 0.5) * 2 - 0.5 * aligned
    torch.testing.assert_close(read[0, 0], x + 100 * y[:, None])


def test_regions_count_as_one_cell_at_least_unless_they_are_aligned():
    rois = torch.tensor([[0.0, 8.0, 8.0, 8.0, 8.0]])
    assert roi_align(slope(), rois, 1).item() == pytest.approx(8.5 + 850)
    assert roi_align(slope(), rois, 1, aligned=True).item() == pytest.approx(7.5 + 750)


def test_far_outside_a_map_there_is_nothing():
    ones = torch.ones(1, 1, H, W)
    rois = torch.tensor(
        [[0.0, -0.9, 3.0, 0.1, 5.0], [0.0, -9.0, 3.0, -2.0, 5.0], [0.0, W + 1.0, 3, W + 9, 5]]
    )
    torch.testing.assert_close(roi_align(ones, rois, 2).mean(dim=(1, 2, 3)), torch.tensor([1.0, 0.0, 0.0]))


def test_regions_are_read_from_their_own_picture_at_their_own_scale():
    pictures = torch.cat([slope(), -slope()])
    rois = torch.tensor([[1.0, 16.0, 24.0, 48.0, 40.0], [0.0, 16.0, 24.0, 48.0, 40.0]])
    read = roi_align(pictures, rois, 1, scale=0.25).flatten()
    torch.testing.assert_close(read, torch.tensor([-808.0, 808.0]))


def test_gradients_of_reading_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(1, 2, 5, 6))).requires_grad_()
    rois = torch.tensor([[0.0, 0.5, -2.0, 4.3, 3.1]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda maps: roi_align(maps, rois, 2), features)


@pytest.mark.parametrize(("side", "level"), [(40, 0), (111.99, 0), (112, 1), (223, 1), (224, 2), (2000, 3)])
def test_large_regions_are_read_from_coarse_levels(side, level):
    pyramid = [torch.full((1, 1, 512 >> place, 512 >> place), float(place)) for place in range(4)]
    rois = torch.tensor([[0.0, 0.0, 0.0, side, side], [0.0, 0.0, 0.0, 32.0, 32.0]])
    assert pyramid_align(pyramid, rois, 1)[0, 0, 0, 0] == level


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("way", [_one_by_one, _all_at_once])
def test_what_is_kept_is_what_greedy_suppression_keeps(threshold, way):
    rng = np.random.default_rng(0)
    own, scores = np.stack([boxes(rng, 60) for _ in range(3)]), rng.integers(0, 20, (3, 60)) / 20
    keep = way(torch.from_numpy(own), torch.from_numpy(scores), threshold).numpy()
    assert 60 < keep.sum() < 180
    for picture in range(3):
        np.testing.assert_array_equal(
            np.flatnonzero(keep[picture]), np.sort(nms(own[picture], scores[picture], threshold))
        )


@pytest.mark.parametrize("way", [_one_by_one, _all_at_once])
def test_boxes_without_area_drop_nothing(way):
    same = torch.tensor([[[5.0, 5.0, 5.0, 9.0], [5.0, 5.0, 5.0, 9.0], [0.0, 0.0, 9.0, 9.0]]])
    assert way(same, torch.tensor([[0.9, 0.8, 0.1]]), 0.5).all()


def test_overlaps_and_cuts_are_those_of_plane_geometry():
    one = torch.tensor([[[-5.0, -5.0, 10.0, 10.0]]])
    cut = clipped(one, 8, 6)
    assert cut.tolist() == [[[0.0, 0.0, 8.0, 6.0]]]
    assert overlaps(one, cut).item() == pytest.approx(48 / 225)


def test_boxes_move_by_shares_of_their_sides_and_grow_by_logarithms():
    box, deltas = torch.tensor([10.0, 20.0, 30.0, 60.0]), torch.tensor([5.0, -1.0, np.log(2) * 5, 0.0])
    assert moved(deltas, box, (10, 10, 5, 5)).tolist() == pytest.approx([10, 16, 50, 56])


def truth(ignored=(-1.0, -1.0, -1.0, -1.0)):
    one = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0], [0.0, 0.0, 40.0, 40.0]]])
    return Targets(one, torch.tensor([[True, True, False]]), one[..., None, :2], torch.tensor([[ignored]]))


CANDIDATES = torch.tensor(
    [[[0.0, 0.0, 10.0, 9.0], [20.0, 20.0, 30.0, 24.0], [0.0, 0.0, 10.0, 4.0], [32.0, 0.0, 40.0, 9.0]]]
)


def test_boxes_tell_what_they_overlap_enough():
    rows = matched(CANDIDATES, truth(), high=0.7, low=0.3)
    assert rows.tolist() == [[0, UNDECIDED, UNDECIDED, BACKGROUND]]


def test_every_instance_is_told_by_its_best_box():
    rows = matched(CANDIDATES, truth(), high=0.7, low=0.3, best=True)
    assert rows.tolist() == [[0, 1, UNDECIDED, BACKGROUND]]


def test_there_is_no_background_in_crowds():
    rows = matched(CANDIDATES, truth((30.0, 0.0, 40.0, 9.0)), high=0.7, low=0.3)
    assert rows.tolist() == [[0, UNDECIDED, UNDECIDED, UNDECIDED]]


def test_a_draw_is_filled_up_with_background():
    rows = torch.tensor([[3, 4, *[BACKGROUND] * 50, *[UNDECIDED] * 20], [*range(60), *[BACKGROUND] * 12]])
    places, told = drawn(rows, 40, 0.25)
    counts = told != UNDECIDED
    assert torch.equal(rows.gather(1, places)[counts], told[counts])
    assert (told >= 0).sum(dim=1).tolist() == [2, 10]
    assert (told == BACKGROUND).sum(dim=1).tolist() == [38, 12]
    assert len(set(places[0].tolist())) == 40
