"""ViTPose and ViTPose++ beside transformers': the same random weights and pictures, how far apart they are.

Usage: python benchmarks/parity/transformers_networks.py [NAME ...] [--lists]

Transformers' VitPoseForPoseEstimation has weights by chance, and ours takes them through
`Architecture.official`, nothing missing and nothing left over. mmpretrain's VisionTransformer, on which
mmpose and Sapiens build, gives features to compare, and what those call the parts. The script runs in an
environment of its own (`.venvs/transformers`, built on first use by `environment.py`), with this package
beside it. The largest networks take 8 GB of memory. `--lists` writes down names and shapes for the tests.
"""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "src")]

from environment import peer_python  # noqa: E402
from report import Report  # noqa: E402

if __name__ == "__main__" and importlib.util.find_spec("transformers") is None:
    python = str(peer_python("transformers"))
    os.execve(python, [python, *sys.argv], os.environ)

sys.modules["torchvision"] = None  # pyright: ignore[reportArgumentType]  # where it is broken, all would be

import numpy as np  # noqa: E402
import stubs  # noqa: E402
import torch  # noqa: E402
from comparison import BAR, filled, largest, scramble, write_names  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from pinpoint.geometry import box_regions, region_matrices, transform_points, warp  # noqa: E402
from pinpoint.models import ARCHITECTURES, Architecture, architecture  # noqa: E402
from pinpoint.models.vitpose_plus import DATASETS  # noqa: E402
from pinpoint.skeletons import skeleton  # noqa: E402

BATCH = 2


def reference(kind: Architecture) -> nn.Module:
    """Transformers' network of the same size."""
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    depths, mlp = kind.build.keywords["depths"], kind.build.keywords.get("mlp")
    width, height = kind.input_size
    backbone = VitPoseBackboneConfig(
        image_size=[height, width],
        patch_size=[16, 16],
        hidden_size=depths.width,
        num_hidden_layers=depths.blocks,
        num_attention_heads=depths.heads,
        num_experts=1 if mlp is None else len(DATASETS),
        part_features=0 if mlp is None else mlp.keywords["part"],
        layer_norm_eps=1e-6,
        out_indices=[depths.blocks],
    )
    simple = kind.name.endswith(".simple")
    count = len(skeleton(kind.skeleton))
    return VitPoseForPoseEstimation(
        VitPoseConfig(backbone_config=backbone, num_labels=count, use_simple_decoder=simple)
    )


def built(kind: Architecture) -> nn.Module:
    """Our network without numbers in it."""
    with torch.device("meta"):
        return kind.build(kind.codec(kind.input_size), len(skeleton(kind.skeleton)))


def expert_of(kind: Architecture) -> Tensor | None:
    """Which expert transformers is to ask, for each picture."""
    mlp = kind.build.keywords.get("mlp")
    return None if mlp is None else torch.full((BATCH,), mlp.keywords["chosen"])


@torch.no_grad()
def compared(kind: Architecture) -> tuple[float, float, int]:
    """Largest difference, largest output and number of parameters of the reference."""
    theirs = scramble(reference(kind))
    count = sum(parameter.numel() for parameter in theirs.parameters())
    ours = filled(built(kind), kind.official(theirs.state_dict()))
    images = torch.randn(BATCH, 3, *kind.input_size[::-1], generator=torch.Generator().manual_seed(1))
    wanted = theirs(images, dataset_index=expert_of(kind)).heatmaps
    return *largest(ours(images), (wanted,)), count


def names_of_authors(kind: Architecture) -> Iterator[tuple[str, Tensor]]:
    """What ViTPose's own files hold, after `vit.py`, `vit_moe.py` and `topdown_heatmap_simple_head.py`."""
    depths, mlp = kind.build.keywords["depths"], kind.build.keywords.get("mlp")
    c, part = depths.width, 0 if mlp is None else mlp.keywords["part"]
    tokens = kind.input_size[0] * kind.input_size[1] // 256
    yield "backbone.pos_embed", _shaped(1, tokens + 1, c)
    yield from _layer("backbone.patch_embed.proj", c, 3, 16, 16)
    for i in range(depths.blocks):
        block = f"backbone.blocks.{i}"
        yield from _layer(f"{block}.norm1", c)
        yield from _layer(f"{block}.attn.qkv", 3 * c, c)
        yield from _layer(f"{block}.attn.proj", c, c)
        yield from _layer(f"{block}.norm2", c)
        yield from _layer(f"{block}.mlp.fc1", 4 * c, c)
        yield from _layer(f"{block}.mlp.fc2", c - part, 4 * c)
        for e in range(len(DATASETS) if mlp else 0):
            yield from _layer(f"{block}.mlp.experts.{e}", part, 4 * c)
    yield from _layer("backbone.last_norm", c)
    simple = kind.name.endswith(".simple")
    yield from _head("keypoint_head", c, 17, simple=simple)
    for i, columns in enumerate(list(DATASETS.values())[1:] if mlp else []):
        yield from _head(f"associate_keypoint_heads.{i}", c, len(skeleton(columns)), simple=simple)


