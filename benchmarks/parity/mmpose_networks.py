"""Networks beside mmpose 1.3.2's: the same random weights and pictures, how far apart what comes out is.

Usage: python benchmarks/parity/mmpose_networks.py [NAME ...] [--fixtures]

mmpose's network is built from its own configuration, and its state is what an official checkpoint holds: ours
takes it through `Architecture.official`, nothing missing and nothing left over. The script runs in mmpose's
environment (`.venvs/mmpose`, which `environment.py` builds on first use), with this package beside it.
`--fixtures` writes down names and shapes of mmpose's tensors for `tests/models/test_official.py`.
"""

import argparse
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

from environment import peer_python  # noqa: E402

if importlib.util.find_spec("mmpose") is None:
    python = str(peer_python("mmpose"))
    os.execv(python, [python, *sys.argv])

import stubs  # noqa: E402

stubs.install()

import mmpose  # noqa: E402
import torch  # noqa: E402
from comparison import BAR, filled, largest, write_names  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from mmpose.registry import MODELS as MMPOSE  # noqa: E402
from mmpose.structures.bbox import bbox_xyxy2cs  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn.modules.batchnorm import _BatchNorm  # noqa: E402

from pinpoint.models import architecture  # noqa: E402
from pinpoint.skeletons import skeleton  # noqa: E402
from report import Report  # noqa: E402

CONFIGS = Path(mmpose.__file__).parent / ".mim" / "configs"
TOP_DOWN = "body_2d_keypoint/topdown_heatmap/coco/td-hm_"
RTMPOSE = "body_2d_keypoint/rtmpose/body8/"
WHOLE_BODY = "wholebody_2d_keypoint/rtmpose/ubody/"
READ = 7  # every seventh cell's points are compared
RTMO = "body_2d_keypoint/rtmo/coco/"
REGRESSION = "body_2d_keypoint/topdown_regression/coco/td-reg_"

Outputs = tuple[Tensor, ...]


def flattened(outputs: Any) -> Outputs:
    """All tensors of nested tuples and lists, in their order."""
    if isinstance(outputs, Tensor):
        return (outputs,)
    return tuple(tensor for one in outputs for tensor in flattened(one))


def as_mmpose_does(network: nn.Module, images: Tensor) -> Outputs:
    """What mmpose's network puts out before it is read."""
    return flattened(network(images, None, mode="tensor"))


def as_we_do(network: nn.Module, images: Tensor) -> Outputs:
    """What ours puts out before it is read."""
    return flattened(network(images))


def table_alone(network: nn.Module, images: Tensor) -> Outputs:
    """What ours puts out first: after it comes what only its loss takes."""
    return network(images)[:1]


def rtmo_of_mmpose(network: Any, images: Tensor) -> Outputs:
    """Scores, boxes and visibilities of all cells, points of some; places are shares of the input."""
    head, side = network.head, images.shape[3]
    scores, sides, _, seen, poses = head(network.extract_feat(images.flip(1)))  # blue first
    sizes = [score.shape[2:] for score in scores]
    cells = torch.cat(head.prior_generator.grid_priors(sizes, device="cpu", with_stride=True))
    logits, sides, seen, poses = (head._flatten_predictions(maps) for maps in (scores, sides, seen, poses))
    boxes = head.decode_bbox(sides, cells[:, :2], cells[:, -1])
    frames = torch.cat(bbox_xyxy2cs(boxes[:, ::READ].flatten(0, 1), head.bbox_padding), dim=1)
    middles = cells[::READ, :2].repeat(len(images), 1)
    points = head.dcc.forward_test(poses[:, ::READ].flatten(0, 1), frames, middles)
    return logits[..., 0], boxes / side, seen, points / side


def rtmo_of_ours(network: Any, images: Tensor) -> Outputs:
    """The same of ours."""
    told, side = network._told(images), images.shape[3]
    middles = told.centers[::READ].expand(len(images), -1, -1)
    read, *_ = network.head.dcc(told.poses[:, ::READ], told.boxes[:, ::READ], middles)
    return told.logits, told.boxes / side, told.points[..., 2], read.flatten(0, 1) / side


