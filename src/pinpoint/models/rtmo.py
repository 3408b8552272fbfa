"""RTMO: boxes from the cells of two grids, keypoints as places on rulers around each box (arXiv 2312.07526).

Rulers are laid for some cells only: in use for those with the highest scores, in training for those whose
boxes fit the labelled ones best. Parts bear the names that published checkpoints give them.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pinpoint.codecs.rtmo import Rtmo
from pinpoint.models import Architecture, Published
from pinpoint.models.cells import cell_middles
from pinpoint.models.csp import YoloUnit
from pinpoint.models.csp_darknet import CspDarknet
from pinpoint.models.hybrid_encoder import WIDTH, HybridEncoder, Waves
from pinpoint.models.nms import overlaps
from pinpoint.models.rtmpose import GatedAttention

__all__ = ["RtmoNet", "rtmo_l", "rtmo_m", "rtmo_s"]

STRIDES = (16, 32)
GREY = 114.0
GROUPS, GROUP = 8, 36  # of the branch that tells keypoints, and channels of each at scale 1
TOKEN = 128  # numbers that tell one keypoint
BINS = (192, 256)  # of the rulers of x and y
REACH = 1.25  # rulers are so much longer than the sides of the box
TEMPERATURE = 300.0
CELLS = 200  # that rulers are laid for: more people than a picture has, even where several cells tell of one
TAUGHT_CELLS = 9  # of an instance, in training
FARTHER = 1e-4  # of overlap that a pixel from the middle of an instance costs a cell
FITTING = 0.5  # overlap from which a cell's own box is good enough to lay rulers around
PRIOR = 0.01  # score of every cell at the start


class Told(NamedTuple):
    """What the cells say before rulers are laid; n cells of both grids."""

    logits: Tensor
    """Of the scores, shape (B, n)."""
    boxes: Tensor
    """x1 y1 x2 y2 as published, from the picture's outer edge, shape (B, n, 4)."""
    points: Tensor
    """x, y and the logit of the visibility of each keypoint, told coarsely, shape (B, n, K, 3)."""
    poses: Tensor
    """P numbers that tell a whole pose, from which rulers are read, shape (B, n, P)."""
    centers: Tensor
    """Middles of the cells, shape (n, 2)."""


class HeadModule(nn.Module):
    """Raw maps of every level: scores from half of the channels, all else from the other half."""

    def __init__(self, keypoints: int, width: float) -> None:
        super().__init__()
        inside, pose = int(WIDTH * width), GROUPS * int(GROUP * width)

        def each(outside: int, channels: int = pose) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(channels, outside, 1) for _ in STRIDES)

        self.conv_cls = nn.ModuleList(_stack(inside, inside, 2) for _ in STRIDES)
        self.out_cls = each(1, inside)
        self.conv_pose = nn.ModuleList(_stack(inside, pose, 4, GROUPS) for _ in STRIDES)
        self.out_bbox, self.out_kpt_reg, self.out_kpt_vis = each(4), each(2 * keypoints), each(keypoints)
        self.out_pose = each(2 * inside)
        for layer in self.out_cls:
            nn.init.constant_(layer.bias, -math.log(1 / PRIOR - 1))  # pyright: ignore[reportArgumentType]

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Scores (B, n, 1), boxes (B, n, 4), offsets (B, n, 2K), visibilities (B, n, K), poses (B, n, P)."""
        found: list[list[Tensor]] = [[] for _ in range(5)]
        for level, features in enumerate(levels):
            score, rest = features.chunk(2, dim=1)
            found[0].append(self.out_cls[level](self.conv_cls[level](score)))
            pose = self.conv_pose[level](rest)
            parts = (self.out_bbox, self.out_kpt_reg, self.out_kpt_vis, self.out_pose)
            for maps, part in zip(found[1:], parts, strict=True):
                maps.append(part[level](pose))
        return [torch.cat([one.flatten(2) for one in maps], dim=2).transpose(1, 2).float() for maps in found]


class Factor(nn.Module):
    """One factor for everything."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.scale