def _layer(name: str, *weight: int) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", _shaped(*weight)
    yield f"{name}.bias", _shaped(weight[0])


def _shaped(*sides: int) -> Tensor:
    return torch.empty(sides, device="meta")


def _head(name: str, width: int, keypoints: int, *, simple: bool) -> Iterator[tuple[str, Tensor]]:
    if simple:
        yield from _layer(f"{name}.final_layer", keypoints, width, 3, 3)
        return
    yield from _deconvolutions(name, width, 256)
    yield from _layer(f"{name}.final_layer", keypoints, 256, 1, 1)


def _deconvolutions(name: str, inside: int, outside: int) -> Iterator[tuple[str, Tensor]]:
    for place, channels in ((0, inside), (3, outside)):
        yield f"{name}.deconv_layers.{place}.weight", _shaped(channels, outside, 4, 4)
        yield from _norm(f"{name}.deconv_layers.{place + 1}", outside)


def _norm(name: str, width: int) -> Iterator[tuple[str, Tensor]]:
    yield from _layer(name, width)
    yield f"{name}.running_mean", _shaped(width)
    yield f"{name}.running_var", _shaped(width)
    yield f"{name}.num_batches_tracked", _shaped()


def head_of_sapiens(width: int, keypoints: int) -> Iterator[tuple[str, Tensor]]:
    """The head of mmpose with two deconvolutions and two convolutions of 1 x 1, all of 768 channels."""
    yield from _deconvolutions("head", width, 768)
    for place in (0, 3):
        yield from _layer(f"head.conv_layers.{place}", 768, 768, 1, 1)
        yield from _norm(f"head.conv_layers.{place + 1}", 768)
    yield from _layer("head.final_layer", keypoints, 768, 1, 1)


@cache
def mmpretrain_transformer() -> type[nn.Module]:
    """The class, without the packages around it, which ask for torchvision."""
    stubs.install()
    spec = importlib.util.find_spec("mmpretrain")
    assert spec is not None and spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    for name in ("mmpretrain", "mmpretrain.models", "mmpretrain.models.backbones", "mmpretrain.models.utils"):
        module = ModuleType(name)
        module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = module
    for part, names in {
        "helpers": ["to_2tuple"],
        "norm": ["build_norm_layer"],
        "embed": ["resize_pos_embed"],
        "attention": ["MultiheadAttention"],
        "swiglu_ffn": ["SwiGLUFFNFused"],
    }.items():
        found = importlib.import_module(f"mmpretrain.models.utils.{part}")
        for name in names:
            setattr(sys.modules["mmpretrain.models.utils"], name, getattr(found, name))
    return importlib.import_module("mmpretrain.models.backbones.vision_transformer").VisionTransformer


def of_mmpretrain(kind: Architecture, size: tuple[int, int] | None = None) -> nn.Module:
    """The backbone as mmpose's configurations of ViTPose make it."""
    depths = kind.build.keywords["depths"]
    arch = {"embed_dims": depths.width, "num_layers": depths.blocks, "num_heads": depths.heads}
    width, height = size or kind.input_size
    return mmpretrain_transformer()(
        arch=arch | {"feedforward_channels": 4 * depths.width},
        img_size=(height, width),
        patch_size=16,
        qkv_bias=True,
        with_cls_token=False,
        out_type="featmap",
        patch_cfg={"padding": 2},
    )


@torch.no_grad()
def compared_backbone(kind: Architecture, size: tuple[int, int] | None = None) -> tuple[float, float, int]:
    """As `compared`, of the features, with mmpretrain's transformer."""
    theirs = scramble(of_mmpretrain(kind, size))
    count = sum(parameter.numel() for parameter in theirs.parameters())
    size = size or kind.input_size
    with torch.device("meta"):
        ours = kind.build(kind.codec(size), 1)
    tensors = {f"backbone.{name}": tensor for name, tensor in theirs.state_dict().items()}
    found = {n.removeprefix("backbone."): t for n, t in kind.official(tensors).items()}
    images = torch.randn(BATCH, 3, *size[::-1], generator=torch.Generator().manual_seed(1))
    return *largest((filled(ours.backbone, found)(images),), theirs(images)), count


