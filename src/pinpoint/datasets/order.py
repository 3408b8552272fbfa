"""In which order a run looks at its data: known for every step in advance, whoever asks."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draw", "Order"]


class Draw(NamedTuple):
    """One sample of one step."""

    epoch: int
    """In which pass over its source it comes; a source of weight 2 has two in every epoch of the walk."""
    source: int
    row: int


class Order:
    """An endless walk through several sources, shuffled anew in every epoch.

    Args:
        lengths: Samples in each source.
        weights: How often a sample of each source comes in one epoch; .5 takes a random half each time.
        seed: Where chance starts.

    Raises:
        ValueError: There is nothing to walk through, or a weight is none.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], seed: int) -> None:
        if bad := [weight for weight in weights if not 0 <= weight < math.inf]:
            raise ValueError(f"the weight of a source is {bad[0]}, expected 0 or more")
        self._lengths, self._weights, self._seed = tuple(lengths), tuple(weights), seed
        self._counts = tuple(_count(n, weight) for n, weight in zip(lengths, weights, strict=True))
        if not sum(self._counts):
            raise ValueError(f"sources of {list(lengths)} samples with weights {list(weights)} hold nothing")
        self._epoch = lru_cache(maxsize=2)(self._shuffled)

    def __reduce__(self) -> tuple[type["Order"], tuple[object, ...]]:
        """Another process shuffles itself; what is remembered of it cannot be sent."""
        return Order, (self._lengths, self._weights, self._seed)

    def __len__(self) -> int:
        """Samples in one epoch."""
        return sum(self._counts)

    def draws(self, start: int, stop: int) -> list[Draw]:
        """Samples number `start` to `stop` of the walk."""
        return [self._draw(number) for number in range(start, stop)]

    def _draw(self, number: int) -> Draw:
        epoch, place = divmod(number, len(self))
        return Draw(*self._epoch(epoch)[place].tolist())

    def _shuffled(self, epoch: int) -> NDArray[np.intp]:
        """Pass, source and row of every sample of an epoch, shape (n, 3)."""
        rng = np.random.default_rng((self._seed, epoch))
        parts = [
            np.stack(
                [_passes(epoch, length, count), np.full(count, source), _chosen(rng, length, count)], axis=1
            )
            for source, (length, count) in enumerate(zip(self._lengths, self._counts, strict=True))
        ]
        return rng.permutation(np.concatenate(parts))


def _count(length: int, weight: float) -> int:
    """How many samples of a source come in one epoch: at least one of what is there and has a weight."""
    return max(round(length * weight), int(length > 0 and weight > 0))


def _passes(epoch: int, length: int, count: int) -> NDArray[np.intp]:
    """In which pass each of the rows that `_chosen` gives comes, so that what comes twice is not the same."""
    most = max(1, -(-count // length)) if length else 1
    return epoch * most + np.arange(count) // max(1, length)


def _chosen(rng: np.random.Generator, length: int, count: int) -> NDArray[np.intp]:
    """As many rows as asked, every row equally often but for one."""
    whole = count // length if length else 0
    return np.concatenate(
        [np.tile(np.arange(length), whole), rng.permutation(length)[: count - whole * length]]
    )
