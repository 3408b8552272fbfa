"""Vision transformers (arXiv 2010.11929), laid out as ViTPose has them (arXiv 2204.12484).

Parts bear the names of ViTPose's checkpoints: `patch_embed.proj`, `pos_embed`, `blocks.0.attn.qkv` and so on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.geometry import Size

__all__ = ["PATCH", "Attention", "Block", "Depths", "FeedForward", "VisionTransformer"]

PATCH = 16
PADDING = 2  # pixels around the picture, so that the first patch does not begin at its very edge
SPREAD = 0.02  # of weights at the start
EPSILON = 1e-6


@dataclass(frozen=True)
class Depths:
    """How wide and deep a vision transformer is.

    Args:
        width: Numbers of a token; four times as many inside the feed-forward part.
        blocks: How many blocks.
        heads: Heads of each attention.
        skipped: Share of pictures that go by the last block in training (arXiv 1603.09382); by earlier blocks
            fewer do, by the first none.
    """

    width: int
    blocks: int
    heads: int
    skipped: float = 0.0


class Attention(nn.Module):
    """Every token reads all tokens, with several heads (arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(tokens).chunk(3, dim=2))
        read = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(read.transpose(1, 2).flatten(2))


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """Tokens (B, N, width) as heads see them, (B, heads, N, width / heads)."""
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Each token by itself: four times as wide, GELU, narrow again."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Skipped(nn.Module):
    """Lets a share of the pictures go by a part in training, and scales the others up for it."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, change: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        if not self.training or self.share == 0:
            return change
        kept = torch.empty_like(change[:, :1, :1]).bernoulli_(1 - self.share)
        return change * kept / (1 - self.share)


class Block(nn.Module):
    """Attention and feed-forward, both after a norm, and the tokens go by both."""

    def __init__(self, width: int, heads: int, mlp: nn.Module, skipped: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = mlp
        self.drop_path = Skipped(skipped)

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class Patches(nn.Module):
    """One token per patch of 16 x 16 pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH, PADDING)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, h, w) to (B, width, h / 16, w / 16)."""
        return self.proj(images)


class VisionTransformer(nn.Module):
    """Features at 1/16 of the input, which is always of one size.

    Args:
        depths: How wide and deep it is.
        input_size: Width and height of the input.
        mlp: Makes the feed-forward part of a block, for a width.

    Raises:
        ValueError: A side of the input is no multiple of 16.
    """

    def __init__(
        self, depths: Depths, input_size: Size, mlp: Callable[[int], nn.Module] = FeedForward
    ) -> None:
        super().__init__()
        if any(side % PATCH for side in input_size):
            raise ValueError(f"an input of {input_size} does not fit, expected multiples of {PATCH}")
        self.columns, self.rows = (side // PATCH for side in input_size)
        self.patch_embed = Patches(depths.width)
        # one position before those of the patches: that of the class token that pretraining had
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.columns * self.rows, depths.width))
        shares = [depths.skipped * place / max(depths.blocks - 1, 1) for place in range(depths.blocks)]
        self.blocks = nn.Sequential(
            *(Block(depths.width, depths.heads, mlp(depths.width), share) for share in shares)
        )
        self.last_norm = nn.LayerNorm(depths.width, eps=EPSILON)
        self.apply(start_narrow)
        nn.init.trunc_normal_(self.pos_embed, std=SPREAD)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, h, w) to (B, width, h / 16, w / 16)."""
        tokens = self.patch_embed(images).flatten(2).transpose(1, 2)
        tokens = tokens + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        tokens = self.last_norm(self.blocks(tokens))
        return tokens.transpose(1, 2).unflatten(2, (self.rows, self.columns))


def start_narrow(module: nn.Module) -> None:
    """Linear layers start near zero, as published."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=SPREAD)
        nn.init.zeros_(module.bias)
