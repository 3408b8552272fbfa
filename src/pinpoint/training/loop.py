"""The training loop: one for every network, on one process or many, from the start or from where it was."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pinpoint.datasets.order import Order
from pinpoint.geometry import Image
from pinpoint.training.checkpoint import read_checkpoint, read_facts, write_checkpoint
from pinpoint.training.config import TrainConfig
from pinpoint.training.learner import Learner, Lesson
from pinpoint.training.loader import ahead, loader_threads
from pinpoint.training.optimizer import rate_at
from pinpoint.training.processes import added, is_first, rank, shared, world_size
from pinpoint.training.task import Batch, Task

__all__ = ["BEST", "LAST", "DivergedError", "Progress", "Reporter", "StoppedError", "Trainer"]

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
        best_step: After how many steps that was, the last time.
        waited: Measurements since that were not better.
    """

    step: int = 0
    best: float = -math.inf
    best_step: int = 0
    waited: int = 0

    def measured(self, value: float) -> "Progress":
        """What is known after a measurement; one that is no number is worse than all others.

        Of equal ones the later is kept, as its weights learnt longer, but there is no less to wait for.
        """
        best_step = self.step if value >= self.best else self.best_step
        if value > self.best:
            return replace(self, best=value, best_step=best_step, waited=0)
        return replace(self, best_step=best_step, waited=self.waited + 1)