@dataclass(frozen=True)
class Case:
    """One network that both have.

    Args:
        config: Of mmpose, from its folder of configurations, without `.py`.
        theirs: Runs mmpose's network, where its raw outputs are not laid out as ours.
        ours: Runs ours, where its raw outputs are not laid out as mmpose's.
        other_names: What else official files call the tensors: a word for the fixture, and how their names
            come from mmpose's.
        changes: To the configuration's model, by dotted names, where there is none of the keypoints.
        calmed: Parts whose weights are multiplied by a factor: boxes are exponentials of what comes out.
    """

    config: str
    theirs: Callable[[nn.Module, Tensor], Outputs] = as_mmpose_does
    ours: Callable[[nn.Module, Tensor], Outputs] = as_we_do
    other_names: tuple[str, Callable[[str], str]] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    calmed: Mapping[str, float] = field(default_factory=dict)


def microsofts(name: str) -> str:
    """The authors of HRNet and SimpleBaseline name the same parts without saying what they belong to."""
    return name.removeprefix("backbone.").removeprefix("head.")


def distilled(name: str) -> str:
    """What mmpose calls a part of DWPose's student while it distils."""
    return f"student.{name}"


MICROSOFT, DISTILLED = ("microsoft", microsofts), ("distiller", distilled)

RTMO_HEADS = {"out_cls": 0.01, "out_bbox": 1e-4, "out_kpt_vis": 0.01, "out_pose": 0.01}

MODELS: dict[str, Case] = {
    "hrnet-w32": Case(f"{TOP_DOWN}hrnet-w32_8xb64-210e_coco-256x192", other_names=MICROSOFT),
    "hrnet-w48": Case(f"{TOP_DOWN}hrnet-w48_8xb32-210e_coco-256x192", other_names=MICROSOFT),
    "simplebaseline-r50": Case(f"{TOP_DOWN}res50_8xb64-210e_coco-256x192", other_names=MICROSOFT),
    "simplebaseline-r101": Case(f"{TOP_DOWN}res101_8xb64-210e_coco-256x192", other_names=MICROSOFT),
    "simplebaseline-r152": Case(f"{TOP_DOWN}res152_8xb32-210e_coco-256x192", other_names=MICROSOFT),
    "hourglass-52": Case(f"{TOP_DOWN}hourglass52_8xb32-210e_coco-256x256"),
    "deeppose-r50": Case(f"{REGRESSION}res50_8xb64-210e_coco-256x192"),
    "deeppose-r101": Case(f"{REGRESSION}res101_8xb64-210e_coco-256x192"),
    "deeppose-r152": Case(f"{REGRESSION}res152_8xb64-210e_coco-256x192"),
    "deeppose-rle-r50": Case(f"{REGRESSION}res50_rle-8xb64-210e_coco-256x192", ours=table_alone),
    "deeppose-rle-r101": Case(f"{REGRESSION}res101_rle-8xb64-210e_coco-256x192", ours=table_alone),
    "deeppose-rle-r152": Case(f"{REGRESSION}res152_rle-8xb64-210e_coco-256x192", ours=table_alone),
    "rtmpose-t": Case(f"{RTMPOSE}rtmpose-t_8xb256-420e_body8-256x192"),
    "rtmpose-s": Case(f"{RTMPOSE}rtmpose-s_8xb256-420e_body8-256x192"),
    "rtmpose-m": Case(f"{RTMPOSE}rtmpose-m_8xb256-420e_body8-256x192"),
    "rtmpose-l": Case(f"{RTMPOSE}rtmpose-l_8xb256-420e_body8-256x192"),
    "rtmpose-x": Case(
        f"{RTMPOSE}rtmpose-x_8xb256-700e_body8-halpe26-384x288", changes={"head.out_channels": 17}
    ),
    "dwpose-t": Case(f"{WHOLE_BODY}rtmpose-t_8xb64-270e_coco-ubody-wholebody-256x192", other_names=DISTILLED),
    "dwpose-s": Case(f"{WHOLE_BODY}rtmpose-s_8xb64-270e_coco-ubody-wholebody-256x192"),
    "dwpose-m": Case(f"{WHOLE_BODY}rtmpose-m_8xb64-270e_coco-ubody-wholebody-256x192"),
    "dwpose-l": Case(f"{WHOLE_BODY}rtmpose-l_8xb32-270e_coco-ubody-wholebody-384x288"),
    "rtmo-s": Case(f"{RTMO}rtmo-s_8xb32-600e_coco-640x640", rtmo_of_mmpose, rtmo_of_ours, calmed=RTMO_HEADS),
    "rtmo-m": Case(f"{RTMO}rtmo-m_16xb16-600e_coco-640x640", rtmo_of_mmpose, rtmo_of_ours, calmed=RTMO_HEADS),
    "rtmo-l": Case(f"{RTMO}rtmo-l_16xb16-600e_coco-640x640", rtmo_of_mmpose, rtmo_of_ours, calmed=RTMO_HEADS),
}
"""By the names of our architectures."""


