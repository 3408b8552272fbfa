"""What a model is and how to feed it: one row of the catalogue, stored inside our own exports too."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pinpoint.codecs import Codec, InstanceCodec
from pinpoint.skeletons import Skeleton

__all__ = ["ModelFile", "ModelSpec"]


@dataclass(frozen=True)
class ModelFile:
    """One file of a model and where it comes from.

    Args:
        name: File name in the cache.
        source: `https://...`, `wheel:mediapipe==0.10.21/path/in/wheel`, `package:path` (inside this package),
            `file:/absolute/path` (added by the user), or empty: the user brings it with `models add`.
        sha256: Hash of the file in hex, or empty where nobody published one and we could not see the file.
        bytes: Size, 0 if not known.
    """

    name: str
    source: str = ""
    sha256: str = ""
    bytes: int = 0


@dataclass(frozen=True)
class ModelSpec:
    """One model: what it finds, how it is fed, how it is read, and under which terms.

    Args:
        name: Catalogue name, `family-size.tag`.
        task: `body`, `face`, `hand`, `wholebody`, `person-detector`, `face-detector`, `hand-detector` or `segmentation`.
        pipeline: How it is run: a key of the table in `pipelines.load`, such as `top-down` or `one-stage`.
        skeleton: What its K columns are; none for a plain detector.
        codec: How its outputs are read; none where nothing in this package reads them.
        input_size: Width and height of its input.
        mean: Per channel, in 0 to 255, subtracted first.
        std: Per channel, in 0 to 255, divided by.
        color: Channel order that it was trained on, `rgb` or `bgr`.
        pad_value: Grey level (0 to 255) outside the picture; none repeats its edge.
        align: Where a letterboxed picture sits: .5 in the middle, 0 in the top left corner.
        box_scale: How far a box is grown before it is cropped (top-down only).
        outputs: Names of the outputs that the codec reads, in its order; empty: all of them.
        detector: Catalogue name of the detector that a top-down model uses unless told otherwise.
        files: What has to be on disk.
        license: Of code and weights, as SPDX names or words.
        training_data: What it was trained on and under which terms.
        metrics: Published or measured figures by name, each with its source in `metrics_source`.
        metrics_source: Where the figures come from.
        paper: arXiv id or address.
    """

    name: str
    task: str
    pipeline: str
    input_size: tuple[int, int]
    skeleton: Skeleton | None = None
    codec: Codec | InstanceCodec | None = None
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (255.0, 255.0, 255.0)
    color: str = "rgb"
    pad_value: float | None = 0.0
    align: float = 0.5
    box_scale: float = 1.25
    outputs: tuple[str, ...] = ()
    detector: str = ""
    files: tuple[ModelFile, ...] = ()
    license: str = ""
    training_data: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_source: str = ""
    paper: str = ""
