"""PoseTED: coordinates from a transformer that is asked once per keypoint, on a crop it has set right itself.

After "PoseTED: A Novel Regression-Based Technique for Recognizing Multiple Pose Instances" (Jeny, Junayed and
Islam, ISVC 2021, https://doi.org/10.1007/978-3-030-90439-5_45). From the paper: a person detector gives
boxes, a spatial transformer network (arXiv 1506.02025) filters the crop, a convolutional backbone gives
features, which with their positions go through the encoder and decoder of a transformer, and a feed-forward
network regresses the keypoints, all of an instance at once.

Of the paper no more than the introduction was at hand, and neither code nor weights are published. Our
choices therefore: the localisation network, an affine map that starts as the identity, ResNet-50, six blocks
each way of 256 numbers and 8 heads with norms before each part, sines for positions as in DETR (arXiv
2005.12872), one learnt query per keypoint, three layers that end in shares of the filtered crop, and the mean
absolute error as the loss. Coordinates go back through the affine map, so they are those of the crop that
came in.
"""

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.regression import Regression
from pinpoint.geometry import Size
from pinpoint.models import Architecture
from pinpoint.models.blocks import ConvNorm
from pinpoint.models.resnet import ResNet
from pinpoint.models.transformer import Attention, Block, FeedForward, split_heads, start_narrow

__all__ = ["PoseTED", "SpatialTransformer", "poseted_r50"]

STRIDE = 32
WIDTH, HEADS, BLOCKS = 256, 8, 6
LONGEST_WAVE = 10000.0


class SpatialTransformer(nn.Module):
    """Looks at a crop, and takes the part of it that the rest is to see (arXiv 1506.02025).

    Args:
        size: Width and height of what comes in and goes out.
    """

    grid: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 64)
        pairs = pairwise(widths)
        self.localisation = nn.Sequential(*(ConvNorm(*pair, stride=2) for pair in pairs))
        self.affine = nn.Linear(widths[-1], 6)
        nn.init.zeros_(self.affine.weight)
        with torch.no_grad():
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
        x, y = (2 * (torch.arange(side) + 0.5) / side - 1 for side in size)
        rows = torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones(size[1], size[0])], dim=-1)
        self.register_buffer("grid", rows.flatten(0, 1), persistent=False)
        self.height = size[1]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Filter crops.

        Args:
            images: Shape (B, 3, h, w).

        Returns:
            What is seen, of the same shape, and the maps (B, 2, 3) to where it comes from, both from -1 at
            one edge to 1 at the other.
        """
        maps = self.affine(self.localisation(images).mean(dim=(2, 3))).unflatten(1, (2, 3))
        places = (self.grid @ maps.transpose(1, 2)).unflatten(1, (self.height, -1))
        return functional.grid_sample(images, places.to(images.dtype), align_corners=False), maps


class CrossAttention(nn.Module):
    """Queries read tokens, with several heads (arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.pair = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Queries (B, K, width) and tokens (B, N, width) to (B, K, width)."""
        key, value = (split_heads(part, self.heads) for part in self.pair(tokens).chunk(2, dim=2))
        query = split_heads(self.query(queries), self.heads)
        read = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(read.transpose(1, 2).flatten(2))


class DecoderBlock(nn.Module):
    """Queries read each other, then the tokens, then each is changed by itself; they go by every part."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads)
        self.cross = CrossAttention(width, heads)
        self.mlp = FeedForward(width)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Keep the shape (B, K, width) of the queries."""
        queries = queries + self.attention(self.norms[0](queries))
        queries = queries + self.cross(self.norms[1](queries), tokens)
        return queries + self.mlp(self.norms[2](queries))


def sines(columns: int, rows: int, width: int) -> Tensor:
    """Positions of cells as sines and cosines, half of them for y and half for x, (rows * columns, width)."""
    count = width // 4
    rates = LONGEST_WAVE ** -(torch.arange(count) / count)
    waves = [2 * math.pi * (torch.arange(side) + 0.5)[:, None] / side * rates for side in (rows, columns)]
    y, x = (torch.cat([wave.sin(), wave.cos()], dim=1) for wave in waves)
    both = [y[:, None].expand(-1, columns, -1), x[None].expand(rows, -1, -1)]
    return torch.cat(both, dim=2).flatten(0, 1)


class PoseTED(nn.Module):
    """x and y of each keypoint.

    Args:
        codec: Shares of the input; the network can be fed its input size only.
        keypoints: How many there are.
        depth: Of the ResNet.

    Raises:
        ValueError: A side of the input is no multiple of 32.
    """

    keypoint_parameters = {"queries": 1}  # noqa: RUF012
    positions: Tensor
    first: Tensor

    def __init__(self, codec: Regression, keypoints: int, *, depth: int) -> None:
        super().__init__()
        if any(side % STRIDE for side in codec.input_size):
            raise ValueError(f"an input of {codec.input_size} does not fit, expected multiples of {STRIDE}")
        self.filter = SpatialTransformer(codec.input_size)
        self.backbone = ResNet(depth)
        self.narrow = nn.Conv2d(self.backbone.channels[-1], WIDTH, 1)
        self.encoder = nn.Sequential(*(Block(WIDTH, HEADS, FeedForward(WIDTH)) for _ in range(BLOCKS)))
        self.decoder = nn.ModuleList(DecoderBlock(WIDTH, HEADS) for _ in range(BLOCKS))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.regressor = nn.Sequential(
            nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2)
        )
        for part in (self.encoder, self.decoder):
            part.apply(start_narrow)
        self.queries = nn.Parameter(torch.randn(keypoints, WIDTH))
        columns, rows = (side // STRIDE for side in codec.input_size)
        self.register_buffer("positions", sines(columns, rows, WIDTH), persistent=False)
        first = 0.5 / torch.tensor(codec.input_size)  # the codec counts from the middle of the first pixel
        self.register_buffer("first", first, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Shares of width and height (B, K, 2), for images (B, 3, h, w)."""
        seen, maps = self.filter(images)
        features = self.narrow(self.backbone(seen)[-1]).flatten(2).transpose(1, 2)
        tokens = self.norms[0](self.encoder(features + self.positions))
        queries = self.queries + torch.zeros_like(tokens[:, :1])  # as many as images, however it is traced
        for block in self.decoder:
            queries = block(queries, tokens)
        places = 2 * self.regressor(self.norms[1](queries)).float().sigmoid() - 1
        back = places @ maps[..., :2].transpose(1, 2) + maps[..., 2].unsqueeze(1)
        return ((back + 1) / 2 - self.first,)

    def readable(self, points: Tensor) -> tuple[Tensor]:
        """The coordinates as they are."""
        return (points,)


def poseted_r50() -> Architecture:
    """36 million parameters."""
    return Architecture(
        name="poseted-r50",
        pipeline="top-down",
        build=partial(PoseTED, depth=50),
        codec=Regression,
        input_size=(192, 256),
        loss="mae",
        paper="https://doi.org/10.1007/978-3-030-90439-5_45",
    )