def their_network(config: str, changes: Mapping[str, Any] | None = None) -> nn.Module:
    """Build mmpose's network from its configuration, without weights from elsewhere."""
    whole = Config.fromfile(CONFIGS / f"{config}.py")
    whole.merge_from_dict({f"model.{name}": value for name, value in (changes or {}).items()})
    settings = whole.model
    _drop_pretrained(settings)
    with DefaultScope.overwrite_default_scope("mmpose"):
        return MMPOSE.build(settings)


def _drop_pretrained(settings: Any) -> None:
    """Weights that a configuration starts from lie on a server."""
    if isinstance(settings, dict):
        settings.pop("init_cfg", None)
    for value in settings.values() if isinstance(settings, dict) else settings:
        if isinstance(value, dict | list | tuple):
            _drop_pretrained(value)


def randomise(network: nn.Module, images: Tensor) -> None:
    """Give a network statistics of batch norm and scales that no two channels share, near what it sees.

    Far from it, outputs of a deep network would be huge or nothing, and so would differences.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        as_mmpose_does(network.train(), images)
        for norm in norms:
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean += norm.running_var.sqrt() * torch.randn_like(norm.running_mean) / 10
            norm.running_var *= torch.rand_like(norm.running_var) / 2 + 0.75
            norm.weight.uniform_(0.75, 1.25)
            norm.bias.normal_(std=0.1)
    network.eval()


def calm(network: nn.Module, parts: Mapping[str, float]) -> None:
    """Multiply the weights of some parts."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            for part, factor in parts.items():
                parameter.mul_(factor if part in name else 1.0)


def compared(name: str, case: Case) -> tuple[list[str], Mapping[str, Tensor]]:
    """A row of the table, and mmpose's tensors."""
    torch.manual_seed(0)
    kind = architecture(name)
    images = torch.randn(2, 3, *kind.input_size[::-1])
    theirs = their_network(case.config, case.changes)
    randomise(theirs, images)
    calm(theirs, case.calmed)
    ours = kind.build(kind.codec(kind.input_size), len(skeleton(kind.skeleton)))
    filled(ours, kind.official(theirs.state_dict()))
    with torch.no_grad():
        difference, scale = largest(case.ours(ours, images), case.theirs(theirs, images))
    counts = [sum(p.numel() for p in network.parameters()) for network in (ours, theirs)]
    verdict = "yes" if difference <= BAR else "**no**"
    row = [name, *(f"{count:,}" for count in counts), f"{difference:.1e}", f"{scale:.2g}", verdict]
    return row, theirs.state_dict()


def main() -> None:
    """Compare the networks that are named, or all."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MODELS)}; all if left out")
    parser.add_argument("--fixtures", action="store_true", help="write names and shapes for the tests")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(MODELS):
        parser.error(f"no network {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    warnings.simplefilter("ignore")
    rows = []
    for name in chosen.names or MODELS:
        row, tensors = compared(name, case := MODELS[name])
        print(*row, file=sys.stderr, flush=True)
        rows.append(row)
        if chosen.fixtures:
            write_names(name, tensors)
            if case.other_names is not None:
                word, rename = case.other_names
                write_names(name, {rename(key): value for key, value in tensors.items()}, word)
    report = Report("Networks beside mmpose 1.3.2's", kept=not chosen.names)
    report.table(
        [
            "network",
            "our parameters",
            "mmpose's, with what only training needs",
            "largest difference",
            "largest output",
            f"within {BAR:g}",
        ],
        rows,
    )


if __name__ == "__main__":
    main()
