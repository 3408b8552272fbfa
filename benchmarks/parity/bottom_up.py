"""Bottom-up networks, their losses and deformable convolution beside public implementations of them.

Usage: python benchmarks/parity/bottom_up.py [taps] [networks] [losses] [--fixtures]

References: torchvision 0.29.2 (deformable convolution), mmpose 1.3.2 (DEKR, HRNet) and mmpose 0.29.0, the
last with HigherHRNet, of which the files of its head and loss are taken. The script runs in mmpose's
environment, as `mmpose_networks.py` does.
"""

import argparse
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any
from unittest.mock import patch

import mmpose_networks as beside  # first: it changes to mmpose's environment

# isort: split
import mmcv.cnn
import numpy as np
import torch
import torchvision_stubs
from comparison import BAR, filled, largest, write_names
from mmengine.config import Config
from mmengine.model import constant_init, normal_init
from mmpose.models.heads.hybrid_heads import dekr_head
from mmpose.models.losses import AssociativeEmbeddingLoss
from mmpose.models.losses.regression_loss import SoftWeightSmoothL1Loss
from torch import Tensor, nn

from environment import VENVS, install

if torch.version.cuda is None and sys.platform == "linux":
    torchvision_stubs.load()
from torchvision.ops import DeformConv2d, deform_conv2d

from pinpoint.codecs.dekr import Dekr
from pinpoint.losses.associative import masked_squares, push_and_pull
from pinpoint.losses.dekr import OFFSET_WEIGHT, dekr_loss
from pinpoint.models import architecture, deformable
from report import Report

OLD = "mmpose==0.29.0"
SIDE = 256  # of the inputs; networks are the same for all
TURNS = 5  # of which the shortest time counts
DEKR = "body_2d_keypoint/dekr/coco/dekr_hrnet"
TAG_CONFIG = "body_2d_keypoint/associative_embedding/coco/ae_hrnet-w32_8xb24-300e_coco-512x512"

WHY = (
    "mmpose 1's push counts that everyone's tag is like itself, which adds 1 / 2 (N - 1) for N people and no "
    "gradient; that of version 0, and ours, counts pairs of different people. mmpose divides the loss of "
    "offsets by what is taught in a batch, ours by what is taught in each picture: parts of a batch add up.",
    "DEKR's moved taps are all that differs in it: with torchvision's operator in ours, nothing does. Ours "
    "reads taps with `grid_sample`, which trains on every device and exports as one operator. It takes "
    "places from -1 to 1 across the map and adds 1 to them, which rounds a place among 64 cells by up to "
    "2e-6 cells; torchvision rounds places in cells. Neither is exact: mmpose's own outputs in 32 bits are "
    "several times as far from its outputs in 64 as ours are from it. Weights by chance make much of these "
    "last bits, as they move taps by more cells than the map has; of the largest output of DEKR-W32 its "
    "difference is 5e-6. With `grid_sample`, 32 bits cannot be closer. Reading every tap in cells gives "
    "torchvision's very bits, and takes as long as torchvision does, or longer.",
)
"""Paragraphs below the tables."""

COLUMNS = ("what", "input", "largest difference", "largest value", f"within {BAR:g}")
LAST = {"taps": ("our CPU time by theirs",), "networks": ("mmpose's own 32 bits from its 64",)}

Row = tuple[object, ...]


class AsMmcv(DeformConv2d):
    """mmcv's layer by torchvision's operator: mmcv-lite has none. It is told its groups of offsets."""

    def __init__(self, *sizes: int, deform_groups: int, **options: Any) -> None:
        super().__init__(*sizes, **options)


