"""The figures of the report, each as the bytes of a PNG."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pinpoint.cli.evaluating.findings import Findings
from pinpoint.cli.evaluating.numbers import Numbers
from pinpoint.evaluation.calibration import Reliability
from pinpoint.evaluation.curves import RECALLS, THRESHOLDS
from pinpoint.evaluation.error_kinds import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["error_kinds", "intervals", "keypoint_kinds", "precision_recall_curves", "reliability_curves"]

RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart by the colour-blind: Okabe and Ito, Color Universal Design, 2008."""
OF_KIND = {
    "good": "#009E73",
    "jitter": "#F0E442",
    "inversion": "#56B4E9",
    "swap": "#CC79A7",
    "miss": "#D55E00",
}
INCH = 144  # pixels of a figure: twice what a screen shows, for dense ones
GREY = "#6b7280"


def precision_recall_curves(findings: Mapping[str, Findings]) -> bytes:
    """Precision over recall of every run: at OKS .50 and .75, and in the mean of all thresholds."""
    figure = _figure(9.6, 3.4)
    rows = {"OKS .50": [0], "OKS .75": [5], "mean of OKS .50 to .95": list(range(len(THRESHOLDS)))}
    for number, (title, thresholds) in enumerate(rows.items(), 1):
        axes = _axes(figure, 1, 3, number, title)
        for color, (name, one) in zip(_colors(len(findings)), findings.items(), strict=True):
            precision = one.curves.precision[0, thresholds].mean(axis=0)
            axes.plot(RECALLS, precision, color=color, label=f"{_short(name)}  {precision.mean():.3f}")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision" if number == 1 else "")
        axes.legend(title="AP", loc="best", frameon=False, fontsize=8, title_fontsize=8)
    return _png(figure)


def intervals(numbers: Sequence[Numbers]) -> bytes:
    """Every number of every run with its interval; those that have no upper bound are left out."""
    names = [name for name in numbers[0].intervals if name != "NME"]
    figure = _figure(9.6, 0.9 + len(names) * (0.2 + 0.14 * len(numbers)))
    axes = _axes(figure, 1, 1, 1, "")
    places = np.arange(len(names))[::-1]
    offsets = np.linspace(0.2, -0.2, len(numbers)) if len(numbers) > 1 else np.zeros(1)
    for color, offset, one in zip(_colors(len(numbers)), offsets, numbers, strict=True):
        values = np.array([one.measures[name] for name in names])
        low, high = np.array([one.intervals[name] for name in names]).T
        axes.hlines(places + offset, low, high, color=color, linewidth=2.5, alpha=0.45)
        axes.plot(values, places + offset, "o", color=color, markersize=5, label=_short(one.run.name))
    axes.set(yticks=places, yticklabels=names, xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    return _png(figure)


def error_kinds(findings: Mapping[str, Findings]) -> bytes:
    """What share of the points of each run is mistaken in which way, and the AP that it costs."""
    figure = _figure(9.6, 1.3 + 0.42 * len(findings))
    shares, costs = (_axes(figure, 1, 2, number, title) for number, title in _titles_of_kinds())
    measures = [one.diagnosis.measures() for one in findings.values()]
    places = np.arange(len(findings))[::-1]
    left = np.zeros(len(findings))
    for kind in KINDS:
        values = np.array([np.nan_to_num(one[kind]) for one in measures])
        shares.barh(places, values, left=left, height=0.62, color=OF_KIND[kind], label=kind)
        left += values
    for number, kind in enumerate(KINDS[1:]):
        values = np.array([np.nan_to_num(one[f"AP-{kind}"]) for one in measures])
        costs.barh(places + 0.27 - 0.18 * number, values, height=0.16, color=OF_KIND[kind])
    for axes in (shares, costs):
        axes.set(yticks=places, ylim=(-0.6, len(findings) - 0.4))
        axes.set_yticklabels([_short(name) for name in findings] if axes is shares else [])
    shares.set_xlim(0, 1)
    costs.set_xlim(left=0)
    figure.legend(
        *shares.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False, fontsize=8
    )
    return _png(figure)


def keypoint_kinds(one: Findings, names: Sequence[str]) -> bytes:
    """The kinds of errors of each keypoint of one run, as shares of its labels in paired instances."""
    counts = one.diagnosis.counts
    total = np.maximum(counts.sum(axis=0), 1)
    figure = _figure(9.6, 0.8 + 0.2 * len(names))
    axes = _axes(figure, 1, 1, 1, "")
    places, left = np.arange(len(names))[::-1], np.zeros(len(names))
    for kind, row in zip(KINDS, counts / total, strict=True):
        axes.barh(places, row, left=left, height=0.74, color=OF_KIND[kind], label=kind)
        left += row
    axes.set(yticks=places, yticklabels=names, xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    return _png(figure)


def reliability_curves(curves: Mapping[str, Reliability], near: float) -> bytes:
    """Which share of points is right over their score, and how many points there are of each score."""
    figure = _figure(9.6, 4.2)
    grid = figure.add_gridspec(1, 2)
    right = _styled(figure.add_subplot(grid[0]), f"right: within {near:g} of the box's longer side")
    count = _styled(figure.add_subplot(grid[1]), "how many points have such a score")
    right.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    for color, (name, one) in zip(_colors(len(curves)), curves.items(), strict=True):
        known = one.count > 0
        right.plot(one.score[known], one.right[known], "o-", color=color, markersize=4,
                   label=f"{_short(name)}  {one.ece:.3f}")  # fmt: skip
        count.stairs(one.count, one.edges, color=color, linewidth=1.6)
    right.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="score of the point", ylabel="share that is right")
    count.set(xlim=(0, 1), xlabel="score of the point", ylabel="points")
    right.legend(title="ECE", loc="best", frameon=False, fontsize=8, title_fontsize=8)
    return _png(figure)


def _titles_of_kinds() -> list[tuple[int, str]]:
    return [(1, "share of the labelled points"), (2, "AP that mending them would gain")]


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _axes(figure: "Figure", rows: int, columns: int, number: int, title: str) -> "Axes":
    return _styled(figure.add_subplot(rows, columns, number), title)


def _styled(axes: "Axes", title: str) -> "Axes":
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(labelsize=8, colors="#374151")
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.grid(color="#e5e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _colors(count: int) -> list[str]:
    return [RUNS[number % len(RUNS)] for number in range(count)]


def _short(name: str, most: int = 28) -> str:
    """A name that a legend has room for; without signs that matplotlib would read as mathematics."""
    plain = name.replace("$", r"\$")
    return plain if len(plain) <= most else f"...{plain[3 - most :]}"


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=INCH, metadata={"Software": None})
    return buffer.getvalue()
