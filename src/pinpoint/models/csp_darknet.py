"""CSPDarknet, the backbone of YOLOX and RTMO (arXiv 2107.08430, after 1911.11929).

Parts bear the names that published checkpoints give them, so the state of one loads into the other.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

__all__ = ["ConvUnit", "CspDarknet"]

STAGES = (
    (64, 128, 3),
    (128, 256, 9),
    (256, 512, 9),
    (512, 1024, 3),
)  # channels in and out, blocks, at scale 1
POOLS = (5, 9, 13)
EPSILON, MOMENTUM = 1e-3, 0.03


class ConvUnit(nn.Sequential):
    """Convolution without bias, batch norm and perhaps SiLU; the picture keeps its size at stride 1.

    Args:
        inside: Channels in.
        outside: Channels out.
        kernel: Side of the kernel.
        stride: Step of the kernel.
        groups: Parts that the channels fall into.
        act: Whether SiLU follows.
        epsilon: Of the norm; the networks that this serves differ in it.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        act: bool = True,
        epsilon: float = EPSILON,
    ) -> None:
        conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        parts["bn"] = nn.BatchNorm2d(outside, epsilon, MOMENTUM if epsilon == EPSILON else 0.1)
        if act:
            parts["activate"] = nn.SiLU(inplace=True)
        super().__init__(parts)


class Focus(nn.Module):
    """Every second pixel of every second line, in four turns, as channels; then a convolution."""

    def __init__(self, outside: int) -> None:
        super().__init__()
        self.conv = ConvUnit(12, outside, 3)

    def forward(self, images: Tensor) -> Tensor:
        corners = [images[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(corners, dim=1))


class Bottleneck(nn.Module):
    """1 x 1 and 3 x 3, around which the input goes by where `identity` says so."""

    def __init__(self, width: int, *, identity: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvUnit(width, width), ConvUnit(width, width, 3)
        self.identity = identity

    def forward(self, features: Tensor) -> Tensor:
        changed = self.conv2(self.conv1(features))
        return features + changed if self.identity else changed


class PartialLayer(nn.Module):
    """Half of the channels go through the blocks, half go by."""

    def __init__(self, width: int, blocks: int, *, identity: bool) -> None:
        super().__init__()
        half = width // 2
        self.main_conv, self.short_conv = ConvUnit(width, half), ConvUnit(width, half)
        self.final_conv = ConvUnit(2 * half, width)
        self.blocks = nn.Sequential(*(Bottleneck(half, identity=identity) for _ in range(blocks)))

    def forward(self, features: Tensor) -> Tensor:
        halves = self.blocks(self.main_conv(features)), self.short_conv(features)
        return self.final_conv(torch.cat(halves, dim=1))


class PyramidPooling(nn.Module):
    """Each place beside the highest of its neighbourhoods, small and large (arXiv 1406.4729)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvUnit(width, width // 2)
        self.poolings = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in POOLS)
        self.conv2 = ConvUnit(width // 2 * (len(POOLS) + 1), width)

    def forward(self, features: Tensor) -> Tensor:
        features = self.conv1(features)
        return self.conv2(torch.cat([features, *(pool(features) for pool in self.poolings)], dim=1))


class CspDarknet(nn.Module):
    """Features at 1/8, 1/16 and 1/32 of the input.

    Args:
        depth: Multiplies the blocks of every stage.
        width: Multiplies the channels of every stage.
    """

    def __init__(self, depth: float, width: float) -> None:
        super().__init__()
        self.channels = tuple(int(outside * width) for _, outside, _ in STAGES[1:])
        self.stem = Focus(int(STAGES[0][0] * width))
        for number, (inside, outside, blocks) in enumerate(STAGES, 1):
            last = number == len(STAGES)
            count = max(round(blocks * depth), 1)
            self.add_module(
                f"stage{number}", _stage(int(inside * width), int(outside * width), count, last=last)
            )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Three maps, finest first."""
        features, found = self.stem(images), []
        for number in range(1, len(STAGES) + 1):
            features = self.get_submodule(f"stage{number}")(features)
            found.append(features)
        return found[1:]


def _stage(inside: int, outside: int, blocks: int, *, last: bool) -> nn.Sequential:
    """Half the size, then a partial layer. The last stage pools before it, and nothing goes by its blocks."""
    pooling = [PyramidPooling(outside)] if last else []
    layer = PartialLayer(outside, blocks, identity=not last)
    return nn.Sequential(ConvUnit(inside, outside, 3, stride=2), *pooling, layer)
