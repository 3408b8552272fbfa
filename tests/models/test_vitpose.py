"""ViTPose, ViTPose++ and Sapiens, which are built on the same transformer."""

from functools import partial

import pytest
import torch

from pinpoint.models import architecture
from pinpoint.models.heatmap_head import HeatmapHead
from pinpoint.models.transformer import Depths
from pinpoint.models.vitpose import SimpleHead, ViTPose, classic_head, udp_heatmaps
from pinpoint.models.vitpose_plus import DATASETS, Experts
from pinpoint.skeletons import skeleton

TINY = Depths(16, 2, 2)


def tiny(**parts):
    torch.manual_seed(0)
    return ViTPose(udp_heatmaps((64, 96)), 3, depths=TINY, **parts).eval()


@pytest.mark.parametrize("head", [classic_head, SimpleHead, partial(HeatmapHead, deconvolutions=(8, 8))])
def test_every_head_puts_out_a_quarter_of_the_input(head):
    assert tiny(head=head)(torch.zeros(2, 3, 96, 64))[0].shape == (2, 3, 24, 16)


def test_the_simple_head_sees_nothing_below_zero():
    head = SimpleHead(4, 2)
    assert head(-torch.rand(1, 4, 3, 3))[0].flatten(1).std(dim=1).max() < 1e-6


def test_an_input_that_patches_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="100 x 128 pixels does not fit, expected multiples of 16"):
        udp_heatmaps((100, 128))


@pytest.mark.parametrize("chosen", [0, 5])
def test_an_expert_makes_the_last_numbers_and_is_the_only_one_asked(chosen):
    mixture, tokens = Experts(16, part=6, chosen=chosen), torch.randn(1, 4, 16)
    before = mixture(tokens).detach()
    with torch.no_grad():
        for place, expert in enumerate(mixture.experts):
            expert.bias += 100 * (place + 1)
    change = mixture(tokens) - before
    assert change[..., :10].abs().max() == 0
    torch.testing.assert_close(change[..., 10:], torch.full((1, 4, 6), 100.0 * (chosen + 1)))


def test_only_the_chosen_expert_learns():
    mixture = Experts(16, part=6, chosen=2)
    mixture(torch.randn(1, 4, 16)).sum().backward()
    learning = [expert.weight.grad is not None for expert in mixture.experts]
    assert learning == [place == 2 for place in range(6)]


def test_the_authors_split_of_a_mixture_is_plain_vitpose_with_the_same_maps():
    """Their script writes an expert's rows below those that all share, and leaves the experts there too."""
    mixture = tiny(mlp=partial(Experts, part=4, chosen=0))
    state = {name.replace("head.", "keypoint_head.", 1): t for name, t in mixture.state_dict().items()}
    for name in [name for name in state if ".mlp.fc2." in name]:
        state[name] = torch.cat([state[name], state[name.replace("fc2", "experts.0")]])
    state["associate_keypoint_heads.0.final_layer.bias"] = torch.zeros(14)
    plain = tiny()
    plain.load_state_dict(architecture("vitpose-s").official(state), strict=True)
    images = torch.randn(1, 3, 96, 64)
    torch.testing.assert_close(plain(images), mixture(images))


@pytest.mark.parametrize(("place", "dataset"), list(enumerate(DATASETS)))
def test_a_data_set_of_a_mixture_has_its_expert_head_and_keypoints(place, dataset):
    name = "vitpose-plus-s" + (f".{dataset}" if place else "")
    plan = architecture(name)
    heads = ["keypoint_head", *(f"associate_keypoint_heads.{i}" for i in range(5))]
    state = {f"module.{head}.final_layer.bias": torch.full((1,), float(i)) for i, head in enumerate(heads)}
    assert plan.official(state) == {"head.final_layer.bias": torch.tensor([float(place)])}
    assert plan.skeleton == DATASETS[dataset]
    with torch.device("meta"):
        network = plan.build(plan.codec((64, 64)), len(skeleton(plan.skeleton)))
    assert {block.mlp.chosen for block in network.backbone.blocks} == {place}


def test_a_file_of_transformers_has_one_head_which_is_taken_for_any_data_set():
    state = {"head.conv.bias": torch.zeros(133)}
    assert list(architecture("vitpose-plus-s.wholebody").official(state)) == ["head.final_layer.bias"]


def decoder_of_pretraining(width, inside=512, blocks=8, places=64 * 64 + 1, patch=3 * 16 * 16):
    """Parameters of the decoder of a masked autoencoder (arXiv 2111.06377) at 1024 x 1024."""
    block = 12 * inside**2 + 13 * inside
    ends = inside * (width + 1) + 2 * inside + patch * (inside + 1)
    return ends + inside + places * inside + blocks * block


@pytest.mark.parametrize(
    ("name", "billions"),
    {"sapiens-0.3b": 0.336, "sapiens-0.6b": 0.664, "sapiens-1b": 1.169, "sapiens-2b": 2.163}.items(),
)
def test_sapiens_printed_counts_are_those_of_its_pretraining(name, billions):
    """Of the model cards: no count of the networks for poses is printed."""
    plan = architecture(name)
    with torch.device("meta"):
        network = plan.build(plan.codec((1024, 1024)), 1)
    width = plan.build.keywords["depths"].width
    encoder = sum(p.numel() for p in network.backbone.parameters()) + width  # and the class token
    assert round((encoder + decoder_of_pretraining(width)) / 1e9, 3) == billions


@pytest.mark.parametrize(("name", "gigabytes"), {"sapiens-0.3b": 1.32, "sapiens-1b": 4.68}.items())
def test_sapiens_for_its_308_keypoints_is_as_large_as_the_published_file(name, gigabytes):
    """Sizes of `sapiens_*_goliath_best_goliath_AP_*_torchscript.pt2` on huggingface.co."""
    plan = architecture(name)
    with torch.device("meta"):
        network = plan.build(plan.codec(plan.input_size), 308)
    assert round(sum(p.numel() for p in network.parameters()) * 4 / 1e9, 2) == gigabytes
