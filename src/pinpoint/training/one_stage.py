"""Learning to find every instance of a picture at once, with or without keypoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pinpoint.codecs import InstanceCodec, Instances
from pinpoint.datasets.order import Draw
from pinpoint.datasets.samples import Samples
from pinpoint.datasets.whole import Labels, WholePictures, padded
from pinpoint.evaluation.boxes import box_measures
from pinpoint.evaluation.pictures import Judged, coco_measures
from pinpoint.geometry import Float, Image, invert, transform_boxes, transform_points
from pinpoint.hub import ModelSpec
from pinpoint.keypoints import Keypoints
from pinpoint.losses import PictureLoss
from pinpoint.skeletons import skeleton
from pinpoint.training.device import device_of, normalised
from pinpoint.training.task import Batch, Loss
from pinpoint.viz import draw

__all__ = ["OneStageTask", "Schedule"]

AT_ONCE = 16  # pictures of one evaluation run
SHOWN = 8
LEAST_SCORE = 0.02  # average precision looks at the unsure, too


@dataclass(frozen=True)
class Schedule:
    """What changes in the course of a run.

    Args:
        mosaic_until: Share of the run after which there are no mosaics (arXiv 2107.08430).
        small_size: Input size of the first part; none: the same throughout.
        small_share: How much of the run that part is.
    """

    mosaic_until: float = 0.85
    small_size: tuple[int, int] | None = None
    small_share: float = 0.0


class OneStageTask:
    """One picture in, every instance of it out.

    Args:
        network: See `pinpoint.models.Network`; it puts out what its loss takes.
        spec: How the network is fed and read.
        sources: Pictures of every source of training data; their input size is set here.
        weights: How often a picture of each source comes in one epoch.
        val: What is measured on.
        loss: What the network is taught with.
        schedule: What changes in the course of the run.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: ModelSpec,
        sources: Sequence[WholePictures],
        weights: Sequence[float],
        val: Samples,
        *,
        loss: PictureLoss,
        schedule: Schedule = Schedule(),
    ) -> None:
        self.network, self.spec, self._picture_loss = network, spec, loss
        self.weights, self.lengths = tuple(weights), tuple(len(source) for source in sources)
        self._sources, self._val, self._schedule = tuple(sources), val, schedule

    @property
    def codec(self) -> InstanceCodec:
        """How the finished network is read."""
        return self.spec.codec  # pyright: ignore[reportReturnType]

    @property
    def best_by(self) -> str:
        """Keypoints, where there are any: boxes that only hold a network's points overlap little."""
        return "OKS" if self._sigmas else "AP50"

    def batch(self, draws: Sequence[Draw], progress: float) -> Batch:
        """See `Task`."""
        sources = [self._at(source, progress) for source in self._sources]
        pairs = [sources[one.source].picture(one.row, one.epoch) for one in draws]
        labels = [labels for _, labels in pairs]
        return Batch(np.stack([image for image, _ in pairs]), self._targets(labels, sources[0].input_size))

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Loss:
        """See `Task`."""
        return Loss(*self._picture_loss(outputs, targets, self._sigmas))

    def evaluate(self, network: nn.Module) -> Mapping[str, float]:
        """AP50, AP and recall of boxes, and of keypoints their OKS average precision; see `Task`."""
        found = self.predict(network, range(len(self._plain)))
        measures = box_measures(
            [self._truth(row, kps) for row, kps in enumerate(found)], min_score=self.codec.min_score
        )
        if not self._sigmas:
            return measures
        judged = [self._judged(row, kps) for row, kps in enumerate(found)]
        return {**measures, "OKS": coco_measures(judged, np.array(self._sigmas))["AP"]}

    def predict(self, network: nn.Module, rows: Sequence[int]) -> list[Keypoints]:
        """What a network says of validation pictures, in pixels of the pictures as they are kept."""
        codec = replace(self.codec, min_score=LEAST_SCORE)  # pyright: ignore[reportArgumentType]
        found = []
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            each = zip(*self._outputs(network, some), strict=True)
            read = [codec.decode(*(output[None] for output in outputs)) for outputs in each]
            found += [self._in_picture(instances, row) for instances, row in zip(read, some, strict=True)]
        return found

    def pictures(self, network: nn.Module) -> Sequence[Image]:
        """Validation pictures with what the network says; see `Task`."""
        rows = np.linspace(0, len(self._plain) - 1, min(SHOWN, len(self._plain))).astype(int).tolist()
        drawn = []
        for row, kps in zip(rows, self.predict(network, rows), strict=True):
            image, _ = self._plain.picture(row, 0)
            drawn.append(draw(image, _mapped(kps.above(self.codec.min_score), self._plain.matrix(row))))
        return drawn

    @cached_property
    def _plain(self) -> WholePictures:
        return WholePictures(
            self._val, self.codec.input_size, self.spec.pad_value or 0.0, align=self.spec.align
        )

    @property
    def _sigmas(self) -> tuple[float, ...]:
        return (self.spec.skeleton.sigmas or ()) if self.spec.skeleton is not None else ()

    def _at(self, source: WholePictures, progress: float) -> WholePictures:
        """A source as it is at a point of the run."""
        plan = self._schedule
        small = plan.small_size if progress < plan.small_share else None
        return replace(
            source,
            input_size=small or self.codec.input_size,
            mosaic=source.mosaic if progress < plan.mosaic_until else 0.0,
        )

    def _targets(self, labels: Sequence[Labels], size: tuple[int, int]) -> tuple[NDArray, ...]:
        """What the codec makes of the labels of a batch, or the labels themselves."""
        codec = replace(self.codec, input_size=size)  # pyright: ignore[reportArgumentType]
        encode = getattr(codec, "encode", None)
        if encode is None:
            return padded(labels)
        return tuple(np.stack(each) for each in zip(*(encode(*one) for one in labels), strict=True))

    def _outputs(self, network: nn.Module, rows: Sequence[int]) -> list[NDArray]:
        images = np.stack([self._plain.picture(row, 0)[0] for row in rows])
        with torch.inference_mode():
            outputs = network(normalised(torch.from_numpy(images).to(device_of(network)), self.spec))
            ready = network.readable(*outputs)  # pyright: ignore[reportCallIssue]
        return [output.float().cpu().numpy() for output in ready]

    def _in_picture(self, found: Instances, row: int) -> Keypoints:
        kps = Keypoints(
            found.xy,
            found.scores,
            self.spec.skeleton or skeleton("box"),
            boxes=found.boxes,
            box_scores=found.box_scores,
        )
        return _mapped(kps, invert(self._plain.matrix(row)))

    def _truth(self, row: int, kps: Keypoints) -> tuple[Float, Float, Float, Float]:
        """What `box_measures` takes of one picture, in pixels of the file."""
        number = int(self._plain.numbers[row])
        pictures = self._val.pictures
        grown = pictures.original_size(number)[0] / pictures.size(number)[0]
        crowds = self._val.crowds.get(number, np.zeros((0, 4)))
        boxes = self._val.boxes[self._val.of_picture(number)]
        assert kps.boxes is not None
        assert kps.box_scores is not None
        return boxes * grown, crowds * grown, kps.boxes * grown, kps.box_scores

    def _judged(self, row: int, found: Keypoints) -> Judged:
        """What is there and what is found in one picture, in pixels of the picture as it is kept."""
        number, val = int(self._plain.numbers[row]), self._val
        rows = val.of_picture(number)
        truth = Keypoints(
            val.xy[rows],
            val.labelled[rows].astype(float),
            val.skeleton,
            boxes=val.boxes[rows],
            areas=val.areas[rows],
        )
        return Judged(truth, val.crowds.get(number, np.zeros((0, 4))), found)


def _mapped(kps: Keypoints, matrix: Float) -> Keypoints:
    assert kps.boxes is not None
    return replace(kps, xy=transform_points(kps.xy, matrix), boxes=transform_boxes(kps.boxes, matrix))
