"""A whole run: from what was said to a folder with weights, and everything that is needed to repeat it."""

import json
import logging
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from pinpoint.hub.cache import cache_dir
from pinpoint.models import architecture
from pinpoint.skeletons import skeleton, skeleton_names
from pinpoint.training.build import Data, read_data, task_of
from pinpoint.training.config import (
    CONFIG,
    TrainConfig,
    config_from_dict,
    config_to_dict,
    read_config,
    write_config,
)
from pinpoint.training.loop import LAST, Reporter, Trainer
from pinpoint.training.processes import is_first, processes, shared, world_size
from pinpoint.training.proposals import Proposal, proposals, statistics, with_proposals
from pinpoint.training.report import CsvLog, PictureLog, TensorBoardLog
from pinpoint.training.task import Task

__all__ = ["CONFIG", "FACTS", "Listener", "Plan", "plan", "train"]

log = logging.getLogger(__name__)

Plain = Mapping[str, Any]

FACTS = "run.json"
ELSEWHERE = ("root", "propose")  # what may differ when a run goes on: where the data lies is not what it is


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run is going to do.

    Args:
        config: Every value, those of the data and of the architecture among them.
        data: What is learnt from and measured on.
        task: The network with its data and its loss.
        proposals: The values that nobody said, each with its reason.
    """

    config: TrainConfig
    data: Data
    task: Task
    proposals: tuple[Proposal, ...] = ()


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Listener:
    """Is told of a run, and may stop it.

    Args:
        reporters: Are told of every step, beside those that write into the folder of the run.
        decoded: Told how many of how many pictures are decoded.
        planned: Told what the run is going to do, before it does.
        began: Told how many steps the run has, and how many of them are done.
        stop: Asked after every step whether to leave it there.
    """

    reporters: Sequence[Reporter] = ()
    decoded: Callable[[int, int], None] | None = None
    planned: Callable[[Plan], None] = _nothing
    began: Callable[[int, int], None] = _nothing
    stop: Callable[[], bool] = lambda: False


def train(
    config: TrainConfig | Plain,
    out: str | Path,
    *,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    resume: bool = False,
    listener: Listener | None = None,
) -> Mapping[str, float]:
    """Train a network; `pinpoint train` is this function.

    The folder gets `best.safetensors` and `last.safetensors`, each with what it says of itself beside it as
    JSON, `config.toml`, `run.json`, `log.csv`, `measures.csv`, `pictures` and `tensorboard`.

    Args:
        config: What to do, as a TOML file holds it (see `TrainConfig`): what is not said is taken from the
            data. A `TrainConfig` is taken as it is.
        out: Folder of the run.
        root: Paths of the data start here; none takes the `root` of the configuration.
        cache: Folder of the decoded pictures; none takes one that all runs share.
        resume: Go on with the run that the folder holds, if there is one, in its own configuration.
        listener: Is told how it goes.

    Returns:
        The measures of the best weights.

    Raises:
        ValueError: The configuration or the data is wrong, the folder holds a run already, or it holds one
            that was told something else.
        OSError: Something cannot be read or written.
        DivergedError: The loss is no number any more.
        StoppedError: The listener stopped it.
    """
    out, listener = Path(out), listener or Listener()
    with processes():
        said, is_begun = _begun(config, out, resume=resume)
        last = out / LAST if shared(is_begun and (out / LAST).exists()) else None
        planned = _planned(said, root, cache, listener.decoded if is_first() else None, last)
        if is_first():
            listener.planned(planned)
            _write_facts(planned, out, resume=is_begun)
        return _carried_out(planned, out, listener)


def plan(
    config: TrainConfig | Plain,
    *,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    decoded: Callable[[int, int], None] | None = None,
) -> Plan:
    """Read the data, decide what was not said, and build the network; arguments and errors as of `train`."""
    return _planned(config, root, cache, decoded)


def _planned(
    config: TrainConfig | Plain,
    root: str | Path | None,
    cache: str | Path | None,
    decoded: Callable[[int, int], None] | None,
    last: Path | None = None,
) -> Plan:
    """See `plan`; `last` is the state that a run goes on from, if it has one."""
    said = config_to_dict(config) if isinstance(config, TrainConfig) else dict(config)
    first = config_from_dict({"model": "plain-n"} | said)
    base = Path(root if root is not None else first.root).resolve()
    data = read_data(first, base, Path(cache or cache_dir() / "pictures"), decoded)
    made: tuple[Proposal, ...] = ()
    if first.propose and not isinstance(config, TrainConfig):
        made = proposals(said, statistics(data.train))
    final = config_from_dict(with_proposals(said, made))
    task = task_of(final, data, last)
    return Plan(_resolved(replace(final, root=str(base)), data, task), data, task, made)


def _resolved(config: TrainConfig, data: Data, task: Task) -> TrainConfig:
    """Write down what the architecture, the task and the data decide."""
    kind, columns = architecture(config.model), data.val.skeleton
    is_shipped = columns.name in skeleton_names() and skeleton(columns.name) == columns
    is_top_down = kind.pipeline == "top-down"
    return replace(
        config,
        skeleton=config.skeleton or (columns.name if is_shipped else ""),
        task=task.spec.task,
        input_size=task.spec.input_size,
        box_scale=(config.box_scale or kind.box_scale) if is_top_down else config.box_scale,
        loss=config.loss or (kind.loss if is_top_down else ""),
        best_by=config.best_by or task.best_by,
        propose=False,
    )


def _begun(config: TrainConfig | Plain, out: Path, *, resume: bool) -> tuple[TrainConfig | Plain, bool]:
    """What the run is told, and whether it began before.

    Raises:
        ValueError: There is a run in the folder that must not be touched, or that was told something else.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file, expected a folder for the run")
    if not resume:
        if (out / LAST).exists():
            raise ValueError(f"{out} holds a run already: go on with it (--resume), or choose another one")
        return config, False
    if not (out / CONFIG).exists():
        if not config:
            raise ValueError(f"{out} holds no run to go on with")
        log.warning("%s holds no run to go on with yet: it begins", out)
        return config, False
    saved = config_from_dict(read_config(out / CONFIG))
    _refuse_contradiction(config, saved, out)
    return saved, True


