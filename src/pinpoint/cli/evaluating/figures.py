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
from pinpoint.geometry import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["error_kinds", "intervals", "keypoint_kinds", "precision_recall_curves", "reliability_curves"]

RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#808080")
"""Told apart by the colour-blind: Okabe and Ito, Color Universal Design, 2008, with grey for black."""
OF_KIND = {
    "good": "#009E73",
    "jitter": "#F0E442",
    "inversion": "#56B4E9",
    "swap": "#CC79A7",
    "miss": "#D55E00",
}
FEW = 10  # names; more of them stand closer together
INCH = 144  # pixels of a figure: twice what a screen shows, for dense ones
GREY = "#767c85"  # as dark as it is light: figures lie on white and on black


def precision_recall_curves(findings: Mapping[str, Findings]) -> list[bytes]:
    """Precision over recall of every run: at OKS .50 and .75, and in the mean of all thresholds."""
    rows = {"OKS .50": [0], "OKS .75": [5], "mean of OKS .50 to .95": list(range(len(THRESHOLDS)))}
    return [_curves(findings, title, thresholds) for title, thresholds in rows.items()]


def _curves(findings: Mapping[str, Findings], title: str, thresholds: Sequence[int]) -> bytes:
    figure = _figure(3.6, 3.4)
    axes = _axes(figure, title)
    for color, (name, one) in zip(_colors(len(findings)), findings.items(), strict=True):
        precision = one.curves.precision[0, thresholds].mean(axis=0)
        axes.plot(RECALLS, precision, color=color, label=f"{_short(name)}  {precision.mean():.3f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.legend(
        title="AP", loc="best", labelcolor=GREY, frameon=False, fontsize=8, title_fontsize=8
    ).get_title().set_color(GREY)
    return _png(figure)


def intervals(numbers: Sequence[Numbers]) -> bytes:
    """Every number of every run with its interval; those that have no upper bound are left out."""
    names = [name for name in numbers[0].intervals if name != "NME"]
    figure = _figure(4.8, 0.9 + len(names) * (0.2 + 0.14 * len(numbers)))
    axes = _axes(figure, "")
    places = np.arange(len(names))[::-1]
    offsets = np.linspace(0.2, -0.2, len(numbers)) if len(numbers) > 1 else np.zeros(1)
    for color, offset, one in zip(_colors(len(numbers)), offsets, numbers, strict=True):
        values = np.array([one.measures[name] for name in names])
        low, high = np.array([one.intervals[name] for name in names]).T
        axes.hlines(places + offset, low, high, color=color, linewidth=2.5, alpha=0.45)
        axes.plot(
            values, places + offset, "o", color=color, markersize=5, label=_short(one.run.name), clip_on=False
        )
    axes.set(yticks=places, yticklabels=names, xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
    if len(numbers) > 1:
        _legend_below(figure, 3)
    return _png(figure)


def error_kinds(findings: Mapping[str, Findings]) -> list[bytes]:
    """What share of the points of each run is mistaken in which way, and the AP that it costs."""
    measures = [one.diagnosis.measures() for one in findings.values()]
    names = [_short(name) for name in findings]
    shares = np.array([[np.nan_to_num(one[kind]) for kind in KINDS] for one in measures])
    costs = np.array([[np.nan_to_num(one[f"AP-{kind}"]) for kind in KINDS[1:]] for one in measures])
    return [_stacked(shares, names, "share of the labelled points"), _costs(costs, names)]


def _costs(costs: Float, names: Sequence[str]) -> bytes:
    figure = _figure(4.8, 1.3 + 0.5 * len(names))
    axes = _axes(figure, "AP that mending them would gain")
    places = np.arange(len(names))[::-1]
    for number, kind in enumerate(KINDS[1:]):
        axes.barh(
            places + 0.27 - 0.18 * number, costs[:, number], height=0.16, color=OF_KIND[kind], label=kind
        )
    axes.set(yticks=places, yticklabels=names, ylim=(-0.6, len(names) - 0.4))
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=5)
    _legend_below(figure, 4)
    return _png(figure)


def keypoint_kinds(one: Findings, names: Sequence[str]) -> bytes:
    """The kinds of errors of each keypoint of one run, as shares of its labels in paired instances."""
    counts = one.diagnosis.counts
    return _stacked((counts / np.maximum(counts.sum(axis=0), 1)).T, names, "")


def _stacked(shares: Float, names: Sequence[str], title: str) -> bytes:
    """Shares of the kinds, one row for each name, shape (names, kinds)."""
    figure = _figure(4.8, 1.3 + (0.5 if len(names) < FEW else 0.2) * len(names))
    axes = _axes(figure, title)
    places, left = np.arange(len(names))[::-1], np.zeros(len(names))
    for kind, values in zip(KINDS, shares.T, strict=True):
        axes.barh(places, values, left=left, height=0.74, color=OF_KIND[kind], label=kind)
        left += values
    axes.set(yticks=places, yticklabels=names, xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
    figure.legend(
        loc="outside lower center", ncols=5, labelcolor=GREY, frameon=False, fontsize=8, columnspacing=1
    )
    return _png(figure)


def reliability_curves(curves: Mapping[str, Reliability], near: float) -> list[bytes]:
    """Which share of points is right over their score, and how many points there are of each score."""
    shares, counts = _figure(4.8, 4.2), _figure(4.8, 4.2)
    right = _axes(shares, f"right: within {near:g} of the box's longer side")
    count = _axes(counts, "how many points have such a score")
    right.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    for color, (name, one) in zip(_colors(len(curves)), curves.items(), strict=True):
        known = one.count > 0
        right.plot(one.score[known], one.right[known], "o-", color=color, markersize=4,
                   label=f"{_short(name)}  {one.ece:.3f}")  # fmt: skip
        count.stairs(one.count, one.edges, color=color, linewidth=1.6)
    right.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="score of the point", ylabel="share that is right")
    count.set(xlim=(0, 1), xlabel="score of the point", ylabel="points")
    right.legend(
        title="ECE", loc="best", labelcolor=GREY, frameon=False, fontsize=8, title_fontsize=8
    ).get_title().set_color(GREY)
    return [_png(shares), _png(counts)]


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _axes(figure: "Figure", title: str) -> "Axes":
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, loc="left", color=GREY)
    axes.tick_params(labelsize=8, colors=GREY)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=9, color=GREY)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    return axes


def _legend(axes: "Axes", title: str) -> None:
    legend = axes.legend(
        title=title, loc="best", labelcolor=GREY, frameon=False, fontsize=8, title_fontsize=8
    )
    legend.get_title().set_color(GREY)


def _legend_below(figure: "Figure", columns: int) -> None:
    figure.legend(
        loc="outside lower center",
        ncols=columns,
        labelcolor=GREY,
        frameon=False,
        fontsize=8,
        columnspacing=1,
    )


def _colors(count: int) -> list[str]:
    return [RUNS[number % len(RUNS)] for number in range(count)]


def _short(name: str, most: int = 28) -> str:
    """A name that a legend has room for; without signs that matplotlib would read as mathematics."""
    plain = name.replace("$", r"\$")
    return plain if len(plain) <= most else f"...{plain[3 - most :]}"


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=INCH, transparent=True, metadata={"Software": None})
    return buffer.getvalue()
