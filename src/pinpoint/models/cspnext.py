"""CSPNeXt, the backbone of RTMDet and RTMPose (arXiv 2212.07784).

Cross-stage partial layers (arXiv 1911.11929) whose blocks look far with a depthwise convolution of 5 x 5, and
whose channels are weighed by one glance at the whole picture. Parts bear the names that published checkpoints
give them, so the state of one loads into the other.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from pinpoint.models.csp import ConvUnit, PyramidPooling

__all__ = ["CSPNeXt"]

STAGES = (
    (128, 3),
    (256, 6),
    (512, 6),
    (1024, 3),
)  # channels and blocks at 1/4, 1/8, 1/16 and 1/32, at scale 1


class SeparableUnit(nn.Sequential):
    """A wide convolution within each channel, then one of 1 x 1 across them (arXiv 1704.04861)."""

    def __init__(self, width: int, kernel: int) -> None:
        depthwise, pointwise = ConvUnit(width, width, kernel, groups=width), ConvUnit(width, width)
        super().__init__(OrderedDict[str, nn.Module](depthwise_conv=depthwise, pointwise_conv=pointwise))


class LargeKernelBlock(nn.Module):
    """3 x 3 and a separable 5 x 5, around which the input goes by where `identity` says so."""

    def __init__(self, width: int, *, identity: bool) -> None:
        super().__init__()
        self.conv1 = ConvUnit(width, width, 3)
        self.conv2 = SeparableUnit(width, 5)
        self.identity = identity

    def forward(self, features: Tensor) -> Tensor:
        changed = self.conv2(self.conv1(features))
        return features + changed if self.identity else changed


class ChannelAttention(nn.Module):
    """Weighs each channel by what all of them are on average (after arXiv 1709.01507)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(width, width, 1)
        self.act = nn.Hardsigmoid()

    def forward(self, features: Tensor) -> Tensor:
        return features * self.act(self.fc(features.mean(dim=(2, 3), keepdim=True)))


class PartialLayer(nn.Module):
    """Half of the channels go through the blocks, half go by."""

    def __init__(self, width: int, blocks: int, *, identity: bool) -> None:
        super().__init__()
        half = width // 2
        self.main_conv = ConvUnit(width, half)
        self.short_conv = ConvUnit(width, half)
        self.blocks = nn.Sequential(*(LargeKernelBlock(half, identity=identity) for _ in range(blocks)))
        self.attention = ChannelAttention(2 * half)
        self.final_conv = ConvUnit(2 * half, width)

    def forward(self, features: Tensor) -> Tensor:
        halves = self.blocks(self.main_conv(features)), self.short_conv(features)
        return self.final_conv(self.attention(torch.cat(halves, dim=1)))


class CSPNeXt(nn.Module):
    """Features at 1/8, 1/16 and 1/32 of the input.

    Args:
        depth: Multiplies the blocks of every stage.
        width: Multiplies the channels of every stage.
    """

    def __init__(self, depth: float, width: float) -> None:
        super().__init__()
        first = int(64 * width)
        self.channels = tuple(int(channels * width) for channels, _ in STAGES)
        blocks = [max(round(count * depth), 1) for _, count in STAGES]
        self.stem = nn.Sequential(
            ConvUnit(3, first // 2, 3, stride=2),
            ConvUnit(first // 2, first // 2, 3),
            ConvUnit(first // 2, first, 3),
        )
        self.stage1 = _stage(first, self.channels[0], blocks[0])
        self.stage2 = _stage(self.channels[0], self.channels[1], blocks[1])
        self.stage3 = _stage(self.channels[1], self.channels[2], blocks[2])
        self.stage4 = _stage(self.channels[2], self.channels[3], blocks[3], last=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three maps, finest first."""
        eighth = self.stage2(self.stage1(self.stem(images)))
        sixteenth = self.stage3(eighth)
        return eighth, sixteenth, self.stage4(sixteenth)


def _stage(inside: int, outside: int, blocks: int, *, last: bool = False) -> nn.Sequential:
    """Half the size, then a partial layer. The last stage pools before it, and nothing goes by its blocks."""
    pooling = [PyramidPooling(outside)] if last else []
    layer = PartialLayer(outside, blocks, identity=not last)
    return nn.Sequential(ConvUnit(inside, outside, 3, stride=2), *pooling, layer)
