"""One step of learning: a network, its running mean, and what the optimizer remembers."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pinpoint.models.synced_norm import sync_norms
from pinpoint.training.checkpoint import grouped, prefixed
from pinpoint.training.config import TrainConfig
from pinpoint.training.device import device_of, mixed_precision, normalised, on_device
from pinpoint.training.optimizer import Average, load_optimizer, make_optimizer, optimizer_tensors
from pinpoint.training.processes import add_gradients, added, world_size
from pinpoint.training.task import Batch, Loss, Task

__all__ = ["Learner", "Lesson"]


class Lesson(NamedTuple):
    """What a batch had to teach, over all processes."""

    loss: float
    """Total by weight."""
    weight: float
    """How much of the batch counts; 0 where nothing is labelled."""
    gradient: float
    """Length of the gradient, before it is clipped."""


class Learner:
    """Learns from one batch at a time: `look`, then `move` if there was something to learn, then `finish`.

    Args:
        task: What is learnt; its network is put into the memory format that convolutions are quickest in.
        config: How.

    Raises:
        ValueError: A part to freeze is none of the network's, or nothing is left to learn.
    """

    def __init__(self, task: Task, config: TrainConfig) -> None:
        self.task, self.config = task, config
        network = sync_norms(task.network) if world_size() > 1 else task.network
        self.network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.device = device_of(self.network)
        self.average = Average(self.network, config.ema)
        self._type = mixed_precision(config.precision, self.device)
        self.optimizer = make_optimizer(
            self.network, config.optimizer, config.lr, config.weight_decay, self._type
        )
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._type == torch.float16)
        self._frozen: tuple[str, ...] | None = None
        _check_parts(self.network, config.freeze)

    def freeze(self, parts: tuple[str, ...]) -> None:
        """Keep parts of the network as they are, batch statistics and all, and train the others."""
        if parts == self._frozen:
            return
        self._frozen = parts
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(not name.startswith(parts))
        for name, module in self.network.named_modules():
            module.train(not name.startswith(parts))

    def look(self, batch: Batch) -> Lesson:
        """Forward and backward."""
        images = normalised(on_device(batch.images, self.device), self.task.spec)
        targets = tuple(on_device(target, self.device) for target in batch.targets)
        outputs = self._outputs(images, targets)
        loss = self.task.loss(outputs, targets)
        weight = added(loss.weight)
        mean = _on_every_output(loss, outputs) / weight.clamp_min(1e-6)
        self._scaler.scale(mean).backward()
        add_gradients(self.network.parameters())
        self._scaler.unscale_(self.optimizer)
        return Lesson(float(added(mean)), float(weight), self._clip())

    def is_fine(self, lesson: Lesson) -> bool:
        """Whether a lesson can be learnt. Scaled gradients may overflow; such a step is left out."""
        scaled = self._scaler.is_enabled() and self._scaler.get_scale() >= 1
        return math.isfinite(lesson.loss) and (scaled or math.isfinite(lesson.gradient))

    def move(self, rate: float, step: int) -> None:
        """Do what the last look taught, at a learning rate, as step number `step` from 0."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._scaler.step(self.optimizer)
        self.average.update(step)

    def finish(self) -> None:
        """End a step: drop the gradients."""
        self._scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """All that learning changes, by name."""
        scale = {name: torch.tensor(value) for name, value in self._scaler.state_dict().items()}
        return {
            **prefixed("network", self.network.state_dict()),
            **prefixed("average", self.average.network.state_dict()),
            **prefixed("optimizer", optimizer_tensors(self.optimizer)),
            **prefixed("scale", scale),
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`.

        Raises:
            ValueError: They are of another network.
        """
        try:
            self.network.load_state_dict(grouped(tensors, "network"))
            self.average.network.load_state_dict(grouped(tensors, "average"))
        except RuntimeError as error:
            raise ValueError(f"it is of another network than {self.config.model}: {error}") from error
        load_optimizer(self.optimizer, grouped(tensors, "optimizer"))
        scale: dict[str, Any] = {name: value.item() for name, value in grouped(tensors, "scale").items()}
        if scale:
            self._scaler.load_state_dict(scale)

    def _outputs(self, images: Tensor, targets: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the network says, in float32: losses are not computed in less."""
        guided = getattr(self.network, "guided", False)
        mixed = self._type != torch.float32
        try:
            with torch.autocast(self.device.type, self._type, enabled=mixed):
                outputs = self.network(images, targets) if guided else self.network(images)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            size = f"{images.shape[3]} x {images.shape[2]}"
            raise ValueError(
                f"batch norm has one value per channel in a batch of {self.config.batch} at {size}, and one "
                "value has no spread: raise batch or input_size"
            ) from error
        return tuple(output.float() for output in outputs)

    def _clip(self) -> float:
        """Shorten the gradient where it is longer than the limit; return how long it was."""
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        length = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.config.clip and length > self.config.clip:
            nn.utils.clip_grads_with_norm_(parameters, self.config.clip, length)
        return float(length)


def _on_every_output(loss: Loss, outputs: tuple[Tensor, ...]) -> Tensor:
    """The loss's total, tied to every output even where it does not depend on one.

    A batch with nothing to learn from can go backward like any other then, and all processes go backward
    through the same layers, where batch norms wait for each other.
    """
    if world_size() == 1 and loss.total.requires_grad:
        return loss.total
    return loss.total + sum(0 * output.sum() for output in outputs)


def _check_parts(network: nn.Module, frozen: tuple[str, ...]) -> None:
    names = [name for name, _ in network.named_parameters()]
    for part in frozen:
        if not any(name.startswith(part) for name in names):
            parts = dict.fromkeys(name.partition(".")[0] for name in names)
            raise ValueError(f"freeze names {part!r}, but the network has {', '.join(parts)}")
    if all(name.startswith(frozen) for name in names):
        raise ValueError(f"freeze is {', '.join(frozen)}, which leaves nothing to learn")
