"""YOLO-pose in the layout of YOLOv8: boxes and keypoints from the cells of three grids, without anchors.

No paper tells of it. The layout, its widths and depths are those of the published description (the
yolov8-pose model file and its table of scales); keypoints beside each box come from YOLO-Pose
(arXiv 2204.06806), sides that are distributions from arXiv 2006.04388, and layers whose every step goes on to
the end from arXiv 2211.04800. Parts bear the names of published files.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.yolo_pose import YoloPose
from pinpoint.models import Architecture, Published
from pinpoint.models.cells import cell_middles
from pinpoint.models.csp import YoloUnit

__all__ = ["YoloNet", "YoloScale", "yolo_pose_l", "yolo_pose_m", "yolo_pose_n", "yolo_pose_s", "yolo_pose_x"]

STRIDES = (8, 16, 32)
BINS = 16  # a side is one of so many strides, or lies between two
GREY = 114.0
SOURCE = (
    "docs.ultralytics.com, pose, COCO val2017; there parameters are cut, not rounded, and GFLOPs count "
    "multiplications and additions apart, so that they are twice ours"
)
STAGES = (64, 128, 256, 512, 1024)  # channels at 1/2 to 1/32, at scale 1
BLOCKS = (3, 6, 6, 3)


@dataclass(frozen=True)
class YoloScale:
    """How large a network of the family is.

    Args:
        depth: Multiplies the blocks of every stage.
        width: Multiplies the channels of every stage.
        most: No stage has more channels, before they are multiplied.
    """

    depth: float
    width: float
    most: int

    def channels(self, count: int) -> int:
        """Channels of a stage: a multiple of 8."""
        return math.ceil(min(count, self.most) * self.width / 8) * 8

    def blocks(self, count: int) -> int:
        """Blocks of a stage, one at least."""
        return max(1, round(count * self.depth))


class Bottleneck(nn.Module):
    """Two convolutions of 3 x 3, around which the input goes by where `identity` says so."""

    def __init__(self, width: int, *, identity: bool) -> None:
        super().__init__()
        self.cv1, self.cv2 = YoloUnit(width, width, 3), YoloUnit(width, width, 3)
        self.identity = identity

    def forward(self, features: Tensor) -> Tensor:
        changed = self.cv2(self.cv1(features))
        return features + changed if self.identity else changed


class SplitLayer(nn.Module):
    """Half of the channels go through blocks, and what comes out of each goes on to the end."""

    def __init__(self, inside: int, outside: int, blocks: int, *, identity: bool) -> None:
        super().__init__()
        half = outside // 2
        self.cv1 = YoloUnit(inside, 2 * half)
        self.cv2 = YoloUnit((2 + blocks) * half, outside)
        self.m = nn.ModuleList(Bottleneck(half, identity=identity) for _ in range(blocks))

    def forward(self, features: Tensor) -> Tensor:
        steps = list(self.cv1(features).chunk(2, dim=1))
        for block in self.m:
            steps.append(block(steps[-1]))
        return self.cv2(torch.cat(steps, dim=1))


class PyramidPooling(nn.Module):
    """Each place beside the highest of three neighbourhoods, each twice as large as the one before."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        half = inside // 2
        self.cv1, self.cv2 = YoloUnit(inside, half), YoloUnit(4 * half, outside)

    def forward(self, features: Tensor) -> Tensor:
        steps = [self.cv1(features)]
        for _ in range(3):
            steps.append(functional.max_pool2d(steps[-1], 5, 1, 2))
        return self.cv2(torch.cat(steps, dim=1))