def crops_apart() -> list[tuple[str, str]]:
    """How far crops for the same box are apart, in grey levels and in pixels."""
    from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

    kind = architecture("vitpose-b")
    image = np.kron(np.random.default_rng(0).integers(0, 256, (30, 40, 3)), np.ones((12, 12, 1))).astype(
        "uint8"
    )
    box = [100.0, 60.0, 120.0, 200.0]  # x, y, width, height
    values = VitPoseImageProcessorPil()([image], boxes=[[box]], return_tensors="np").pixel_values[0]
    theirs = values.transpose(1, 2, 0) * kind.std + kind.mean
    center, size = box_regions(np.array([[*box[:2], box[0] + box[2], box[1] + box[3]]]), 192 / 256, 1.25)
    ours = region_matrices(center, size, 0.0, kind.input_size)[0]
    scale = (np.array(kind.input_size) - 1) / size[0]
    corners = np.column_stack([np.diag(scale), scale * (size[0] / 2 - center[0])])
    inner = slice(8, -8)  # at the edge of a picture each fills in its own way
    rows = []
    for title, matrix in (("our map, our warp", ours), ("their map, our warp", corners)):
        levels = np.abs(warp(image, matrix, kind.input_size) - theirs)[inner, inner]
        rows.append((title, f"{levels.mean():.2f}, {levels.max():.1f} grey levels"))
    places = np.array([center[0], center[0] - size[0] / 2])
    apart = np.abs(transform_points(places, ours) - transform_points(places, corners)).max(axis=1)
    rows.append(("the two maps", f"{apart[0]:.2f} input pixels in the middle, {apart[1]:.2f} at the corner"))
    return rows


def write_lists(kind: Architecture) -> None:
    """Write down what all three call the parts."""
    with torch.device("meta"):
        theirs = reference(kind).state_dict()
        backbone = of_mmpretrain(kind).state_dict()
    write_names(kind.name, dict(names_of_authors(kind)))
    write_names(kind.name, theirs, "transformers")
    if "mlp" not in kind.build.keywords:
        head = {name: tensor for name, tensor in names_of_authors(kind) if name.startswith("keypoint_head.")}
        renamed = {name.removeprefix("keypoint_"): tensor for name, tensor in head.items()}
        write_names(kind.name, {f"backbone.{name}": t for name, t in backbone.items()} | renamed, "mmpose")


def write_sapiens(kind: Architecture) -> None:
    """Write down what mmpretrain and mmpose call the parts."""
    with torch.device("meta"):
        backbone = of_mmpretrain(kind).state_dict()
    head = dict(head_of_sapiens(kind.build.keywords["depths"].width, len(skeleton(kind.skeleton))))
    write_names(kind.name, {f"backbone.{name}": tensor for name, tensor in backbone.items()} | head)


COLUMNS = ("network", "our parameters", "theirs", "largest difference", "largest output", f"within {BAR:g}")
NAMES = [name for name in ARCHITECTURES if name.startswith("vitpose-")]
EXPERTS = ("vitpose-plus-s.aic", "vitpose-plus-s.wholebody")
COMPARED = [name for name in NAMES if "-plus-" not in name or "." not in name or name in EXPERTS]
"""The other data sets of ViTPose++ differ from these in the number of an expert alone."""


CROPS = """Crops of VitPoseImageProcessorPil beside ours, of noise in squares of 12 pixels. Transformers puts
the sides of the region onto the middles of the first and last pixels, as UDP does (arXiv 1911.07524); ours
fall onto their outer edges, so that people are larger by half a percent. Points go back through the map that
the crop was cut with, so this moves none:"""


def row(name: str, ours: nn.Module, figures: tuple[float, float, int]) -> list[object]:
    """A row of the table."""
    difference, size, count = figures
    own = sum(parameter.numel() for parameter in ours.parameters())
    verdict = "yes" if difference <= BAR else "**no**"
    return [name, f"{own:,}", f"{count:,}", f"{difference:.1e}", f"{size:.2g}", verdict]


def main() -> None:
    """Compare the networks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(COMPARED)}; all if left out")
    parser.add_argument("--lists", action="store_true", help="write names and shapes for the tests")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(COMPARED):
        parser.error(f"no network {', '.join(sorted(unknown))}; there are {', '.join(COMPARED)}")
    report = Report("Networks beside transformers' and mmpretrain's", kept=not chosen.names)
    rows = []
    for name in chosen.names or COMPARED:
        kind = architecture(name)
        if chosen.lists and name not in EXPERTS:
            write_lists(kind)
        rows.append(row(name, built(kind), compared(kind)))
        print(*rows[-1], file=sys.stderr, flush=True)
    for name in ARCHITECTURES if chosen.lists else ():
        if name.startswith("sapiens-"):
            write_sapiens(architecture(name))
    report.add("Against transformers' VitPoseForPoseEstimation, heatmaps:")
    report.table(COLUMNS, rows)
    report.add(
        "The backbone against mmpretrain's VisionTransformer, which mmpose uses, features; it has no "
        "position of a class token:"
    )
    sizes = [name for name in chosen.names or COMPARED if "." not in name and "-plus-" not in name]
    kinds = [architecture(name) for name in sizes]
    report.table(COLUMNS, [row(kind.name, built(kind).backbone, compared_backbone(kind)) for kind in kinds])
    report.add(CROPS)
    report.table(("crop", "mean and largest difference"), crops_apart())


if __name__ == "__main__":
    main()
