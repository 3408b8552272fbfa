"""What the K columns of a keypoint array are: names, edges, mirror pairs, parts and OKS sigmas."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
        sigmas: One OKS falloff per keypoint as published (COCO's definition), or none if nobody published any.
        parts: Named groups of keypoints, such as `left_hand`. Groups may overlap or be empty.

    Raises:
        ValueError: A name is repeated or unknown, or the number of sigmas is not K.
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    sigmas: tuple[float, ...] | None = None
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_unique(self.keypoints, f"skeleton {self.name!r}: keypoint")
        _check_unique([name for pair in self.swaps for name in pair], f"skeleton {self.name!r}: swapped keypoint")
        mentioned = [name for group in (*self.edges, *self.swaps, *self.parts.values()) for name in group]
        if unknown := sorted(set(mentioned) - set(self.keypoints)):
            raise ValueError(f"skeleton {self.name!r} mentions {unknown}, which are not among its keypoints")
        if self.sigmas is not None and len(self.sigmas) != len(self.keypoints):
            raise ValueError(
                f"skeleton {self.name!r} has {len(self.sigmas)} sigmas, expected {len(self.keypoints)}"
            )

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
        return self.indices(name for edge in self.edges for name in edge).reshape(-1, 2)

    @cached_property
    def flip_index(self) -> NDArray[np.intp]:
        """Column that holds each keypoint of the mirrored picture, shape (K,). Its own inverse."""
        index = np.arange(len(self))
        for left, right in self.swaps:
            index[[self.index(left), self.index(right)]] = self.index(right), self.index(left)
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

        Mirror pairs are read from the names: `left_x` and `right_x`.

        Raises:
            ValueError: The category has no keypoints, or an edge points outside them.
        """
        names = tuple(category.get("keypoints") or ())
        if not names:
            raise ValueError(f"category {category.get('name')!r} has no keypoints")
        pairs = [tuple(int(end) for end in edge) for edge in category.get("skeleton") or ()]
        if bad := [pair for pair in pairs if len(pair) != 2 or not all(1 <= end <= len(names) for end in pair)]:
            raise ValueError(f"category {category.get('name')!r}: edges {bad} are not pairs of 1 to {len(names)}")
        return cls(
            name=str(category.get("name", "object")),
            keypoints=names,
            edges=tuple((names[a - 1], names[b - 1]) for a, b in pairs),
            swaps=swaps_by_name(names),
            sigmas=tuple(category["sigmas"]) if category.get("sigmas") else None,
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
        known = {"name", "keypoints", "edges", "swaps", "sigmas", "parts"}
        if unknown := sorted(set(plain) - known):
            raise ValueError(f"skeleton {plain.get('name')!r} has unknown keys {unknown}, expected {sorted(known)}")
        if missing := sorted({"name", "keypoints"} - set(plain)):
            raise ValueError(f"skeleton {plain.get('name')!r} lacks {missing}")
        return cls(
            name=plain["name"],
            keypoints=tuple(plain["keypoints"]),
            edges=tuple((a, b) for a, b in plain.get("edges", ())),
            swaps=tuple((a, b) for a, b in plain.get("swaps", ())),
            sigmas=tuple(plain["sigmas"]) if plain.get("sigmas") else None,
            parts={part: tuple(names) for part, names in plain.get("parts", {}).items()},
        )


def swaps_by_name(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pair every `left...` with the `right...` of the same name, wherever the word stands in it."""
    present = list(names)
    return tuple(
        (name, mirrored)
        for name in present
        if "left" in name and (mirrored := name.replace("left", "right", 1)) in present
    )


@cache
def skeleton(name: str) -> Skeleton:
    """Return one of the skeletons that ship with the package.

    Raises:
        ValueError: There is no skeleton of that name.

    >>> skeleton("coco17").keypoints[:2]
    ('nose', 'left_eye')
    """
    file = resources.files(__name__) / f"{name}.toml"
    if not file.is_file():
        raise ValueError(f"no skeleton {name!r}; there are {', '.join(skeleton_names())}")
    return Skeleton.from_dict(tomllib.loads(file.read_text("utf-8")))


def skeleton_names() -> tuple[str, ...]:
    """Names of the skeletons that ship with the package, sorted."""
    return tuple(
        sorted(file.name.removesuffix(".toml") for file in resources.files(__name__).iterdir() if file.name.endswith(".toml"))
    )


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is given twice")
        seen.add(name)