class Expectation(nn.Module):
    """The mean of a distribution over `BINS` whole numbers, which are its weights and are not learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.arange(BINS, dtype=torch.float32).view(1, BINS, 1, 1))

    def forward(self, logits: Tensor) -> Tensor:
        """Shapes (B, n, 4, BINS) -> (B, n, 4)."""
        shares = logits.softmax(dim=-1).permute(0, 3, 1, 2)
        return self.conv(shares).squeeze(1)


class Head(nn.Module):
    """Of each level: distributions of sides (cv2), a score (cv3) and three numbers per keypoint (cv4)."""

    def __init__(self, inside: Sequence[int], keypoints: int) -> None:
        super().__init__()
        first = inside[0]
        sides, score, points = max(16, first // 4, 4 * BINS), max(first, 1), max(first // 4, 3 * keypoints)
        self.cv2 = nn.ModuleList(_branch(width, sides, 4 * BINS) for width in inside)
        self.cv3 = nn.ModuleList(_branch(width, score, 1) for width in inside)
        self.dfl = Expectation()
        self.cv4 = nn.ModuleList(_branch(width, points, 3 * keypoints) for width in inside)
        for level, stride in enumerate(STRIDES):
            nn.init.constant_(_bias(self.cv2[level]), 1.0)
            nn.init.constant_(_bias(self.cv3[level]), math.log(5 / (640 / stride) ** 2))  # five in a picture

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of sides (B, n, 4, BINS) and scores (B, n), keypoints (B, n, K, 3); finest level first."""
        sides, scores, points = (
            torch.cat([layer(level).flatten(2) for layer, level in zip(part, levels, strict=True)], dim=2)
            for part in (self.cv2, self.cv3, self.cv4)
        )
        raw = points.transpose(1, 2).unflatten(2, (-1, 3))
        return sides.transpose(1, 2).unflatten(2, (4, BINS)).float(), scores[:, 0].float(), raw.float()


class YoloNet(nn.Module):
    """One instance per cell at 1/8, 1/16 and 1/32 of the input.

    Args:
        codec: How it is read; the network is the same for every input size.
        keypoints: How many there are.
        scale: How wide and deep it is.
    """

    def __init__(self, codec: YoloPose, keypoints: int, scale: YoloScale) -> None:
        super().__init__()
        self.model = nn.ModuleList(_layers(scale, keypoints))

    @property
    def keypoint_parameters(self) -> dict[str, int]:
        """Rows of x, y and visibility, one group per keypoint; see `Network`."""
        return {f"model.22.cv4.{level}.2.{name}": 3 for level in range(3) for name in ("weight", "bias")}

    keypoint_inputs = ("model.22.cv4.",)
    """Many keypoints widen the branch that tells them."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """What n cells say of images (B, 3, h, w).

        Returns:
            Logits of the scores (B, n); boxes x1 y1 x2 y2 in input pixels (B, n, 4); x, y in input pixels and
            the logit of the visibility of each keypoint (B, n, K, 3); middles of the cells (n, 2); logits of
            the four sides (B, n, 4, BINS); strides of the cells (n, 1).
        """
        levels = self._levels(images)
        head = self.model[22]
        assert isinstance(head, Head)
        sides, scores, raw = head(levels)
        centers, strides = cell_middles(levels, STRIDES)
        reach = head.dfl(sides) * strides
        boxes = torch.cat([centers - reach[..., :2], centers + reach[..., 2:]], dim=-1)
        points = raw[..., :2] * 2 * strides[:, None] + (centers + 0.5 - 0.5 * strides)[:, None]
        return scores, boxes, torch.cat([points, raw[..., 2:]], dim=-1), centers, sides, strides

    def readable(
        self, logits: Tensor, boxes: Tensor, points: Tensor, centers: Tensor, sides: Tensor, strides: Tensor
    ) -> tuple[Tensor]:
        """Columns as `YoloPose` reads them, shape (B, 5 + 3K, n); boxes count from the outer edge."""
        middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2 + 0.5, boxes[..., 2:] - boxes[..., :2]
        told = torch.cat([points[..., :2], points[..., 2:].sigmoid()], dim=-1).flatten(2)
        return (torch.cat([middle, size, logits.sigmoid()[..., None], told], dim=-1).transpose(1, 2),)

    def _levels(self, images: Tensor) -> list[Tensor]:
        """Three maps that know of each other, finest first, by the numbers of the published layers."""
        layer = self.model
        fine = layer[4](layer[3](layer[2](layer[1](layer[0](images)))))
        middle = layer[6](layer[5](fine))
        coarse = layer[9](layer[8](layer[7](middle)))
        down = layer[12](torch.cat([layer[10](coarse), middle], dim=1))
        first = layer[15](torch.cat([layer[13](down), fine], dim=1))
        second = layer[18](torch.cat([layer[16](first), down], dim=1))
        return [first, second, layer[21](torch.cat([layer[19](second), coarse], dim=1))]


def _layers(scale: YoloScale, keypoints: int) -> list[nn.Module]:
    """The 23 layers in the order, and by the numbers, of the published file."""
    c1, c2, c3, c4, c5 = (scale.channels(count) for count in STAGES)
    first, second, third, fourth = (scale.blocks(count) for count in BLOCKS)

    def split(inside: int, outside: int, blocks: int, *, identity: bool = False) -> SplitLayer:
        return SplitLayer(inside, outside, blocks, identity=identity)

    return [
        YoloUnit(3, c1, 3, stride=2),
        *(YoloUnit(c1, c2, 3, stride=2), split(c2, c2, first, identity=True)),
        *(YoloUnit(c2, c3, 3, stride=2), split(c3, c3, second, identity=True)),
        *(YoloUnit(c3, c4, 3, stride=2), split(c4, c4, third, identity=True)),
        *(YoloUnit(c4, c5, 3, stride=2), split(c5, c5, fourth, identity=True)),
        PyramidPooling(c5, c5),
        *(nn.Upsample(scale_factor=2.0), nn.Identity(), split(c5 + c4, c4, first)),
        *(nn.Upsample(scale_factor=2.0), nn.Identity(), split(c4 + c3, c3, first)),
        *(YoloUnit(c3, c3, 3, stride=2), nn.Identity(), split(c3 + c4, c4, first)),
        *(YoloUnit(c4, c4, 3, stride=2), nn.Identity(), split(c4 + c5, c5, first)),
        Head((c3, c4, c5), keypoints),
    ]


def _branch(inside: int, width: int, outside: int) -> nn.Sequential:
    return nn.Sequential(YoloUnit(inside, width, 3), YoloUnit(width, width, 3), nn.Conv2d(width, outside, 1))


def _bias(branch: nn.Module) -> Tensor:
    assert isinstance(branch, nn.Sequential)
    return branch[-1].bias  # pyright: ignore[reportReturnType]


def official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of a published file's state, whose whole network lies in a part `model` of its own."""
    return {name.replace("model.model.", "model.", 1): tensor for name, tensor in tensors.items()}


