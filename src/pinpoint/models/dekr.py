"""DEKR (arXiv 2104.02300): each keypoint's offsets are read by layers of its own, which look where it may be.

Such a layer is a convolution whose taps are moved by an affine map of the usual grid, told anew at every
place. Parts bear the names that mmpose gives them.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.dekr import Dekr
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.deformable import DeformConv
from pinpoint.models.hrnet import HRNet
from pinpoint.models.resnet import BasicBlock

__all__ = ["AdaptiveBlock", "DekrNet", "dekr_w32", "dekr_w48"]

OWN = 15  # channels of each keypoint
SMALL = 0.001  # spread of the weights of the heads at the start, as published
MULTIPLE = 32  # the coarsest features are at 1/32
LEFT = ("data_preprocessor.", "head.loss_module.", "head.rescore_net.", "rescore_net.")
GRID = ".regular_matrix"  # a constant


class ConvModule(nn.Module):
    """Convolution of 1 x 1, batch norm and ReLU, by mmpose's names."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 1, bias=False)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, outside, h, w)."""
        return functional.relu(self.bn(self.conv(features)))


class AdaptiveBlock(nn.Module):
    """A convolution of 3 x 3 for each keypoint, its taps where an affine map puts them, and the input added.

    Args:
        keypoints: How many there are; channels are `OWN` for each.
    """

    grid: Tensor

    def __init__(self, keypoints: int) -> None:
        super().__init__()
        width = OWN * keypoints
        self.transform_matrix_conv = nn.Conv2d(width, 6 * keypoints, 3, padding=1, groups=keypoints)
        self.adapt_conv = DeformConv(width, width, 3, padding=1, groups=keypoints, bias=False)
        self.norm = nn.BatchNorm2d(width)
        taps = torch.arange(9)
        grid = torch.stack([taps // 3 - 1, taps % 3 - 1, torch.ones_like(taps)]).float()
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, 15K, h, w)."""
        maps = self.transform_matrix_conv(features).unflatten(1, (-1, 2, 3))  # (B, K, 2, 3, h, w)
        offsets = torch.einsum("bkdchw,ct->bktdhw", maps, self.grid).flatten(1, 3)
        return functional.relu(self.norm(self.adapt_conv(features, offsets)) + features)


class DekrHead(nn.Module):
    """Heatmaps of points and middles, and offsets.

    Args:
        inside: Channels of the features.
        keypoints: How many there are.
        width: Channels of the layers that tell heatmaps.
    """

    def __init__(self, inside: int, keypoints: int, width: int) -> None:
        super().__init__()
        self.heatmap_conv_layers = nn.Sequential(
            ConvModule(inside, width), BasicBlock(width, width), nn.Conv2d(width, keypoints + 1, 1)
        )
        self.displacement_conv_layers = nn.Sequential(
            ConvModule(inside, OWN * keypoints),
            AdaptiveBlock(keypoints),
            AdaptiveBlock(keypoints),
            nn.Conv2d(OWN * keypoints, 2 * keypoints, 1, groups=keypoints),
        )
        self.apply(_start_small)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps (B, K + 1, h, w) and offsets (B, 2K, h, w) of features (B, C, h, w)."""
        return self.heatmap_conv_layers(features), self.displacement_conv_layers(features)


def _start_small(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=SMALL)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class DekrNet(nn.Module):
    """HRNet's features of all resolutions, brought to the finest, and the heads.

    Args:
        codec: Not looked at: the network is the same for every input size.
        keypoints: How many there are.
        width: Channels of the finest features.
        heat: Channels of the layers that tell heatmaps.
    """

    keypoint_inputs = ("head.heatmap_conv_layers.2.",)

    def __init__(self, codec: Dekr, keypoints: int, *, width: int, heat: int) -> None:
        super().__init__()
        self.backbone = HRNet(width, outputs=4)
        self.head = DekrHead(sum(self.backbone.channels), keypoints, heat)

    @property
    def keypoint_parameters(self) -> Mapping[str, int]:
        """Every layer that tells offsets has rows of its own for each keypoint; see `Network`."""
        blocks = {"transform_matrix_conv.weight": 6, "transform_matrix_conv.bias": 6}
        blocks |= {"adapt_conv.weight": OWN, "norm.weight": OWN, "norm.bias": OWN}
        rows = {"0.conv.weight": OWN, "0.bn.weight": OWN, "0.bn.bias": OWN, "3.weight": 2, "3.bias": 2}
        rows |= {f"{block}.{name}": count for block in (1, 2) for name, count in blocks.items()}
        return {f"head.displacement_conv_layers.{name}": count for name, count in rows.items()}

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps (B, K + 1, h / 4, w / 4) and offsets in cells (B, 2K, h / 4, w / 4)."""
        maps = self.backbone(images)
        grown = [
            functional.interpolate(one, scale_factor=2.0**level, mode="bilinear", align_corners=False)
            for level, one in enumerate(maps[1:], 1)
        ]
        return self.head(torch.cat([maps[0], *grown], dim=1))

    def readable(self, heatmaps: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """The maps as they are."""
        return heatmaps, offsets


def mmpose_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of mmpose's files by our names; those of version 0 put the middle first and offsets reversed.

    The small network that estimates how good a pose is, which mmpose adds, is left out: it only orders poses.
    """
    plain = {
        name.removeprefix("module.").replace("keypoint_head.", "head.", 1): tensor
        for name, tensor in tensors.items()
    }
    kept = {
        name: tensor for name, tensor in plain.items() if not (name.startswith(LEFT) or name.endswith(GRID))
    }
    if not any("offset_conv_layers" in name for name in kept):
        return kept
    return dict(_of_version_0(name, tensor) for name, tensor in kept.items())


def _of_version_0(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    ours = name.replace("offset_conv_layers", "displacement_conv_layers")
    if ".displacement_conv_layers.3." in ours:
        return ours, -tensor
    if ".heatmap_conv_layers.2." in ours:
        return ours, torch.cat([tensor[1:], tensor[:1]])
    return ours, tensor


def _codec(input_size: Size) -> Dekr:
    if any(side % MULTIPLE for side in input_size):
        raise ValueError(f"input size is {input_size}, expected multiples of {MULTIPLE}")
    return Dekr(input_size)


def _dekr(width: int, side: int, published: Published) -> Architecture:
    return Architecture(
        name=f"dekr-w{width}",
        pipeline="one-stage",
        build=partial(DekrNet, width=width, heat=width),
        codec=_codec,
        input_size=(side, side),
        loss="dekr",
        paper="2104.02300",
        official=mmpose_names,
        published=published,
    )


SOURCE = "arXiv 2104.02300, tables 1 and 2: COCO val2017 with flip test, without several scales"


def dekr_w32() -> Architecture:
    """29.6 million parameters, 45.4 GFLOPs."""
    return _dekr(32, 512, Published("29.6", 45.4, {"AP": 0.68}, SOURCE))


def dekr_w48() -> Architecture:
    """65.7 million parameters, 141.5 GFLOPs."""
    return _dekr(48, 640, Published("65.7", 141.5, {"AP": 0.71}, SOURCE))
