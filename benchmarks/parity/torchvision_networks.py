"""Keypoint R-CNN beside torchvision's, and the parts of CenterNet beside timm's, torchvision's and mmdet's.

Usage: python benchmarks/parity/torchvision_networks.py [NAME ...] [--fixtures]

Each has the same random weights and the same pictures. Of Keypoint R-CNN every step is compared, at last what
is found: boxes, and keypoints as our codec reads them, in input pixels. Nobody packages CenterNet itself: its
tree is timm's `dla34`, its deformable layers are computed by torchvision's `deform_conv2d`, its hourglass is
mmdet's. `--fixtures` writes down names and shapes of torchvision's tensors for
`tests/models/test_official.py`; those of CenterNet come from `centernet_names.py`.

The script runs in an environment of its own (`.venvs/torchvision`, which `environment.py` builds on first
use), with this package beside it. torchvision from PyPI is linked against CUDA's libraries. Where torch comes
without them, its operators load if two stand-ins are found instead, `libc10_cuda.so` with nothing in it and
`libtorch_cuda.so` with four names. The script makes them with `cc` and starts itself anew with
`LD_LIBRARY_PATH` set to their folder.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

from environment import peer_python, skip  # noqa: E402

if importlib.util.find_spec("torchvision") is None:
    python = str(peer_python("torchvision"))
    os.execv(python, [python, *sys.argv])

import torch  # noqa: E402

NAMES = (
    "aoti_torch_device_type_cuda",
    "aoti_torch_get_current_cuda_stream",
    "torch_c10_cuda_check_msg",
    "torch_c10_cuda_free_error_msg",
)
"""What torchvision's operators look for in CUDA's part of torch when they are loaded."""


def stand_ins(folder: Path) -> None:
    """Make two libraries in which torchvision finds the names, and nothing is ever called."""
    for library, names in (("libc10_cuda", ()), ("libtorch_cuda", NAMES)):
        source = folder / f"{library}.c"
        source.write_text("".join(f"void {name}(void) {{}}\n" for name in names))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / f"{library}.so", source], check=True)


if torch.version.cuda is None and sys.platform == "linux" and "STAND_INS" not in os.environ:
    if shutil.which("cc") is None:
        skip("torchvision beside a torch without CUDA needs a C compiler, cc")
    with tempfile.TemporaryDirectory() as made:
        stand_ins(Path(made))
        paths = os.pathsep.join(filter(None, (made, os.environ.get("LD_LIBRARY_PATH"))))
        surroundings = {**os.environ, "LD_LIBRARY_PATH": paths, "STAND_INS": made}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=surroundings, check=False).returncode)

import numpy as np  # noqa: E402
import stubs  # noqa: E402
import torchvision  # noqa: E402
from comparison import BAR, filled, largest, scramble, write_names  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torchvision.models.detection import KeypointRCNN  # noqa: E402
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone  # noqa: E402
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign  # noqa: E402

from pinpoint.codecs.keypoint_rcnn import EDGE, LAG  # noqa: E402
from pinpoint.models import architecture  # noqa: E402
from pinpoint.models.dla import Modulated  # noqa: E402
from pinpoint.models.nms import kept  # noqa: E402
from pinpoint.models.roi import pyramid_align, roi_align  # noqa: E402
from pinpoint.skeletons import skeleton  # noqa: E402
from report import Report  # noqa: E402

SIDE = 320
FOUND = 20

Row = tuple[str, tuple[Tensor, ...], tuple[Tensor, ...]]
"""What is compared, ours and theirs."""


def built(name: str, size: int) -> nn.Module:
    """Our network with weights by chance."""
    kind = architecture(name)
    torch.manual_seed(0)
    return kind.build(kind.codec((size, size)), len(skeleton(kind.skeleton)))


def randomised(network: nn.Module) -> dict[str, Tensor]:
    """Weights by chance of Keypoint R-CNN, by torchvision's names.

    Statistics of norms are no two alike, and heads tell regions, boxes and people apart, so that there is
    something to find.
    """
    strong = {
        "rpn.head.cls_logits.weight": 20.0,
        "rpn.head.bbox_pred.weight": 5.0,
        "roi_heads.box_predictor.cls_score.weight": 20.0,
        "roi_heads.box_predictor.cls_score.bias": 0.0,
        "roi_heads.box_predictor.bbox_pred.weight": 30.0,
    }
    tensors = network.state_dict()
    for name, tensor in tensors.items():
        if name.endswith("running_mean") or (".bn" in name and name.endswith("bias")):
            tensor.normal_(0, 0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        tensor.mul_(strong.get(name, 1.0))
    return tensors


def torchvisions(tensors: Mapping[str, Tensor]) -> KeypointRCNN:
    """Its network as that of published weights: norms are frozen, and nothing is added to variances."""
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)
    network = KeypointRCNN(
        backbone, 2, num_keypoints=17, min_size=SIDE, max_size=SIDE, box_detections_per_img=FOUND
    )
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0
    network.load_state_dict(dict(tensors))
    return network.eval()


def keypoint_rcnn(*, fixtures: bool) -> Iterator[Row]:
    """From the operators to what is found."""
    yield from operators()
    ours = built("keypoint-rcnn-r50", SIDE).eval()
    ours.instances = FOUND  # pyright: ignore[reportArgumentType]
    theirs = torchvisions(randomised(ours))
    filled(ours, architecture("keypoint-rcnn-r50").official(theirs.state_dict()))
    if fixtures:
        write_names("keypoint-rcnn-r50", theirs.state_dict())
        write_names("keypoint-rcnn-r50", published_names(theirs.state_dict()), "published")
    pictures = torch.rand(2, 3, SIDE, SIDE)
    mean, std = (
        torch.tensor(value)[:, None, None]
        for value in (theirs.transform.image_mean, theirs.transform.image_std)
    )
    images = (pictures - mean) / std
    pyramid, levels = ours.backbone(images), [*theirs.backbone(images).values()]
    yield "features", tuple(pyramid), tuple(levels)
    logits, deltas, _ = ours.rpn(pyramid, SIDE, SIDE)
    told = theirs.rpn.head(levels)
    yield "proposals, logits", tuple(logits), tuple(one.permute(0, 2, 3, 1).flatten(1) for one in told[0])
    yield (
        "proposals, deltas",
        tuple(deltas),
        tuple(one.permute(0, 2, 3, 1).reshape(2, -1, 4) for one in told[1]),
    )
    yield from instances(ours, images, theirs([*pictures]))


def published_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As the published file has them, which is older: there, single convolutions have no number."""
    numbered = re.compile(r"(blocks\.\d|rpn\.head\.conv)(\.0)+\.(weight|bias)$")
    return {numbered.sub(r"\1.\3", name): tensor for name, tensor in tensors.items()}


