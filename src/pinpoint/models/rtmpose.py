"""RTMPose: one token per keypoint, which attend to each other and become two rulers (arXiv 2303.07399).

Parts bear the names that published checkpoints give them, so the state of one loads into the other.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.simcc import SimCC
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.cspnext import CSPNeXt

__all__ = ["RTMPose", "rtmpose", "rtmpose_l", "rtmpose_m", "rtmpose_s", "rtmpose_t", "rtmpose_x"]

STRIDE = 32
TOKEN = 256  # numbers of a keypoint's token
QUERY = 128  # numbers by which tokens attend to each other


class ScaleNorm(nn.Module):
    """Brings vectors to one length, which is learnt (arXiv 1910.05895)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shrink = width**-0.5
        self.g = nn.Parameter(torch.ones(1))

    def forward(self, vectors: Tensor) -> Tensor:
        spread = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True) * self.shrink
        return vectors / spread.clamp_min(1e-5) * self.g


class Scale(nn.Module):
    """One factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors * self.scale


class GatedAttention(nn.Module):
    """Attention without softmax, A = relu(q k' / sqrt(s))^2, whose reading is gated, o(u * A v).

    From arXiv 2202.10447, without its bias by relative position: keypoints have no order.

    Args:
        width: Numbers of a token.
        query: Numbers s of q and k, which are one projection scaled and shifted in two ways.
    """

    def __init__(self, width: int, query: int) -> None:
        super().__init__()
        self.widths = [2 * width, 2 * width, query]
        self.ln = ScaleNorm(width)
        self.uv = nn.Linear(width, sum(self.widths), bias=False)
        self.gamma = nn.Parameter(torch.rand(2, query))
        self.beta = nn.Parameter(torch.rand(2, query))
        self.o = nn.Linear(2 * width, width, bias=False)
        self.res_scale = Scale(width)
        self.shrink = 1 / math.sqrt(query)

    def forward(self, tokens: Tensor, places: Tensor | float = 0.0) -> Tensor:
        """Tokens (..., K, width) to tokens of the same shape.

        Args:
            tokens: One for each keypoint.
            places: What query and key of each keypoint are shifted by, shape (K, query), or nothing.
        """
        gate, value, base = functional.silu(self.uv(self.ln(tokens))).split(self.widths, dim=-1)
        query, key = (base.unsqueeze(-2) * self.gamma + self.beta).unbind(dim=-2)
        attention = functional.relu(
            (query + places) @ (key + places).transpose(-1, -2) * self.shrink
        ).square()
        return self.res_scale(tokens) + self.o(gate * (attention @ value))


class SimCCHead(nn.Module):
    """A map per keypoint, flattened to a token; tokens attend to each other and are read as two rulers.

    Args:
        width: Channels of the features.
        keypoints: How many there are.
        codec: Gives the size of the features and the length of the rulers.
    """

    def __init__(self, width: int, keypoints: int, codec: SimCC) -> None:
        super().__init__()
        cells = math.prod(math.ceil(side / STRIDE) for side in codec.input_size)
        self.final_layer = nn.Conv2d(width, keypoints, 7, padding=3)
        self.mlp = nn.Sequential(ScaleNorm(cells), nn.Linear(cells, TOKEN, bias=False))
        self.gau = GatedAttention(TOKEN, QUERY)
        self.cls_x, self.cls_y = (nn.Linear(TOKEN, bins, bias=False) for bins in codec.bins)
        self.apply(_start_small)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.gau(self.mlp(self.final_layer(features).flatten(2)))
        return self.cls_x(tokens), self.cls_y(tokens)


def _start_small(module: nn.Module) -> None:
    """Every ruler starts flat, as published."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.normal_(module.weight, std=0.001)
        nn.init.zeros_(module.bias)


class RTMPose(nn.Module):
    """Two rulers per keypoint.

    Args:
        codec: SimCC; the network can be fed its input size only.
        keypoints: How many there are.
        depth: Multiplies the blocks of the backbone.
        width: Multiplies its channels.
    """

    keypoint_parameters = {"head.final_layer.weight": 1, "head.final_layer.bias": 1}  # noqa: RUF012

    def __init__(self, codec: SimCC, keypoints: int, *, depth: float, width: float) -> None:
        super().__init__()
        self.backbone = CSPNeXt(depth, width)
        self.head = SimCCHead(self.backbone.channels[-1], keypoints, codec)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Heights (B, K, bins of x) and (B, K, bins of y) of images (B, 3, h, w)."""
        return self.head(self.backbone(images)[-1])

    def readable(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs as they are: they are taught to be bells of height 1."""
        return x, y


def rtmpose(
    name: str, depth: float, width: float, published: Published, input_size: Size = (192, 256)
) -> Architecture:
    """An architecture of this layout.

    Args:
        name: `family-size`.
        depth: Multiplies the blocks of the backbone.
        width: Multiplies its channels.
        published: What was published of it.
        input_size: Width and height it is usually fed.
    """
    return Architecture(
        name=name,
        pipeline="top-down",
        build=partial(RTMPose, depth=depth, width=width),
        codec=SimCC,
        input_size=input_size,
        loss="simcc-kl",
        paper="2303.07399",
        published=published,
    )


SOURCE = "mmpose projects/rtmpose, README, body: trained on eight data sets, AP on COCO val2017, flip test"


def rtmpose_t() -> Architecture:
    """3.3 million parameters, .36 GFLOPs."""
    return rtmpose("rtmpose-t", 0.167, 0.375, Published("3.34", 0.36, {"AP": 0.659}, SOURCE))


def rtmpose_s() -> Architecture:
    """5.5 million parameters, .68 GFLOPs."""
    return rtmpose("rtmpose-s", 0.33, 0.5, Published("5.47", 0.68, {"AP": 0.697}, SOURCE))


def rtmpose_m() -> Architecture:
    """13.6 million parameters, 1.93 GFLOPs."""
    return rtmpose("rtmpose-m", 0.67, 0.75, Published("13.59", 1.93, {"AP": 0.749}, SOURCE))


def rtmpose_l() -> Architecture:
    """27.7 million parameters, 4.16 GFLOPs."""
    return rtmpose("rtmpose-l", 1.0, 1.0, Published("27.66", 4.16, {"AP": 0.767}, SOURCE))


def rtmpose_x() -> Architecture:
    """49.4 million parameters, 17.22 GFLOPs; published for the larger input alone."""
    return rtmpose("rtmpose-x", 1.33, 1.25, Published("49.43", 17.22, {"AP": 0.788}, SOURCE), (288, 384))
