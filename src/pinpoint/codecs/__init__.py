"""Between keypoints and what networks put out, in pixels of its input. Vectorised and free of torch."""

from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float

__all__ = [
    "CODECS",
    "Codec",
    "Decoder",
    "Extras",
    "InstanceCodec",
    "Instances",
    "MirrorCodec",
    "PictureCodec",
    "ZoomCodec",
    "codec_class",
    "codec_to_dict",
    "make_codec",
]

CODECS: dict[str, str] = {
    "associative": "pinpoint.codecs.associative:AssociativeEmbedding",
    "blazepose": "pinpoint.codecs.mediapipe:BlazePose",
    "centernet": "pinpoint.codecs.centernet:CenterNet",
    "dekr": "pinpoint.codecs.dekr:Dekr",
    "dense": "pinpoint.codecs.dense:Dense",
    "facemesh": "pinpoint.codecs.mediapipe:FaceMesh",
    "heatmap": "pinpoint.codecs.heatmap:Heatmap",
    "heatmap-offset": "pinpoint.codecs.heatmap_offset:HeatmapOffset",
    "iris": "pinpoint.codecs.mediapipe:Iris",
    "keypoint-rcnn": "pinpoint.codecs.keypoint_rcnn:KeypointRegions",
    "mediapipe-hand": "pinpoint.codecs.mediapipe:Hand",
    "movenet": "pinpoint.codecs.regression:MoveNet",
    "paf": "pinpoint.codecs.paf:Paf",
    "regression": "pinpoint.codecs.regression:Regression",
    "rle": "pinpoint.codecs.regression:ResidualLikelihood",
    "rtmdet": "pinpoint.codecs.rtmdet:RtmDet",
    "rtmo": "pinpoint.codecs.rtmo:Rtmo",
    "simcc": "pinpoint.codecs.simcc:SimCC",
    "ssd": "pinpoint.codecs.ssd:Ssd",
    "yolo-pose": "pinpoint.codecs.yolo_pose:YoloPose",
    "yolox": "pinpoint.codecs.yolox:YoloX",
    "yunet": "pinpoint.codecs.yunet:YuNet",
}
"""Where the codec of each kind lives; a catalogue row names the kind. Imported when asked for."""


class Decoder(Protocol):
    """One instance per crop: how a top-down network is read."""

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the network's input."""
        ...

    def decode(self, *outputs: NDArray) -> tuple[Float, Float]:
        """Turn network outputs into points (B, K, 2) and scores (B, K) in [0, 1]."""
        ...


class Codec(Decoder, Protocol):
    """A decoder that also makes what a network is trained on."""

    def encode(self, xy: Float, visible: NDArray[np.bool_]) -> tuple[NDArray, ...]:
        """Turn points (B, K, 2) and whether each is there (B, K) into training targets.

        The last is how much each point counts (B, K), the others have the form of the network's outputs.
        """
        ...


class MirrorCodec(Decoder, Protocol):
    """A decoder whose outputs for a mirrored crop can be turned back, to be averaged with the plain ones."""

    @property
    def mirror_sum(self) -> float:
        """What x of a point and x of its mirror image add up to, in the mirror that maps cells onto cells.

        That of the picture itself adds up to width - 1, and mostly maps cells between cells.
        """
        ...

    def mirrored(self, *outputs: NDArray, order: NDArray[np.intp]) -> tuple[NDArray, ...]:
        """What a network would have said of the plain crop, from what it says of the mirrored one.

        Args:
            outputs: Those of a crop under x -> mirror_sum - x.
            order: For each keypoint, which one it is in a mirror (`Skeleton.flip_index`).
        """
        ...


class ZoomCodec(MirrorCodec, Protocol):
    """A codec of maps, whose outputs for several looks at one picture can be read as one.

    Codecs whose outputs cannot be averaged have `together(*looks)`, which joins the outputs of several looks.
    """

    def zoomed(self, *outputs: NDArray, zoom: float) -> tuple[NDArray, ...]:
        """What a network would have said of the plain input, from what it says of a smaller picture.

        Args:
            outputs: Those of an input in which the picture is shown smaller, around the input's middle.
            zoom: How large it is shown, above 0 and at most 1.
        """
        ...


