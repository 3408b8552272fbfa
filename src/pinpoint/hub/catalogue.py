"""The catalogue: one TOML file for each family of models, and what the user added."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pinpoint.hub.cache import cache_dir
from pinpoint.hub.spec import ModelFile, ModelSpec

__all__ = ["added_row", "catalogue", "check_name", "find", "is_shipped", "requirements", "shipped_files"]

Row = dict[str, Any]

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def catalogue() -> Mapping[str, ModelSpec]:
    """Every model there is, by name: those the package knows and those the user added (which come first)."""
    return _Catalogue(tuple(dict.fromkeys([*_added_names(), *sorted(_shipped_names())])))


def find(name: str) -> ModelSpec:
    """Return the model of a name. What the user added comes before what the package knows.

    Raises:
        ValueError: There is no such model.
    """
    if NAME.fullmatch(name):
        if added_row(name).is_file():
            return _added(name)
        if is_shipped(name):
            return _shipped(name)
    close = difflib.get_close_matches(name, list(catalogue()), n=3)
    meant = f"did you mean {' or '.join(close)}?" if close else "`pinpoint models list` shows what there is"
    raise ValueError(f"no model {name!r}; {meant}")


def requirements(spec: ModelSpec, *, own_detector: bool = True) -> tuple[ModelSpec, ...]:
    """A model and all it needs to run: its parts, its detector, and theirs. The model itself comes first.

    Args:
        spec: The model.
        own_detector: Whether it finds the instances with its own detector, not with another or in given
            boxes. In a composed model that is the detector of the first part.
    """
    detectors = (spec.detector if own_detector else "", spec.tile_detector)
    needed = [(find(name), True) for name in detectors if name]
    parts = [(find(name), own_detector or at > 0) for at, name in enumerate(spec.parts)]
    below = (each for part, own in (*parts, *needed) for each in requirements(part, own_detector=own))
    return tuple({each.name: each for each in (spec, *below)}.values())


def is_shipped(name: str) -> bool:
    """Tell whether the package itself knows a model of that name."""
    return any(name in _family(stem) for stem in _stems() if name.startswith(stem))


def shipped_files() -> Iterator[ModelFile]:
    """Every file that a model of the package needs, each once."""
    rows = (row for stem in _stems() for row in _family(stem).values())
    yield from dict.fromkeys(ModelFile(**file) for row in rows for file in row.get("files", ()))


def added_row(name: str) -> Path:
    """Where the row of a model that the user added is kept."""
    return cache_dir() / "added" / f"{name}.json"


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a model.

    Raises:
        ValueError: It is not lower-case letters, digits, dots, dashes and underscores.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a model: use lower-case letters, digits, '.', '-' and '_'")


class _Catalogue(Mapping[str, ModelSpec]):
    """Rows that are read when they are asked for."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> ModelSpec:
        if name not in self._names:
            raise KeyError(name)
        return find(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _added_names() -> list[str]:
    folder = cache_dir() / "added"
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []


def _shipped_names() -> Iterator[str]:
    for stem in _stems():
        yield from _family(stem)


def _added(name: str) -> ModelSpec:
    row = added_row(name)
    try:
        return ModelSpec.from_json(row.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{row} cannot be read ({error}); add the model again") from error


@cache
def _shipped(name: str) -> ModelSpec:
    row = next(_family(stem)[name] for stem in _stems() if name.startswith(stem) and name in _family(stem))
    return ModelSpec.from_dict({"name": name, **row})


@cache
def _stems() -> tuple[str, ...]:
    """Names of the families; the names of their models begin with them."""
    folder = resources.files("pinpoint.hub") / "catalogue"
    return tuple(sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".toml")))


@cache
def _family(stem: str) -> dict[str, Row]:
    """Rows of one family by name, what `defaults` says filled in."""
    text = (resources.files("pinpoint.hub") / "catalogue" / f"{stem}.toml").read_text("utf-8")
    plain = tomllib.loads(text)
    if unknown := sorted(set(plain) - {"defaults", "models"}):
        raise ValueError(f"catalogue/{stem}.toml has unknown tables {unknown}, expected defaults and models")
    return {name: plain.get("defaults", {}) | row for name, row in plain["models"].items()}
