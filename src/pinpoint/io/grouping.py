"""Rows of a table become records again: the instances of one image stand in rows that follow each other."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["consecutive"]

T = TypeVar("T")


def consecutive(
    rows: Iterable[T], image: Callable[[T], Hashable], instance: Callable[[T], Any]
) -> Iterator[list[T]]:
    """Split rows into those of one record each.

    A record ends where the image changes and where the number of the instance is none, empty or 0, so that
    two records of one name stay apart.
    """
    group: list[T] = []
    for row in rows:
        starts = instance(row) in (None, "", 0, "0", "0.0")
        if group and (starts or image(row) != image(group[-1])):
            yield group
            group = []
        group.append(row)
    if group:
        yield group