class Trainer:
    """Runs a task.

    Everything that a step does follows from its number: the samples, how they are changed, the learning rate
    and the seed of whatever is drawn in the network. So a run that goes on from a checkpoint gives, bit for
    bit on a CPU with the same number of threads, what it would have given without the break. Several
    processes give what one gives with the same batch, but for the rounding of sums, and for what is drawn in
    the network (dropout), which differs.

    Args:
        task: What is learnt.
        config: How.
        out: Folder of the checkpoints.
        reporters: Are told how it goes; those of the first process only.

    Raises:
        ValueError: There are more processes than samples in a batch, or `freeze` does not fit the network.
    """

    def __init__(
        self, task: Task, config: TrainConfig, out: Path, reporters: Sequence[Reporter] = ()
    ) -> None:
        if config.batch < world_size():
            raise ValueError(
                f"batch is {config.batch}, expected a sample for each of {world_size()} processes"
            )
        self.task, self.config, self.out = task, config, out
        self.reporters = reporters if is_first() else ()
        self.learner = Learner(task, config)
        self.order = Order(task.lengths, task.weights, config.seed)
        self.progress = Progress()
        self._is_new = True

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
            ValueError: The checkpoint is of another network, or not the state of a run.
        """
        found = shared(self._read_last() if is_first() else None)
        if found is None:
            return False
        tensors, facts = found
        try:
            self.learner.load(tensors)
            self.progress = Progress(**facts["progress"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.out / LAST} cannot be resumed from: {error}") from error
        self._is_new = False
        for reporter in self.reporters:
            reporter.rewind(self.progress.step)
        return True

    def run(self, stop: Callable[[], bool] = lambda: False) -> Mapping[str, float]:
        """Train to the end; return the measures of the best weights.

        Args:
            stop: Asked after every step whether to leave it there; one process that says so is enough.

        Raises:
            DivergedError: The loss is no number any more.
            StoppedError: It was asked to stop; everything that `resume` needs is written.
            OSError: A checkpoint cannot be written; the one before is intact.
        """
        if self._is_new:
            self._measure()
        threads = loader_threads(self.learner.device)
        with ahead(self._batch, self.progress.step, self.steps, threads) as batches:
            while not self._is_over():
                self._step(next(batches))
                self._keep()
                if _any_process(stop()) and not self._is_over():
                    self._write_last()
                    raise StoppedError(self.progress.step, self.steps)
        return shared(read_facts(self.out / BEST)["spec"]["metrics"] if is_first() else {})

    def _batch(self, step: int) -> Batch:
        """This process's part of a step's samples: every n-th of them."""
        size = self.config.batch
        draws = self.order.draws(step * size, (step + 1) * size)
        return self.task.batch(draws[rank() :: world_size()], step / self.steps)

    def _step(self, batch: Batch) -> None:
        step, config = self.progress.step, self.config
        torch.manual_seed((config.seed * 1_000_003 + step) * world_size() + rank())
        self.learner.freeze(config.freeze if step / self.steps < config.unfreeze else ())
        rate = config.lr * rate_at(step, self.steps, config.warmup, config.min_lr)
        lesson = self.learner.look(batch)
        if not self.learner.is_fine(lesson):
            raise DivergedError(self._divergence(lesson))
        if lesson.weight:
            self.learner.move(rate, step)
        self.learner.finish()
        self.progress = replace(self.progress, step=step + 1)
        for reporter in self.reporters:
            reporter.step(step + 1, {"loss": lesson.loss, "lr": rate, "gradient": lesson.gradient})

    def _keep(self) -> None:
        """Measure or write what there is, where it is time to."""
        step, every = self.progress.step, self.config.save_every
        if step % self.val_every == 0 or step == self.steps:
            self._measure()
        elif every and step % every == 0:
            self._write_last()

    def _is_over(self) -> bool:
        """Whether the last step is done, or no measurement has been better for too long."""
        patience = self.config.patience
        return self.progress.step >= self.steps or bool(patience and self.progress.waited >= patience)

    def _measure(self) -> None:
        """Measure the running mean and write checkpoints: the first process does, the others wait."""
        if is_first():
            self._measure_alone()
        self.progress, self._is_new = shared(self.progress), False
        if self._is_over() and self.progress.step < self.steps:
            log.info("no better %s in %d measurements", self._best_by, self.progress.waited)

    def _measure_alone(self) -> None:
        """Write the best first and the last last.

        A run that is killed in between goes on from the measurement before and comes by here again, with
        nothing counted twice and, as reporters are told before, nothing untold.
        """
        average = self.learner.average.network
        measures = self.task.evaluate(average)
        if self._best_by not in measures:
            raise ValueError(f"best_by is {self._best_by!r}, but the measures are {', '.join(measures)}")
        value, written = measures[self._best_by], self._written()
        self.progress = self.progress.measured(max(value, written))
        is_best = self.progress.best_step == self.progress.step or self._is_new
        if (is_best or not (self.out / BEST).exists()) and not written > value:
            self._write_best(measures)
        pictures = self.task.pictures(average) if self.reporters else ()
        for reporter in self.reporters:
            reporter.measured(self.progress.step, measures, pictures)
        self._write_last()

    @property
    def _best_by(self) -> str:
        return self.config.best_by or self.task.best_by

    def _written(self) -> float:
        """The measure of the best weights if they are of this step: by a run that was killed right after.

        Where sums are not exact, as on a GPU, the same step may measure less when it is done again.
        """
        if self._is_new or not (self.out / BEST).exists():
            return -math.inf
        facts = read_facts(self.out / BEST)
        return facts.get("measure", -math.inf) if facts.get("step") == self.progress.step else -math.inf

    def _write_best(self, measures: Mapping[str, float]) -> None:
        known = {name: round(value, 4) for name, value in measures.items() if math.isfinite(value)}
        spec = replace(self.task.spec, metrics=known)
        facts = {"model": self.config.model, "step": self.progress.step, "spec": spec.to_dict()}
        facts["measure"] = measures[self._best_by]
        write_checkpoint(self.out / BEST, self.learner.average.network.state_dict(), facts)

    def _write_last(self) -> None:
        if is_first():
            write_checkpoint(self.out / LAST, self.learner.tensors(), {"progress": vars(self.progress)})

    def _read_last(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        path = self.out / LAST
        return read_checkpoint(path) if path.exists() else None

    def _divergence(self, lesson: Lesson) -> str:
        config = self.config
        kept = self.out / LAST
        return (
            f"the loss is {lesson.loss} and its gradient {lesson.gradient} at step {self.progress.step + 1}: "
            f"try a lower lr than {config.lr:g}, a longer warmup than {config.warmup} or precision = "
            f"'float32'. The last good state is in {kept}"
        )


def _any_process(answer: bool) -> bool:
    return answer if world_size() == 1 else bool(added(torch.tensor(float(answer))) > 0)
