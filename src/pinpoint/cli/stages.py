"""Timing the stages of a pipeline from outside: its parts are swapped for ones that keep time."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pinpoint.keypoints import Estimator

__all__ = ["STAGES", "Clock", "timed"]

T = TypeVar("T")

STAGES = ("read", "detect", "crop", "infer", "decode", "other", "draw", "write")
"""In the order in which a picture goes through them; `other` is what a pipeline spends between its parts."""

PARTS: Mapping[str, Mapping[str, str]] = {
    "session": {"run": "infer"},
    "codec": {"decode": "decode", "extras": "decode"},
    "prepare": {"__call__": "crop", "crops": "crop", "batch": "crop"},
    "detector": {"__call__": "detect"},
}
"""The stage of each method of a part, by the name of the field that holds it."""


class Clock:
    """Adds up the seconds of each stage.

    Attributes:
        seconds: What was spent on each stage since the last `reset`.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def reset(self) -> None:
        """Start again from nothing."""
        self.seconds = {}

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Add what is spent inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def timing(self, stage: str, function: Callable[..., T]) -> Callable[..., T]:
        """Return a function that adds what each call of another one takes to a stage."""

        def timed_call(*args: Any, **named: Any) -> T:
            with self.during(stage):
                return function(*args, **named)

        return timed_call


class _TimedPart:
    """Stands for a part of a pipeline and keeps the time of some of its methods."""

    def __init__(self, part: Any, stages: Mapping[str, str], clock: Clock) -> None:
        self._part, self._stages, self._clock = part, stages, clock

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        return self._clock.timing(self._stages[name], value) if name in self._stages else value

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._clock.timing(self._stages["__call__"], self._part)(*args, **named)


def timed(estimator: Estimator, clock: Clock) -> Estimator:
    """Return the same estimator with parts that tell a clock what they take.

    Pipelines are frozen dataclasses of parts. A detector is one stage, its own parts are not told apart.
    """
    return _timed(estimator, clock)


def _timed(part: Any, clock: Clock) -> Any:
    if isinstance(part, tuple) and not hasattr(part, "_fields"):
        return tuple(_timed(one, clock) for one in part)
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return part
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part) if field.init}
    changed = {name: _timed_field(name, value, clock) for name, value in values.items()}
    changed = {name: value for name, value in changed.items() if value is not values[name]}
    return dataclasses.replace(part, **changed) if changed else part


def _timed_field(name: str, value: Any, clock: Clock) -> Any:
    if name in PARTS and value is not None:
        return _TimedPart(value, PARTS[name], clock)
    new = _timed(value, clock)
    same = isinstance(value, tuple) and all(a is b for a, b in zip(value, new, strict=True))
    return value if same else new
