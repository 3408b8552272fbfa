"""The training loop: one for every network, on one process or many, from the start or from where it was."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from pinpoint.datasets.order import Order
from pinpoint.geometry import Image
from pinpoint.training.checkpoint import grouped, prefixed, read_checkpoint, write_checkpoint
from pinpoint.training.config import TrainConfig
from pinpoint.training.device import mixed_precision, normalised
from pinpoint.training.loader import ahead
from pinpoint.training.optimizer import Average, make_optimizer, rate_at
from pinpoint.training.processes import add_gradients, added, is_first, rank, world_size
from pinpoint.training.task import Batch, Task

__all__ = ["DivergedError", "Reporter", "StoppedError", "Trainer"]

log = logging.getLogger(__name__)

BEST, LAST = "best.safetensors", "last.safetensors"


class DivergedError(ArithmeticError):
    """The loss is no number any more; what was written before is intact."""


class StoppedError(Exception):
    """A run was asked to stop, and did after a step; it can go on from there.

    Args:
        step: Steps done.
        steps: Steps of the whole run.
    """

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(step, steps)
        self.step, self.steps = step, steps

    def __str__(self) -> str:
        return f"stopped after step {self.step} of {self.steps}"


class Reporter(Protocol):
    """Is told how a run goes."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """A step is done: its loss, learning rate and gradient length."""
        ...

    def measured(self, step: int, measures: Mapping[str, float], pictures: Sequence[Image]) -> None:
        """A measurement is done."""
        ...

    def rewind(self, step: int) -> None:
        """A run goes on from here: forget what was told of later steps."""
        ...


@dataclass(frozen=True)
class Progress:
    """What a run knows beside its tensors.

    Args:
        step: Steps done.
        best: The best measure so far.
        best_step: After how many steps that was.
        waited: Measurements since.
    """

    step: int = 0
    best: float = -math.inf
    best_step: int = 0
    waited: int = 0


class Trainer:
    """Runs a task.

    Everything that a step does follows from its number: the samples, how they are changed, the learning rate
    and the seed of whatever is drawn in the network. So a run that goes on from a checkpoint gives, bit for
    bit on a CPU, what it would have given without the break.

    Args:
        task: What is learnt.
        config: How.
        out: Folder of the checkpoints.
        reporters: Are told how it goes; those of the first process only.
    """

    def __init__(
        self, task: Task, config: TrainConfig, out: Path, reporters: Sequence[Reporter] = ()
    ) -> None:
        self.task, self.config, self.out = task, config, out
        self.reporters = reporters if is_first() else ()
        self.network = task.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = Average(self.network, config.ema)
        self.optimizer = make_optimizer(self.network, config.lr, config.weight_decay)
        self.order = Order(task.lengths, task.weights, config.seed)
        self.progress = Progress()
        self._device = next(self.network.parameters()).device
        self._type = mixed_precision(config.precision, self._device)

    @property
    def steps(self) -> int:
        """How many steps the whole run has."""
        samples = self.config.samples or self.config.epochs * len(self.order)
        return max(1, math.ceil(samples / self.config.batch))

    @property
    def val_every(self) -> int:
        """Steps from one measurement to the next."""
        return self.config.val_every or max(1, len(self.order) // self.config.batch)

    def resume(self) -> bool:
        """Go on from the last checkpoint of the folder, if there is one.

        Raises:
            ValueError: The checkpoint is of another network.
        """
        path = self.out / LAST
        if not path.exists():
            return False
        tensors, facts = read_checkpoint(path)
        try:
            self.network.load_state_dict(grouped(tensors, "network"))
            self.average.network.load_state_dict(grouped(tensors, "average"))
        except RuntimeError as error:
            raise ValueError(f"{path} is of another network than {self.config.model}: {error}") from error
        _load_optimizer(self.optimizer, grouped(tensors, "optimizer"))
        self.progress = Progress(**facts["progress"])
        for reporter in self.reporters:
            reporter.rewind(self.progress.step)
        return True

    def run(self, stop: Callable[[], bool] = lambda: False) -> Mapping[str, float]:
        """Train to the end; return the measures of the best weights.

        Args:
            stop: Asked after every step whether to leave it there.

        Raises:
            DivergedError: The loss is no number any more.
            StoppedError: It was asked to stop; everything that `resume` needs is written.
        """
        if self.progress.step == 0:
            self._measure()
        with ahead(self._batch, self.progress.step, self.steps) as batches:
            for batch in batches:
                self._step(batch)
                if self.progress.step % self.val_every == 0 or self.progress.step == self.steps:
                    self._measure()
                    if self._is_stuck():
                        log.info("no better %s in %d measurements", self._best_by, self.progress.waited)
                        break
                if stop():
                    self._write_last()
                    raise StoppedError(self.progress.step, self.steps)
        _, facts = read_checkpoint(self.out / BEST)
        return facts["spec"]["metrics"]

    def _batch(self, step: int) -> Batch:
        """This process's part of a step's samples: every n-th of them."""
        size = self.config.batch
        draws = self.order.draws(step * size, (step + 1) * size)
        return self.task.batch(draws[rank() :: world_size()], step / self.steps)

    def _step(self, batch: Batch) -> None:
        step, config = self.progress.step, self.config
        torch.manual_seed((config.seed * 1_000_003 + step) * world_size() + rank())
        self._freeze(step / self.steps)
        rate = config.lr * rate_at(step, self.steps, config.warmup, config.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        value = self._learn(batch)
        length = self._clip()
        if not math.isfinite(value + length):
            raise DivergedError(self._divergence(value))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(self.network, step)
        self.progress = replace(self.progress, step=step + 1)
        for reporter in self.reporters:
            reporter.step(step + 1, {"loss": value, "lr": rate, "gradient": length})

    def _learn(self, batch: Batch) -> float:
        """Forward and backward; return the loss over all processes."""
        images = normalised(torch.from_numpy(batch.images).to(self._device), self.task.spec)
        targets = tuple(torch.from_numpy(target).to(self._device) for target in batch.targets)
        mixed = self._type != torch.float32
        with torch.autocast(self._device.type, self._type, enabled=mixed):
            outputs = self.network(images)
        loss = self.task.loss(outputs, targets)
        count = added(loss.weight).clamp_min(1e-6)
        (loss.total / count).backward()
        add_gradients(self.network.parameters())
        return float(added(loss.total) / count)

    def _clip(self) -> float:
        limit = self.config.clip or math.inf
        return float(nn.utils.clip_grad_norm_(self.network.parameters(), limit))

    def _freeze(self, share: float) -> None:
        """Keep the parts that are frozen as they are, their batch statistics too."""
        self.network.train()
        frozen = self.config.freeze if share < self.config.unfreeze else ()
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(not name.startswith(frozen) if frozen else True)
        for name, module in self.network.named_modules():
            if frozen and name.startswith(frozen):
                module.eval()

    @property
    def _best_by(self) -> str:
        return self.config.best_by or self.task.best_by

    def _measure(self) -> None:
        """Measure the running mean, and write checkpoints; all by the first process alone."""
        if not is_first():
            return
        measures = self.task.evaluate(self.average.network)
        if self._best_by not in measures:
            raise ValueError(f"best_by is {self._best_by!r}, but the measures are {', '.join(measures)}")
        value = measures[self._best_by]
        better = value > self.progress.best or not (self.out / BEST).exists()
        done = self.progress.step
        self.progress = replace(
            self.progress,
            best=value if better else self.progress.best,
            best_step=done if better else self.progress.best_step,
            waited=0 if better else self.progress.waited + 1,
        )
        self.out.mkdir(parents=True, exist_ok=True)
        if better:
            self._write_best(measures)
        pictures = self.task.pictures(self.average.network) if self.reporters else ()
        for reporter in self.reporters:
            reporter.measured(done, measures, pictures)
        self._write_last()  # after the reports, so that a run killed in between tells them again

    def _write_best(self, measures: Mapping[str, float]) -> None:
        spec = replace(self.task.spec, metrics={name: round(value, 4) for name, value in measures.items()})
        facts = {"model": self.config.model, "step": self.progress.step, "spec": spec.to_dict()}
        write_checkpoint(self.out / BEST, self.average.network.state_dict(), facts)

    def _write_last(self) -> None:
        tensors = {
            **prefixed("network", self.network.state_dict()),
            **prefixed("average", self.average.network.state_dict()),
            **prefixed("optimizer", _optimizer_tensors(self.optimizer)),
        }
        write_checkpoint(self.out / LAST, tensors, {"progress": vars(self.progress)})

    def _is_stuck(self) -> bool:
        return bool(self.config.patience) and self.progress.waited >= self.config.patience

    def _divergence(self, value: float) -> str:
        kept = self.out / LAST
        return (
            f"the loss is {value} at step {self.progress.step + 1}: try a lower lr than {self.config.lr:g}, "
            f"a longer warmup or precision = 'float32'. The last good state is in {kept}"
        )


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    states = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, state in states.items() for name, value in state.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
