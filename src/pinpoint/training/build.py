"""From a configuration to a task that can run."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pinpoint.datasets.crops import Crops
from pinpoint.datasets.samples import Samples, read_samples
from pinpoint.datasets.whole import WholePictures
from pinpoint.evaluation.sigmas import SIGMA
from pinpoint.hub import ModelSpec
from pinpoint.losses import picture_loss, point_loss
from pinpoint.models import Architecture, architecture
from pinpoint.models.resized import resize
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.checkpoint import grouped, read_checkpoint
from pinpoint.training.compress.distill import with_teacher
from pinpoint.training.compress.prune import pruned_spec, start_pruned
from pinpoint.training.config import DataSource, TrainConfig
from pinpoint.training.inspection import findings, leaks, never_labelled, usable
from pinpoint.training.one_stage import OneStageTask, Schedule
from pinpoint.training.specs import codec_of, spec_of
from pinpoint.training.task import Task
from pinpoint.training.top_down import SmallPart, TopDownTask
from pinpoint.training.transfer import load_weights

__all__ = ["SIGMA", "Data", "build_task", "read_data", "task_of", "with_sigmas"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Data:
    """What a run learns from and is measured on.

    Args:
        train: Instances of every source.
        val: What is measured on.
        findings: What is odd in them, in words.
    """

    train: tuple[Samples, ...]
    val: Samples
    findings: tuple[str, ...] = ()


def build_task(config: TrainConfig, root: Path, cache: Path, progress: Progress | None = None) -> Task:
    """Read the data and make the network.

    Args:
        config: What to build.
        root: Paths of the data in the configuration start here.
        cache: Folder of decoded pictures.
        progress: Told how many of how many pictures are decoded.

    Raises:
        UnreadableError: An annotation file is damaged or of another form.
        ValueError: The data holds nothing to learn from, or does not fit the configuration.
    """
    return task_of(config, read_data(config, root, cache, progress))


def read_data(config: TrainConfig, root: Path, cache: Path, progress: Progress | None = None) -> Data:
    """Read what `build_task` learns from; arguments and errors are the same."""
    if len(config.val) > 1:
        raise ValueError(
            f"val has {len(config.val)} files, expected one: measures are of one set of pictures"
        )
    kind = architecture(config.model)
    wanted = _wanted_skeleton(config, kind)
    if kind.pipeline == "one-stage":  # whoever was left out would be taught as background
        config = replace(
            config,
            data=tuple(replace(source, min_points=0) for source in config.data),
            val=tuple(replace(source, min_points=0) for source in config.val),
        )
    train: list[Samples] = []
    notes: list[str] = []
    for source in config.data:
        samples = _read(source, root, cache, wanted, progress)
        train.append(_usable(source, samples, notes, "learn from"))
        wanted = train[0].skeleton
    if config.val:
        samples = _read(config.val[0], root, cache, wanted, progress)
        val = _usable(config.val[0], samples, notes, "measure on")
    else:
        train, val = _kept_back(train, config.seed)
    if len(train) > 1 and (never := never_labelled(train)):
        notes.append(f"no file labels {', '.join(never)}")
    if val is not train[0]:  # which is said already
        notes += leaks(train, val)
    return Data(tuple(train), val, tuple(notes))


def task_of(config: TrainConfig, data: Data, last: Path | None = None) -> Task:
    """Make the network, and what it is taught with, for data that is read.

    Args:
        config: What to build.
        data: What it learns from.
        last: The state that the run goes on from: what it once started from is not looked at then, so that
            it need not be there any more. The state itself is read by the trainer.

    Raises:
        OSError: The weights to start from cannot be read.
        ValueError: The data does not fit the configuration.
    """
    kind = architecture(config.model)
    torch.manual_seed(config.seed)
    build = _one_stage if kind.pipeline == "one-stage" else _top_down
    columns = with_sigmas(data.val.skeleton, config.sigmas)
    train = [replace(samples, skeleton=columns) for samples in data.train]
    task = build(config, kind, train, replace(data.val, skeleton=columns))
    if last is None:
        _start(task, config, columns)
    elif config.prune is not None:
        resize(task.network, grouped(read_checkpoint(last)[0], "network"))
        task.spec = pruned_spec(task.spec)
    return task if config.distill is None else with_teacher(task, config.distill)


def _start(task: Task, config: TrainConfig, columns: Skeleton) -> None:
    """Give the network of a new run what it starts from, if that is not chance."""
    if config.weights:
        made = {name: own.clone() for name, own in task.network.state_dict().items()}
        official = architecture(config.model).official
        transfer = load_weights(task.network, Path(config.weights), columns, official=official)
        log.info("%s starts from weights:\n%s", config.model, transfer)
        fresh = {name: own for name, own in made.items() if name.startswith(config.fresh)}
        task.network.load_state_dict(fresh, strict=False)
    if config.prune is not None:
        start_pruned(task, config.prune)


def _wanted_skeleton(config: TrainConfig, kind: Architecture) -> Skeleton | None:
    """The skeleton that is asked for; a detector has none of its own, whatever the data has."""
    name = config.skeleton or ("box" if kind.task.endswith("-detector") else "")
    return skeleton(name) if name else None


def with_sigmas(columns: Skeleton, sigmas: Sequence[float]) -> Skeleton:
    """A skeleton with the OKS falloffs that a run is measured with.

    Args:
        columns: The skeleton.
        sigmas: One per keypoint, one for all, or none to take those that it has or `SIGMA`.

    Raises:
        ValueError: There is another number of them.
    """
    if not (count := len(columns)):
        return columns
    sigmas = tuple(sigmas) or columns.sigmas or (SIGMA,)
    if len(sigmas) not in (1, count):
        raise ValueError(f"there are {len(sigmas)} sigmas, expected one for all or {count} for {columns!r}")
    return replace(columns, sigmas=sigmas if len(sigmas) == count else sigmas * count)


def _read(
    source: DataSource, root: Path, cache: Path, wanted: Skeleton | None, progress: Progress | None
) -> Samples:
    folder = root / source.pictures if source.pictures else None
    return read_samples(root / source.annotations, folder, wanted, cache, progress=progress)


def _usable(source: DataSource, samples: Samples, notes: list[str], purpose: str) -> Samples:
    """The instances that serve; what is odd in the file is added to the notes."""
    found = findings(Path(source.annotations).name, samples, source.min_points)
    kept = samples[usable(samples, source.min_points)]
    if not len(kept):
        why = f": {'; '.join(found)}" if found else ""
        raise ValueError(
            f"{source.annotations} has no instance of {samples.skeleton!r} to {purpose} that has "
            f"{source.min_points} labelled points or more{why}"
        )
    notes += found
    return kept


def _kept_back(train: Sequence[Samples], seed: int) -> tuple[list[Samples], Samples]:
    """Keep a tenth of the pictures of the first source for validation, one with instances at least."""
    first, rng = train[0], np.random.default_rng(seed)
    pictures = np.unique(first.picture)
    if len(pictures) < 2:
        log.warning("there is one picture only: what is measured is what was learnt from")
        return list(train), first
    held = np.isin(first.picture, rng.permutation(pictures)[: max(1, len(pictures) // 10)])
    empty = rng.permutation(first.empty)
    count = len(empty) // 10
    rest, val = first[~held], first[held]
    return [replace(rest, empty=empty[count:]), *train[1:]], replace(val, empty=empty[:count])


def _top_down(config: TrainConfig, kind: Architecture, train: Sequence[Samples], val: Samples) -> Task:
    size, columns = config.input_size or kind.input_size, train[0].skeleton
    spec = _spec(config, kind, columns, size)
    crops = [
        Crops(samples, size, spec.box_scale, kind.pad_value, config.augmentation, config.seed)
        for samples in train
    ]
    small = config.small_size and SmallPart(codec_of(kind, columns, config.small_size), config.small_share)
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


def _one_stage(config: TrainConfig, kind: Architecture, train: Sequence[Samples], val: Samples) -> Task:
    if config.loss or config.ohkm:
        raise ValueError(f"loss and ohkm are of top-down networks, {config.model} has a loss of its own")
    size, columns = config.input_size or kind.input_size, train[0].skeleton
    spec = _spec(config, kind, columns, size)
    sources = [
        WholePictures(
            samples, size, kind.pad_value, kind.align, config.augmentation, config.mosaic, config.seed
        )
        for samples in train
    ]
    return OneStageTask(
        kind.build(spec.codec, len(columns)),
        spec,
        sources,
        [source.weight for source in config.data],
        val,
        loss=picture_loss(kind.loss),
        schedule=Schedule(config.mosaic_until, config.small_size, config.small_share),
    )


def _spec(config: TrainConfig, kind: Architecture, columns: Skeleton, size: tuple[int, int]) -> ModelSpec:
    spec = spec_of(kind, columns, size)
    return replace(spec, task=config.task or spec.task, box_scale=config.box_scale or spec.box_scale)
