"""Adding up what batches, processes and machines measured, to exactly the number of all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, ParamSpec, Protocol, Self, TypeVar

__all__ = ["Accumulator", "Measured", "Metric"]

Batch = ParamSpec("Batch")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Measured:
    """Numbers, and what they took for granted.

    Args:
        values: By flat names such as `AP50`; NaN where there was nothing to measure.
        assumed: Whose sigmas, what areas, which length, how many keypoints were not labelled; by subject.
    """

    values: Mapping[str, float]
    assumed: Mapping[str, str]


class Metric(Protocol[Batch, Part]):
    """How to measure, without a state; metrics that measure alike are equal."""

    def look(self, *batch: Batch.args, **named: Batch.kwargs) -> Part:
        """Measure one batch. What it returns can be pickled and knows nothing of other batches."""
        ...

    def total(self, parts: Sequence[Part]) -> Measured:
        """Put the parts of one batch or more together, whatever order they come in."""
        ...


class Accumulator(Generic[Batch, Part]):
    """Remembers what the batches of one metric gave; it can be pickled and sent to where it is merged.

    Args:
        metric: One of `pinpoint.evaluation.metrics`.

    >>> import numpy as np
    >>> from pinpoint.evaluation.metrics import EndPoint
    >>> here, there = Accumulator(EndPoint()), Accumulator(EndPoint())
    >>> here.update(np.zeros((1, 2, 2)), np.array([[[3.0, 4.0], [0.0, 0.0]]]))
    >>> there.update(np.zeros((1, 2, 2)), np.array([[[0.0, 1.0], [0.0, 0.0]]]))
    >>> here.merge(there).compute().values["EPE"]
    1.5
    """

    def __init__(self, metric: Metric[Batch, Part]) -> None:
        self.metric = metric
        self._parts: list[Part] = []

    def update(self, *batch: Batch.args, **named: Batch.kwargs) -> None:
        """Measure one more batch; see the metric's `look` for what it is."""
        self._parts.append(self.metric.look(*batch, **named))

    def merge(self, other: Self) -> Self:
        """Add what another one has measured, and return this one.

        Raises:
            ValueError: It measures otherwise.
        """
        if other.metric != self.metric:
            raise ValueError(f"cannot add what {other.metric} measured to what {self.metric} did")
        self._parts += other._parts
        return self

    def compute(self) -> Measured:
        """The numbers of all that was measured so far.

        Raises:
            ValueError: Nothing was.
        """
        if not self._parts:
            raise ValueError(f"{self.metric} has measured nothing yet: call update first")
        return self.metric.total(self._parts)
