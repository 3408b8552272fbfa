"""What a model is and how to feed it: one row of the catalogue, stored inside our own exports too."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pinpoint.codecs import Decoder, InstanceCodec, codec_to_dict, make_codec
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names

__all__ = ["TASKS", "ModelFile", "ModelSpec"]

TASKS = (
    "body",
    "face",
    "hand",
    "wholebody",
    "person-detector",
    "face-detector",
    "hand-detector",
    "segmentation",
    "object",
    "object-detector",
)
"""What models are for. `object` is every other thing with keypoints: animals, and kinds of a user's own."""


@dataclass(frozen=True)
class ModelFile:
    """One file of a model and where it comes from.

    Args:
        name: File name in the cache.
        source: `https://...`, `https://.../archive.zip#member`, `wheel:mediapipe==0.10.21/path/in/wheel`,
            `package:path` (inside this package), `file:/absolute/path` (added by the user), or empty: the
            user brings it with `models add`.
        sha256: Hash of the file in hex, or empty where nobody published one and we could not see the file.
        bytes: Size, 0 if not known.

    Raises:
        ValueError: The name is none or leads to another folder.
    """

    name: str
    source: str = ""
    sha256: str = ""
    bytes: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"a file of a model is called {self.name!r}, expected a plain file name")


@dataclass(frozen=True)
class ModelSpec:
    """One model: what it finds, how it is fed, how it is read, and under which terms.

    Args:
        name: Catalogue name, `family-size.tag`.
        task: One of `TASKS`.
        pipeline: How it is run: a key of the table in `pipelines.load`, such as `top-down` or `one-stage`.
        skeleton: What its K columns are; none for a plain detector.
        codec: How its outputs are read; none where nothing in this package reads them.
        input_size: Width and height of its input.
        mean: Per channel in the order of `color`, in 0 to 255, subtracted first.
        std: Per channel in the order of `color`, in 0 to 255, divided by.
        color: Channel order that it was trained on, `rgb` or `bgr`.
        pad_value: Grey level (0 to 255) outside the picture; none repeats its edge.
        sampling: `centers`, or `corners` where it was fed like MediaPipe's networks; see
            `pinpoint.geometry.sampled_at_corners`.
        align: Where a letterboxed picture sits: .5 in the middle, 0 in the top left corner.
        box_scale: How far a box is grown before it is cropped (top-down only).
        outputs: Names of the outputs that the codec reads, in its order; empty: all of them.
        detector: Catalogue name of the detector that a top-down model uses unless told otherwise.
        tile_detector: Catalogue name of the detector that sees more in parts of a picture than this one.
        parts: Catalogue names of the models that a composed one is made of.
        files: What has to be on disk.
        license: Of code and weights, as SPDX names or words.
        training_data: What it was trained on and under which terms.
        metrics: Published or measured figures by name, each with its source in `metrics_source`.
        metrics_source: Where the figures come from.
        paper: arXiv id or address.

    Raises:
        ValueError: A field is not one of its choices, or the codec is made for another input size.
    """

    name: str
    task: str
    pipeline: str
    input_size: tuple[int, int]
    skeleton: Skeleton | None = None
    codec: Decoder | InstanceCodec | None = None
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (255.0, 255.0, 255.0)
    color: str = "rgb"
    pad_value: float | None = 0.0
    sampling: str = "centers"
    align: float = 0.5
    box_scale: float = 1.25
    outputs: tuple[str, ...] = ()
    detector: str = ""
    tile_detector: str = ""
    parts: tuple[str, ...] = ()
    files: tuple[ModelFile, ...] = ()
    license: str = ""
    training_data: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_source: str = ""
    paper: str = ""

    def __post_init__(self) -> None:
        for what, value, choices in (
            ("task", self.task, TASKS),
            ("color", self.color, ("rgb", "bgr")),
            ("sampling", self.sampling, ("centers", "corners")),
        ):
            if value not in choices:
                raise ValueError(
                    f"model {self.name!r}: {what} is {value!r}, expected one of {', '.join(choices)}"
                )
        for what, length in (("input_size", 2), ("mean", 3), ("std", 3)):
            if len(getattr(self, what)) != length:
                raise ValueError(
                    f"model {self.name!r}: {what} is {getattr(self, what)}, expected {length} numbers"
                )
        if self.codec is not None and tuple(self.codec.input_size) != self.input_size:
            raise ValueError(
                f"model {self.name!r}: its codec reads {self.codec.input_size}, expected {self.input_size}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, every field written out; `from_dict` is the inverse."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {name: _plain(value) for name, value in values.items() if value is not None}
        if self.codec is not None:
            plain["codec"] = _plain_codec(self.codec)
        return plain if self.pad_value is not None else plain | {"pad_value": "edge"}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "ModelSpec":
        """Build from the form of the catalogue's TOML files.

        A shipped skeleton is given by its name, any other by its definition; a codec by its `kind` and its
        arguments, save `input_size`; `pad_value = "edge"` repeats the picture's edge.

        Raises:
            ValueError: A key is unknown or missing.
        """
        known = [f.name for f in fields(cls)]
        name = plain.get("name")
        _check_keys(plain, known, ["name", "task", "pipeline", "input_size"], f"model {name!r}")
        values = {key: _frozen(value) for key, value in plain.items()}
        if "skeleton" in plain:
            values["skeleton"] = _skeleton(plain["skeleton"])
        if "codec" in plain:
            values["codec"] = _codec(plain["codec"], values["input_size"], f"model {name!r}")
        if plain.get("pad_value") == "edge":
            values["pad_value"] = None
        values["files"] = tuple(_file(file, f"a file of model {name!r}") for file in plain.get("files", ()))
        return cls(**values)

    def to_json(self) -> str:
        """Return the whole row as JSON, the skeleton and the codec included; `from_json` is the inverse."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Read back what `to_json` wrote.

        Raises:
            ValueError: It is not JSON, a key is unknown or missing, or a value is of another type.
        """
        plain = json.loads(text)
        if not isinstance(plain, dict):
            raise ValueError(f"a model is described by a JSON object, this is a {type(plain).__name__}")
        try:
            return cls.from_dict(plain)
        except (AttributeError, TypeError) as error:
            raise ValueError(f"model {plain.get('name')!r} is described by odd values: {error}") from error


def _plain(value: Any) -> Any:
    """One field of a spec, as JSON holds it."""
    if isinstance(value, Skeleton):
        shipped = value.name in skeleton_names() and skeleton(value.name) == value
        return value.name if shipped else value.to_dict()
    if isinstance(value, ModelFile):
        return asdict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _plain_codec(codec: Decoder | InstanceCodec) -> dict[str, Any]:
    return {key: value for key, value in codec_to_dict(codec).items() if key != "input_size"}


def _codec(plain: Mapping[str, Any], input_size: tuple[int, int], what: str) -> Decoder | InstanceCodec:
    arguments = {key: value for key, value in plain.items() if key != "kind"}
    if "kind" not in plain or "input_size" in plain:
        raise ValueError(f"{what}: its codec is {dict(plain)}, expected a kind and no input_size of its own")
    try:
        return make_codec(plain["kind"], input_size, **arguments)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def _skeleton(plain: str | Mapping[str, Any]) -> Skeleton:
    return skeleton(plain) if isinstance(plain, str) else Skeleton.from_dict(plain)


def _file(plain: Mapping[str, Any], what: str) -> ModelFile:
    _check_keys(plain, [f.name for f in fields(ModelFile)], ["name"], what)
    return ModelFile(**plain)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _check_keys(plain: Mapping[str, Any], known: list[str], required: list[str], what: str) -> None:
    if unknown := sorted(set(plain) - set(known)):
        raise ValueError(f"{what} has unknown keys {unknown}, expected {sorted(known)}")
    if missing := sorted(set(required) - set(plain)):
        raise ValueError(f"{what} lacks {missing}")
