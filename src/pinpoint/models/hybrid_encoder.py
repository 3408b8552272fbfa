"""The neck of RT-DETR (arXiv 2304.08069): cells of the coarsest map attend to each other, then levels join.

Parts bear the names that RTMO's published checkpoints give them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.models.csp import ConvUnit

__all__ = ["HybridEncoder", "waves"]

WIDTH = 256
HEADS, INNER = 8, 1024
TEMPERATURE = 10000.0


class Waves(nn.Module):
    """Wave lengths by which places are told: powers of a temperature."""

    def __init__(self, channels: int, temperature: float) -> None:
        super().__init__()
        half = channels // 2
        self.register_buffer("dim_t", temperature ** (torch.arange(half, dtype=torch.float32) / half))

    def forward(self, places: Tensor) -> Tensor:
        """Numbers (...) to cosines and sines (..., channels)."""
        return waves(places, self.get_buffer("dim_t"))


def waves(places: Tensor, lengths: Tensor) -> Tensor:
    """Cosines, then sines, of places by each of the wave lengths, shapes (...), (L,) -> (..., 2 L)."""
    turns = places.unsqueeze(-1) / lengths
    return torch.cat([turns.cos(), turns.sin()], dim=-1)


class SelfAttention(nn.Module):
    """Attention of tokens among each other, which know their places, around which they go by."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        asking = tokens + places
        return tokens + self.attn(asking, asking, tokens, need_weights=False)[0]


class FeedForward(nn.Module):
    """Two linear layers, around which tokens go by."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(WIDTH, INNER), nn.GELU())
        self.layers = nn.Sequential(first, nn.Linear(INNER, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.layers(tokens)


class EncoderLayer(nn.Module):
    """A transformer's layer whose norms come last (arXiv 1706.03762)."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.ffn = SelfAttention(), FeedForward()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        return self.norms[1](self.ffn(self.norms[0](self.self_attn(tokens, places))))


class Encoder(nn.Module):
    """One such layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer()])

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        return self.layers[0](tokens, places)


class TwoBranches(nn.Module):
    """3 x 3 and 1 x 1 side by side (arXiv 2101.03697)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch_3x3 = ConvUnit(width, width, 3, act=False)
        self.branch_1x1 = ConvUnit(width, width, act=False)

    def forward(self, features: Tensor) -> Tensor:
        return functional.silu(self.branch_3x3(features) + self.branch_1x1(features))


class JoiningLayer(nn.Module):
    """Two maps become one: through blocks, and by them."""

    def __init__(self, inner: int, blocks: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvUnit(2 * WIDTH, inner), ConvUnit(2 * WIDTH, inner)
        self.bottlenecks = nn.Sequential(*(TwoBranches(inner) for _ in range(blocks)))
        self.conv3 = nn.Identity() if inner == WIDTH else ConvUnit(inner, WIDTH)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        both = torch.cat([one, other], dim=1)
        return self.conv3(self.bottlenecks(self.conv1(both)) + self.conv2(both))


class Projector(nn.Module):
    """A 1 x 1 convolution of each level."""

    def __init__(self, outside: int, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(ConvUnit(WIDTH, outside, act=False) for _ in range(levels))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        return [conv(level) for conv, level in zip(self.convs, levels, strict=True)]


class HybridEncoder(nn.Module):
    """The two coarser of three levels, which know of each other.

    Args:
        inside: Channels of the three maps, finest first.
        outside: Channels of the two maps that are given back.
        depth: Multiplies the blocks of a joining layer.
        width: Multiplies their channels.
    """

    def __init__(self, inside: Sequence[int], outside: int, *, depth: float, width: float) -> None:
        super().__init__()
        steps = range(len(inside) - 1)

        def joining() -> nn.ModuleList:
            return nn.ModuleList(JoiningLayer(int(WIDTH * width), round(3 * depth)) for _ in steps)

        self.input_proj = nn.ModuleList(ConvUnit(channels, WIDTH, act=False) for channels in inside)
        self.encoder = nn.ModuleList([Encoder()])
        self.sincos_pos_enc = Waves(WIDTH // 2, TEMPERATURE)
        self.lateral_convs = nn.ModuleList(ConvUnit(WIDTH, WIDTH) for _ in steps)
        self.fpn_blocks = joining()
        self.downsample_convs = nn.ModuleList(ConvUnit(WIDTH, WIDTH, 3, stride=2) for _ in steps)
        self.pan_blocks = joining()
        self.projector = Projector(outside, len(inside) - 1)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Two maps, finer first, from three, finest first."""
        levels = [project(feature) for project, feature in zip(self.input_proj, features, strict=True)]
        levels[-1] = self._attended(levels[-1])
        for step, (lateral, join) in enumerate(zip(self.lateral_convs, self.fpn_blocks, strict=True), 1):
            levels[-step] = lateral(levels[-step])
            grown = functional.interpolate(levels[-step], scale_factor=2.0, mode="nearest")
            levels[-step - 1] = join(grown, levels[-step - 1])
        for step, (shrink, join) in enumerate(zip(self.downsample_convs, self.pan_blocks, strict=True)):
            levels[step + 1] = join(shrink(levels[step]), levels[step + 1])
        return self.projector(levels[1:])

    def _attended(self, coarse: Tensor) -> Tensor:
        height, width = coarse.shape[2:]
        tokens = self.encoder[0](coarse.flatten(2).transpose(1, 2), self._places(coarse))
        return tokens.transpose(1, 2).unflatten(2, (height, width))

    def _places(self, coarse: Tensor) -> Tensor:
        """Waves of the row, then of the column, of each cell, shape (1, h * w, WIDTH)."""
        height, width = coarse.shape[2:]
        options = {"dtype": torch.float32, "device": coarse.device}
        y, x = torch.meshgrid(torch.arange(height, **options), torch.arange(width, **options), indexing="ij")
        return torch.cat([self.sincos_pos_enc(y.flatten()), self.sincos_pos_enc(x.flatten())], dim=-1)[None]