class Rulers(nn.Module):
    """Reads keypoints on rulers of x and y that are laid around a box: the dynamic coordinate classifier.

    Args:
        keypoints: How many there are.
        pose: How many numbers tell a whole pose.
    """

    def __init__(self, keypoints: int, pose: int) -> None:
        super().__init__()
        self.keypoints = keypoints
        self.spe = Waves(TOKEN, TEMPERATURE)
        self.gau = GatedAttention(TOKEN, TOKEN)
        self.pos_enc = nn.Parameter(torch.randn(keypoints, TOKEN))
        self.pose_to_kpts = nn.Sequential(
            nn.Linear(pose, TOKEN * keypoints), nn.BatchNorm1d(TOKEN * keypoints)
        )
        self.x_fc, self.y_fc = nn.Linear(TOKEN, TOKEN), nn.Linear(TOKEN, TOKEN)
        self.sigma_fc = nn.Sequential(nn.Linear(pose, keypoints), nn.Sigmoid(), Factor(0.1))
        for layer in (self.x_fc, self.y_fc):
            nn.init.normal_(layer.weight, std=0.01)  # rulers start flat: points in the middle of the box
        for name, bins in zip(("x_bins", "y_bins"), BINS, strict=True):
            self.register_buffer(name, torch.linspace(-0.5, 0.5, bins))

    def forward(self, poses: Tensor, boxes: Tensor, centers: Tensor) -> tuple[Tensor, ...]:
        """Read C cells of B pictures.

        Args:
            poses: Shape (B, C, P).
            boxes: x1 y1 x2 y2, shape (B, C, 4).
            centers: Middles of the cells, shape (B, C, 2).

        Returns:
            Points (B, C, K, 2); shares of the bins of x (B, C, K, X) and of y (B, C, K, Y); where the bins
            are, (B, C, X) and (B, C, Y); spreads (B, C, K), as shares of the instance's size.
        """
        with _in_32_bits(poses.device.type):  # in 16, bins side by side are at the same place
            return self._read(poses.float(), boxes, centers)

    def _read(self, poses: Tensor, boxes: Tensor, centers: Tensor) -> tuple[Tensor, ...]:
        middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) * REACH
        tokens = self._tokens(poses)
        read, shares, places = [], [], []
        for axis, (name, layer) in enumerate((("x_bins", self.x_fc), ("y_bins", self.y_fc))):
            bins = self.get_buffer(name) * size[..., axis, None] + middle[..., axis, None]
            rulers = layer(self.spe(bins - centers[..., axis, None]))
            share = (tokens @ rulers.transpose(-1, -2)).softmax(dim=-1)
            shares.append(share)
            places.append(bins)
            read.append((share * bins.unsqueeze(-2)).sum(dim=-1))
        return torch.stack(read, dim=-1), *shares, *places, self.sigma_fc(poses)

    def _tokens(self, poses: Tensor) -> Tensor:
        """One token for each keypoint, shape (B, C, K, TOKEN)."""
        rows = self.pose_to_kpts(poses.flatten(0, 1))
        return self.gau(rows.reshape(-1, poses.shape[1], self.keypoints, TOKEN), self.pos_enc)


class Head(nn.Module):
    """Both parts, as published checkpoints name them."""

    def __init__(self, keypoints: int, width: float) -> None:
        super().__init__()
        self.head_module = HeadModule(keypoints, width)
        self.dcc = Rulers(keypoints, 2 * int(WIDTH * width))