def operators() -> Iterator[Row]:
    """Reading regions and dropping boxes."""
    torch.manual_seed(0)
    maps = [torch.randn(2, 16, 80 >> place, 96 >> place) for place in range(4)]
    low, size = torch.rand(500, 2) * 400 - 30, torch.rand(500, 2) ** 2 * 350
    rois = torch.cat([(torch.arange(500) % 2)[:, None].float(), low, low + size], dim=1)
    rois = rois[rois[:, 0].argsort(stable=True)]
    kinds = [(samples, aligned) for samples in (1, 2, 3) for aligned in (False, True)]
    ours = [roi_align(maps[0], rois, 7, scale=0.25, samples=n, aligned=aligned) for n, aligned in kinds]
    theirs = [torchvision.ops.roi_align(maps[0], rois, 7, 0.25, n, aligned) for n, aligned in kinds]
    yield "RoIAlign", tuple(ours), tuple(theirs)
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
    boxes = [rois[rois[:, 0] == picture, 1:] for picture in (0.0, 1.0)]
    read = pool({str(place): level for place, level in enumerate(maps)}, boxes, [(320, 384)] * 2)
    yield "RoIAlign of a pyramid", (pyramid_align(maps, rois, 7),), (read,)
    batch, scores = torch.stack(boxes), (torch.rand(2, 250) * 40).round()
    keep = torch.zeros(2, 250, dtype=torch.bool)
    for picture in range(2):
        keep[picture, torchvision.ops.nms(batch[picture], scores[picture], 0.5)] = True
    yield "suppression, boxes kept", (kept(batch, scores, 0.5).float(),), (keep.float(),)


def instances(ours: nn.Module, images: Tensor, theirs: list[dict[str, Tensor]]) -> Iterator[Row]:
    """What is found, as our codec reads it."""
    kind = architecture("keypoint-rcnn-r50")
    codec = replace(kind.codec((SIDE, SIDE)), min_score=0.05, instances=FOUND)
    outputs = ours(images)
    found = [
        codec.decode(*(output[row : row + 1].numpy() for output in outputs)) for row in range(len(images))
    ]
    scores = [np.float32(one.box_scores) for one in found]
    yield "found, boxes in pixels", _tensors([one.boxes + EDGE for one in found]), _part(theirs, "boxes")
    yield "found, scores", _tensors(scores), _part(theirs, "scores")
    points = tuple(one["keypoints"][..., :2] for one in theirs)
    yield "found, keypoints in pixels", _tensors([one.xy - LAG for one in found]), points


