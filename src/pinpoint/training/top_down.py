"""Learning to read the keypoints of one instance from one crop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pinpoint.codecs import Codec
from pinpoint.datasets.crops import Crops
from pinpoint.datasets.order import Draw
from pinpoint.datasets.samples import Samples
from pinpoint.evaluation.points import point_measures
from pinpoint.geometry import Float, Image, invert, transform_points
from pinpoint.hub import ModelSpec
from pinpoint.keypoints import Keypoints
from pinpoint.losses import PointLoss
from pinpoint.losses.masking import hardest
from pinpoint.training.device import device_of, normalised
from pinpoint.training.task import Batch, Loss
from pinpoint.viz import draw

__all__ = ["SmallPart", "TopDownTask"]

AT_ONCE = 64  # crops of one evaluation run
SHOWN = 8
SIDE = 256  # of the longer side of a crop that is shown


@dataclass(frozen=True)
class SmallPart:
    """The first part of a run, on smaller crops.

    Args:
        codec: For the smaller input.
        share: How much of the run it is.
    """

    codec: Codec
    share: float


class TopDownTask:
    """One crop in, K points out.

    Args:
        network: See `pinpoint.models.Network`.
        spec: How the network is fed and read.
        sources: Crops of every source of training data; their input size is set here.
        weights: How often a crop of each source comes in one epoch.
        val: What is measured on.
        loss: What the network is taught with.
        ohkm: Only this many of the worst keypoints of each crop count; 0: all.
        small: The first part of the run, if it is on smaller crops.
    """

    best_by = "AP"

    def __init__(
        self,
        network: nn.Module,
        spec: ModelSpec,
        sources: Sequence[Crops],
        weights: Sequence[float],
        val: Samples,
        *,
        loss: PointLoss,
        ohkm: int = 0,
        small: SmallPart | None = None,
    ) -> None:
        self.network, self.spec = network, spec
        self.weights, self.lengths = tuple(weights), tuple(len(source) for source in sources)
        self.sources, self._point_loss, self._ohkm = tuple(sources), loss, ohkm
        self._val, self._small = val, small

    @property
    def codec(self) -> Codec:
        """How the finished network is read."""
        return self.spec.codec  # pyright: ignore[reportReturnType]

    def batch(self, draws: Sequence[Draw], progress: float) -> Batch:
        """See `Task`."""
        small = self._small
        codec = small.codec if small is not None and progress < small.share else self.codec
        sources = [replace(source, input_size=codec.input_size) for source in self.sources]
        pairs = [sources[one.source].crop(one.row, one.epoch) for one in draws]
        xy = np.stack([points for _, points in pairs])
        targets = codec.encode(xy, np.asarray(np.isfinite(xy).all(axis=-1)))
        return Batch(np.stack([crop for crop, _ in pairs]), targets)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Loss:
        """Mean over the labelled keypoints; see `Task`."""
        *wanted, weights = targets
        each = self._point_loss(outputs, tuple(wanted)) * weights
        each, weights = hardest(each, weights, self._ohkm)
        return Loss(each.sum(), weights.sum())

    def evaluate(self, network: nn.Module) -> Mapping[str, float]:
        """OKS average precision in true boxes, and PCK; see `Task`."""
        found = self.predict(network, range(len(self._val)))
        return point_measures(
            self._val.xy, found.xy, found.scores, self._val.boxes, self._val.areas, self._sigmas
        )

    def predict(self, network: nn.Module, rows: Sequence[int]) -> Keypoints:
        """What a network says of validation samples, in pixels of their pictures."""
        outputs = [
            self._outputs(network, rows[start : start + AT_ONCE]) for start in range(0, len(rows), AT_ONCE)
        ]
        xy, scores = self.codec.decode(*(np.concatenate(pieces) for pieces in zip(*outputs, strict=True)))
        matrices = self._plain.plain_matrices()[np.asarray(rows)]
        return Keypoints(transform_points(xy, invert(matrices)), scores, self._val.skeleton)

    def pictures(self, network: nn.Module) -> Sequence[Image]:
        """Validation crops, as labelled above and as the network reads them below; see `Task`."""
        rows = np.linspace(0, len(self._val) - 1, min(SHOWN, len(self._val))).astype(int).tolist()
        found, labelled = self.predict(network, rows), self._val[np.array(rows)].xy
        shown = max(1, round(SIDE / max(self.codec.input_size)))
        crops = replace(self._plain, input_size=tuple(side * shown for side in self.codec.input_size))
        matrices = crops.plain_matrices()[rows]
        images, _ = crops.batch(rows, [0] * len(rows))
        sure = np.isfinite(labelled).all(axis=2).astype(float)
        pairs = (
            (transform_points(labelled, matrices), sure),
            (transform_points(found.xy, matrices), found.scores),
        )
        return [
            np.concatenate(
                [
                    draw(image.copy(), Keypoints(xy[row : row + 1], scores[row : row + 1], found.skeleton))
                    for xy, scores in pairs
                ]
            )
            for row, image in enumerate(images)
        ]

    @cached_property
    def _plain(self) -> Crops:
        return Crops(self._val, self.codec.input_size, self.spec.box_scale, self.spec.pad_value or 0.0)

    @property
    def _sigmas(self) -> Float:
        return np.array(self._val.skeleton.sigmas)

    def _outputs(self, network: nn.Module, rows: Sequence[int]) -> list[NDArray]:
        images, _ = self._plain.batch(rows, [0] * len(rows))
        device = device_of(network)
        with torch.inference_mode():
            outputs = network(normalised(torch.from_numpy(images).to(device), self.spec))
            ready = network.readable(*outputs)  # pyright: ignore[reportCallIssue]
        return [output.float().cpu().numpy() for output in ready]
