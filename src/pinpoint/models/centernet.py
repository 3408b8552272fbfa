"""CenterNet: people are the middles of their boxes, their points lie from there (arXiv 1904.07850).

Parts bear the names that the published checkpoints give them, so the state of one loads into the other.
"""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.centernet import CenterNet as CenterCodec
from pinpoint.models import Architecture, Published
from pinpoint.models.blocks import ConvNorm
from pinpoint.models.dla import DLA34, Aggregation, Upward
from pinpoint.models.hourglass52 import BLOCKS, WIDTHS, ConvUnit, Hourglass
from pinpoint.models.resnet import BasicBlock, start_rectified

__all__ = ["CenterNetDLA", "CenterNetHourglass", "centernet_dla34", "centernet_hourglass"]

HEADS = {"hm": (1, 0), "wh": (2, 0), "hps": (0, 2), "reg": (2, 0), "hm_hp": (0, 1), "hp_offset": (2, 0)}
"""How many maps there are, and how many more for each keypoint, in the order in which they are put out."""
WIDE = 256  # channels between the features and each head
STACKS = 2
RARE = -2.19  # logit of a peak at first: one cell in ten
MEAN, STD = (119.917, 114.034, 104.014), (70.915, 69.891, 73.603)
UNUSED = ("base.fc.", "base.level3.project.", "base.level4.project.")


class Heads:
    """What both networks have in common: their outputs are six maps at 1/4 of the input."""

    def readable(self, *outputs: Tensor) -> tuple[Tensor, ...]:
        """What the last stack tells, with how likely peaks are."""
        hm, wh, hps, reg, hm_hp, hp_offset = outputs[-len(HEADS) :]
        return hm.sigmoid(), wh, hps, reg, hm_hp.sigmoid(), hp_offset


def _maps(name: str, keypoints: int) -> int:
    fixed, each = HEADS[name]
    return fixed + each * keypoints


def _last(inside: int, name: str, keypoints: int) -> nn.Conv2d:
    """The last convolution of a head."""
    conv = nn.Conv2d(inside, _maps(name, keypoints), 1)
    nn.init.constant_(conv.get_parameter("bias"), RARE if "hm" in name else 0.0)
    return conv


class CenterNetDLA(Heads, nn.Module):
    """On deep layer aggregation with deformable convolutions.

    Args:
        codec: How it is read; the network is the same for every input size.
        keypoints: How many there are.
    """

    keypoint_parameters = {  # noqa: RUF012
        f"{name}.2.{part}": each for name, (_, each) in HEADS.items() if each for part in ("weight", "bias")
    }

    def __init__(self, codec: CenterCodec, keypoints: int) -> None:
        super().__init__()
        self.base = DLA34()
        channels = self.base.channels
        self.dla_up = Upward(channels)
        self.ida_up = Aggregation(channels[0], channels[:-1], (1, 2, 4))
        for name in HEADS:
            first = nn.Conv2d(channels[0], WIDE, 3, padding=1)
            nn.init.zeros_(first.get_parameter("bias"))
            last = _last(WIDE, name, keypoints)
            self.add_module(name, nn.Sequential(first, nn.ReLU(inplace=True), last))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Six maps (B, C, h / 4, w / 4) of images (B, 3, h, w), heatmaps as logits."""
        features = self.ida_up(self.dla_up(self.base(images))[:-1])[-1]
        return tuple(self.get_submodule(name)(features) for name in HEADS)


class HeatUnit(nn.Module):
    """3 x 3 without a norm, and ReLU."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.conv(features))


class CenterNetHourglass(Heads, nn.Module):
    """On the two stacks of CornerNet's hourglass (arXiv 1808.01244).

    Args:
        codec: How it is read; the network is the same for every input size.
        keypoints: How many there are.
    """

    keypoint_parameters = {  # noqa: RUF012
        f"{name}.{stack}.1.{part}": each
        for name, (_, each) in HEADS.items()
        if each
        for stack in range(STACKS)
        for part in ("weight", "bias")
    }

    def __init__(self, codec: CenterCodec, keypoints: int) -> None:
        super().__init__()
        width = WIDTHS[0]
        self.pre = nn.Sequential(ConvUnit(3, 128, 7, stride=2), BasicBlock(128, width, stride=2))
        self.kps = nn.ModuleList(Hourglass(WIDTHS, BLOCKS) for _ in range(STACKS))
        self.cnvs = nn.ModuleList(ConvUnit(width, WIDE, 3) for _ in range(STACKS))
        between = range(STACKS - 1)
        self.inters = nn.ModuleList(BasicBlock(width, width) for _ in between)
        self.inters_ = nn.ModuleList(ConvNorm(width, width, 1, act=False) for _ in between)
        self.cnvs_ = nn.ModuleList(ConvNorm(WIDE, width, 1, act=False) for _ in between)
        self.apply(start_rectified)
        for name in HEADS:
            units = (
                nn.Sequential(HeatUnit(WIDE, width), _last(width, name, keypoints)) for _ in range(STACKS)
            )
            self.add_module(name, nn.ModuleList(units))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Six maps (B, C, h / 4, w / 4) of each stack, of images (B, 3, h, w), heatmaps as logits."""
        features, outputs = self.pre(images), []
        for stack, (hourglass, after) in enumerate(zip(self.kps, self.cnvs, strict=True)):
            seen = after(hourglass(features))
            outputs += [self.get_submodule(f"{name}.{stack}")(seen) for name in HEADS]
            if stack < STACKS - 1:
                both = self.inters_[stack](features) + self.cnvs_[stack](seen)
                features = self.inters[stack](functional.relu(both))
        return tuple(outputs)


def _official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of the published checkpoints, whose pictures are BGR; ImageNet's classes are left out.

    So are projections of trees of two levels, which nothing runs: each inner tree has its own.
    """
    found = {}
    for name, tensor in tensors.items():
        own = name.removeprefix("module.").replace(".skip.", ".downsample.")
        if not own.startswith(UNUSED):
            found[own] = (
                tensor.flip(1) if own in ("base.base_layer.0.weight", "pre.0.conv.weight") else tensor
            )
    return found


def _centernet(name: str, build: type[nn.Module], published: Published) -> Architecture:
    return Architecture(
        name=name,
        pipeline="one-stage",
        build=build,
        codec=CenterCodec,
        input_size=(512, 512),
        loss="centernet",
        mean=MEAN,
        std=STD,
        paper="1904.07850",
        official=_official,
        published=published,
    )


ZOO = "readme/MODEL_ZOO.md of github.com/xingyizhou/CenterNet, {}: COCO val2017 with a flip test; "
COUNT = "how many parameters there are is printed nowhere"


def centernet_dla34() -> Architecture:
    """20.1 million parameters."""
    source = ZOO.format("multi_pose_dla_3x") + COUNT
    return _centernet("centernet-dla34", CenterNetDLA, Published("", None, {"AP": 0.589}, source))


def centernet_hourglass() -> Architecture:
    """194.8 million parameters: two stacks, which the field calls Hourglass-104."""
    source = ZOO.format("multi_pose_hg_3x") + COUNT
    return _centernet("centernet-hourglass", CenterNetHourglass, Published("", None, {"AP": 0.640}, source))
