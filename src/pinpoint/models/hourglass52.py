"""The wide hourglass of CornerNet (arXiv 1808.01244), which mmpose takes for poses and calls Hourglass-52.

Its coarse maps have more channels, and blocks of two 3 x 3 convolutions stand where the paper of hourglasses
(`pinpoint.models.hourglass`) has bottlenecks; there is one stack. Parts bear the names of mmpose.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor, nn

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.models import Architecture, Published
from pinpoint.models.blocks import ConvNorm
from pinpoint.models.heatmap_head import mmpose_names, quarter_heatmaps
from pinpoint.models.resnet import BasicBlock, residual_layer, start_rectified

__all__ = ["Hourglass52", "hourglass_52"]

WIDTHS = (256, 256, 384, 384, 384, 512)
BLOCKS = (2, 2, 2, 2, 2, 4)
"""Channels and blocks at 1/4 of the input, 1/8 and so on."""
COARSEST = 128  # input pixels per cell of the coarsest map
IDLE = "backbone.inters."  # what stands between two stacks, which one stack does not have


class ConvUnit(nn.Sequential):
    """`ConvNorm` whose layers bear names."""

    def __init__(self, inside: int, outside: int, kernel: int, *, stride: int = 1) -> None:
        layers = ConvNorm(inside, outside, kernel, stride=stride)
        super().__init__(OrderedDict(zip(("conv", "bn", "activate"), layers, strict=True)))


class Hourglass(nn.Module):
    """Half the size, the same again inside, and up to the size that went by."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        width, inner, count = widths[0], widths[1], blocks[0]
        self.up1 = residual_layer(BasicBlock, width, width, count)
        self.low1 = residual_layer(BasicBlock, width, inner, count, stride=2)
        if len(widths) > 2:
            self.low2: nn.Module = Hourglass(widths[1:], blocks[1:])
        else:
            self.low2 = residual_layer(BasicBlock, inner, inner, blocks[1])
        same = (BasicBlock(inner, inner) for _ in range(count - 1))
        self.low3 = nn.Sequential(*same, BasicBlock(inner, width))
        self.up2 = nn.Upsample(scale_factor=2)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, h, w)."""
        return self.up1(features) + self.up2(self.low3(self.low2(self.low1(features))))


class Backbone(nn.Module):
    """Features at 1/4 of the input."""

    def __init__(self) -> None:
        super().__init__()
        stem = ConvUnit(3, 128, 7, stride=2)
        self.stem = nn.Sequential(stem, residual_layer(BasicBlock, 128, WIDTHS[0], 1, stride=2))
        self.hourglass_modules = nn.ModuleList([Hourglass(WIDTHS, BLOCKS)])
        self.out_convs = nn.ModuleList([ConvUnit(WIDTHS[0], WIDTHS[0], 3)])
        self.apply(start_rectified)

    def forward(self, images: Tensor) -> Tensor:
        return self.out_convs[0](self.hourglass_modules[0](self.stem(images)))


class Head(nn.Module):
    """One convolution of 1 x 1."""

    def __init__(self, inside: int, keypoints: int) -> None:
        super().__init__()
        last = nn.Conv2d(inside, keypoints, 1)
        nn.init.normal_(last.weight, std=0.001)
        self.multi_final_layers = nn.ModuleList([last])

    def forward(self, features: Tensor) -> Tensor:
        return self.multi_final_layers[0](features)


class Hourglass52(nn.Module):
    """One map per keypoint.

    Args:
        codec: Heatmaps at a quarter of the input.
        keypoints: How many there are.
    """

    keypoint_parameters = {  # noqa: RUF012
        "head.multi_final_layers.0.weight": 1,
        "head.multi_final_layers.0.bias": 1,
    }

    def __init__(self, codec: Heatmap, keypoints: int) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.head = Head(WIDTHS[0], keypoints)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Maps (B, K, h / 4, w / 4) of images (B, 3, h, w)."""
        return (self.head(self.backbone(images)),)

    def readable(self, maps: Tensor) -> tuple[Tensor]:
        """The maps as they are: they are taught to be bells of height 1."""
        return (maps,)


def _official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in mmpose_names(tensors).items() if not name.startswith(IDLE)}


def hourglass_52() -> Architecture:
    """93.7 million parameters."""
    return Architecture(
        name="hourglass-52",
        pipeline="top-down",
        build=Hourglass52,
        codec=partial(quarter_heatmaps, multiple=COARSEST),
        input_size=(256, 256),
        loss="heatmap-mse",
        paper="1808.01244",
        official=_official,
        published=Published(
            "",
            None,
            {"AP": 0.726, "AR": 0.780},
            "mmpose 1.3.2, topdown_heatmap/coco/hourglass_coco.yml: COCO val2017, with its person detector; "
            "of the 94.8 million parameters that it builds, nothing runs 1.2",
        ),
    )
