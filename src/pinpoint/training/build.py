"""From a configuration to a task that can run."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from pinpoint.datasets.crops import Crops
from pinpoint.datasets.samples import Samples, read_samples
from pinpoint.hub import ModelSpec
from pinpoint.losses import point_loss
from pinpoint.models import Architecture, architecture
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.config import DataSource, TrainConfig
from pinpoint.training.task import Task
from pinpoint.training.top_down import SmallPart, TopDownTask

__all__ = ["build_task"]

log = logging.getLogger(__name__)

TASKS = {"face68": "face", "hand21": "hand", "coco_wholebody133": "wholebody"}
"""What a skeleton is for, where it is not a body."""


def build_task(
    config: TrainConfig, root: Path, cache: Path, progress: Callable[[int, int], None] | None = None
) -> Task:
    """Read the data and make the network.

    Args:
        config: What to build.
        root: Paths of the data in the configuration start here.
        cache: Folder of decoded pictures.
        progress: Told how many of how many pictures are decoded.

    Raises:
        ValueError: The data holds nothing to learn from, or does not fit the configuration.
    """
    wanted = skeleton(config.skeleton) if config.skeleton else None
    train = []
    for source in config.data:
        train.append(_samples(source, root, cache, wanted, progress))
        wanted = train[0].skeleton
    val = [_samples(source, root, cache, wanted, progress) for source in config.val]
    if not val:
        train, val = _kept_back(train, config.seed)
    kind = architecture(config.model)
    torch.manual_seed(config.seed)
    return _top_down(config, kind, train, val[0])


def _samples(
    source: DataSource,
    root: Path,
    cache: Path,
    wanted: Skeleton | None,
    progress: Callable[[int, int], None] | None,
) -> Samples:
    folder = root / source.pictures if source.pictures else None
    samples = read_samples(root / source.annotations, folder, wanted, cache, progress=progress)
    kept = samples[samples.labelled.sum(axis=1) >= source.min_points]
    if not len(kept):
        raise ValueError(
            f"{source.annotations} has no instance with {source.min_points} labelled points or more "
            f"of {samples.skeleton!r}"
        )
    return kept


def _kept_back(train: Sequence[Samples], seed: int) -> tuple[list[Samples], list[Samples]]:
    """Keep a tenth of the pictures of the first source for validation, one picture at least."""
    first = train[0]
    pictures = np.unique(first.picture)
    if len(pictures) < 2:
        log.warning("there is one picture only: what is measured is what was learnt from")
        return list(train), [first]
    count = max(1, len(pictures) // 10)
    kept = np.random.default_rng(seed).permutation(pictures)[:count]
    held = np.isin(first.picture, kept)
    return [first[~held], *train[1:]], [first[held]]


def _top_down(config: TrainConfig, kind: Architecture, train: Sequence[Samples], val: Samples) -> Task:
    size = config.input_size or kind.input_size
    spec = _spec(config, kind, train[0].skeleton, size)
    crops = [
        Crops(samples, size, spec.box_scale, kind.pad_value, config.augmentation, config.seed)
        for samples in train
    ]
    small = config.small_size and SmallPart(kind.codec(config.small_size), config.small_share)
    return TopDownTask(
        kind.build(spec.codec, len(spec.skeleton or ())),
        spec,
        crops,
        [source.weight for source in config.data],
        val,
        loss=point_loss(config.loss or kind.loss),
        ohkm=config.ohkm,
        small=small or None,
    )


def _spec(config: TrainConfig, kind: Architecture, columns: Skeleton, size: tuple[int, int]) -> ModelSpec:
    return ModelSpec(
        name=config.model,
        task=config.task or TASKS.get(columns.name, "body"),
        pipeline=kind.pipeline,
        skeleton=columns,
        codec=kind.codec(size),
        input_size=size,
        mean=kind.mean,
        std=kind.std,
        pad_value=kind.pad_value,
        align=kind.align,
        box_scale=config.box_scale or kind.box_scale,
        paper=kind.paper,
    )
