"""Visibility, bones, distillation and the hardest keypoints."""

import numpy as np
import pytest
import torch

from pinpoint.losses.bones import bone_length
from pinpoint.losses.distillation import divergence, feature_error, first_stage, relative_feature_error
from pinpoint.losses.masking import hardest
from pinpoint.losses.visibility import visibility

NAN = float("nan")


def test_visibility_is_the_cross_entropy_of_what_was_said():
    logits = torch.tensor([[0.7, -1.2, 3.0]], requires_grad=True)
    loss = visibility(logits, torch.tensor([[1.0, 0.0, NAN]]))
    loss.sum().backward()
    p = 1 / (1 + np.exp([-0.7, 1.2]))
    np.testing.assert_allclose(loss.detach(), [[-np.log(p[0]), -np.log(1 - p[1]), 0]], rtol=1e-5)
    np.testing.assert_allclose(logits.grad, [[p[0] - 1, p[1], 0]], rtol=1e-5)


def test_bones_cost_what_they_are_too_long_or_short():
    told = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [3.0, 6.0]]])
    truth = torch.tensor([[[1.0, 1.0], [1.0, 3.0], [4.0, 3.0]]])
    np.testing.assert_allclose(bone_length(told, truth, [(0, 1), (1, 2)]), [[5 - 2, 3 - 2]])


def test_bones_may_turn():
    truth = torch.randn(2, 4, 3)
    turn, _ = torch.linalg.qr(torch.randn(3, 3))
    loss = bone_length(truth @ turn + 5, truth, [(0, 1), (1, 2), (2, 3)])
    torch.testing.assert_close(loss, torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_a_bone_without_an_end_or_a_length_teaches_nothing_that_is_no_number():
    told = torch.tensor([[[1.0, 1.0], [1.0, 1.0], [3.0, 6.0]]], requires_grad=True)
    loss = bone_length(told, torch.tensor([[[0.0, 0.0], [2.0, 0.0], [NAN, NAN]]]), [(0, 1), (1, 2)])
    loss.sum().backward()
    assert loss.tolist() == [[2, 0]]
    assert told.grad.isfinite().all() and (told.grad[0, 2] == 0).all()


def test_a_skeleton_without_edges_has_no_bones():
    assert bone_length(torch.randn(2, 4, 2), torch.randn(2, 4, 2), []).shape == (2, 0)


def test_what_a_teacher_did_not_say_teaches_nothing():
    own, said = torch.randn(1, 2, 6, requires_grad=True), torch.randn(1, 2, 6)
    said[0, 1, 3] = NAN
    loss = divergence([own], [said], 1.0, 2.0)
    loss.sum().backward()
    assert loss[0, 0] > 0 and loss[0, 1] == 0
    assert (own.grad[0, 1] == 0).all() and own.grad.isfinite().all()


def test_features_are_compared_cell_by_cell():
    own, wanted = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    squared = (own - wanted).square()
    torch.testing.assert_close(feature_error(own, wanted), squared.sum() / 2)
    torch.testing.assert_close(relative_feature_error(own, wanted), squared.mean() / wanted.var())


@pytest.mark.parametrize("error", [feature_error, relative_feature_error])
def test_features_of_another_size_are_resized_to_the_teachers(error):
    flat = torch.ones(1, 2, 3, 3)
    assert error(flat, torch.ones(1, 2, 6, 6)) == 0


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 1 + 0.05 + 0.3), (0.5, 1 + 0.175), (1.0, 1.0)])
def test_the_teacher_leads_at_first_and_the_labels_have_the_last_word(progress, expected):
    loss = first_stage(torch.tensor(1.0), torch.tensor(1000.0), torch.tensor(3.0), progress)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_the_hardest_keypoints_of_each_crop_are_kept():
    each = torch.tensor([[1.0, 5.0, 3.0, 0.0], [0.0, 2.0, 0.0, 1.0]])
    weights = torch.tensor([[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    kept, kept_weights = hardest(each, weights, 2)
    assert kept.tolist() == [[5, 3], [2, 1]]
    assert (kept_weights == 1).all()


@pytest.mark.parametrize("count", [0, 4, 9])
def test_all_are_kept_where_there_are_no_more(count):
    each, weights = torch.rand(2, 4), torch.ones(2, 4)
    assert hardest(each, weights, count) == (each, weights)