def _refuse_contradiction(config: TrainConfig | Plain, saved: TrainConfig, out: Path) -> None:
    plain = config_to_dict(saved)
    for key, value in _flat(_said(config)):
        if key in ELSEWHERE:
            continue
        told = config_from_dict(with_proposals(plain, [Proposal(key, value, "")]))
        if told != saved:
            was = dict(_flat(plain)).get(key)
            raise ValueError(
                f"{key} is {value!r}, but the run in {out} began with {was!r}: it goes on with that"
            )


def _said(config: TrainConfig | Plain) -> Plain:
    """Of a `TrainConfig`, what differs from one that says nothing."""
    if not isinstance(config, TrainConfig):
        return config
    silent = config_to_dict(TrainConfig(config.model, config.data))
    return {key: value for key, value in config_to_dict(config).items() if silent.get(key) != value}


def _flat(plain: Plain) -> list[tuple[str, Any]]:
    """Keys and values, those of tables with a dot."""
    pairs: list[tuple[str, Any]] = []
    for key, value in plain.items():
        inner = [(f"{key}.{name}", one) for name, one in _flat(value)] if isinstance(value, Mapping) else None
        pairs += [(key, value)] if inner is None else inner
    return pairs


def _write_facts(planned: Plan, out: Path, *, resume: bool) -> None:
    """Write the configuration and where this run happens, or add the latter to those of a run that goes on.

    Raises:
        ValueError: The data is not what it was when the run began.
    """
    out.mkdir(parents=True, exist_ok=True)
    path, now = out / FACTS, _circumstances()
    data = _digests(planned)
    if resume and path.exists():
        facts = json.loads(path.read_text("utf-8"))
        if changed := [name for name, digest in data.items() if facts["data"].get(name) != digest]:
            raise ValueError(f"{', '.join(changed)} changed since the run in {out} began: start another one")
        facts["resumed"].append(now)
    else:
        write_config(out / CONFIG, planned.config)
        facts = {**now, "seed": planned.config.seed, "data": data, "resumed": []}
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _digests(planned: Plan) -> dict[str, str]:
    names = [source.annotations for source in planned.config.data]
    val = planned.config.val[0].annotations if planned.config.val else "kept back for validation"
    return dict(
        zip([*names, val], [s.digest() for s in (*planned.data.train, planned.data.val)], strict=True)
    )


def _circumstances() -> dict[str, Any]:
    """When, where and with what a run happens."""
    gpu = torch.cuda.is_available()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "device": torch.cuda.get_device_name() if gpu else f"CPU ({platform.machine()})",
        "processes": world_size(),
        "threads": torch.get_num_threads(),
        "versions": {
            "pinpoint": version("pinpoint-keypoints"),
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _carried_out(planned: Plan, out: Path, listener: Listener) -> Mapping[str, float]:
    with ExitStack() as stack:
        reporters: list[Reporter] = [CsvLog(out), PictureLog(out)]
        if find_spec("tensorboard"):
            reporters.append(stack.enter_context(TensorBoardLog(out)))
        reporters += listener.reporters
        trainer = Trainer(planned.task, planned.config, out, reporters)
        if not trainer.resume():
            for reporter in trainer.reporters:
                reporter.rewind(-1)
        if is_first():
            listener.began(trainer.steps, trainer.progress.step)
        return trainer.run(listener.stop)
