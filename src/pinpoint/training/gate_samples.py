"""Real pictures as a network is shown them, so that two forms of it can be compared on them."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pinpoint.codecs import Decoder, InstanceCodec, Instances
from pinpoint.datasets.labels import completed, frame_of_labels
from pinpoint.datasets.samples import find_picture
from pinpoint.geometry import Float, Image, Size, letterbox, transform_boxes, transform_points
from pinpoint.hub import ModelSpec
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records
from pinpoint.io.images import read_image
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints, convert
from pinpoint.pipelines.preparation import Preparation, picture_size
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.runtime import Session, TensorSpec
from pinpoint.training.export import Readable

__all__ = ["GateSamples", "NetworkSession", "read_gate_samples"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class GateSamples:
    """Pictures as a network is shown them, and what is in them, all in pixels of its input.

    Args:
        spec: How the network is fed and read.
        pictures: M of shape (h, w, 3), RGB: crops for a top-down network, else whole pictures.
        truth: What is in each; one instance in each crop.
    """

    spec: ModelSpec
    pictures: tuple[Image, ...]
    truth: tuple[Keypoints, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def are_crops(self) -> bool:
        """Whether each picture holds one instance, which is not looked for."""
        return self.spec.pipeline == "top-down"

    def batches(self, session: Session, size: int) -> Iterator[NDArray]:
        """The pictures as a session takes them, so many at a time."""
        prepare = Preparation.of(self.spec, session.input)
        for start in range(0, len(self), size):
            yield prepare.batch(self.pictures[start : start + size])

    def read(self, session: Session, size: int) -> list[Instances]:
        """What a network says of each picture; the one instance of a crop has no box (NaN).

        Args:
            session: The network.
            size: How many pictures it is given at a time.
        """
        runs = [session.run(batch) for batch in self.batches(session, size)]
        outputs = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
        if not self.are_crops:
            codec = cast(InstanceCodec, self.spec.codec)
            return [codec.decode(*(output[i : i + 1] for output in outputs)) for i in range(len(self))]
        xy, scores = cast(Decoder, self.spec.codec).decode(*outputs)
        no_box = np.full((1, 4), np.nan)
        return [
            Instances(no_box, score.mean(keepdims=True), points[None], score[None])
            for points, score in zip(xy, scores, strict=True)
        ]


class NetworkSession:
    """A network of torch that is run like a file.

    Args:
        network: See `pinpoint.models.Network`; in evaluation mode, on the CPU.
        spec: How it is fed.
    """

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        width, height = spec.input_size
        self.input = TensorSpec("images", (None, 3, height, width), np.dtype(np.float32))
        self.outputs: tuple[TensorSpec, ...] = ()
        self._network = Readable(network).eval()

    def run(self, batch: NDArray) -> tuple[NDArray, ...]:
        """Readable outputs of a batch of shape (B, 3, h, w), float32."""
        with torch.inference_mode():
            return tuple(output.float().numpy() for output in self._network(torch.from_numpy(batch)))


def read_gate_samples(
    spec: ModelSpec, annotations: Path, folder: Path | None = None, count: int = 64
) -> GateSamples:
    """Take samples evenly from COCO ground truth; only the pictures that they are in are read.

    Boxes, areas and sizes that lack or disagree are made up for as in training; what cannot be shown is left
    out, with a warning, as long as there is something else.

    Args:
        spec: How the network is fed and read.
        annotations: The file.
        folder: Where the pictures are; none looks in the usual places beside the file.
        count: How many samples to take, or all if there are fewer.

    Raises:
        UnreadableError: The file is damaged, or no picture can be used.
        OSError: No picture is there.
        ValueError: There is no labelled instance of the network's skeleton.
    """
    records = [record for record in read_records(annotations) if len(record.keypoints)]
    crops = spec.pipeline == "top-down"
    places = list(_labelled(records, spec)) if crops else [(record, None) for record in records]
    if not places:
        raise ValueError(f"{annotations} holds no labelled instance of {spec.skeleton!r} to compare on")
    chosen = np.unique(np.linspace(0, len(places) - 1, count).round().astype(int))
    shown, errors = [], []
    for record, row in (places[i] for i in chosen):
        try:
            shown.append(_shown(spec, record, row, find_picture(record.image, annotations, folder)))
        except (UnreadableError, OSError) as error:
            errors.append(error)
    if not shown:
        raise errors[0]
    if errors:
        log.warning("%d of %d samples are left out; the first: %s", len(errors), len(chosen), errors[0])
    return GateSamples(spec, tuple(picture for picture, _ in shown), tuple(truth for _, truth in shown))


def _labelled(records: Sequence[Record], spec: ModelSpec) -> Iterator[tuple[Record, int]]:
    """Every instance with a point that the network knows."""
    for record in records:
        kps = _named(record.keypoints, spec)
        for row in np.flatnonzero(np.isfinite(kps.xy).all(axis=2).any(axis=1)):  # pyright: ignore
            yield replace(record, keypoints=kps), int(row)


def _named(kps: Keypoints, spec: ModelSpec) -> Keypoints:
    """Labels in the network's skeleton."""
    return convert(kps, spec.skeleton) if spec.skeleton is not None and len(spec.skeleton) else kps


def _shown(spec: ModelSpec, record: Record, row: int | None, path: Path) -> tuple[Image, Keypoints]:
    """One instance, or a whole picture where there is no row."""
    image = read_image(path)
    kps, usable = _in_picture(spec, record, path, picture_size(image))
    if row is None:
        matrix = letterbox(picture_size(image), spec.input_size, spec.align)
        return _under(spec, image, kps[usable], matrix)
    if not usable[row]:
        raise UnreadableError(path, "an instance has no box that can be used, and no points that span one")
    width, height = spec.input_size
    matrices = BoxRegion(width / height, spec.box_scale)(kps[row]).matrices(spec.input_size)
    return _under(spec, image, kps[row], matrices[0])


def _in_picture(
    spec: ModelSpec, record: Record, path: Path, size: Size
) -> tuple[Keypoints, NDArray[np.bool_]]:
    """Labels in pixels of the picture, as training has them, and which of them can be used."""
    matrix = frame_of_labels(record.size, size)
    if matrix is None:
        raise UnreadableError(path, f"it lies on its side against what is stated, {record.size}")
    kps = _named(record.keypoints, spec)
    stated = size if record.size is None or min(record.size) < 1 else record.size
    whole = completed(kps.xy, kps.boxes, kps.areas, stated)
    placed = replace(
        kps,
        xy=transform_points(kps.xy, matrix),
        boxes=transform_boxes(whole.boxes, matrix),
        areas=whole.areas * abs(np.linalg.det(matrix[:, :2])),
    )
    return placed, whole.usable


def _under(
    spec: ModelSpec, image: Image, truth: Keypoints, input_from_image: Float
) -> tuple[Image, Keypoints]:
    (picture,) = Preparation(size=spec.input_size, pad_value=spec.pad_value).crops(
        image, input_from_image[None]
    )
    scale = abs(np.linalg.det(input_from_image[:, :2]))
    moved = replace(
        truth,
        xy=transform_points(truth.xy, input_from_image),
        boxes=transform_boxes(np.asarray(truth.boxes), input_from_image),
        areas=np.asarray(truth.areas) * scale,
    )
    return picture, moved