def _yolo(name: str, scale: YoloScale, published: tuple[str, float, float]) -> Architecture:
    parameters, gflops, ap = published
    return Architecture(
        name=name,
        pipeline="one-stage",
        build=partial(YoloNet, scale=scale),
        codec=YoloPose,
        input_size=(640, 640),
        loss="yolo-pose",
        mean=(0.0, 0.0, 0.0),
        std=(255.0, 255.0, 255.0),
        pad_value=GREY,
        paper="2204.06806",
        official=official,
        published=Published(parameters, gflops, {"AP": ap}, SOURCE),
    )


def yolo_pose_n() -> Architecture:
    """3.3 million parameters."""
    return _yolo("yolo-pose-n", YoloScale(0.33, 0.25, 1024), ("3.3", 9.2, 0.504))


def yolo_pose_s() -> Architecture:
    """11.6 million parameters."""
    return _yolo("yolo-pose-s", YoloScale(0.33, 0.50, 1024), ("11.6", 30.2, 0.600))


def yolo_pose_m() -> Architecture:
    """26.4 million parameters."""
    return _yolo("yolo-pose-m", YoloScale(0.67, 0.75, 768), ("26.4", 81.0, 0.650))


def yolo_pose_l() -> Architecture:
    """44.4 million parameters."""
    return _yolo("yolo-pose-l", YoloScale(1.0, 1.0, 512), ("44.4", 168.6, 0.676))


def yolo_pose_x() -> Architecture:
    """69.4 million parameters."""
    return _yolo("yolo-pose-x", YoloScale(1.0, 1.25, 512), ("69.4", 263.2, 0.692))