class Extras(NamedTuple):
    """What some networks say of a crop beyond its points."""

    presence: Float
    """Confidence that the crop holds an instance at all, shape (B,), in [0, 1]."""
    xyz: Float | None = None
    """Points in metres, in the orientation of the crop, shape (B, K, 3)."""
    labels: NDArray[np.str_] | None = None
    """A word for each crop, shape (B,)."""


class Instances(NamedTuple):
    """What a one-stage network found in one picture, in input pixels."""

    boxes: Float
    """x1 y1 x2 y2, shape (N, 4)."""
    box_scores: Float
    """Shape (N,), in [0, 1]."""
    xy: Float
    """Shape (N, K, 2); K is 0 for a plain detector."""
    scores: Float
    """Shape (N, K), in [0, 1]."""


class InstanceCodec(Protocol):
    """Many instances per picture: how a one-stage network or a detector is read."""

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the network's input."""
        ...

    @property
    def min_score(self) -> float:
        """Instances below are dropped."""
        ...

    def decode(self, *outputs: NDArray) -> Instances:
        """Turn the outputs for one picture (B = 1) into instances, overlaps removed, best first."""
        ...


class PictureCodec(InstanceCodec, Protocol):
    """A codec of many instances that also makes what a network is trained on.

    Codecs without `encode` are of networks whose loss takes the labels themselves, see `PictureLoss`.
    """

    def encode(self, boxes: Float, xy: Float, ignored: Float) -> tuple[NDArray, ...]:
        """Turn what is in one picture into training targets, arrays whose shapes do not depend on it.

        Args:
            boxes: x1 y1 x2 y2 of the instances in input pixels, cut to what is in view, shape (M, 4).
            xy: Their points, shape (M, K, 2), NaN where not labelled or not in view.
            ignored: Boxes in which nothing counts for or against, shape (I, 4).
        """
        ...


def codec_class(kind: str) -> type:
    """Return the codec of a kind.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in CODECS:
        raise ValueError(f"no codec {kind!r}; there are {', '.join(sorted(CODECS))}")
    module, name = CODECS[kind].split(":")
    return getattr(import_module(module), name)


def make_codec(kind: str, input_size: Sequence[int], **fields: Any) -> Decoder | InstanceCodec:
    """Make a codec from plain values, as a row of the catalogue holds them.

    Args:
        kind: A key of `CODECS`.
        input_size: Width and height of the network's input.
        fields: What the codec's class takes. Lists become tuples.

    Raises:
        ValueError: There is no such kind, it has no such field or lacks one, or refuses a value.

    >>> make_codec("simcc", [192, 256], split_ratio=2.0)
    SimCC(input_size=(192, 256), split_ratio=2.0, sigma=None, target='gaussian', smoothing=0.0)
    """
    chosen = codec_class(kind)
    known = [name for name in _field_names(chosen) if name != "input_size"]
    if unknown := sorted(set(fields) - set(known)):
        raise ValueError(f"codec {kind!r} has no {unknown}, only {known}")
    plain = {"input_size": input_size} | fields
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    try:
        return chosen(**values)
    except TypeError as error:
        raise ValueError(f"codec {kind!r}: {error}") from error


def codec_to_dict(codec: Decoder | InstanceCodec) -> dict[str, Any]:
    """Plain values from which `make_codec(**plain)` makes the same codec.

    Raises:
        ValueError: The codec's class is not in `CODECS`.

    >>> codec_to_dict(make_codec("movenet", (192, 192)))
    {'kind': 'movenet', 'input_size': [192, 192]}
    """
    place = f"{type(codec).__module__}:{type(codec).__qualname__}"
    kind = next((kind for kind, known in CODECS.items() if known == place), None)
    if kind is None:
        raise ValueError(f"codec {codec!r} is of no kind in CODECS, so no file can name it")
    values = {name: getattr(codec, name) for name in _field_names(type(codec))}
    return {"kind": kind} | {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _field_names(codec: type) -> list[str]:
    return [field.name for field in dataclass_fields(codec)]
