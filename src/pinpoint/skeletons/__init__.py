"""What the K columns of a keypoint array are: names, edges, mirror pairs, parts and OKS sigmas."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Skeleton", "skeleton", "skeleton_names"]


@dataclass(frozen=True)
class Skeleton:
    """The keypoints of one kind of thing. Written in names; indices are derived.

    Args:
        name: Unique name, such as `coco17`.
        keypoints: The K names, in column order. Left and right are the person's own.
        edges: Pairs of names that a drawing joins.
        swaps: Pairs of names that a mirror exchanges, left first.
        sigmas: One OKS falloff per keypoint as published (COCO's definition), all above 0, or none if nobody
            published any.
        parts: Named groups of keypoints, such as `left_hand`. Groups may overlap or be empty.

    Raises:
        ValueError: A name is repeated or unknown, an edge or swap is not a pair, or there are not K sigmas.

    >>> arrow = Skeleton("arrow", ("tip", "left_barb", "right_barb"), swaps=(("left_barb", "right_barb"),))
    >>> arrow.flip_index
    array([0, 2, 1])
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    sigmas: tuple[float, ...] | None = None
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        self._freeze()
        what = f"skeleton {self.name!r}"
        if odd := [pair for pair in (*self.edges, *self.swaps) if len(pair) != 2]:
            raise ValueError(f"{what}: edges and swaps are pairs of names, not {odd}")
        _check_unique(self.keypoints, f"{what}: keypoint")
        _check_unique([name for pair in self.swaps for name in pair], f"{what}: swapped keypoint")
        mentioned = [name for group in (*self.edges, *self.swaps, *self.parts.values()) for name in group]
        if unknown := sorted(set(mentioned) - set(self.keypoints)):
            raise ValueError(f"{what} mentions {unknown}, which are not among its keypoints")
        if self.sigmas is not None:
            _check_sigmas(self.sigmas, len(self), what)

    def _freeze(self) -> None:
        """Turn the lists that JSON and users bring into tuples, so that skeletons compare and hash."""
        frozen = {
            "keypoints": tuple(self.keypoints),
            "edges": tuple(tuple(edge) for edge in self.edges),
            "swaps": tuple(tuple(pair) for pair in self.swaps),
            "sigmas": None if self.sigmas is None else tuple(float(sigma) for sigma in self.sigmas),
            "parts": {part: tuple(names) for part, names in self.parts.items()},
        }
        for name, value in frozen.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.keypoints)

    def __repr__(self) -> str:
        return f"Skeleton({self.name!r}, {len(self)} keypoints)"

    def index(self, name: str) -> int:
        """Return the column of a keypoint.

        Raises:
            KeyError: The skeleton has no such keypoint.
        """
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"skeleton {self.name!r} has no keypoint {name!r}") from None

    def indices(self, names: Iterable[str]) -> NDArray[np.intp]:
        """Return the columns of several keypoints, shape (len(names),)."""
        return np.array([self.index(name) for name in names], dtype=np.intp)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.keypoints)}

    @cached_property
    def edge_index(self) -> NDArray[np.intp]:
        """Columns of the two ends of every edge, shape (E, 2)."""
        index = self.indices(name for edge in self.edges for name in edge).reshape(-1, 2)
        index.setflags(write=False)
        return index

    @cached_property
    def flip_index(self) -> NDArray[np.intp]:
        """Column that holds each keypoint of the mirrored picture, shape (K,). Its own inverse."""
        index = np.arange(len(self))
        for left, right in self.swaps:
            index[[self.index(left), self.index(right)]] = self.index(right), self.index(left)
        index.setflags(write=False)
        return index

    def part_index(self, part: str) -> NDArray[np.intp]:
        """Columns of one part.

        Raises:
            KeyError: The skeleton has no such part.
        """
        if part not in self.parts:
            raise KeyError(f"skeleton {self.name!r} has no part {part!r}, only {sorted(self.parts)}")
        return self.indices(self.parts[part])

    @classmethod
    def from_coco(cls, category: Mapping[str, Any]) -> "Skeleton":
        """Build from one entry of a COCO file's `categories` (edges there are 1-based).

        Mirror pairs are read from the names, see `swaps_by_name`.

        Raises:
            ValueError: The category has no keypoints, or an edge points outside them.
        """
        what, names = f"category {category.get('name')!r}", tuple(category.get("keypoints") or ())
        if not names:
            raise ValueError(f"{what} has no keypoints")
        edges = [tuple(int(end) for end in edge) for edge in category.get("skeleton") or ()]
        if bad := [edge for edge in edges if len(edge) != 2 or min(edge) < 1 or max(edge) > len(names)]:
            raise ValueError(f"{what}: edges {bad} are not pairs of 1 to {len(names)}")
        return cls(
            name=str(category.get("name", "object")),
            keypoints=names,
            edges=tuple((names[a - 1], names[b - 1]) for a, b in edges),
            swaps=swaps_by_name(names),
            sigmas=category.get("sigmas") or None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and strings, as in the TOML files; `from_dict` is the inverse."""
        plain: dict[str, Any] = {
            "name": self.name,
            "keypoints": list(self.keypoints),
            "edges": [list(edge) for edge in self.edges],
            "swaps": [list(pair) for pair in self.swaps],
            "parts": {part: list(names) for part, names in self.parts.items()},
        }
        return plain if self.sigmas is None else plain | {"sigmas": list(self.sigmas)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Skeleton":
        """Build from the form of the TOML files.

        Raises:
            ValueError: A key is unknown or missing.
        """
        what, known = f"skeleton {plain.get('name')!r}", {f.name for f in fields(cls)}
        if unknown := sorted(set(plain) - known):
            raise ValueError(f"{what} has unknown keys {unknown}, expected {sorted(known)}")
        if missing := sorted({"name", "keypoints"} - set(plain)):
            raise ValueError(f"{what} lacks {missing}")
        return cls(**plain)


_SIDES = (  # how names say left, and what the same name says on the right
    (re.compile(r"left"), "right"),
    (re.compile(r"Left"), "Right"),
    (re.compile(r"LEFT"), "RIGHT"),
    (re.compile(r"(?<![A-Za-z])L(?![A-Za-z])|^L(?=[A-Z][a-z])"), "R"),
    (re.compile(r"(?<![A-Za-z])l(?![A-Za-z])|^l(?=[A-Z][a-z])"), "r"),
)


def swaps_by_name(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pair the names that differ only in their side, left first.

    Understood are `left` and `right` in small letters, capitals or title case, wherever the word stands, and
    the letters L and R, alone or in front of a capital.

    >>> swaps_by_name(["nose", "left_eye", "right_eye", "L_F_Paw", "R_F_Paw", "RHip", "LHip"])
    (('left_eye', 'right_eye'), ('L_F_Paw', 'R_F_Paw'), ('LHip', 'RHip'))
    """
    present = dict.fromkeys(names)
    pairs = ((name, next((m for m in _mirrored(name) if m in present), None)) for name in present)
    return tuple((left, right) for left, right in pairs if right is not None)


def _mirrored(name: str) -> Iterator[str]:
    for pattern, right in _SIDES:
        if pattern.search(name):
            yield pattern.sub(right, name, count=1)


@cache
def skeleton(name: str) -> Skeleton:
    """Return one of the skeletons that ship with the package.

    Raises:
        ValueError: There is no skeleton of that name.

    >>> skeleton("coco17").keypoints[:2]
    ('nose', 'left_eye')
    """
    if name not in skeleton_names():
        raise ValueError(f"no skeleton {name!r}; there are {', '.join(skeleton_names())}")
    file = resources.files(__name__) / f"{name}.toml"
    return Skeleton.from_dict(tomllib.loads(file.read_text("utf-8")))


def skeleton_names() -> tuple[str, ...]:
    """Names of the skeletons that ship with the package, sorted."""
    files = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def _check_sigmas(sigmas: tuple[float, ...], count: int, what: str) -> None:
    if len(sigmas) != count:
        raise ValueError(f"{what} has {len(sigmas)} sigmas, expected {count}")
    if not all(sigma > 0 for sigma in sigmas):
        raise ValueError(f"{what}: sigmas must be above 0, not {min(sigmas)}")


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is given twice")
        seen.add(name)
