"""A task that learns something within milliseconds: how bright the left and the right of noise is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pinpoint.datasets.order import Draw
from pinpoint.hub import ModelSpec
from pinpoint.training.config import DataSource, TrainConfig
from pinpoint.training.task import Batch, Loss

SIZE = 8


class FakeNetwork(nn.Module):
    """Two convolutions with batch norms, dropout between them, and a head."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.drop = nn.Dropout(dropout)
        self.body = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 2)

    def forward(self, images):
        images = images.to(self.head.weight.dtype)
        return (self.head(self.body(self.drop(self.stem(images))).mean(dim=(2, 3))),)


class FakeTask:
    """Two sources of noise; what a sample looks like follows from its draw."""

    best_by = "score"
    lengths, weights = (13, 7), (1.0, 1.0)

    def __init__(self, dropout: float = 0.0, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.network = FakeNetwork(dropout).to(dtype)
        self.spec = ModelSpec(name="fake-n", task="body", pipeline="top-down", input_size=(SIZE, SIZE))

    def batch(self, draws: Sequence[Draw], progress: float) -> Batch:
        images = np.stack([self.image(draw) for draw in draws])
        halves = images.reshape(len(images), SIZE, 2, SIZE // 2, 3).mean(axis=(1, 3, 4)) / 255
        return Batch(images, (halves.astype(np.float32), np.ones(len(images), np.float32)))

    def image(self, draw: Draw) -> np.ndarray:
        rng = np.random.default_rng((draw.epoch, draw.source, draw.row))
        level = np.repeat(rng.integers(1, 240, 2), SIZE // 2)[None, :, None]
        return (level + rng.integers(0, 16, (SIZE, SIZE, 3))).astype(np.uint8)

    def loss(self, outputs, targets) -> Loss:
        wanted, weights = targets
        each = (outputs[0] - wanted).square().sum(dim=1) * weights
        return Loss(each.sum(), weights.sum())

    def evaluate(self, network) -> dict[str, float]:
        images, (wanted, _) = self.batch([Draw(1000, 0, row) for row in range(8)], 0)
        inputs = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            (found,) = network(inputs.float())
        return {"score": -float((found - torch.from_numpy(wanted)).square().mean())}

    def pictures(self, network) -> list[np.ndarray]:
        return []


CONFIG = TrainConfig(
    model="fake-n",
    data=(DataSource("none"),),
    samples=8 * 24,
    batch=8,
    lr=1e-2,
    warmup=4,
    val_every=6,
    ema=0.9,
    precision="float32",
)


def config_of(**changes) -> TrainConfig:
    """A run of 24 steps, measured after every 6."""
    return replace(CONFIG, **changes)


class Log:
    """Writes every loss at once, to the last bit."""

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.path = out / "log.txt"

    def _add(self, *words: object) -> None:
        with self.path.open("a") as file:
            file.write(" ".join(map(str, words)) + "\n")

    def step(self, step, values):
        self._add("step", step, float(values["loss"]).hex(), float(values["gradient"]).hex())

    def measured(self, step, measures, pictures):
        self._add("measured", step, *(float(value).hex() for value in measures.values()))

    def rewind(self, step):
        self._add("rewind", step)


def told(out: Path) -> dict[tuple[str, str], set[str]]:
    """Everything that was told of each step and measurement; more than one thing if it was not the same."""
    lines = [line.split() for line in (out / "log.txt").read_text().splitlines()]
    found: dict[tuple[str, str], set[str]] = {}
    for kind, step, *values in lines:
        if kind != "rewind":
            found.setdefault((kind, step), set()).add(" ".join(values))
    return found


def losses(out: Path) -> list[float]:
    """The loss of every step, in order."""
    steps = {int(step): values for (kind, step), values in told(out).items() if kind == "step"}
    return [float.fromhex(min(steps[step]).split()[0]) for step in sorted(steps)]
