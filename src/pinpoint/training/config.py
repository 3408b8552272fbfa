"""What a training run is told: one frozen value, read from TOML, with unknown keys refused."""

import difflib
import json
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from pinpoint.datasets.augmentation import Augmentation

__all__ = [
    "CONFIG",
    "DataSource",
    "Distill",
    "Prune",
    "TrainConfig",
    "config_from_dict",
    "config_to_dict",
    "read_config",
    "recipes",
    "write_config",
]

OPTIMIZERS = ("adamw", "muon")
KINDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
NOT_NEGATIVE = (
    *("samples", "epochs", "warmup", "clip", "ohkm", "weight_decay"),
    *("val_every", "save_every", "patience"),
)
HINTS = {
    "data": ": name annotations with --data FILE, or a [[data]] table of a TOML file",
    "model": ": name what to train with --model NAME, such as plain-s",
}
"""How to give what has to be given, by key."""
RECIPES = Path(__file__).parent / "recipes"
CONFIG = "config.toml"
"""Name of the file in the folder of a run."""


@dataclass(frozen=True)
class DataSource:
    """One annotation file.

    Args:
        annotations: A file or folder of labels, in any format that is read.
        pictures: Folder of the pictures; empty looks beside the file.
        weight: How often each sample comes in one epoch.
        min_points: Instances with fewer labelled points are left out.
    """

    annotations: str
    pictures: str = ""
    weight: float = 1.0
    min_points: int = 1


@dataclass(frozen=True)
class Prune:
    """Starts from a run's weights without some of its channels; see `pinpoint.training.compress.prune`.

    Args:
        run: Folder of the run, or its weights.
        share: How many of the channels of each layer go.
        importance: Which channels matter least, `taylor` or `norm`.
        round_to: Widths are whole multiples of this.
    """

    run: str
    share: float = 0.3
    importance: str = "taylor"
    round_to: int = 8


@dataclass(frozen=True)
class Distill:
    """Learns from a teacher beside the labels; see `pinpoint.training.compress.distill`.

    Args:
        teacher: A model that `load` knows, a file, or the folder or the weights of a run.
        points: How much the teacher's keypoints count where there is no label, times their score.
        mix: How far labels are moved towards the teacher's keypoints, times their score.
        logits: How much it counts to be as sure as the teacher of every place (runs only).
        temperature: By how much both are made less sure for that.
        features: How much it counts to see what the teacher's backbone sees (runs only).
        labels: How much labels count beside logits and features.
        fade: By which share logits and features count less at the end of the run than at its start.
    """

    teacher: str
    points: float = 1.0
    mix: float = 0.0
    logits: float = 0.0
    temperature: float = 2.0
    features: float = 0.0
    labels: float = 1.0
    fade: float = 0.0

    def __post_init__(self) -> None:
        for name in ("points", "logits", "features", "labels"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"distill.{name} is {getattr(self, name)}, expected 0 or more")
        for name in ("mix", "fade"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"distill.{name} is {getattr(self, name)}, expected a share from 0 to 1")
        if not self.temperature > 0:
            raise ValueError(f"distill.temperature is {self.temperature}, expected more than 0")


