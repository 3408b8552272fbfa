"""PFLD (arXiv 1902.10859): coordinates of a face's points, or a hand's, for the smallest devices.

MobileNetV2's blocks, and one linear layer that sees three scales of features at once. It is taught with Wing
loss (arXiv 1711.06753). The paper's second branch, which tells how the head is turned so that faces seen from
the side count more in training, is left out: few labels say so, and nothing of it is run.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn

from pinpoint.codecs.regression import Regression
from pinpoint.models import Architecture, Published
from pinpoint.models.mobile import InvertedResidual, Layer

__all__ = ["Pfld", "pfld_m", "pfld_s"]

STEM = 64
STAGES = ((2, 64, 5, 2), (2, 128, 1, 2), (4, 128, 6, 1), (2, 16, 1, 1))
"""How much wider inside, channels, blocks, stride of the first."""
MIDDLE, COARSE = 32, 128
CELL = 16  # input pixels per cell of the second scale; the third is one cell
CENTER = 0.5  # of a side: where every point starts


class Pfld(nn.Module):
    """x and y of each keypoint.

    Args:
        codec: Shares of the input; the network can be fed its input size only.
        keypoints: How many there are.
        width: Multiplies the channels.

    Raises:
        ValueError: The input is smaller than a cell.
    """

    keypoint_parameters = {"points.weight": 2, "points.bias": 2}  # noqa: RUF012

    def __init__(self, codec: Regression, keypoints: int, *, width: float) -> None:
        super().__init__()
        columns, rows = (side // CELL for side in codec.input_size)
        if not (columns and rows):
            raise ValueError(f"an input of {codec.input_size} does not fit, expected {CELL} pixels or more")
        stem, middle, coarse = (int(channels * width) for channels in (STEM, MIDDLE, COARSE))
        self.stem = nn.Sequential(
            Layer(3, stem, 3, stride=2, act=nn.ReLU6), Layer(stem, stem, 3, groups=stem, act=nn.ReLU6)
        )
        self.blocks, fine = _blocks(stem, width)
        self.middle = Layer(fine, middle, 3, stride=2, act=nn.ReLU6)
        self.coarse = nn.Conv2d(middle, coarse, (rows, columns))  # without norm: a batch of one has no spread
        finest = math.prod(side // (CELL // 2) for side in codec.input_size)
        self.points = nn.Linear(finest * fine + columns * rows * middle + coarse, 2 * keypoints)
        nn.init.constant_(self.points.bias, CENTER)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Shares of width and height (B, K, 2) of images (B, 3, h, w)."""
        fine = self.blocks(self.stem(images))
        middle = self.middle(fine)
        scales = (fine, middle, self.coarse(middle).relu())
        return (self.points(torch.cat([scale.flatten(1) for scale in scales], dim=1)).unflatten(1, (-1, 2)),)

    def readable(self, table: Tensor) -> tuple[Tensor]:
        """The coordinates as they are."""
        return (table,)


def _blocks(channels: int, width: float) -> tuple[nn.Sequential, int]:
    """Blocks down to 1/8 of the input, and the channels that come out."""
    blocks = []
    for factor, base, count, stride in STAGES:
        for place in range(count):
            after = int(base * width)
            step = stride if place == 0 else 1
            blocks.append(InvertedResidual(channels, after, factor=factor, stride=step))
            channels = after
    return nn.Sequential(*blocks), channels


def _pfld(name: str, width: float, megabytes: str) -> Architecture:
    return Architecture(
        name=name,
        pipeline="top-down",
        build=partial(Pfld, width=width),
        codec=Regression,
        input_size=(112, 112),
        loss="wing",
        mean=(0.0, 0.0, 0.0),
        std=(255.0, 255.0, 255.0),
        box_scale=1.2,
        paper="1902.10859",
        skeleton="face68",
        published=Published(
            "", None, {}, f"arXiv 1902.10859 prints the size of a file, {megabytes} MB, and no parameters"
        ),
    )


def pfld_s() -> Architecture:
    """A quarter as wide."""
    return _pfld("pfld-s", 0.25, "2.1")


def pfld_m() -> Architecture:
    """As wide as published."""
    return _pfld("pfld-m", 1.0, "12.5")
