"""Learning from a teacher: its keypoints, how sure it is of every place, and what its backbone sees.

Any estimator teaches keypoints. A run of ours teaches more: its distributions (arXiv 1503.02531) and its
features. DWPose (arXiv 2307.15880) does so in two stages: both fade as the run goes on (`fade=1`), and then
the student's own distributions alone (`labels=0`) teach a new head on its frozen backbone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pinpoint.datasets.order import Draw
from pinpoint.datasets.samples import Samples
from pinpoint.geometry import Float, Image
from pinpoint.hub.cache import cache_dir
from pinpoint.losses.distillation import divergence, relative_feature_error
from pinpoint.losses.simcc import BETA
from pinpoint.training.compress.teachers import Answers, is_run, remembered
from pinpoint.training.config import Distill
from pinpoint.training.device import device_of, normalised
from pinpoint.training.export import TEACHING, load_trained
from pinpoint.training.task import Batch, Loss, Task
from pinpoint.training.top_down import TopDownTask

__all__ = ["Distilled", "taught", "with_teacher"]

SHARPNESS = {"Heatmap": 1.0, "SimCC": BETA}
"""What raw outputs are multiplied by before a softmax makes them the distribution they were taught as."""


@dataclass(frozen=True)
class Taught:
    """Samples with what a teacher added.

    Args:
        samples: With points where there was no label.
        certainty: How much each point counts, shape (M, K).
    """

    samples: Samples
    certainty: Float


def taught(samples: Samples, told: Answers, config: Distill) -> Taught:
    """Let a teacher say where the points are that are not labelled, and correct those that are.

    Args:
        samples: With labels.
        told: What the teacher says of them.
        config: How much that counts.
    """
    labelled, there = samples.labelled, told.scores > 0
    points = np.where(there[..., None], told.xy, 0.0)
    score = told.scores[..., None]
    moved = samples.xy + config.mix * score * np.where(there[..., None], points - samples.xy, 0.0)
    filled = ~labelled & there & (config.points > 0)
    xy = np.where(filled[..., None], told.xy, moved)
    return Taught(replace(samples, xy=xy), np.where(labelled, 1.0, config.points * told.scores))


class Distilled:
    """A top-down task with a teacher.

    Args:
        task: What is learnt from labels; its samples have the teacher's points already.
        certainty: How much each point of every source counts, each (M, K); none: all alike.
        teacher: A network that has learnt already, for logits and features.
        config: How much it counts.

    Raises:
        ValueError: The teacher cannot teach what it is to teach.
    """

    def __init__(
        self, task: TopDownTask, certainty: Sequence[Float], teacher: nn.Module | None, config: Distill
    ) -> None:
        self.network, self.spec, self.best_by = task.network, task.spec, task.best_by
        self.lengths, self.weights = task.lengths, task.weights
        self._task, self._certainty, self._config = task, tuple(certainty), config
        self._teacher = None if teacher is None else teacher.eval().requires_grad_(False)
        self._sharpness = SHARPNESS.get(type(task.codec).__name__, 1.0)
        self._seen: dict[str, Tensor] = {}
        if config.features and self._teacher is not None:
            self._add_adapter(self._teacher)

    def batch(self, draws: Sequence[Draw], progress: float) -> Batch:
        """See `Task`; after the targets of the labels come the teacher's, and how much they count."""
        images, (*targets, certain) = self._task.batch(draws, progress)
        if self._certainty:
            certain = certain * np.stack([self._certainty_of(one) for one in draws]).astype(certain.dtype)
        said = self._said(images)
        rate = [np.full(len(images), 1 - self._config.fade * progress, np.float32)] if said else []
        return Batch(images, (*targets, certain, *said, *rate))

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Loss:
        """What labels teach, and what the teacher does, each a mean; see `Task`."""
        own = len(outputs) + 1
        labels, said = self._task.loss(outputs, targets[:own]), list(targets[own:])
        if not said:
            return labels
        count = torch.tensor(float(outputs[0].shape[0]), device=labels.total.device)
        rate = said.pop().mean()
        mean = self._config.labels * labels.total / labels.weight.clamp_min(1e-6)
        if self._config.logits:
            parts = [said.pop(0) for _ in outputs]
            each = divergence(outputs, parts, self._sharpness, self._config.temperature)
            mean = mean + rate * self._config.logits * each.mean()
        if self._config.features:
            mean = mean + rate * self._config.features * self._feature_error(said.pop(0))
        return Loss(mean * count, count)

    def evaluate(self, network: nn.Module) -> Mapping[str, float]:
        """See `Task`."""
        return self._task.evaluate(network)

    def pictures(self, network: nn.Module) -> Sequence[Image]:
        """See `Task`."""
        return self._task.pictures(network)

    def _certainty_of(self, one: Draw) -> Float:
        """How much each point of a crop counts, (K,), in the crop's own left and right."""
        source = self._task.sources[one.source]
        values = self._certainty[one.source][one.row]
        return (
            values[source.samples.skeleton.flip_index] if source.is_mirrored(one.row, one.epoch) else values
        )

    def _said(self, images: NDArray[np.uint8]) -> list[NDArray]:
        """The teacher's raw outputs and features of a batch, as they are asked for."""
        if self._teacher is None:
            return []
        device = device_of(self.network)
        teacher = self._teacher.to(device)
        with torch.inference_mode():
            shown = normalised(torch.from_numpy(images).to(device), self.spec)
            features = _last(teacher.backbone(shown)) if self._config.features else None  # pyright: ignore
            outputs = list(teacher(shown)) if self._config.logits else []
        said = [*outputs, *([features] if features is not None else [])]
        return [tensor.float().cpu().numpy() for tensor in said]

    def _add_adapter(self, teacher: nn.Module) -> None:
        """Give the student a 1 x 1 convolution from its features to the teacher's, and keep what it sees."""
        student, seen = self.network, self._seen
        for network in (student, teacher):
            if not isinstance(getattr(network, "backbone", None), nn.Module):
                raise ValueError(f"{type(network).__name__} has no backbone, so no features to teach")
        width, height = self.spec.input_size
        blank = torch.zeros(1, 3, height, width)
        with torch.inference_mode():
            own, other = (_last(network.eval().backbone(blank)).shape[1] for network in (student, teacher))  # pyright: ignore
        with torch.random.fork_rng(devices=[]):  # the same however much chance making the teacher took
            torch.manual_seed(0)
            student.add_module(TEACHING.rstrip("."), nn.Conv2d(own, other, 1))

        def keep(_module: nn.Module, _images: object, output: Any) -> None:
            seen["features"] = _last(output)

        student.backbone.register_forward_hook(keep)  # pyright: ignore[reportAttributeAccessIssue]

    def _feature_error(self, wanted: Tensor) -> Tensor:
        """Mean squared error of the adapted features, as a share of the teacher's spread."""
        adapter: nn.Module = getattr(self.network, TEACHING.rstrip("."))
        return relative_feature_error(adapter(self._seen.pop("features").float()), wanted)


