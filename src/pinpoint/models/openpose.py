"""OpenPose (arXiv 1611.08050, 1812.08008): stages that look again at maps of points and of limbs.

Written from the papers; its code and weights are for non-commercial use alone, and neither was used. Layers,
widths and what tensors are called are those of the published layer lists, of which our modules are made in a
tidier order: `caffe_names` tells one from the other. Channels of limbs follow its documentation ("Output
format", the order of its part pairs).
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pinpoint.codecs.paf import Paf
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published

__all__ = ["OpenPose18", "OpenPose25", "caffe_names", "openpose_body25", "openpose_coco18"]

FEATURES = 128
GREY = 128.0  # what is outside the picture: nothing, once it is normalised
SMALL = 0.01  # spread of the weights of the last layer of a stage at the start
VGG = (64, 64, "", 128, 128, "", 256, 256, 256, 256, "", 512, 512)
"""Channels of the first ten convolutions of VGG19 (arXiv 1409.1556); the empty are where it halves."""

BODY25_LIMBS = (
    *(
        (1, 8),
        (9, 10),
        (10, 11),
        (8, 9),
        (8, 12),
        (12, 13),
        (13, 14),
        (1, 2),
        (2, 3),
        (3, 4),
        (2, 17),
        (1, 5),
    ),
    *((5, 6), (6, 7), (5, 18), (1, 0), (0, 15), (0, 16), (15, 17), (16, 18), (14, 19), (19, 20), (14, 21)),
    *((11, 22), (22, 23), (11, 24)),
)
COCO18_LIMBS = (
    *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 2), (2, 3), (3, 4), (2, 16), (1, 5), (5, 6)),
    *((6, 7), (5, 17), (1, 0), (0, 14), (0, 15), (14, 16), (15, 17)),
)


class PointMaps(nn.Module):
    """A map for each keypoint and, last, one for where none is. They are apart, as keypoints may change."""

    def __init__(self, inside: int, keypoints: int) -> None:
        super().__init__()
        self.points = nn.Conv2d(inside, keypoints, 1)
        self.rest = nn.Conv2d(inside, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Maps (B, K + 1, h, w)."""
        return torch.cat([self.points(features), self.rest(features)], dim=1)


class Triple(nn.Module):
    """Three convolutions of 3 x 3 in a row, what each puts out side by side: as wide a view as 7 x 7 has."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(i, width, 3, padding=1) for i in (inside, width, width))
        self.acts = nn.ModuleList(nn.PReLU(width) for _ in range(3))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, 3 * width, h, w)."""
        parts = []
        for conv, act in zip(self.convs, self.acts, strict=True):
            features = act(conv(features))
            parts.append(features)
        return torch.cat(parts, dim=1)


class Stage(nn.Module):
    """Layers that read features, and what puts out maps.

    Args:
        trunk: The layers.
        last: What reads them.
    """

    def __init__(self, trunk: Sequence[nn.Module], last: nn.Module) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*trunk)
        self.last = last
        self.trunk.apply(_start_even)
        self.last.apply(_start_small)

    def forward(self, *features: Tensor) -> Tensor:
        """Maps of features (B, C, h, w) side by side."""
        return self.last(self.trunk(torch.cat(features, dim=1)))


def _start_even(module: nn.Module) -> None:
    """Keep signals as large as they come (arXiv 1502.01852): there are no norms, and widths change often."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(module.bias)


def _start_small(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.normal_(module.weight, std=SMALL)
        nn.init.zeros_(module.bias)


def _triples(inside: int, width: int, narrow: int) -> list[nn.Module]:
    """Five triples and a convolution of 1 x 1."""
    blocks = [Triple(i, width) for i in (inside, *(3 * width,) * 4)]
    return [*blocks, nn.Conv2d(3 * width, narrow, 1), nn.PReLU(narrow)]


def _plain(inside: int, widths: Sequence[int], kernels: Sequence[int]) -> list[nn.Module]:
    """Convolutions with ReLU."""
    layers: list[nn.Module] = []
    for before, width, kernel in zip((inside, *widths), widths, kernels, strict=False):
        layers += [nn.Conv2d(before, width, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
    return layers


def _features(act: Callable[[int], nn.Module]) -> nn.Sequential:
    """The first ten convolutions of VGG19 and two that narrow them, at 1/8 of the input.

    Args:
        act: What follows the last three.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before, block, number = 3, 1, 1
    for width in VGG:
        if isinstance(width, str):
            layers[f"pool{block}"] = nn.MaxPool2d(2)
            block, number = block + 1, 1
            continue
        layers[f"conv{block}_{number}"] = nn.Conv2d(before, width, 3, padding=1)
        layers[f"relu{block}_{number}"] = nn.ReLU(inplace=True)
        before, number = width, number + 1
    layers["relu4_2"] = act(512)
    for name, inside, width in (("4_3_CPM", 512, 256), ("4_4_CPM", 256, FEATURES)):
        layers[f"conv{name}"] = nn.Conv2d(inside, width, 3, padding=1)
        layers[f"relu{name}"] = act(width)
    return nn.Sequential(layers).apply(_start_even)


