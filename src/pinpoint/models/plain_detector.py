"""A one-stage network for small processors: boxes, with or without keypoints, from the cells of three grids.

The backbone and its reasons are those of `pinpoint.models.plain`. Levels are joined from the coarsest down
and up again (arXiv 1803.01534); each cell tells its distances to the sides of a box (arXiv 1904.01355), and
the keypoints as shares of that box. Scores start low, as most cells see nothing (arXiv 1708.02002).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.dense import Dense
from pinpoint.geometry import Size
from pinpoint.models import Architecture
from pinpoint.models.blocks import ConvNorm
from pinpoint.models.cells import cell_middles
from pinpoint.models.plain import Backbone

__all__ = ["DetectorWidths", "PlainDetector", "plain_det_n", "plain_one_n", "plain_one_s"]

STRIDES = (8, 16, 32)
GREY = 114.0  # what is outside the picture: about the mean of photographs
PRIOR = 0.01  # score of every cell at the start
LONGEST = 5.0  # a side is e^5 strides away at most


@dataclass(frozen=True)
class DetectorWidths:
    """How wide and deep a one-stage network is.

    Args:
        stages: Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input.
        blocks: Residual blocks of each stage.
        neck: Channels of the pyramid.
        head: Channels of each branch of the head.
    """

    stages: tuple[int, ...]
    blocks: tuple[int, ...]
    neck: int
    head: int


class TwoWayPyramid(nn.Module):
    """Three levels that know of each other: coarse to fine, then fine to coarse."""

    def __init__(self, inside: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ConvNorm(i, width, 1) for i in inside)
        self.down = nn.ModuleList(ConvNorm(width, width) for _ in inside[1:])
        self.shrink = nn.ModuleList(ConvNorm(width, width, stride=2) for _ in inside[1:])
        self.up = nn.ModuleList(ConvNorm(width, width) for _ in inside[1:])

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps of one width, finest first, from maps finest first."""
        levels = [lateral(feature) for lateral, feature in zip(self.lateral, features, strict=True)]
        for i in range(len(levels) - 2, -1, -1):
            grown = functional.interpolate(levels[i + 1], size=levels[i].shape[2:], mode="nearest")
            levels[i] = self.down[i](levels[i] + grown)
        for i in range(len(levels) - 1):
            levels[i + 1] = self.up[i](levels[i + 1] + self.shrink[i](levels[i]))
        return levels


class Head(nn.Module):
    """Raw numbers of each cell of one level: a score, four distances and three numbers per keypoint."""

    def __init__(self, inside: int, width: int, keypoints: int) -> None:
        super().__init__()
        self.shared = ConvNorm(inside, width)
        self.score = nn.Conv2d(width, 1, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        self.points = (
            nn.Sequential(ConvNorm(inside, width), nn.Conv2d(width, 3 * keypoints, 1)) if keypoints else None
        )
        nn.init.constant_(_bias(self.score), -math.log(1 / PRIOR - 1))

    def forward(self, features: Tensor) -> Tensor:
        """Shape (B, 5 + 3K, h, w)."""
        shared = self.shared(features)
        parts = [self.score(shared), self.sides(shared)]
        return torch.cat(parts if self.points is None else [*parts, self.points(features)], dim=1)


class PlainDetector(nn.Module):
    """One instance per cell at 1/8, 1/16 and 1/32 of the input.

    Args:
        codec: How it is read; the network is the same for every input size.
        keypoints: How many there are; 0 for boxes only.
        widths: How wide and deep it is.
    """

    def __init__(self, codec: Dense, keypoints: int, widths: DetectorWidths) -> None:
        super().__init__()
        self.backbone = Backbone(widths.stages, widths.blocks)
        self.pyramid = TwoWayPyramid(widths.stages[2:], widths.neck)
        self.heads = nn.ModuleList(Head(widths.neck, widths.head, keypoints) for _ in STRIDES)
        self.keypoints = keypoints

    @property
    def keypoint_parameters(self) -> Mapping[str, int]:
        """Rows of x, y and visibility, one group per keypoint; see `Network`."""
        names = ("weight", "bias") if self.keypoints else ()
        return {f"heads.{i}.points.1.{name}": 3 for i in range(len(STRIDES)) for name in names}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """What n cells say of images (B, 3, h, w).

        Returns:
            Logits of the scores (B, n); boxes x1 y1 x2 y2 in input pixels (B, n, 4); x, y in input pixels and
            the logit of the visibility of each keypoint (B, n, K, 3); middles of the cells (n, 2).
        """
        levels = self.pyramid(self.backbone(images)[1:])
        maps = [head(level).float() for head, level in zip(self.heads, levels, strict=True)]
        raw = torch.cat([level.flatten(2) for level in maps], dim=2).transpose(1, 2)
        centers, strides = cell_middles(maps, STRIDES)
        boxes = _boxes(raw[..., 1:5], centers, strides)
        return raw[..., 0], boxes, _points(raw[..., 5:], boxes.detach(), self.keypoints), centers

    def readable(self, logits: Tensor, boxes: Tensor, points: Tensor, centers: Tensor) -> tuple[Tensor]:
        """One row per cell as `Dense` reads it, shape (B, n, 5 + 3K)."""
        columns = [boxes, logits.sigmoid()[..., None]]
        if self.keypoints:  # exporters stumble over arrays of nothing
            columns.append(torch.cat([points[..., :2], points[..., 2:].sigmoid()], dim=-1).flatten(2))
        return (torch.cat(columns, dim=-1),)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _boxes(raw: Tensor, centers: Tensor, strides: Tensor) -> Tensor:
    """Boxes whose sides are e^raw strides from the middle of the cell: left, top, right, bottom."""
    sides = raw.clamp(max=LONGEST).exp() * strides
    return torch.cat([centers - sides[..., :2], centers + sides[..., 2:]], dim=-1)


def _points(raw: Tensor, boxes: Tensor, keypoints: int) -> Tensor:
    """Points told from the middle of a box in shares of its sides, shape (B, n, K, 3)."""
    raw = raw.unflatten(-1, (keypoints, 3)) if keypoints else raw.reshape(*raw.shape[:2], 0, 3)
    low, high = boxes[..., None, :2], boxes[..., None, 2:]
    return torch.cat([(low + high) / 2 + raw[..., :2] * (high - low), raw[..., 2:]], dim=-1)


def _plain(name: str, widths: DetectorWidths, size: Size, task: str = "") -> Architecture:
    return Architecture(
        name=name,
        pipeline="one-stage",
        build=partial(PlainDetector, widths=widths),
        codec=partial(Dense, keypoints=0 if task else 17),
        input_size=size,
        loss="dense-detection",
        pad_value=GREY,
        task=task,
        skeleton="box" if task else "coco17",
    )


NANO = DetectorWidths((12, 24, 48, 80, 128), (0, 0, 1, 2, 1), neck=40, head=48)


def plain_det_n() -> Architecture:
    """Boxes only."""
    return _plain("plain-det-n", NANO, (320, 320), task="person-detector")


def plain_one_n() -> Architecture:
    """Boxes and keypoints."""
    return _plain("plain-one-n", NANO, (320, 320))


def plain_one_s() -> Architecture:
    """Boxes and keypoints, wider and deeper."""
    widths = DetectorWidths((16, 32, 64, 112, 160), (0, 1, 2, 2, 1), neck=64, head=64)
    return _plain("plain-one-s", widths, (384, 384))