def _tensors(arrays: list) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(np.float32(array)) for array in arrays)


def _part(found: list[dict[str, Tensor]], name: str) -> tuple[Tensor, ...]:
    return tuple(one[name] for one in found)


class TorchvisionsDeform(nn.Module):
    """A deformable layer that torchvision computes."""

    def __init__(self, layer: Modulated) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C', h, w)."""
        told = self.layer.conv_offset_mask(x)
        offset, mask = told[:, :18], told[:, 18:].sigmoid()
        weight, bias = self.layer.weight, self.layer.bias
        return torchvision.ops.deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)


def centernet_dla(*, fixtures: bool) -> Iterator[Row]:
    """The tree beside timm's, and all with torchvision's deformable layers instead of ours."""
    import timm

    ours = scramble(built("centernet-dla34", 128))
    images = torch.randn(2, 3, 128, 128)
    tree = timm.create_model("dla34", pretrained=False, features_only=True, out_indices=(2, 3, 4, 5))
    own = ours.get_submodule("base").state_dict()
    tree.load_state_dict(
        {name.replace("level", "level", 1): value for name, value in own.items()}, strict=True
    )
    yield "tree, timm's dla34", tuple(ours.get_submodule("base")(images)), tuple(tree.eval()(images))
    with_ours = ours(images)
    for parent in [*ours.modules()]:
        for name, child in [*parent.named_children()]:
            if isinstance(child, Modulated):
                setattr(parent, name, TorchvisionsDeform(child))
    yield "all, with torchvision's deform_conv2d", with_ours, ours(images)


def centernet_hourglass(*, fixtures: bool) -> Iterator[Row]:
    """Features of both stacks beside mmdet's."""
    stubs.install()
    from mmdet.models.backbones import HourglassNet

    ours = scramble(built("centernet-hourglass", 128))
    theirs = HourglassNet(5, 2, (256, 256, 384, 384, 384, 512), (2, 2, 2, 2, 2, 4))
    parts = {
        "pre.1": "stem.1.0",
        "pre": "stem",
        "kps": "hourglass_modules",
        "cnvs": "out_convs",
        "inters_": "conv1x1s",
        "cnvs_": "remap_convs",
        "inters": "inters",
    }
    tensors = {}
    for name, tensor in ours.state_dict().items():
        part = next((part for part in parts if name.startswith(f"{part}.")), None)
        if part is not None:
            tensors[mmdets(name.replace(part, parts[part], 1), part)] = tensor
    theirs.load_state_dict(tensors, strict=True)
    images, seen = torch.randn(2, 3, 128, 128), []
    for unit in ours.get_submodule("cnvs").children():
        unit.register_forward_hook(lambda _, __, output: seen.append(output))
    ours(images)
    yield "features, mmdet's HourglassNet", tuple(seen), tuple(theirs.eval()(images))


def mmdets(name: str, part: str) -> str:
    """How mmdet calls what one convolution and its norm are."""
    if part not in ("inters_", "cnvs_"):
        return name
    head, stack, place, rest = name.split(".")
    return ".".join((head, stack, ("conv", "bn")[int(place)], rest))


NETWORKS: dict[str, Callable[..., Iterator[Row]]] = {
    "keypoint-rcnn-r50": keypoint_rcnn,
    "centernet-dla34": centernet_dla,
    "centernet-hourglass": centernet_hourglass,
}


@torch.no_grad()
def main() -> None:
    """Compare the networks that are named, or all."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NETWORKS)}; all if left out")
    parser.add_argument("--fixtures", action="store_true", help="write names and shapes for the tests")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NETWORKS):
        parser.error(f"no network {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}")
    warnings.simplefilter("ignore")
    rows = []
    for name in chosen.names or NETWORKS:
        for part, ours, theirs in NETWORKS[name](fixtures=chosen.fixtures):
            difference, scale = largest(ours, theirs)
            verdict = "yes" if difference <= BAR else "**no**"
            rows.append((name, part, f"{difference:.1e}", f"{scale:.2g}", verdict))
            print(*rows[-1], file=sys.stderr, flush=True)
    report = Report("Networks beside torchvision's 0.29.2, timm's and mmdet's", kept=not chosen.names)
    report.table(["network", "what", "largest difference", "largest value", f"within {BAR:g}"], rows)


if __name__ == "__main__":
    main()
