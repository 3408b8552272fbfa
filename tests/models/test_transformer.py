import pytest
import torch
from torch.nn import functional

from pinpoint.models.transformer import Attention, Block, Depths, FeedForward, Skipped, VisionTransformer
from pinpoint.models.transformer_names import transformer_names

TINY = Depths(16, 2, 2)


def test_attention_is_what_torch_makes_of_the_same_weights():
    ours, theirs = Attention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.load_state_dict(ours.proj.state_dict())
    tokens = torch.randn(2, 5, 16)
    torch.testing.assert_close(ours(tokens), theirs(tokens, tokens, tokens)[0], atol=1e-5, rtol=1e-4)


def test_a_block_is_torchs_layer_with_norms_first():
    ours = Block(16, 4, FeedForward(16)).eval()
    theirs = torch.nn.TransformerEncoderLayer(
        16, 4, 64, activation=functional.gelu, batch_first=True, norm_first=True, layer_norm_eps=1e-6
    ).eval()
    own, pairs = ours.state_dict(), {"self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj.": "attn.proj."}
    pairs |= {"linear1.": "mlp.fc1.", "linear2.": "mlp.fc2.", "norm1.": "norm1.", "norm2.": "norm2."}
    names = {f"{a}{end}": own[f"{b}{end}"] for a, b in pairs.items() for end in ("weight", "bias")}
    theirs.load_state_dict(names)
    tokens = torch.randn(2, 5, 16)
    torch.testing.assert_close(ours(tokens), theirs(tokens), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.75])
def test_what_is_not_skipped_makes_up_for_what_is(share):
    change = torch.ones(4000, 1, 2)
    out = Skipped(share).train()(change)
    assert {round(value, 5) for value in out.unique().tolist()} <= {0.0, round(1 / (1 - share), 5)}
    assert out[:, 0, 0].equal(out[:, 0, 1])
    assert out.mean().item() == pytest.approx(1, abs=0.15)  # five spreads of the mean at .75
    assert Skipped(share).eval()(change).equal(change)


def test_features_lie_where_their_patch_does():
    """A network that only counts patches lights the cell whose patch was painted."""
    network = VisionTransformer(TINY, (96, 64)).eval()
    with torch.no_grad():
        for block in network.blocks:
            for layer in (block.attn.proj, block.mlp.fc2):
                layer.weight.zero_()
        plain = torch.zeros(1, 3, 64, 96)
        painted = plain.clone()
        painted[:, :, 18:28, 50:60] = 1  # row 1, column 3
        change = (network(painted) - network(plain)).abs().sum(dim=1)[0]
    assert change.shape == (4, 6)
    assert (change > 1e-6).nonzero().tolist() == [[1, 3]]


def test_an_input_that_patches_do_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"an input of \(100, 64\) does not fit, expected multiples of 16"):
        VisionTransformer(TINY, (100, 64))


def test_queries_keys_and_values_are_joined_in_this_order():
    apart = {
        f"backbone.encoder.layer.3.attention.attention.{part}.weight": torch.full((2, 2), float(value))
        for value, part in enumerate(["query", "key", "value"])
    }
    joined = transformer_names(dict(reversed(apart.items())))
    assert list(joined) == ["backbone.blocks.3.attn.qkv.weight"]
    assert joined["backbone.blocks.3.attn.qkv.weight"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_positions_without_a_class_token_get_one_that_does_nothing():
    found = transformer_names(
        {"backbone.pos_embed": torch.ones(1, 6, 4), "backbone.layers.0.ln1.weight": torch.ones(4)}
    )
    assert found["backbone.pos_embed"][0, :, 0].tolist() == [0, 1, 1, 1, 1, 1, 1]
