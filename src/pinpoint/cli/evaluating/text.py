"""Numbers as a table for the terminal, and as JSON."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pinpoint.cli.evaluating.numbers import DRAWS, Intervals, Numbers

__all__ = ["SPANNED", "Facts", "all_notes", "as_json", "as_table", "cell", "span"]

Facts = Mapping[str, str | int]

SPANNED = ("AP", "AP50", "AR", "PCK@.1", "NME")
"""Measures whose intervals the terminal has room for; JSON and the report have all."""


def as_table(facts: Facts, numbers: Sequence[Numbers], common: Mapping[str, str]) -> str:
    """Say what was measured, the numbers of every run, and what they took for granted.

    Args:
        facts: `data`, `pictures`, `instances` and `failed`.
        numbers: Of one run or more.
        common: What was assumed for all, by the subject.
    """
    names = list(dict.fromkeys(name for one in numbers for name in one.measures))
    whole, parts = ([name for name in names if (" " in name) == of_part] for of_part in (False, True))
    lines = [
        _title(facts, numbers),
        *_measures(numbers, whole),
        *(_measures(numbers, parts) if parts else []),
    ]
    lines += _intervals(numbers)
    lines += [f"{subject}: {text}" for subject, text in all_notes(numbers, common)]
    return "\n".join(lines)


def as_json(
    facts: Facts,
    numbers: Sequence[Numbers],
    common: Mapping[str, str],
    details: Mapping[str, Mapping[str, Any]],
) -> str:
    """One run as flat keys, several as `runs` by name; numbers that are not there are null.

    Args:
        facts: `data`, `pictures`, `instances` and `failed`.
        numbers: Of one run or more.
        common: What was assumed for all, by the subject.
        details: What is said beside the numbers, by the name of the run.
    """
    runs = {one.run.name: _flat(one, common) | dict(details.get(one.run.name, {})) for one in numbers}
    if len(runs) == 1:
        (name,) = runs
        document: dict[str, Any] = {"run": name, **facts, **runs[name]}
    else:
        document = {**facts, "runs": runs}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def all_notes(numbers: Sequence[Numbers], common: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was assumed for all runs, then for single ones, as subjects and texts."""
    shared = {
        subject: text
        for subject, text in numbers[0].notes.items()
        if all(one.notes.get(subject) == text for one in numbers)
    }
    own = [
        (f"{one.run.name}, {subject}", text)
        for one in numbers
        for subject, text in one.notes.items()
        if subject not in shared
    ]
    return [*common.items(), *shared.items(), *own]


def cell(name: str, value: float) -> str:
    """A number as tables show it."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if name == "missed" else f"{value:.4f}" if name == "NME" else f"{value:.3f}"


def span(name: str, ends: tuple[float, float], *, signed: bool = False) -> str:
    """An interval as tables show it."""
    if math.isnan(ends[0]):
        return "-"
    digits = 4 if name == "NME" else 3
    return " to ".join(f"{end:{'+' if signed else ''}.{digits}f}" for end in ends)


def _title(facts: Facts, numbers: Sequence[Numbers]) -> str:
    failed = f", {facts['failed']} failed" if facts["failed"] else ""
    names = ", ".join(f"{one.run.name} (boxes: {one.run.boxes})" for one in numbers)
    return f"{names} on {facts['data']}: {facts['pictures']} pictures{failed}, {facts['instances']} instances"


def _measures(numbers: Sequence[Numbers], names: Sequence[str]) -> list[str]:
    """A row for each run, named where there are several."""
    several = len(numbers) > 1
    rows = [["", *names]]
    rows += [[one.run.name, *(cell(n, one.measures.get(n, math.nan)) for n in names)] for one in numbers]
    return _columns(rows if several else [row[1:] for row in rows], first_left=several)


def _intervals(numbers: Sequence[Numbers]) -> list[str]:
    names = [name for name in SPANNED if name in numbers[0].intervals]
    if not names:
        return []
    first = numbers[0].run.name
    rows = [[one.run.name, *_spans(names, one.intervals)] for one in numbers]
    rows += [
        [f"{one.run.name} - {first}", *_spans(names, one.differences, signed=True)] for one in numbers[1:]
    ]
    lines = _columns([["", *names], *rows], first_left=True)
    return [f"95 % of {DRAWS:,} draws of the pictures lie within", *lines]


def _spans(names: Iterable[str], ends: Intervals, *, signed: bool = False) -> list[str]:
    return [span(name, ends[name], signed=signed) for name in names]


def _columns(rows: Sequence[Sequence[str]], *, first_left: bool) -> list[str]:
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{text:>{width}}" for text, width in zip(row, widths, strict=True)]
        if first_left:
            cells[0] = f"{row[0]:<{widths[0]}}"
        lines.append("".join(cells).rstrip())
    return lines


def _flat(one: Numbers, common: Mapping[str, str]) -> dict[str, Any]:
    flat: dict[str, Any] = {"boxes": one.run.boxes}
    flat |= {name: None if math.isnan(value) else value for name, value in one.measures.items()}
    for key, ends in (("intervals", one.intervals), ("differences", one.differences)):
        if ends:
            flat[key] = {
                name: [None if math.isnan(end) else end for end in pair] for name, pair in ends.items()
            }
    return flat | {"assumptions": {**common, **one.notes}}
