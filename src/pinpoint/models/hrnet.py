"""HRNet (arXiv 1902.09212): maps of several resolutions side by side, which add up what all of them know.

Nothing has to be brought back to a high resolution at the end, as the highest is kept throughout. Parts bear
the names that the authors and mmpose give them.
"""

from collections.abc import Sequence
from functools import partial, reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.blocks import ConvNorm
from pinpoint.models.heatmap_head import HeatmapHead, mmpose_names, quarter_heatmaps
from pinpoint.models.resnet import BasicBlock, Bottleneck, residual_layer, start_rectified

__all__ = ["HRModule", "HRNet", "HRNetPose", "hrnet_w32", "hrnet_w48"]

STEM = 64
BLOCKS = 4  # of every branch of every module
MODULES = (1, 4, 3)  # of the stages with two, three and four resolutions
COARSEST = 32  # input pixels per cell of the coarsest map


class HRModule(nn.Module):
    """Residual blocks on every resolution, then each takes the sum of what all of them have.

    Args:
        widths: Channels of each resolution, finest first.
        outputs: How many of the resolutions are put out, finest first.
    """

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(residual_layer(BasicBlock, width, width, BLOCKS) for width in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in range(len(widths)))
            for target in range(outputs)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps finest first, each half the size of the one before, to maps of the same shapes."""
        maps = [branch(one) for branch, one in zip(self.branches, maps, strict=True)]
        return [
            functional.relu(reduce(torch.add, (layer(one) for layer, one in zip(layers, maps, strict=True))))  # pyright: ignore[reportArgumentType]
            for layers in self.fuse_layers
        ]


def _exchange(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From the map of one resolution to the shape of another."""
    if source == target:
        return nn.Identity()
    if source > target:
        narrow = ConvNorm(widths[source], widths[target], 1, act=False)
        return narrow.append(nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"))
    halvings = [ConvNorm(widths[source], widths[source], stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*halvings, ConvNorm(widths[source], widths[target], stride=2, act=False))


class HRNet(nn.Module):
    """Features at 1/4 of the input, or at 1/4, 1/8, 1/16 and 1/32.

    Args:
        width: Channels of the finest map; each coarser one has twice as many.
        outputs: How many of the four maps are put out, finest first.

    Attributes:
        channels: Of the maps that are put out.
    """

    def __init__(self, width: int, *, outputs: int = 1) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        self.channels = tuple(widths[:outputs])
        self.conv1 = nn.Conv2d(3, STEM, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.conv2 = nn.Conv2d(STEM, STEM, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(STEM)
        self.layer1 = residual_layer(Bottleneck, STEM, STEM, BLOCKS)
        self.transition1 = _transition([STEM * Bottleneck.expansion], widths[:2])
        self.stage2 = _stage(widths[:2], MODULES[0], outputs=2)
        self.transition2 = _transition(widths[:2], widths[:3])
        self.stage3 = _stage(widths[:3], MODULES[1], outputs=3)
        self.transition3 = _transition(widths[:3], widths)
        self.stage4 = _stage(widths, MODULES[2], outputs=outputs)
        self.apply(start_rectified)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps of images (B, 3, h, w), finest first; h and w are multiples of 32."""
        features = functional.relu(self.bn1(self.conv1(images)))
        features = functional.relu(self.bn2(self.conv2(features)))
        maps = [self.layer1(features)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            maps = stage(_with_coarser(transition, maps))
        return maps


def _transition(before: Sequence[int], widths: Sequence[int]) -> nn.ModuleList:
    """One more resolution, from the coarsest there is; the others take their width."""
    kept = [nn.Identity() if a == b else ConvNorm(a, b) for a, b in zip(before, widths, strict=False)]
    return nn.ModuleList([*kept, nn.Sequential(ConvNorm(before[-1], widths[-1], stride=2))])


def _with_coarser(transition: nn.ModuleList, maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps of a stage as the next takes them: one more than there were."""
    return [layer(one) for layer, one in zip(transition, [*maps, maps[-1]], strict=True)]


def _stage(widths: Sequence[int], modules: int, *, outputs: int) -> nn.Sequential:
    """Modules in a row, the last of which puts out some of the resolutions only."""
    whole = [HRModule(widths, len(widths)) for _ in range(modules - 1)]
    return nn.Sequential(*whole, HRModule(widths, outputs))


class HRNetPose(nn.Module):
    """One map per keypoint, read off the finest features.

    Args:
        codec: Heatmaps at a quarter of the input.
        keypoints: How many there are.
        width: Channels of the finest features.
    """

    keypoint_parameters = {"head.final_layer.weight": 1, "head.final_layer.bias": 1}  # noqa: RUF012

    def __init__(self, codec: Heatmap, keypoints: int, *, width: int) -> None:
        super().__init__()
        self.backbone = HRNet(width)
        self.head = HeatmapHead(width, keypoints)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Maps (B, K, h / 4, w / 4) of images (B, 3, h, w)."""
        return (self.head(self.backbone(images)[0]),)

    def readable(self, maps: Tensor) -> tuple[Tensor]:
        """The maps as they are: they are taught to be bells of height 1."""
        return (maps,)


def _hrnet(width: int, published: Published, input_size: Size = (192, 256)) -> Architecture:
    return Architecture(
        name=f"hrnet-w{width}",
        pipeline="top-down",
        build=partial(HRNetPose, width=width),
        codec=partial(quarter_heatmaps, multiple=COARSEST),
        input_size=input_size,
        loss="heatmap-mse",
        paper="1902.09212",
        official=mmpose_names,
        published=published,
    )


SOURCE = "arXiv 1902.09212, table 1: COCO val2017, 256 x 192, with its authors' person detector"


def hrnet_w32() -> Architecture:
    """28.5 million parameters, 7.1 GFLOPs."""
    return _hrnet(32, Published("28.5", 7.1, {"AP": 0.744, "AR": 0.798}, SOURCE))


def hrnet_w48() -> Architecture:
    """63.6 million parameters, 14.6 GFLOPs."""
    return _hrnet(48, Published("63.6", 14.6, {"AP": 0.751, "AR": 0.804}, SOURCE))
