"""What files of others call the parts of a vision transformer and of a heatmap head on it."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["transformer_names"]

RENAMED = (
    (r"^(module|student)\.", ""),
    (r"^keypoint_head\.", "head."),
    # mmpretrain's backbone, of mmpose's ViTPose and of Sapiens
    (r"^backbone\.ln1\.", "backbone.last_norm."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"\.layers\.(\d+)\.ln(\d)\.", r".blocks.\1.norm\2."),
    (r"\.layers\.(\d+)\.attn\.", r".blocks.\1.attn."),
    (r"\.layers\.(\d+)\.ffn\.layers\.0\.0\.", r".blocks.\1.mlp.fc1."),
    (r"\.layers\.(\d+)\.ffn\.layers\.1\.", r".blocks.\1.mlp.fc2."),
    # transformers' VitPoseForPoseEstimation
    (r"\.embeddings\.patch_embeddings\.projection\.", ".patch_embed.proj."),
    (r"\.embeddings\.position_embeddings$", ".pos_embed"),
    (r"\.encoder\.layer\.", ".blocks."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.attention\.attention\.", ".attn."),
    (r"^backbone\.layernorm\.", "backbone.last_norm."),
    (r"^head\.deconv1\.", "head.deconv_layers.0."),
    (r"^head\.batchnorm1\.", "head.deconv_layers.1."),
    (r"^head\.deconv2\.", "head.deconv_layers.3."),
    (r"^head\.batchnorm2\.", "head.deconv_layers.4."),
    (r"^head\.conv\.", "head.final_layer."),
)
"""Patterns, one after the other. Those of one source match no name of another."""
UNUSED = re.compile(r"data_preprocessor\.|head\.loss_module\.|backbone\.cls_token$")
PARTS = ("query", "key", "value")


def transformer_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of ViTPose's files, of mmpose's or of transformers' by the names of `models.transformer`.

    Queries, keys and values are joined where they are apart; mmpretrain's positions, which have none for a
    class token, get one of zeros.
    """
    found = {renamed(name): tensor for name, tensor in tensors.items()}
    found = {name: tensor for name, tensor in found.items() if not UNUSED.match(name)}
    for name in [name for name in found if ".attn.query." in name]:
        parts = [found.pop(name.replace(".query.", f".{part}.")) for part in PARTS]
        found[name.replace(".query.", ".qkv.")] = torch.cat(parts)
    if any(".ln1." in name for name in tensors):
        positions = found["backbone.pos_embed"]
        found["backbone.pos_embed"] = torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)
    return found


def renamed(name: str) -> str:
    """Our name of a tensor."""
    for pattern, ours in RENAMED:
        name = re.sub(pattern, ours, name)
    return name
