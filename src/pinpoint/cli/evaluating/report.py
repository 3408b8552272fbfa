"""The report: one HTML file with all of its pictures in it, which fetches nothing."""

import base64
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pinpoint
from pinpoint.cli.evaluating import figures
from pinpoint.cli.evaluating.findings import NEAR, Findings
from pinpoint.cli.evaluating.labels import Labels, skeleton_of
from pinpoint.cli.evaluating.numbers import DRAWS, Numbers
from pinpoint.cli.evaluating.text import Facts, all_notes, cell, span
from pinpoint.cli.evaluating.worst import worst_pictures
from pinpoint.evaluation.per_keypoint import PerKeypoint
from pinpoint.evaluation.sigmas import Sigmas

__all__ = ["check_report_extra", "write_report"]

ROOM = 40  # keypoints that a figure has room for
DEEPEST = 0.45  # opacity of the shade behind a perfect PCK


def check_report_extra() -> None:
    """See whether the packages of the extra `report` are there, without importing them.

    Raises:
        ImportError: One is not; the message says how to get it.
    """
    if missing := [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]:
        raise ImportError(
            f"--html needs {' and '.join(missing)}, which are not installed: "
            'pip install "pinpoint-keypoints[report]"'
        )


def write_report(
    path: Path,
    labels: Sequence[Labels],
    numbers: Sequence[Numbers],
    sigmas: Sigmas | None,
    *,
    findings: Mapping[str, Findings],
    facts: Facts,
    notes: Mapping[str, str],
) -> None:
    """Write what an evaluation found out as one HTML file.

    Args:
        path: The file; it is replaced.
        labels: The pictures that were measured.
        numbers: Of every run.
        sigmas: OKS falloffs, none where boxes are measured.
        findings: Of every run by its name.
        facts: `data`, `pictures`, `instances` and `failed`.
        notes: What was assumed for all runs, by the subject.

    Raises:
        OSError: The file cannot be written.
    """
    import jinja2

    source = resources.files(__package__ or "").joinpath("report.html.jinja").read_text("utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    values = _overview(numbers, facts, notes)
    if sigmas is not None:
        values |= _closer_look(labels, numbers, sigmas, findings)
    path.write_text(template.render(values), "utf-8")


def _overview(numbers: Sequence[Numbers], facts: Facts, notes: Mapping[str, str]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for one in numbers for name in one.measures))
    failed = f"; {facts['failed']} pictures could not be read" if facts["failed"] else ""
    common = f"; {notes['keypoints']}" if "keypoints" in notes else ""  # too much to stand below alone
    columns = [_column(one, names) for one in numbers]
    columns += [_difference(one, numbers[0], names) for one in numbers[1:] if one.differences]
    intervals = _inline(figures.intervals(numbers)) if numbers[0].intervals else ""
    return {
        "title": f"{', '.join(one.run.name for one in numbers)} on {facts['data']}",
        "subtitle": f"{facts['pictures']} pictures, {facts['instances']} labelled instances{failed}{common}",
        "columns": columns,
        "rows": [
            {"name": name, "cells": [column["cells"][row] for column in columns]}
            for row, name in enumerate(names)
        ],
        "draws": f"{DRAWS:,}" if numbers[0].intervals else "",
        "runs": [one.run.name for one in numbers],
        "notes": all_notes(numbers, notes),
        "pictures": {"intervals": intervals, "curves": []},
        "version": pinpoint.__version__,
    }


def _column(one: Numbers, names: Sequence[str]) -> dict[str, Any]:
    cells = [
        {
            "text": cell(name, one.measures.get(name, math.nan)),
            "span": span(name, one.intervals[name]) if name in one.intervals else "",
            "mood": "",
        }
        for name in names
    ]
    return {"name": one.run.name, "note": f"boxes: {one.run.boxes}", "cells": cells}


def _difference(one: Numbers, first: Numbers, names: Sequence[str]) -> dict[str, Any]:
    cells = []
    for name in names:
        ends = one.differences.get(name, (math.nan, math.nan))
        more = one.measures.get(name, math.nan) - first.measures.get(name, math.nan)
        text = "-" if math.isnan(more) else f"{'+' if more > 0 else ''}{cell(name, more)}"
        cells.append({"text": text, "span": _ends(name, ends), "mood": _mood(name, ends)})
    return {"name": f"{one.run.name} - {first.run.name}", "note": "", "cells": cells}


def _ends(name: str, ends: tuple[float, float]) -> str:
    return "" if math.isnan(ends[0]) else span(name, ends, signed=True)


def _mood(name: str, ends: tuple[float, float]) -> str:
    """Whether a difference is to be told from none; of errors, less is better."""
    low, high = (-ends[1], -ends[0]) if name == "NME" else ends
    return "better" if low > 0 else "worse" if high < 0 else ""


def _closer_look(
    labels: Sequence[Labels], numbers: Sequence[Numbers], sigmas: Sigmas, findings: Mapping[str, Findings]
) -> dict[str, Any]:
    runs = [one.run for one in numbers]
    columns = skeleton_of(labels).keypoints
    curves = {name: one.calibration for name, one in findings.items() if one.calibration is not None}
    pictures = {
        "intervals": _inline(figures.intervals(numbers)),
        "curves": [_inline(one) for one in figures.precision_recall_curves(findings)],
        "kinds": [_inline(one) for one in figures.error_kinds(findings)],
        "reliability": [_inline(one) for one in figures.reliability_curves(curves, NEAR)] if curves else [],
    }
    return {
        "pictures": pictures,
        "sigma_words": sigmas.words,
        "keypoints": _keypoints(columns, [one.keypoints for one in findings.values()], sigmas),
        "keypoint_kinds": _kinds_by_keypoint(findings, columns),
        "uncalibrated": [name for name in findings if name not in curves],
        "worst": [
            {
                "name": one.name,
                "words": one.words,
                "panels": [{"name": name, "source": _inline(jpeg, "jpeg")} for name, jpeg in one.panels],
            }
            for one in worst_pictures(runs, labels, sigmas.values)
        ],
    }


def _kinds_by_keypoint(findings: Mapping[str, Findings], columns: Sequence[str]) -> list[tuple[str, str]]:
    if len(columns) > ROOM:
        return []
    return [(name, _inline(figures.keypoint_kinds(one, columns))) for name, one in findings.items()]


def _keypoints(columns: Sequence[str], runs: Sequence[PerKeypoint], sigmas: Sigmas) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "sigma": f"{sigmas.values[column]:.3f}",
            "labelled": int(runs[0].labelled[column]),
            "cells": [shown for run in runs for shown in _cells(run, column)],
        }
        for column, name in enumerate(columns)
    ]


def _cells(run: PerKeypoint, column: int) -> list[dict[str, str]]:
    shades = (0.0, run.near[column], run.nearer[column], 0.0)
    values = (run.error[column], run.near[column], run.nearer[column], run.missing[column])
    return [
        {
            "text": "-" if math.isnan(value) else f"{value:.3f}",
            "shade": f"{DEEPEST * shade**2:.2f}" if shade > 0 else "",
        }
        for value, shade in zip(values, shades, strict=True)
    ]


def _inline(picture: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