class RtmoNet(nn.Module):
    """One instance per cell at 1/16 and 1/32 of the input.

    Args:
        codec: How it is read; the network is the same for every input size.
        keypoints: How many there are.
        depth: Multiplies the blocks of the backbone and the neck.
        width: Multiplies their channels.
    """

    guided = True
    keypoint_inputs = ("head.dcc.pose_to_kpts.",)

    def __init__(self, codec: Rtmo, keypoints: int, *, depth: float, width: float) -> None:
        super().__init__()
        self.backbone = CspDarknet(depth, width)
        self.neck = HybridEncoder(self.backbone.channels, 2 * int(WIDTH * width), depth=depth, width=width)
        self.head = Head(keypoints, width)

    @property
    def keypoint_parameters(self) -> Mapping[str, int]:
        """Rows of each keypoint; see `Network`."""
        module = {"out_kpt_reg": 2, "out_kpt_vis": 1}
        maps = {
            f"head.head_module.{part}.{level}.{name}": rows
            for part, rows in module.items()
            for level in range(len(STRIDES))
            for name in ("weight", "bias")
        }
        linear = {f"head.dcc.pose_to_kpts.{i}.{name}": TOKEN for i in (0, 1) for name in ("weight", "bias")}
        sigma = {f"head.dcc.sigma_fc.0.{name}": 1 for name in ("weight", "bias")}
        return {**maps, **linear, **sigma, "head.dcc.pos_enc": 1}

    def forward(self, images: Tensor, targets: tuple[Tensor, ...] | None = None) -> tuple[Tensor, ...]:
        """What n cells say of images (B, 3, h, w), and the rulers of C of them.

        Args:
            images: Shape (B, 3, h, w).
            targets: Boxes (B, M, 4) and whether each is one (B, M) first, some cells of each of which are
                read; none: the cells with the highest scores are.

        Returns:
            Logits of the scores (B, n); boxes x1 y1 x2 y2 in input pixels (B, n, 4); x, y in input pixels and
            the logit of the visibility of each keypoint (B, n, K, 3); middles of the cells (n, 2); which
            cells are read (B, C); and what `Rulers` says of them. With targets, what
            `pinpoint.losses.rtmo` takes.
        """
        told = self._told(images)
        coarse = told.logits, told.boxes - 0.5, told.points, told.centers
        if targets is not None:
            return *coarse, *self._lessons(told, *targets[:2])
        cells = told.logits.topk(min(CELLS, told.logits.shape[1]), dim=1).indices
        rulers = self.head.dcc(_picked(told.poses, cells), _picked(told.boxes, cells), told.centers[cells])
        return *coarse, cells, *rulers

    def _lessons(self, told: Told, truth: Tensor, valid: Tensor) -> tuple[Tensor, ...]:
        """What rulers say of the cells that are to tell an instance, of all pictures in one row.

        Around boxes that miss their instance rulers would have no place for its points: there they are laid
        around the true one. Where no picture has an instance, cells of none are read, so that every
        parameter has a gradient.

        Returns:
            Picture, cell and row of the instance, (P,) each, and what `Rulers` says of them, without the
            first axis.
        """
        truth = truth + 0.5
        fitting = _fitting(truth, told.boxes.detach(), told.centers)
        picture, row = (valid if valid.any() else ~valid).nonzero(as_tuple=True)
        cell = fitting[picture, row].flatten()
        picture, row = (one.repeat_interleave(fitting.shape[2]) for one in (picture, row))
        own, true = told.boxes.detach()[picture, cell], truth[picture, row]
        around = torch.where(overlaps(own[:, None], true[:, None])[:, 0] >= FITTING, own, true)
        rulers = self.head.dcc(told.poses[picture, cell][None], around[None], told.centers[cell][None])
        return picture, cell, row, *(one[0] for one in rulers)

    def readable(
        self, logits: Tensor, boxes: Tensor, points: Tensor, centers: Tensor, cells: Tensor, *rulers: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Boxes with scores (B, C, 5) and keypoints (B, C, K, 3) as `Rtmo` reads them."""
        scores = logits.gather(1, cells).sigmoid()
        seen = points[..., 2].gather(1, cells[..., None].expand(-1, -1, points.shape[2])).sigmoid()
        found = torch.cat([_picked(boxes, cells) + 0.5, scores[..., None]], dim=-1)
        return found, torch.cat([rulers[0], seen[..., None]], dim=-1)

    def _told(self, images: Tensor) -> Told:
        levels = self.neck(self.backbone(images))
        logits, sides, offsets, seen, poses = self.head.head_module(levels)
        centers, strides = cell_middles(levels, STRIDES)
        middle, size = sides[..., :2] * strides + centers, sides[..., 2:].exp() * strides
        boxes = torch.cat([middle - size / 2, middle + size / 2], dim=-1)
        coarse = offsets.unflatten(2, (-1, 2)) * strides[:, None] + centers[:, None]
        return Told(logits[..., 0], boxes, torch.cat([coarse, seen[..., None]], dim=-1), poses, centers)


def _in_32_bits(device: str) -> AbstractContextManager[object]:
    available = torch.amp.is_autocast_available(device)  # not where networks are only counted
    return torch.autocast(device, enabled=False) if available else nullcontext()


def _stack(inside: int, outside: int, count: int, groups: int = 1) -> nn.Sequential:
    first = YoloUnit(inside, outside, 3)
    return nn.Sequential(first, *(YoloUnit(outside, outside, 3, groups=groups) for _ in range(count - 1)))


def _picked(rows: Tensor, cells: Tensor) -> Tensor:
    """Rows (B, n, D) of some cells (B, C) -> (B, C, D)."""
    return rows.gather(1, cells[..., None].expand(-1, -1, rows.shape[2]))


def _fitting(truth: Tensor, boxes: Tensor, centers: Tensor) -> Tensor:
    """The cells whose box overlaps each instance most, the nearest ones where none does.

    Rulers around a box that misses the instance would have no place for its points.

    Args:
        truth: Boxes of the instances, shape (B, M, 4).
        boxes: What the cells tell, shape (B, n, 4).
        centers: Middles of the cells, shape (n, 2).

    Returns:
        Shape (B, M, TAUGHT_CELLS).
    """
    middle = (truth[..., :2] + truth[..., 2:]) / 2
    away = (middle[:, :, None] - centers).norm(dim=-1)
    worth = overlaps(truth, boxes) - FARTHER * away
    return worth.topk(min(TAUGHT_CELLS, len(centers)), dim=2).indices


def official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published networks see blue first; ours sees red first, in each of the four pixels of its stem."""
    first = "backbone.stem.conv.conv.weight"
    turned = {name: tensor for name, tensor in tensors.items() if not name.startswith(TAUGHT)}
    if first in turned:
        turned[first] = turned[first].unflatten(1, (4, 3)).flip(2).flatten(1, 2)
    return turned


def _rtmo(name: str, depth: float, width: float, published: tuple[str, float]) -> Architecture:
    parameters, ap = published
    return Architecture(
        name=name,
        pipeline="one-stage",
        build=partial(RtmoNet, depth=depth, width=width),
        codec=Rtmo,
        input_size=(640, 640),
        loss="rtmo",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        align=0.0,
        pad_value=GREY,
        paper="2312.07526",
        official=official,
        published=Published(parameters, None, {"AP": ap}, SOURCE),
    )


TAUGHT = ("data_preprocessor.", "head.loss_")  # starts of names of what only training needed
SOURCE = (
    "mmpose projects/rtmo, COCO val2017; parameters as mmpose 1.3.2 counts them (the paper: 9.9, 22.6, 44.8)"
)


def rtmo_s() -> Architecture:
    """9.9 million parameters."""
    return _rtmo("rtmo-s", 0.33, 0.5, ("9.9", 0.677))


def rtmo_m() -> Architecture:
    """22.5 million parameters."""
    return _rtmo("rtmo-m", 0.67, 0.75, ("22.5", 0.709))


def rtmo_l() -> Architecture:
    """44.7 million parameters."""
    return _rtmo("rtmo-l", 1.0, 1.0, ("44.7", 0.724))