@cache
def of_mmpose_0(path: str) -> ModuleType:
    """A file of mmpose 0.29.0, run as if it were one of the mmpose that is installed."""
    folder = VENVS / "mmpose-0"
    if not (folder / "mmpose").is_dir():
        install(sys.executable, "--no-deps", "--target", str(folder), OLD)
    mmcv.cnn.constant_init, mmcv.cnn.normal_init = constant_init, normal_init  # which have moved since
    name = path.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_file_location(name, folder / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class HigherOfMmpose(nn.Module):
    """mmpose's HRNet and the head that its version 0 had, by the names of that version's files."""

    def __init__(self, width: int) -> None:
        super().__init__()
        settings = Config.fromfile(beside.CONFIGS / f"{TAG_CONFIG}.py").model.backbone
        settings.pop("init_cfg")
        for number, stage in enumerate(
            (settings.extra.stage2, settings.extra.stage3, settings.extra.stage4), 2
        ):
            stage.num_channels = tuple(width * 2**level for level in range(number))
        self.backbone = beside.MMPOSE.build(settings)
        module = of_mmpose_0("mmpose/models/heads/ae_higher_resolution_head.py")
        module.build_loss = lambda _: nn.Identity()
        self.keypoint_head = module.AEHigherResolutionHead(
            in_channels=width,
            num_joints=17,
            extra={"final_conv_kernel": 1},
            num_deconv_filters=[width],
            cat_output=[True],
            with_ae_loss=[True, False],
        )

    def forward(self, images: Tensor, *_: object, mode: str = "") -> list[Tensor]:
        """Both maps."""
        return self.keypoint_head(self.backbone(images)[0])


def their_dekr(width: int) -> nn.Module:
    """The DEKR of mmpose."""
    dekr_head.DeformConv2d = AsMmcv
    side = {32: 512, 48: 640}[width]
    return beside.their_network(f"{DEKR}-w{width}_8xb10-140e_coco-{side}x{side}")


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "higherhrnet-w32": lambda: HigherOfMmpose(32),
    "higherhrnet-w48": lambda: HigherOfMmpose(48),
    "dekr-w32": lambda: their_dekr(32),
    "dekr-w48": lambda: their_dekr(48),
}


def networks(fixtures: bool) -> Iterator[Row]:
    """How far outputs are apart after the same weights by chance."""
    for name, build in NETWORKS.items():
        torch.manual_seed(0)
        kind, images = architecture(name), torch.randn(2, 3, SIDE, SIDE)
        theirs = build()
        beside.randomise(theirs, images)
        ours = filled(kind.build(kind.codec(kind.input_size), 17), kind.official(theirs.state_dict()))
        yield from _apart(name, ours, theirs, images)
        if fixtures:
            _write(name, theirs)


@torch.no_grad()
def _apart(name: str, ours: nn.Module, theirs: nn.Module, images: Tensor) -> Iterator[Row]:
    """One network in 32 bits, with torchvision's operator if it moves taps, and in 64 bits."""
    told = beside.as_mmpose_does(theirs, images)
    pairs = {name: (ours(images), told)}
    if any(isinstance(module, deformable.DeformConv) for module in ours.modules()):
        with patch.object(deformable, "deform_conv2d", by_torchvision):
            pairs[f"{name}, with torchvision's operator in ours"] = ours(images), told
    ours, theirs, images = ours.double(), theirs.double(), images.double()
    exact = beside.as_mmpose_does(theirs, images)
    pairs[f"{name}, in 64 bits"] = ours(images), exact
    rounding, _ = largest(told, exact)
    for what, (own, other) in pairs.items():
        difference, scale = largest(own, other)
        last = f"{rounding:.1e}" if what == name else ""
        yield what, f"{SIDE} x {SIDE}", f"{difference:.1e}", f"{scale:.2g}", _kept(difference), last


def _write(name: str, theirs: nn.Module) -> None:
    """Names of mmpose's files, and of the authors' where they are the same without the first word."""
    tensors = theirs.state_dict()
    write_names(name, tensors)
    if name.startswith("higherhrnet"):
        write_names(name, {key.partition(".")[2]: value for key, value in tensors.items()}, "microsoft")


def by_torchvision(
    x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor, bias: Tensor | None, *steps: Any
) -> Tensor:
    """What torchvision makes of what ours is given."""
    return deform_conv2d(x, offset, weight, bias, *steps, mask=mask)


