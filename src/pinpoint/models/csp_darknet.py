"""CSPDarknet, the backbone of YOLOX and RTMO (arXiv 2107.08430, after 1911.11929).

Parts bear the names that published checkpoints give them, so the state of one loads into the other.
"""

import torch
from torch import Tensor, nn

from pinpoint.models.csp import PyramidPooling, YoloUnit

__all__ = ["CspDarknet"]

STAGES = (
    (64, 128, 3),
    (128, 256, 9),
    (256, 512, 9),
    (512, 1024, 3),
)  # channels in and out, blocks, at scale 1


class Focus(nn.Module):
    """Every second pixel of every second line, in four turns, as channels; then a convolution."""

    def __init__(self, outside: int) -> None:
        super().__init__()
        self.conv = YoloUnit(12, outside, 3)

    def forward(self, images: Tensor) -> Tensor:
        corners = [images[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(corners, dim=1))


class Bottleneck(nn.Module):
    """1 x 1 and 3 x 3, around which the input goes by where `identity` says so."""

    def __init__(self, width: int, *, identity: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = YoloUnit(width, width), YoloUnit(width, width, 3)
        self.identity = identity

    def forward(self, features: Tensor) -> Tensor:
        changed = self.conv2(self.conv1(features))
        return features + changed if self.identity else changed


class PartialLayer(nn.Module):
    """Half of the channels go through the blocks, half go by."""

    def __init__(self, width: int, blocks: int, *, identity: bool) -> None:
        super().__init__()
        half = width // 2
        self.main_conv, self.short_conv = YoloUnit(width, half), YoloUnit(width, half)
        self.final_conv = YoloUnit(2 * half, width)
        self.blocks = nn.Sequential(*(Bottleneck(half, identity=identity) for _ in range(blocks)))

    def forward(self, features: Tensor) -> Tensor:
        halves = self.blocks(self.main_conv(features)), self.short_conv(features)
        return self.final_conv(torch.cat(halves, dim=1))


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
    pooling = [PyramidPooling(outside, YoloUnit)] if last else []
    layer = PartialLayer(outside, blocks, identity=not last)
    return nn.Sequential(YoloUnit(inside, outside, 3, stride=2), *pooling, layer)
