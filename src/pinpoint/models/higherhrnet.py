"""HigherHRNet (arXiv 1908.10357): HRNet's finest features read at 1/4 and, grown once, at 1/2 of the input.

Small people are told from the larger maps, and whose a point is from the smaller. Parts bear the names that
the authors and mmpose 0 give them.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.associative import AssociativeEmbedding
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.hrnet import HRNet
from pinpoint.models.resnet import BasicBlock

__all__ = ["HigherHRNet", "higherhrnet_w32", "higherhrnet_w48"]

BLOCKS = 4  # after the deconvolution
SMALL = 0.001  # spread of the weights of the head at the start, as published
MULTIPLE = 32  # the coarsest features are at 1/32


class HigherHead(nn.Module):
    """Heatmaps and tags of features, then heatmaps of the same grown, which are shown the first.

    Args:
        width: Channels of the features.
        keypoints: How many there are.
    """

    def __init__(self, width: int, keypoints: int) -> None:
        super().__init__()
        self.final_layers = nn.ModuleList(
            [nn.Conv2d(width, 2 * keypoints, 1), nn.Conv2d(width, keypoints, 1)]
        )
        grow = nn.ConvTranspose2d(width + 2 * keypoints, width, 4, 2, 1, bias=False)
        blocks = [nn.Sequential(BasicBlock(width, width)) for _ in range(BLOCKS)]
        finer = nn.Sequential(nn.Sequential(grow, nn.BatchNorm2d(width), nn.ReLU(inplace=True)), *blocks)
        self.deconv_layers = nn.ModuleList([finer])
        for layer in (*self.final_layers, grow):
            nn.init.normal_(layer.weight, std=SMALL)  # pyright: ignore[reportArgumentType]
        for layer in self.final_layers:
            nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, 2K, h, w) and (B, K, 2h, 2w) of features (B, C, h, w)."""
        coarse = self.final_layers[0](features)
        grown = self.deconv_layers[0](torch.cat([features, coarse], dim=1))
        return coarse, self.final_layers[1](grown)


class HigherHRNet(nn.Module):
    """Heatmaps in two sizes, tags in the smaller.

    Args:
        codec: Not looked at: the network is the same for every input size.
        keypoints: How many there are.
        width: Channels of the finest features.
    """

    keypoint_parameters = {"head.final_layers.1.weight": 1, "head.final_layers.1.bias": 1}  # noqa: RUF012
    keypoint_inputs = ("head.final_layers.0.", "head.deconv_layers.0.0.0.")

    def __init__(self, codec: AssociativeEmbedding, keypoints: int, *, width: int) -> None:
        super().__init__()
        self.keypoints = keypoints
        self.backbone = HRNet(width)
        self.head = HigherHead(width, keypoints)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Heatmaps and tags (B, 2K, h / 4, w / 4), and heatmaps (B, K, h / 2, w / 2)."""
        return self.head(self.backbone(images)[0])

    def readable(self, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of both heatmaps, and the tags, both (B, K, h / 2, w / 2)."""
        grown = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return (grown[:, : self.keypoints] + fine) / 2, grown[:, self.keypoints :]


def official_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the authors' files, which do not say backbone and head, and of mmpose's by our names."""
    plain = {name.removeprefix("module.").removeprefix("1."): tensor for name, tensor in tensors.items()}
    named = {}
    for name, tensor in plain.items():
        if name.startswith(("final_layers.", "deconv_layers.")):
            named[f"head.{name}"] = tensor
        elif name.startswith(("keypoint_head.", "backbone.", "head.")):
            named[name.replace("keypoint_head.", "head.", 1)] = tensor
        else:
            named[f"backbone.{name}"] = tensor
    return named


def _codec(input_size: Size) -> AssociativeEmbedding:
    """Maps as published, whose targets were rounded down: they are read half a pixel off.

    Raises:
        ValueError: A side is no multiple of 32.
    """
    if any(side % MULTIPLE for side in input_size):
        raise ValueError(f"input size is {input_size}, expected multiples of {MULTIPLE}")
    return AssociativeEmbedding(input_size, shift=0.5)


def _higherhrnet(width: int, side: int, published: Published) -> Architecture:
    return Architecture(
        name=f"higherhrnet-w{width}",
        pipeline="one-stage",
        build=partial(HigherHRNet, width=width),
        codec=_codec,
        input_size=(side, side),
        loss="associative",
        paper="1908.10357",
        official=official_names,
        published=published,
    )


SOURCE = "arXiv 1908.10357, tables 1 and 2: COCO val2017 with flip test, without several scales"


def higherhrnet_w32() -> Architecture:
    """28.6 million parameters, 47.9 GFLOPs."""
    return _higherhrnet(32, 512, Published("28.6", 47.9, {"AP": 0.671}, SOURCE))


def higherhrnet_w48() -> Architecture:
    """63.8 million parameters, 154.3 GFLOPs."""
    return _higherhrnet(48, 640, Published("63.8", 154.3, {"AP": 0.699}, SOURCE))
