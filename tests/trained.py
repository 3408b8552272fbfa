"""Networks of weights by chance, and folders as a run leaves them, for what is done with trained networks."""

from pathlib import Path

import torch
from torch import nn

from pinpoint.hub import ModelSpec
from pinpoint.models import architecture, fitted
from pinpoint.skeletons import Skeleton
from pinpoint.training.checkpoint import write_checkpoint
from pinpoint.training.config import DataSource, TrainConfig, write_config
from shapes import KEYPOINTS

ARROW = Skeleton("arrow", KEYPOINTS, sigmas=(0.05,) * 4)


def chance_network(
    name: str, skeleton: Skeleton = ARROW, size: tuple[int, int] | None = None, seed: int = 0
) -> tuple[nn.Module, ModelSpec]:
    """A network in evaluation mode whose batch norms have seen something, and what it says of itself."""
    torch.manual_seed(seed)
    kind = architecture(name)
    codec = fitted(kind.codec(size or kind.input_size), skeleton)
    network = kind.build(codec, len(skeleton)).eval().requires_grad_(False)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.2)
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 1.5)
    spec = ModelSpec(
        name=name,
        task="object",
        pipeline=kind.pipeline,
        skeleton=skeleton,
        codec=codec,
        input_size=codec.input_size,
        mean=kind.mean,
        std=kind.std,
        align=kind.align,
        metrics={"AP": 0.5},
    )
    return network, spec


def write_run(folder: Path, network: nn.Module, spec: ModelSpec, data: Path | None = None) -> Path:
    """Leave what a run leaves: its best and its last weights and, with data, its configuration."""
    facts = {"model": spec.name, "step": 7, "spec": spec.to_dict()}
    write_checkpoint(folder / "best.safetensors", network.state_dict(), facts)
    if data is not None:
        source = DataSource(data.name)
        write_config(
            folder / "config.toml", TrainConfig(spec.name, (source,), (source,), root=str(data.parent))
        )
    return folder
