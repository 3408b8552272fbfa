import pytest
import torch

from pinpoint.models.heatmap_head import HeatmapHead, mmpose_names


@pytest.mark.parametrize(
    ("official", "ours"),
    [
        ("stage4.2.branches.0.0.conv1.weight", "backbone.stage4.2.branches.0.0.conv1.weight"),
        ("module.deconv_layers.0.weight", "head.deconv_layers.0.weight"),
        ("final_layer.bias", "head.final_layer.bias"),
    ],
)
def test_microsofts_parts_are_told_apart_by_their_names(official, ours):
    assert set(mmpose_names({official: torch.zeros(1)})) == {ours}


def test_mmposes_names_stay_and_those_before_version_1_become_them():
    old = ("backbone.conv1.weight", "keypoint_head.final_layer.weight", "head.deconv_layers.0.weight")
    assert set(mmpose_names(dict.fromkeys(old, torch.zeros(1)))) == {
        "backbone.conv1.weight",
        "head.final_layer.weight",
        "head.deconv_layers.0.weight",
    }


def test_what_only_training_needs_is_left_out():
    names = ("backbone.conv1.weight", "data_preprocessor.mean", "head.loss_module.flow_model.loc")
    assert set(mmpose_names(dict.fromkeys(names, torch.zeros(1)))) == {"backbone.conv1.weight"}


@pytest.mark.parametrize("deconvolutions", [(), (8,), (8, 8, 8)])
def test_each_deconvolution_doubles_the_map(deconvolutions):
    head = HeatmapHead(4, 5, deconvolutions)
    grown = 2 ** len(deconvolutions)
    assert head(torch.zeros(1, 4, 3, 2)).shape == (1, 5, 3 * grown, 2 * grown)
