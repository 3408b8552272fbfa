"""Deep layer aggregation: trees of blocks, whose levels are brought together step by step (arXiv 1707.06484).

Parts bear the names that CenterNet's checkpoints give them.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.models.blocks import ConvNorm
from pinpoint.models.deformable import DeformConv
from pinpoint.models.resnet import start_rectified

__all__ = ["DLA34", "Aggregation", "Upward"]

WIDTHS = (16, 32, 64, 128, 256, 512)
DEPTHS = (1, 2, 2, 1)  # of the trees at 1/4, 1/8, 1/16 and 1/32


class Block(nn.Module):
    """Two convolutions of 3 x 3, around which something goes by that is told."""

    def __init__(self, inside: int, outside: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)

    def forward(self, features: Tensor, residual: Tensor) -> Tensor:
        """Map (B, C, h, w) and what goes by (B, C', h / stride, w / stride) to the latter's shape."""
        changed = functional.relu(self.bn1(self.conv1(features)))
        return functional.relu(self.bn2(self.conv2(changed)) + residual)


class Root(nn.Module):
    """Brings branches together."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 1, bias=False)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, *branches: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(torch.cat(branches, dim=1))))


class Tree(nn.Module):
    """Two trees of one level less, or two blocks; the last root brings all of them together.

    Args:
        depth: Levels.
        inside: Channels that come in.
        outside: Channels that come out.
        stride: 2 halves the size.
        rooted: Whether what comes in goes to the root, too.
        carried: Channels that come to the root from above.
    """

    def __init__(
        self,
        depth: int,
        inside: int,
        outside: int,
        *,
        stride: int = 1,
        rooted: bool = False,
        carried: int = 0,
    ) -> None:
        super().__init__()
        self.depth, self.rooted = depth, rooted
        width = carried + (inside if rooted else 0)
        self.downsample = nn.MaxPool2d(stride, stride) if stride > 1 else nn.Identity()
        if depth > 1:
            self.tree1: nn.Module = Tree(depth - 1, inside, outside, stride=stride)
            self.tree2: nn.Module = Tree(depth - 1, outside, outside, carried=width + outside)
            return
        self.tree1, self.tree2 = Block(inside, outside, stride=stride), Block(outside, outside)
        self.root = Root(width + 2 * outside, outside)
        same = inside == outside
        self.project = nn.Identity() if same else ConvNorm(inside, outside, 1, act=False)

    def forward(self, features: Tensor, carried: tuple[Tensor, ...] = ()) -> Tensor:
        """Map (B, C, h, w) and what is carried to the root to (B, C', h / stride, w / stride)."""
        bottom = self.downsample(features)
        carried = (*carried, bottom) if self.rooted else carried
        if self.depth > 1:
            first = self.tree1(features)
            return self.tree2(first, (*carried, first))
        first = self.tree1(features, self.project(bottom))
        return self.root(self.tree2(first, first), first, *carried)


class DLA34(nn.Module):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the input."""

    channels = WIDTHS[2:]

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = ConvNorm(3, WIDTHS[0], 7)
        self.level0 = ConvNorm(WIDTHS[0], WIDTHS[0])
        self.level1 = ConvNorm(WIDTHS[0], WIDTHS[1], stride=2)
        for place, depth in enumerate(DEPTHS, 2):
            tree = Tree(depth, WIDTHS[place - 1], WIDTHS[place], stride=2, rooted=place > 2)
            self.add_module(f"level{place}", tree)
        self.apply(start_rectified)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Four maps of images (B, 3, h, w), finest first."""
        features, levels = self.level1(self.level0(self.base_layer(images))), []
        for place in range(2, 6):
            features = self.get_submodule(f"level{place}")(features)
            levels.append(features)
        return levels


class Modulated(DeformConv):
    """A deformable convolution of 3 x 3 that tells its offsets and weights itself (arXiv 1811.11168).

    At first nothing is moved, and everything is weighed by a half.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1)
        self.conv_offset_mask = nn.Conv2d(inside, 27, 3, padding=1)
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Map (B, C, h, w) to (B, C', h, w)."""
        told = self.conv_offset_mask(x)
        return super().forward(x, told[:, :18], told[:, 18:].sigmoid())


class DeformUnit(nn.Module):
    """Deformable convolution, batch norm and ReLU."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(outside), nn.ReLU(inplace=True))
        self.conv = Modulated(inside, outside)

    def forward(self, features: Tensor) -> Tensor:
        return self.actf(self.conv(features))


class Aggregation(nn.Module):
    """Brings each level to the size of the first, and together with the one before it.

    Args:
        outside: Channels that come out.
        channels: Of the levels.
        scales: How much coarser than the first each level is.
    """

    def __init__(self, outside: int, channels: Sequence[int], scales: Sequence[int]) -> None:
        super().__init__()
        for place in range(1, len(channels)):
            scale = scales[place]
            up = nn.ConvTranspose2d(
                outside, outside, 2 * scale, scale, scale // 2, groups=outside, bias=False
            )
            _start_bilinear(up)
            self.add_module(f"proj_{place}", DeformUnit(channels[place], outside))
            self.add_module(f"up_{place}", up)
            self.add_module(f"node_{place}", DeformUnit(outside, outside))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Levels of the size of the first."""
        near = [levels[0]]
        for place, level in enumerate(levels[1:], 1):
            proj, up, node = (self.get_submodule(f"{part}_{place}") for part in ("proj", "up", "node"))
            near.append(node(up(proj(level)) + near[-1]))
        return near


def _start_bilinear(up: nn.ConvTranspose2d) -> None:
    """Enlarge as bilinear interpolation does."""
    side = up.kernel_size[0]
    half = math.ceil(side / 2)
    middle = (2 * half - 1 - half % 2) / (2 * half)
    line = 1 - (torch.arange(side) / half - middle).abs()
    with torch.no_grad():
        up.weight.copy_((line[:, None] * line).to(up.weight.device))


class Upward(nn.Module):
    """From coarse to fine, every level is brought together with all coarser ones.

    Args:
        channels: Of the levels, finest first.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        inside = list(channels)
        for step in range(len(channels) - 1):
            first = len(channels) - 2 - step
            scales = [1] + [2] * (step + 1)
            self.add_module(f"ida_{step}", Aggregation(channels[first], inside[first:], scales))
            inside[first:] = [channels[first]] * (step + 2)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """The last of every step, finest first, and the coarsest level as it is."""
        levels, found = list(levels), [levels[-1]]
        for step in range(len(levels) - 1):
            first = len(levels) - 2 - step
            levels[first:] = self.get_submodule(f"ida_{step}")(levels[first:])
            found.insert(0, levels[-1])
        return found