def taps() -> Iterator[Row]:
    """Deformable convolution, in groups of weights and of offsets, with steps of all kinds."""
    torch.manual_seed(0)
    for groups, shared, stride, padding, dilation in (
        *((1, 1, 1, 1, 1), (2, 4, (2, 1), (0, 2), (1, 2)), (4, 2, 2, 1, 1)),
    ):
        x, weight, bias = torch.randn(2, 8, 24, 23), torch.randn(4, 8 // groups, 3, 2), torch.randn(4)
        size = nn.functional.conv2d(x, weight, None, stride, padding, dilation, groups).shape[2:]
        offset, mask = 3 * torch.randn(2, 12 * shared, *size), torch.rand(2, 6 * shared, *size)
        given = (x, offset, mask, weight, bias, stride, padding, dilation)
        yield _moved(f"deform_conv2d, {groups} and {shared} groups, stride {stride}", given)
    x, weight = torch.randn(2, 255, 64, 64), torch.randn(255, 15, 3, 3)
    given = (x, 3 * torch.randn(2, 306, 64, 64), None, weight, None, 1, 1, 1)
    yield _moved("deform_conv2d as in DEKR-W32", given)


def _moved(what: str, given: tuple[Any, ...]) -> Row:
    """A row: how far ours is from torchvision's, and its time beside that."""
    seconds = {deformable.deform_conv2d: [], by_torchvision: []}
    for _ in range(TURNS):
        for operator, took in seconds.items():
            began = time.process_time()
            operator(*given)
            took.append(time.process_time() - began)
    own, other = (operator(*given) for operator in seconds)
    difference, scale = largest((own,), (other,))
    pace = f"{min(seconds[deformable.deform_conv2d]) / min(seconds[by_torchvision]):.2f}"
    side = f"{given[0].shape[3]} x {given[0].shape[2]}"
    return what, side, f"{difference:.1e}", f"{scale:.2g}", _kept(difference), pace


def losses() -> Iterator[Row]:
    """Tags, heatmaps and offsets of two pictures with four and no people."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    tags, places = (
        torch.randn(2, 17, 32, 32),
        torch.from_numpy(rng.integers(-200, 1024, (2, 5, 17))).clamp(min=-1),
    )
    places[0, 4], places[1] = -1, -1
    push, pull = push_and_pull(tags, places)
    factory = of_mmpose_0("mmpose/models/losses/multi_loss_factory.py")
    flat = torch.stack([places.clamp(min=0) + torch.arange(17) * 1024, places >= 0], dim=-1)
    old_push, old_pull = factory.AELoss("exp")(tags.reshape(2, -1, 1), flat)
    yield _row("push, of mmpose 0", push, old_push.flatten())
    yield _row("pull, of mmpose 0", pull, old_pull.flatten())
    found = torch.stack([places.clamp(min=0), places >= 0], dim=-1)
    new_pull, new_push = AssociativeEmbeddingLoss()(tags, found)
    people = 4
    yield _row("pull", pull.sum(), new_pull)
    yield _row("push, and 1 / 2 (N - 1)", push.sum() + 0.5 / (people - 1), new_push)
    maps, bells, mask = (
        torch.randn(2, 17, 32, 32),
        torch.rand(2, 17, 32, 32),
        (torch.rand(2, 32, 32) > 0.2).float(),
    )
    yield _row("heatmaps", masked_squares(maps, bells, mask), factory.HeatmapLoss()(maps, bells, mask))
    yield _offsets(rng)


def _offsets(rng: np.random.Generator) -> Row:
    """One picture: mmpose divides by what is taught in the batch, ours by that of each picture."""
    codec = Dekr((128, 128), 17)
    xy = rng.uniform(10, 118, (3, 17, 2))
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    targets = tuple(torch.from_numpy(one)[None] for one in codec.encode(boxes, xy, np.zeros((0, 4))))
    offsets = targets[2] + torch.randn_like(targets[2])
    total, _ = dekr_loss((targets[0], offsets), targets)
    reference = SoftWeightSmoothL1Loss(use_target_weight=True, supervise_empty=False, beta=1 / 9)
    return _row("offsets", total / OFFSET_WEIGHT, reference(offsets, targets[2], targets[3]))


def _row(what: str, ours: Tensor, theirs: Tensor) -> Row:
    difference, scale = largest((ours,), (theirs.reshape(ours.shape),))
    return what, "", f"{difference:.1e}", f"{scale:.2g}", _kept(difference)


def _kept(difference: float) -> str:
    return "yes" if difference <= BAR else "**no**"


def main() -> None:
    """Compare the parts that are named, or all."""
    parts = {"taps": taps, "networks": networks, "losses": losses}
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all if left out")
    parser.add_argument("--fixtures", action="store_true", help="write names and shapes for the tests")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    warnings.simplefilter("ignore")
    report = Report("Bottom-up networks, losses and moved taps beside others'", kept=not chosen.parts)
    for part in chosen.parts or parts:
        report.add(f"## {part}")
        columns = (*COLUMNS, *LAST.get(part, ()))
        report.table(columns, list(networks(chosen.fixtures) if part == "networks" else parts[part]()))
    for paragraph in WHY:
        report.add(paragraph)


if __name__ == "__main__":
    main()