@dataclass(frozen=True)
class TrainConfig:
    """All that decides what a run gives, beside the data. The same values give the same weights on a CPU.

    Args:
        model: Name of an architecture, such as `plain-s` or `rtmpose-t`.
        data: What is learnt from.
        root: Paths of `data` and `val` start here; empty is the current folder.
        val: What is measured on; empty keeps a tenth of the pictures of `data` back.
        skeleton: Name of the skeleton; empty takes that of the data.
        sigmas: OKS falloff of each keypoint, or one for all of them; empty takes those published for the
            skeleton, or .05 where nobody published any.
        task: What the weights are for, as `ModelSpec.task` says it; empty tells from the skeleton.
        input_size: Width and height of the network's input; none takes what the data proposes.
        small_size: Input size of the first part of the run, which is quicker; none: the same throughout.
        small_share: How much of the run that part is.
        mosaic: Share of inputs that are made of four pictures (one-stage only).
        mosaic_until: Share of the run after which there are none any more.
        box_scale: How far boxes are grown before they are cropped; 0 takes the architecture's.
        samples: How many samples the run sees; 0 counts `epochs` instead.
        epochs: Passes over the data.
        batch: Samples per step, over all processes.
        optimizer: `adamw`, or `muon`, which learns faster from few pictures and costs a little more a step.
        lr: Highest learning rate.
        min_lr: Share of `lr` at the end of the cosine.
        warmup: Steps in which the rate rises.
        weight_decay: Of matrices; norms and biases have none.
        clip: Gradients longer than this are shortened; 0 leaves them.
        ema: Share of the old in the running mean of the weights; 0 keeps none.
        loss: Key of `pinpoint.losses.LOSSES`; empty takes the architecture's.
        ohkm: Only this many of the worst keypoints of each sample count; 0: all of them (arXiv 1711.07319).
        precision: `auto` (bfloat16 where the processor has it), `float32`, `bfloat16` or `float16`.
        weights: Weights to start from, a path from where the command is run; empty starts from chance.
        fresh: Parts of the network, by the start of their names, that start from chance all the same.
        freeze: Parts of the network, by the start of their names, that are not trained.
        unfreeze: Share of the run after which they are.
        seed: Where chance starts.
        val_every: Steps between measurements; 0: once an epoch.
        save_every: Steps between checkpoints beside those at measurements; 0: none.
        patience: The run stops after this many measurements without a better one; 0: never.
        best_by: The measure that picks the best weights; empty takes the task's first.
        augmentation: How far training pictures differ from plain ones.
        prune: The network starts as that of another run, with fewer channels.
        distill: The network learns from a teacher too.
        propose: Whether `train` takes what is not said from the data's statistics, not from the values here.
    """

    model: str
    data: tuple[DataSource, ...]
    val: tuple[DataSource, ...] = ()
    root: str = ""
    skeleton: str = ""
    sigmas: tuple[float, ...] = ()
    task: str = ""
    input_size: tuple[int, int] | None = None
    small_size: tuple[int, int] | None = None
    small_share: float = 0.0
    mosaic: float = 0.5
    mosaic_until: float = 0.85
    box_scale: float = 0.0
    samples: int = 0
    epochs: int = 60
    batch: int = 32
    optimizer: str = "adamw"
    lr: float = 2e-3
    min_lr: float = 0.01
    warmup: int = 200
    weight_decay: float = 0.02
    clip: float = 5.0
    ema: float = 0.999
    loss: str = ""
    ohkm: int = 0
    precision: str = "auto"
    weights: str = ""
    fresh: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    unfreeze: float = 1.0
    seed: int = 0
    val_every: int = 0
    save_every: int = 0
    patience: int = 0
    best_by: str = ""
    augmentation: Augmentation = field(default_factory=Augmentation)
    prune: Prune | None = None
    distill: Distill | None = None
    propose: bool = True

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("data is empty, expected one annotation file or more")
        for name, choices in (("precision", PRECISIONS), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in choices:
                got = repr(getattr(self, name))
                raise ValueError(f"{name} is {got}, expected one of {', '.join(choices)}")
        for name in ("batch", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in ("small_share", "mosaic", "mosaic_until", "unfreeze", "ema", "min_lr"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a share from 0 to 1")
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not all(sigma > 0 for sigma in self.sigmas):
            raise ValueError(f"sigmas are {list(self.sigmas)}, expected numbers above 0")
        if not (self.samples or self.epochs):
            raise ValueError("samples and epochs are both 0, expected one of them")
        if (self.small_size is None) != (not self.small_share):
            raise ValueError("small_size and small_share go together: give both or none")


def read_config(path: Path) -> dict[str, Any]:
    """Read the plain values of a TOML file, or of a recipe of this package by its name.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: There is no recipe of that name, or the file is not TOML.
    """
    if (recipe := RECIPES / f"{path}.toml").is_file():
        path = recipe
    elif not path.exists() and not path.suffix:
        raise ValueError(f"no recipe {str(path)!r}; there are {', '.join(recipes())}, or name a TOML file")
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error


def recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package, sorted."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def write_config(path: Path, config: TrainConfig) -> None:
    """Write a TOML file that `read_config` and `config_from_dict` turn into the same configuration."""
    path.write_text("\n".join(_toml(config_to_dict(config))) + "\n", "utf-8")


def config_from_dict(plain: Mapping[str, Any]) -> TrainConfig:
    """Build from the plain values of a TOML file.

    Raises:
        ValueError: A key is unknown or missing, or a value is of another type or out of range.
    """
    return _built(TrainConfig, plain, "")


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Plain values from which `config_from_dict` builds the same; what is none is left out."""
    return {name: value for name, value in asdict(config).items() if value is not None}


def _built(kind: type, plain: Any, where: str) -> Any:
    """Make a dataclass of plain values; `where` names it in messages, such as `data[0].`."""
    if not isinstance(plain, Mapping):
        raise ValueError(f"{where.rstrip('.')} is {plain!r}, expected a table")
    hints = typing.get_type_hints(kind)
    for key in plain:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            raise ValueError(
                f"unknown key {where}{key}" + (f", did you mean {where}{near[0]}?" if near else "")
            )
    missing = [f.name for f in fields(kind) if _required(f) and f.name not in plain]
    if missing:
        raise ValueError(f"missing key {where}{missing[0]}{HINTS.get(missing[0], '')}")
    return kind(**{key: _typed(hints[key], value, f"{where}{key}") for key, value in plain.items()})


def _required(entry: Any) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def _typed(hint: Any, value: Any, where: str) -> Any:
    """Check a plain value against a type, and make tuples and dataclasses of lists and tables."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return None if value is None else _typed(arguments[0], value, where)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if isinstance(hint, type) and is_dataclass(hint):
        return _built(hint, value, f"{where}.")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{where} is {value!r}, expected {KINDS.get(hint, hint.__name__)}")
    return value


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} is {value!r}, expected a list such as [64, 64]")
    kinds = (kinds[0],) * len(value) if kinds[-1] is Ellipsis else kinds
    if len(value) != len(kinds):
        raise ValueError(f"{where} has {len(value)} values, expected {len(kinds)}")
    pairs = zip(kinds, value, strict=True)
    return tuple(_typed(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))


def _toml(table: Mapping[str, Any]) -> Iterator[str]:
    """Lines of TOML: plain values first, then tables of plain values and lists of such tables."""
    table = {key: value for key, value in table.items() if value is not None}
    tables = {key: value for key, value in table.items() if _has_tables(value)}
    yield from (f"{key} = {_toml_value(value)}" for key, value in table.items() if key not in tables)
    for key, value in tables.items():
        for one in [value] if isinstance(value, Mapping) else value:
            yield from ("", f"[{key}]" if isinstance(value, Mapping) else f"[[{key}]]", *_toml(one))


def _has_tables(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and isinstance(next(iter(value), 0), Mapping)
    )


def _toml_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, bool | str):  # JSON writes them as TOML does, but for one letter
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return repr(value)
