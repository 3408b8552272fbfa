"""DeepPose (arXiv 1312.4659) as it is built today: a ResNet, the mean of its features, and coordinates.

With residual log-likelihood estimation (RLE, arXiv 2107.11291) it also tells how sure it is of each of them.
Parts bear the names that mmpose gives them.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from pinpoint.codecs.regression import Regression, ResidualLikelihood
from pinpoint.models import Architecture, Published
from pinpoint.models.flow import Flow
from pinpoint.models.heatmap_head import mmpose_names
from pinpoint.models.resnet import ResNet

__all__ = [
    "DeepPose",
    "LikelyPose",
    "deeppose_r50",
    "deeppose_r101",
    "deeppose_r152",
    "deeppose_rle_r50",
    "deeppose_rle_r101",
    "deeppose_rle_r152",
]

SPREAD = 0.01  # of the last layer's weights at the start, as published
FLOW = "flow_model."  # what files of mmpose call it, within the head's loss


class Head(nn.Module):
    """A few numbers per keypoint, from the mean of each channel."""

    def __init__(self, inside: int, keypoints: int, numbers: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inside, keypoints * numbers)
        self.numbers = numbers
        nn.init.normal_(self.fc.weight, std=SPREAD)
        nn.init.zeros_(self.fc.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, h, w) to (B, K, numbers)."""
        return self.fc(features.mean(dim=(2, 3))).unflatten(1, (-1, self.numbers))


class DeepPose(nn.Module):
    """x and y of each keypoint.

    Args:
        codec: Shares of the input; the network is the same for every input size.
        keypoints: How many there are.
        depth: Of the ResNet.
    """

    keypoint_parameters = {"head.fc.weight": 2, "head.fc.bias": 2}  # noqa: RUF012

    def __init__(self, codec: Regression, keypoints: int, *, depth: int) -> None:
        super().__init__()
        self.backbone = ResNet(depth)
        self.head = Head(self.backbone.channels[-1], keypoints, 2)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Shares of width and height (B, K, 2) of images (B, 3, h, w)."""
        return (self.head(self.backbone(images)[-1]),)

    def readable(self, table: Tensor) -> tuple[Tensor]:
        """The coordinates as they are."""
        return (table,)


class LikelyPose(nn.Module):
    """x, y and how wide their errors spread, of each keypoint; the form of that spread is learnt too.

    Args:
        codec: Shares of the input; the network is the same for every input size.
        keypoints: How many there are.
        depth: Of the ResNet.
    """

    keypoint_parameters = {"head.fc.weight": 4, "head.fc.bias": 4}  # noqa: RUF012

    def __init__(self, codec: ResidualLikelihood, keypoints: int, *, depth: int) -> None:
        super().__init__()
        self.backbone = ResNet(depth)
        self.head = Head(self.backbone.channels[-1], keypoints, 4)
        self.flow = Flow()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Of images (B, 3, h, w), shares of width and height and logits of their spreads (B, K, 4).

        After them what the loss asks of the flow, see `Flow.tensors`.
        """
        return self.head(self.backbone(images)[-1]), *self.flow.tensors()

    def readable(self, table: Tensor, *_: Tensor) -> tuple[Tensor]:
        """Coordinates, and spreads in (0, 1)."""
        return (torch.cat([table[..., :2], table[..., 2:].sigmoid()], dim=-1),)


def _with_flow(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of mmpose's files; the flow is no part of a loss here, but of the network."""
    flow = {f"flow.{name.partition(FLOW)[2]}": tensor for name, tensor in tensors.items() if FLOW in name}
    return {**mmpose_names(tensors), **flow}


ZOO = "mmpose 1.3.2, topdown_regression/coco/{}: COCO val2017 with its person detector; no parameters printed"


def _deeppose(depth: int, ap: float, ar: float) -> Architecture:
    return Architecture(
        name=f"deeppose-r{depth}",
        pipeline="top-down",
        build=partial(DeepPose, depth=depth),
        codec=Regression,
        input_size=(192, 256),
        loss="smooth-l1",
        paper="1312.4659",
        official=mmpose_names,
        published=Published("", None, {"AP": ap, "AR": ar}, ZOO.format("resnet_coco.yml")),
    )


def _with_likelihood(depth: int, ap: float, ar: float) -> Architecture:
    return Architecture(
        name=f"deeppose-rle-r{depth}",
        pipeline="top-down",
        build=partial(LikelyPose, depth=depth),
        codec=ResidualLikelihood,
        input_size=(192, 256),
        loss="rle",
        paper="2107.11291",
        official=_with_flow,
        published=Published("", None, {"AP": ap, "AR": ar}, ZOO.format("resnet_rle_coco.yml")),
    )


def deeppose_r50() -> Architecture:
    """23.6 million parameters."""
    return _deeppose(50, 0.541, 0.649)


def deeppose_r101() -> Architecture:
    """42.6 million parameters."""
    return _deeppose(101, 0.562, 0.670)


def deeppose_r152() -> Architecture:
    """58.2 million parameters."""
    return _deeppose(152, 0.584, 0.688)


def deeppose_rle_r50() -> Architecture:
    """23.7 million parameters, 54 thousand of which are the flow's."""
    return _with_likelihood(50, 0.706, 0.753)


def deeppose_rle_r101() -> Architecture:
    """42.7 million parameters."""
    return _with_likelihood(101, 0.722, 0.768)


def deeppose_rle_r152() -> Architecture:
    """58.3 million parameters."""
    return _with_likelihood(152, 0.731, 0.777)
