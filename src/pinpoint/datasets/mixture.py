"""Several data sets as one, in one skeleton, shuffled anew in every epoch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, overload

from pinpoint.datasets.dataset import readable
from pinpoint.datasets.order import Order
from pinpoint.geometry import Image
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Epoch", "Mixture", "Source", "union"]


class Source(Protocol):
    """What can be mixed: a `Dataset`, `Crops` or `WholePictures`."""

    @property
    def skeleton(self) -> Skeleton:
        """What the columns of all keypoints are."""
        ...

    def __len__(self) -> int: ...

    def sample(self, row: int, epoch: int, /) -> tuple[Image, Keypoints]:
        """One sample as it is shown in one epoch; the same for the same two numbers, whoever asks when."""
        ...


@dataclass(frozen=True, eq=False)
class Mixture:
    """Samples of several sources in an order by chance.

    What it gives depends on its seed, those of the sources, the epoch and the index and on nothing else: on
    any number of threads or processes, in any order.

    Args:
        sources: What is mixed.
        weights: How often a sample of each source comes in one epoch: .5 takes a random half each time, 2
            takes each twice, changed in two ways. None takes every sample once.
        seed: Where chance starts.

    Raises:
        ValueError: The sources differ in their keypoints, there are not as many weights as sources, or there
            is nothing in any of them.
    """

    sources: Sequence[Source]
    weights: Sequence[float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if len(columns := {source.skeleton.keypoints: source.skeleton for source in self.sources}) > 1:
            named = ", ".join(map(repr, columns.values()))
            raise ValueError(f"the sources have the keypoints of {named}: open them with one skeleton=")
        if self.weights is not None and len(self.weights) != len(self.sources):
            raise ValueError(f"there are {len(self.weights)} weights, expected {len(self.sources)}")
        len(self)

    @property
    def skeleton(self) -> Skeleton:
        """What the columns of all keypoints are."""
        return self.sources[0].skeleton

    def __len__(self) -> int:
        """Samples in one epoch."""
        return len(self._order)

    def sample(self, index: int, epoch: int) -> tuple[Image, Keypoints]:
        """Sample number `index` of an epoch.

        Raises:
            IndexError: There is none of that number.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of an epoch of {len(self)}")
        place = epoch * len(self) + index % len(self)
        (draw,) = self._order.draws(place, place + 1)
        return self.sources[draw.source].sample(draw.row, draw.epoch)

    def epoch(self, number: int) -> "Epoch":
        """All samples of one epoch as a sequence, which a `DataLoader` of torch takes as a data set."""
        return Epoch(self, number)

    @cached_property
    def _order(self) -> Order:
        weights = [1.0] * len(self.sources) if self.weights is None else self.weights
        return Order([len(source) for source in self.sources], weights, self.seed)


@dataclass(frozen=True, eq=False)
class Epoch(Sequence[tuple[Image, Keypoints]]):
    """One epoch of a mixture. Damaged pictures are treated as a `Dataset` does.

    Args:
        mixture: What it is of.
        number: Which, from 0.
    """

    mixture: Mixture
    number: int

    def __len__(self) -> int:
        return len(self.mixture)

    @overload
    def __getitem__(self, index: int) -> tuple[Image, Keypoints]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[Image, Keypoints]]: ...

    def __getitem__(self, index: int | slice) -> tuple[Image, Keypoints] | list[tuple[Image, Keypoints]]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self.mixture.sample(index, self.number)

    def __iter__(self) -> Iterator[tuple[Image, Keypoints]]:
        return readable(self)


def union(name: str, skeletons: Iterable[Skeleton]) -> Skeleton:
    """The skeleton that has the keypoints of all of several; those of the same name are one.

    They stand in the order in which they are first named. Edges, mirror pairs and parts are put together;
    there are sigmas where each keypoint has one, that of the first skeleton which does.

    Raises:
        ValueError: Two skeletons pair the same keypoint with different ones in a mirror.

    >>> from pinpoint.skeletons import skeleton
    >>> union("both", [skeleton("lsp14"), skeleton("coco17")])
    Skeleton('both', 19 keypoints)
    """
    parts = tuple(skeletons)
    sigmas: dict[str, float] = {}
    groups: dict[str, dict[str, None]] = {}
    for part in reversed(parts):
        sigmas |= dict(zip(part.keypoints, part.sigmas or (), strict=False))
    for part in parts:
        for group, names in part.parts.items():
            groups.setdefault(group, {}).update(dict.fromkeys(names))
    keypoints = tuple(dict.fromkeys(point for part in parts for point in part.keypoints))
    return Skeleton(
        name,
        keypoints,
        edges=_pairs(edge for part in parts for edge in part.edges),
        swaps=_pairs(pair for part in parts for pair in part.swaps),
        sigmas=tuple(sigmas[point] for point in keypoints)
        if sigmas and sigmas.keys() >= set(keypoints)
        else None,
        parts={group: tuple(names) for group, names in groups.items()},
    )


def _pairs(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Each pair once, whichever way round it comes first."""
    found: dict[frozenset[str], tuple[str, str]] = {}
    for pair in pairs:
        found.setdefault(frozenset(pair), pair)
    return tuple(found.values())