class OpenPose25(nn.Module):
    """Fields of limbs in four stages, then points in two, which know the limbs (arXiv 1812.08008).

    Args:
        codec: Says which limbs there are.
        keypoints: How many there are.
    """

    def __init__(self, codec: Paf, keypoints: int) -> None:
        super().__init__()
        limbs, points = 2 * codec.fields, keypoints + 1
        self.backbone = _features(nn.PReLU)
        reads = (FEATURES, *(FEATURES + limbs,) * 3)
        self.limb_stages = nn.ModuleList(
            Stage(_triples(inside, *_widths(number)), nn.Conv2d(_widths(number)[1], limbs, 1))
            for number, inside in enumerate(reads)
        )
        reads = (FEATURES + limbs, FEATURES + limbs + points)
        self.point_stages = nn.ModuleList(
            Stage(_triples(inside, *_widths(number)), PointMaps(_widths(number)[1], keypoints))
            for number, inside in enumerate(reads)
        )

    @property
    def keypoint_parameters(self) -> Mapping[str, int]:
        """See `Network`."""
        return _point_rows(len(self.point_stages))

    @property
    def keypoint_inputs(self) -> tuple[str, ...]:
        """What puts out fields and what reads maps of stages before."""
        readers = [f"limb_stages.{n}.trunk.0.convs.0" for n in range(1, len(self.limb_stages))]
        readers += [f"point_stages.{n}.trunk.0.convs.0" for n in range(len(self.point_stages))]
        return (*readers, *(f"limb_stages.{n}.last" for n in range(len(self.limb_stages))))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, S, K + 1, h / 8, w / 8) and limbs (B, S', 2E, h / 8, w / 8) of every stage."""
        features = self.backbone(images)
        limbs: list[Tensor] = []
        for stage in self.limb_stages:
            limbs.append(stage(features, *limbs[-1:]))
        points: list[Tensor] = []
        for stage in self.point_stages:
            points.append(stage(features, *points[-1:], limbs[-1]))
        return torch.stack(points, dim=1), torch.stack(limbs, dim=1)

    def readable(self, points: Tensor, limbs: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the last stage."""
        return points[:, -1], limbs[:, -1]


def _widths(stage: int) -> tuple[int, int]:
    """Channels of the convolutions of 3 x 3 and 1 x 1; the first stage of a kind is narrower."""
    return (96, 256) if stage == 0 else (128, 512)


class OpenPose18(nn.Module):
    """Limbs and points side by side in six stages, each of which reads both (arXiv 1611.08050).

    Args:
        codec: Says which limbs there are.
        keypoints: How many there are.
    """

    def __init__(self, codec: Paf, keypoints: int) -> None:
        super().__init__()
        limbs, points = 2 * codec.fields, keypoints + 1
        self.backbone = _features(lambda _: nn.ReLU(inplace=True))
        both = FEATURES + limbs + points
        trunks = [(FEATURES, (128, 128, 128, 512), (3, 3, 3, 1))]
        trunks += [(both, (128,) * 6, (7, 7, 7, 7, 7, 1))] * 5
        self.limb_stages = nn.ModuleList(
            Stage(_plain(*trunk), nn.Conv2d(trunk[1][-1], limbs, 1)) for trunk in trunks
        )
        self.point_stages = nn.ModuleList(
            Stage(_plain(*trunk), PointMaps(trunk[1][-1], keypoints)) for trunk in trunks
        )

    @property
    def keypoint_parameters(self) -> Mapping[str, int]:
        """See `Network`."""
        return _point_rows(len(self.point_stages))

    @property
    def keypoint_inputs(self) -> tuple[str, ...]:
        """What puts out fields and what reads maps of stages before."""
        later = range(1, len(self.limb_stages))
        readers = [f"{kind}_stages.{n}.trunk.0." for kind in ("limb", "point") for n in later]
        return (*readers, *(f"limb_stages.{n}.last" for n in range(len(self.limb_stages))))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, S, K + 1, h / 8, w / 8) and limbs (B, S, 2E, h / 8, w / 8) of every stage."""
        features = self.backbone(images)
        points: list[Tensor] = []
        limbs: list[Tensor] = []
        for limb_stage, point_stage in zip(self.limb_stages, self.point_stages, strict=True):
            seen = (*limbs[-1:], *points[-1:], features)
            limbs.append(limb_stage(*seen))
            points.append(point_stage(*seen))
        return torch.stack(points, dim=1), torch.stack(limbs, dim=1)

    def readable(self, points: Tensor, limbs: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the last stage."""
        return points[:, -1], limbs[:, -1]


def _point_rows(stages: int) -> dict[str, int]:
    return {f"point_stages.{n}.last.points.{kind}": 1 for n in range(stages) for kind in ("weight", "bias")}


PREFIXES = re.compile(r"^(module\.|model\d(_\d)?\.)+")
LAYER = re.compile(r"(M?)(conv|prelu)(\d)_(?:(\d)_CPM|stage(\d))_L([12])(?:_([012]))?$")


def caffe_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by the names of the published layers (`Mconv1_stage0_L2_0.weight`) by our names.

    Files of other programs that hold the same layers put `module.` or `model1_2.` before. The first
    convolution takes blue first there, and points and their background come out of one convolution.
    """
    plain = {PREFIXES.sub("", name): tensor for name, tensor in tensors.items()}
    triples = "Mconv1_stage0_L2_0.weight" in plain
    named: dict[str, Tensor] = {}
    for layer, tensor in plain.items():
        name = _tidy(layer, triples)
        part, _, kind = name.rpartition(".")
        if re.match(r"point_stages\.\d\.last$", part):
            named[f"{part}.points.{kind}"], named[f"{part}.rest.{kind}"] = tensor[:-1], tensor[-1:]
        else:
            named[name] = tensor.flip(1) if name == "backbone.conv1_1.weight" else tensor
    return named


def _tidy(name: str, triples: bool) -> str:
    """Our name of a tensor; the two networks number their stages and kinds of maps in different ways."""
    layer, _, kind = name.rpartition(".")
    found = LAYER.match(layer)
    if found is None:
        return f"backbone.{layer.replace('prelu', 'relu')}.{kind}"
    _, what, number, early, stage, branch, part = found.groups()
    place = "limb_stages" if (branch == "2") == triples else "point_stages"
    step = int(early or number) - 1
    where = f"{place}.{int(stage or 1) - (not triples)}"
    if triples:
        return f"{where}.{_in_triples(what, step, part)}.{kind}"
    last = step == (4 if early else 6)
    return f"{where}.last.{kind}" if last else f"{where}.trunk.{2 * step}.{kind}"


def _in_triples(what: str, step: int, part: str | None) -> str:
    if part is not None:
        return f"trunk.{step}.{'convs' if what == 'conv' else 'acts'}.{part}"
    if step == 6:
        return "last"
    return "trunk.5" if what == "conv" else "trunk.6"


def _openpose(
    name: str,
    build: Callable[..., nn.Module],
    codec: Callable[[Size], Paf],
    *,
    skeleton: str,
    published: Published,
) -> Architecture:
    return Architecture(
        name=name,
        pipeline="one-stage",
        build=build,
        codec=codec,
        input_size=(368, 368),
        loss="paf",
        mean=(128.0, 128.0, 128.0),
        std=(256.0, 256.0, 256.0),
        align=0.0,
        pad_value=GREY,
        paper=published.source[6:16],
        skeleton=skeleton,
        official=caffe_names,
        published=published,
    )


def openpose_body25() -> Architecture:
    """26.2 million parameters; limbs first, in triples of 3 x 3."""
    codec = partial(Paf, keypoints=25, edges=BODY25_LIMBS)
    source = "arXiv 1812.08008, which prints no size"
    published = Published("", None, {}, source)
    return _openpose("openpose-body25", OpenPose25, codec, skeleton="body25", published=published)


def openpose_coco18() -> Architecture:
    """52.3 million parameters; limbs and points side by side, 7 x 7."""
    codec = partial(Paf, keypoints=18, edges=COCO18_LIMBS)
    source = "arXiv 1611.08050, table 4: COCO test-dev, with points refined by another network; no size"
    published = Published("", None, {"AP": 0.618}, source)
    return _openpose("openpose-coco18", OpenPose18, codec, skeleton="openpose18", published=published)
