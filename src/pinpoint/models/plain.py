"""A network for small processors: 3 x 3 convolutions, a light feature pyramid, one heatmap per keypoint.

Plain convolutions reach more of a processor's arithmetic than depthwise ones: at equal time on a CPU they
learn from two to three times as many pictures. Residual blocks after arXiv 1512.03385, the pyramid after
arXiv 1612.03144, and a heatmap that is a distribution over the crop (arXiv 1711.08229).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.models import Architecture
from pinpoint.models.blocks import ConvNorm, Residual
from pinpoint.models.distribution import bells, heatmaps_of

__all__ = ["PlainPose", "PlainWidths", "plain_m", "plain_n", "plain_s"]


@dataclass(frozen=True)
class PlainWidths:
    """How wide and deep a plain network is.

    Args:
        stages: Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input.
        blocks: Residual blocks of each stage.
        neck: Channels of the pyramid at 1/8 and below.
        head: Channels of the pyramid at 1/4.
    """

    stages: tuple[int, ...]
    blocks: tuple[int, ...]
    neck: int
    head: int


class Backbone(nn.Module):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the input."""

    def __init__(self, stages: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        before = (3, *stages)
        self.stages = nn.ModuleList(
            nn.Sequential(
                ConvNorm(before[i], width, 3, stride=2), *(Residual(width) for _ in range(blocks[i]))
            )
            for i, width in enumerate(stages)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Four maps, finest first."""
        features = []
        for stage in self.stages:
            images = stage(images)
            features.append(images)
        return features[1:]


class Pyramid(nn.Module):
    """Brings what coarse levels know down to the finest, level by level."""

    def __init__(self, widths: PlainWidths) -> None:
        super().__init__()
        out = (widths.head, *[widths.neck] * (len(widths.stages) - 2))
        self.lateral = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(widths.stages[1:], out, strict=True))
        self.narrow = nn.ModuleList(
            nn.Identity() if a == b else ConvNorm(a, b, 1) for a, b in zip(out[1:], out, strict=False)
        )
        self.smooth = nn.ModuleList(ConvNorm(o, o, 3) for o in out[:-1])

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """The finest map of four, finest first."""
        coarse = self.lateral[-1](features[-1])
        for level in range(len(features) - 2, -1, -1):
            fine = self.lateral[level](features[level])
            grown = functional.interpolate(self.narrow[level](coarse), size=fine.shape[2:], mode="nearest")
            coarse = self.smooth[level](fine + grown)
        return coarse


class PlainPose(nn.Module):
    """One distribution over the crop per keypoint.

    Args:
        codec: Heatmaps at a quarter of the input.
        keypoints: How many there are.
        widths: How wide and deep it is.
    """

    keypoint_parameters = {"head.weight": 1, "head.bias": 1}  # noqa: RUF012

    def __init__(self, codec: Heatmap, keypoints: int, widths: PlainWidths) -> None:
        super().__init__()
        self.backbone = Backbone(widths.stages, widths.blocks)
        self.pyramid = Pyramid(widths)
        self.head = nn.Conv2d(widths.head, keypoints, 1)
        self.sigma = codec.sigma

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Logits (B, K, h / 4, w / 4) of images (B, 3, h, w)."""
        return (self.head(self.pyramid(self.backbone(images))),)

    def readable(self, logits: Tensor) -> tuple[Tensor]:
        """Bells whose height is 1 where the network is as sure as its targets were."""
        return (bells(logits, self.sigma),)


def _plain(name: str, widths: PlainWidths) -> Architecture:
    return Architecture(
        name=name,
        pipeline="top-down",
        build=partial(PlainPose, widths=widths),
        codec=heatmaps_of,
        input_size=(144, 192),
        loss="heatmap-cross-entropy",
    )


def plain_n() -> Architecture:
    """Half as wide: for hands, faces and objects, and for learning within minutes."""
    return _plain("plain-n", PlainWidths((16, 24, 48, 64, 96), (0, 1, 1, 1, 1), neck=48, head=24))


def plain_s() -> Architecture:
    """1.9 million parameters, 112 million multiplications at 96 x 128."""
    return _plain("plain-s", PlainWidths((16, 32, 64, 128, 192), (0, 1, 2, 2, 1), neck=64, head=32))


def plain_m() -> Architecture:
    """Deeper: 3.2 million parameters, 163 million multiplications at 96 x 128."""
    return _plain("plain-m", PlainWidths((16, 32, 64, 128, 192), (0, 1, 3, 4, 2), neck=64, head=32))
