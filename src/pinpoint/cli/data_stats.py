"""`pinpoint data stats`: what is in a file, as a table and in pictures."""

from pathlib import Path

import typer

from pinpoint.cli.messages import refuse, say, show_log
from pinpoint.datasets.doctor.sheet import read_sheet
from pinpoint.datasets.doctor.statistics import Statistics, statistics_of, write_plots

__all__ = ["run_stats"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2
HEAD = ("", "least", "5 %", "25 %", "50 %", "75 %", "95 %", "most")


def run_stats(file: Path, out: Path | None, *, verbose: bool = False) -> int:
    """Print the table, draw the pictures if asked to, and return the exit status."""
    show_log(verbose=verbose)
    try:
        statistics = statistics_of(read_sheet(file))
        typer.echo(_table(statistics))
        for path in write_plots(statistics, out) if out is not None else ():
            say(f"drawn: {path}")
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:
        return refuse(error, FAILED)
    return DONE


def _table(statistics: Statistics) -> str:
    counts = [(name, f"{count:,}") for name, count in statistics.counts.items()]
    spread = [(name, *map(_number, row)) for name, row in statistics.quantiles.items()]
    several = len({category for category, _ in statistics.keypoints}) > 1
    points = [
        (f"{category} {name}" if several else name, *(f"{share:.1%}" for share in shares))
        for (category, name), shares in statistics.keypoints.items()
    ]
    parts = [_columns(counts), _columns([HEAD, *spread])]
    if points:
        parts.append(_columns([("", "visible", "hidden", "not labelled"), *points]))
    return "\n\n".join(parts)


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        row[0].ljust(widths[0])
        + "".join(cell.rjust(width + 2) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.2f}"
