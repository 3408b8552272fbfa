"""ViTPose++: one transformer for six data sets, each with an expert of its own (arXiv 2212.04246).

In every block the feed-forward part ends in two: most numbers of a token come from what all data sets share,
the others from the expert of the data set that the picture is from. Which one that is, is said when the
network is built. The other experts stay as they are; they are kept so that one file serves all six, and an
exported network has none of them. Each data set has its own head.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.models import Architecture, Published
from pinpoint.models.transformer import Depths
from pinpoint.models.transformer_names import transformer_names
from pinpoint.models.vitpose import BASE, HUGE, LARGE, SMALL, ViTPose, udp_heatmaps

__all__ = [
    "DATASETS",
    "Experts",
    "vitpose_plus_b",
    "vitpose_plus_h",
    "vitpose_plus_l",
    "vitpose_plus_s",
]

DATASETS = {
    "coco": "coco17",
    "aic": "aic14",
    "mpii": "mpii16",
    "ap10k": "ap10k17",
    "apt36k": "ap10k17",
    "wholebody": "coco_wholebody133",
}
"""The data sets in the order of their experts, and what their keypoints are."""


class Experts(nn.Module):
    """A feed-forward part, some of whose numbers each data set makes in its own way.

    Args:
        width: Numbers of a token.
        part: How many of them, the last ones, are the expert's.
        chosen: Which expert is asked; only this one learns.
    """

    def __init__(self, width: int, *, part: int, chosen: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width - part)
        self.experts = nn.ModuleList(nn.Linear(4 * width, part) for _ in DATASETS)
        self.chosen = chosen
        for place, expert in enumerate(self.experts):
            expert.requires_grad_(place == chosen)

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, width)."""
        inside = functional.gelu(self.fc1(tokens))
        return torch.cat([self.fc2(inside), self.experts[self.chosen](inside)], dim=2)


def _of_dataset(place: int) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """Takes a checkpoint of all data sets with the head of one of them.

    ViTPose's own files call the head of COCO `keypoint_head` and the others `associate_keypoint_heads.0` to
    4. Those of transformers have one head alone.
    """

    def tensors_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        plain = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
        others = {name: tensor for name, tensor in plain.items() if name.startswith("associate_")}
        kept = {name: tensor for name, tensor in plain.items() if name not in others}
        if place and others:
            kept = {name: tensor for name, tensor in kept.items() if not name.startswith("keypoint_head.")}
            own = f"associate_keypoint_heads.{place - 1}."
            for name, tensor in others.items():
                if name.startswith(own):
                    kept[name.replace(own, "keypoint_head.")] = tensor
        return transformer_names(kept)

    return tensors_of


@dataclass(frozen=True)
class Figures:
    """What is known of one size: numbers that an expert makes, and AP on COCO.

    Args:
        part: Numbers of a token that an expert makes.
        parameters: Millions of parameters with the head for COCO.
        ap: On COCO val2017, a share of 1.
    """

    part: int
    parameters: str
    ap: float


SOURCE = (
    "AP: README of ViTAE-Transformer/ViTPose, ViTPose+ on COCO val2017, flip test, boxes of a detector with "
    "AP .56 on persons. Parameters: the count of transformers' VitPoseForPoseEstimation with six experts and "
    "17 keypoints; none are printed"
)


OTHERS = Published("", None, {}, "README of ViTAE-Transformer/ViTPose, ViTPose+: the same files as for COCO")


def _vitpose_plus(name: str, depths: Depths, figures: Figures, dataset: str) -> Architecture:
    place = list(DATASETS).index(dataset)
    first = place == 0
    return Architecture(
        name=name if first else f"{name}.{dataset}",
        pipeline="top-down",
        build=partial(ViTPose, depths=depths, mlp=partial(Experts, part=figures.part, chosen=place)),
        codec=udp_heatmaps,
        input_size=(192, 256),
        loss="heatmap-mse",
        paper="2212.04246",
        skeleton=DATASETS[dataset],
        official=_of_dataset(place),
        published=Published(figures.parameters, None, {"AP": figures.ap}, SOURCE) if first else OTHERS,
    )


def vitpose_plus_s(dataset: str = "coco") -> Architecture:
    """42 million parameters, of which 24 are used for one data set."""
    return _vitpose_plus("vitpose-plus-s", SMALL, Figures(192, "42.0", 0.758), dataset)


def vitpose_plus_b(dataset: str = "coco") -> Architecture:
    """125 million parameters, of which 90 are used for one data set."""
    return _vitpose_plus("vitpose-plus-b", BASE, Figures(192, "125.4", 0.770), dataset)


def vitpose_plus_l(dataset: str = "coco") -> Architecture:
    """434 million parameters, of which 309 are used for one data set."""
    return _vitpose_plus("vitpose-plus-l", LARGE, Figures(256, "434.4", 0.786), dataset)


def vitpose_plus_h(dataset: str = "coco") -> Architecture:
    """900 million parameters, of which 637 are used for one data set."""
    return _vitpose_plus("vitpose-plus-h", HUGE, Figures(320, "899.4", 0.794), dataset)