def with_teacher(task: Task, config: Distill) -> Task:
    """Let a task learn from a teacher too.

    Args:
        task: A top-down task.
        config: Who teaches what.

    Raises:
        ValueError: The task is not top-down, or the teacher cannot teach what it is to teach.
    """
    if not isinstance(task, TopDownTask):
        raise ValueError(f"{task.spec.name} is {task.spec.pipeline}, expected a top-down network to distill")
    if not (config.points or config.mix or config.logits or config.features):
        raise ValueError("distill has points, mix, logits and features of 0, expected one that is more")
    certainty: list[Float] = []
    if config.points or config.mix:
        folder = cache_dir() / "teachers"
        with_points = [
            taught(source.samples, remembered(config.teacher, source.samples, folder), config)
            for source in task.sources
        ]
        task.sources = tuple(
            replace(source, samples=one.samples)
            for source, one in zip(task.sources, with_points, strict=True)
        )
        certainty = [one.certainty for one in with_points]
    teacher = _network_of(config, task) if config.logits or config.features else None
    return Distilled(task, certainty, teacher, config)


def _network_of(config: Distill, task: TopDownTask) -> nn.Module:
    if not is_run(config.teacher):
        raise ValueError(
            f"{config.teacher} teaches keypoints only; logits and features are taught by a run, "
            "given by its folder or its weights"
        )
    network, spec = load_trained(config.teacher)
    if (spec.mean, spec.std) != (task.spec.mean, task.spec.std):
        raise ValueError(f"{config.teacher} takes other values than {task.spec.name}: its mean or std differ")
    if config.logits and (spec.skeleton, spec.codec) != (task.spec.skeleton, task.spec.codec):
        raise ValueError(
            f"{config.teacher} puts out {spec.codec} of {spec.skeleton!r}, expected {task.spec.codec} of "
            f"{task.spec.skeleton!r}: teach its keypoints or features instead"
        )
    if config.logits and type(spec.codec).__name__ not in SHARPNESS:
        raise ValueError(f"{type(spec.codec).__name__} is no distribution, so there are no logits to teach")
    return network


def _last(features: Tensor | Sequence[Tensor]) -> Tensor:
    return features if isinstance(features, Tensor) else features[-1]
