"""What a step of training takes beyond the bare network's forward and backward.

Usage: python benchmarks/training_step.py [96x128] [144x192] [--pictures N]
"""

import copy
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from pinpoint.geometry import Image
from pinpoint.training.build import build_task
from pinpoint.training.config import config_from_dict
from pinpoint.training.device import mixed_precision
from pinpoint.training.loop import StoppedError, Trainer
from report import Report, arguments

DATA = Path(__file__).parents[1] / "../shared/data/coco_person"
SIZES = ("96x128", "144x192")
BATCH = 64
BLOCK = 10
"""Steps of training, then as many bare ones, in turns."""

LEFT_OUT = 4
"""The first ones of a block: the network waits for the first batch, and the next ones are made meanwhile."""

ROUNDS = 10
MOST = 1.15
COLUMNS = ("input", "threads", "bare, ms", "a step, ms", "ratio", "least of both", "bar", "kept")


class Clock:
    """A reporter that notes when each step is done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def measured(self, step: int, measures: Mapping[str, float], pictures: Sequence[Image]) -> None:
        """Nothing is measured but time."""

    def rewind(self, step: int) -> None:
        """No run is resumed here."""


def measure(size: str, threads: int, rounds: int, cache: Path) -> list[object]:
    """The cells of `COLUMNS`: medians of both, taken in turns, and the ratio of the quickest of each."""
    clock = Clock()
    steps, alone = [], []
    with tempfile.TemporaryDirectory() as out, torch_threads(threads):
        trainer = prepared(size, rounds, Path(out), cache, clock)
        bare = bare_pass(trainer, size)
        for _ in range(rounds):
            steps += block_of_steps(trainer, clock)
            alone += [seconds(bare) for _ in range(BLOCK)][1:]
    ratio, least = median(steps) / median(alone), min(steps) / min(alone)
    times = [f"{1e3 * median(alone):.0f}", f"{1e3 * median(steps):.0f}"]
    return [size, threads, *times, f"{ratio:.3f}", f"{least:.3f}", MOST, "yes" if ratio <= MOST else "NO"]


def prepared(size: str, rounds: int, out: Path, cache: Path, clock: Clock) -> Trainer:
    """A run of plain-s on photographs, in which nothing is measured and every step is the clock's."""
    source = {"annotations": "val.json", "pictures": "val", "min_points": 3}
    config = config_from_dict(
        {
            **{"model": "plain-s", "data": [source], "val": [source], "input_size": [*width_height(size)]},
            **{"batch": BATCH, "samples": BATCH * (rounds + 1) * BLOCK, "val_every": 10**9},
        }
    )
    task = build_task(config, DATA, cache)
    task.evaluate = lambda network: {"AP": 0.0}
    task.pictures = lambda network: ()
    return Trainer(task, config, out, [clock])


def block_of_steps(trainer: Trainer, clock: Clock) -> list[float]:
    """Train for a block of steps, batches and all; return the seconds of those that count."""
    clock.times.clear()
    with suppress(StoppedError):
        trainer.run(lambda: len(clock.times) == BLOCK)
    return [later - earlier for earlier, later in pairwise(clock.times[LEFT_OUT - 1 :])]


def bare_pass(trainer: Trainer, size: str) -> Callable[[], None]:
    """Forward and backward of the same network on one batch, in the same type; the sum is its loss."""
    network = copy.deepcopy(trainer.task.network).train()
    width, height = width_height(size)
    images = torch.randn(BATCH, 3, height, width).to(memory_format=torch.channels_last)
    kind = mixed_precision(trainer.config.precision, torch.device("cpu"))
    return lambda: forward_and_backward(network, images, kind)


def forward_and_backward(network: nn.Module, images: Tensor, kind: torch.dtype) -> None:
    with torch.autocast("cpu", kind, enabled=kind != torch.float32):
        (logits,) = network(images)
    logits.float().sum().backward()
    network.zero_grad(set_to_none=True)


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def width_height(size: str) -> tuple[int, int]:
    width, height = map(int, size.split("x"))
    return width, height


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], SIZES)
    rounds = ROUNDS if chosen.pictures is None else max(1, chosen.pictures // (BATCH * BLOCK))
    report = Report("A step of training", kept=chosen.whole)
    report.add(
        f"`plain-s`, {BATCH} crops a step, cut from the photographs of coco_person/val while the network "
        f"learns. {BLOCK} steps and {BLOCK} bare passes in turns, {rounds} times; medians. A step is "
        "everything: batch, loss, gradients, AdamW, running mean."
    )
    with tempfile.TemporaryDirectory() as cache:
        rows = [measure(size, threads, rounds, Path(cache)) for size in chosen.parts for threads in (1, 2)]
    report.table(COLUMNS, rows)


if __name__ == "__main__":
    main()
