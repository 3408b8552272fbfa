"""The gate that an exported file has to pass: on real pictures it says what the network said."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from pinpoint.codecs import Instances
from pinpoint.codecs.simcc import SimCC
from pinpoint.evaluation.boxes import match_similar, precision_of
from pinpoint.evaluation.curves import Matches
from pinpoint.evaluation.oks import oks
from pinpoint.evaluation.points import point_measures
from pinpoint.geometry import Float, iou
from pinpoint.hub import ModelSpec
from pinpoint.keypoints import Keypoints
from pinpoint.runtime import Session, open_session
from pinpoint.training.gate_samples import GateSamples

__all__ = [
    "LIMITS",
    "Difference",
    "GateError",
    "GateReport",
    "Limits",
    "compare",
    "limits_for",
    "write_through_gate",
]

PAIR_IOU = 0.5  # boxes of two networks that overlap less are not of the same instance
TOGETHER = 8


@dataclass(frozen=True)
class Limits:
    """The most by which a file may differ from its network.

    Args:
        p50: Half of all points are nearer than this, in pixels of the input. Of a detector without keypoints,
            the corners of boxes are its points.
        p95: 95 of 100 points are.
        max: All points are.
        score: Largest difference of two scores.
        unpaired: Share of points, or of instances of a one-stage network, that only one of them finds.
        overlap: 1 - IoU of the two boxes of an instance, at worst (one-stage only).
        drop: How much lower the average precision may be.
    """

    p50: float = math.inf
    p95: float = math.inf
    max: float = math.inf
    score: float = math.inf
    unpaired: float = math.inf
    overlap: float = math.inf
    drop: float = math.inf


LIMITS: Mapping[str, Limits] = {
    "float32": Limits(p50=0.02, p95=0.02, max=0.02, score=1e-3, unpaired=0.005, overlap=0.005, drop=0.001),
    "float16": Limits(p50=0.1, p95=0.5, score=0.02, unpaired=0.02, overlap=0.05, drop=0.005),
    "int8": Limits(drop=0.01),
}
"""What a file may differ by, by the type of its weights: see `limits_for`. In 16 bits, two places of a
heatmap that are almost equally bright may change their order, so the largest error says nothing."""

LABELS = {
    "p50": "point error, half below (px)",
    "p95": "point error, 95 % below (px)",
    "max": "point error, largest (px)",
    "score": "score error, largest",
    "unpaired": "found by one of them only",
    "overlap": "1 - IoU of boxes, largest",
    "before": "AP of the network",
    "after": "AP of the file",
    "drop": "AP lost",
}


@dataclass(frozen=True)
class Difference:
    """How far a file is from its network when it is given so many pictures at a time.

    Args:
        batch: How many.
        p50: This and the next: see `Limits`; NaN where there is nothing to measure.
        p95: See there.
        max: See there.
        score: See there.
        unpaired: See there.
        overlap: See there.
        before: Average precision of the network.
        after: Average precision of the file.
    """

    batch: int
    p50: float
    p95: float
    max: float
    score: float
    unpaired: float
    overlap: float
    before: float
    after: float

    @property
    def drop(self) -> float:
        """How much lower the average precision of the file is."""
        return self.before - self.after

    def beyond(self, limits: Limits) -> list[str]:
        """Names of the limits that are not kept; where nothing at all is found, `p50` is not."""
        values = {name: getattr(self, name) for name in vars(limits)}
        if math.isnan(self.p50):
            values["p50"] = math.inf
        return [name for name, limit in vars(limits).items() if values[name] > limit]


@dataclass(frozen=True)
class GateReport:
    """What a comparison gave.

    Args:
        samples: How many crops or pictures were compared.
        differences: One for each way of feeding the file.
    """

    samples: int
    differences: tuple[Difference, ...]

    def passes(self, limits: Limits) -> bool:
        """Whether every limit is kept."""
        return not any(difference.beyond(limits) for difference in self.differences)

    @property
    def empty(self) -> bool:
        """Whether neither the network nor the file found anything that could be compared."""
        return all(math.isnan(difference.p50) and not difference.unpaired for difference in self.differences)

    def table(self, limits: Limits | None = None) -> str:
        """What was measured, in lines, with the limits and a mark where one is not kept."""
        heads = (f"{self.samples} samples", *(f"batch {d.batch}" for d in self.differences), "limit", "")
        rows = [heads, *(self._row(name, limits or Limits()) for name in LABELS)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_line(row, widths) for row in rows if row[-1] or set(row[1:-2]) != {"-"})

    def _row(self, name: str, limits: Limits) -> tuple[str, ...]:
        limit, values = getattr(limits, name, math.inf), [getattr(d, name) for d in self.differences]
        above = any(name in d.beyond(limits) for d in self.differences)
        shown = "" if math.isinf(limit) else f"{limit:.3g}"
        return LABELS[name], *map(_number, values), shown, "above the limit" if above else ""


class GateError(ValueError):
    """A file does not say what its network says; it was not kept.

    Args:
        report: What was measured.
        limits: What was allowed.
    """

    def __init__(self, report: GateReport, limits: Limits) -> None:
        super().__init__(f"the file is not what the network is, and was not kept\n{report.table(limits)}")
        self.report, self.limits = report, limits


def limits_for(weights: str, spec: ModelSpec) -> Limits:
    """What a file of a model may differ by.

    Args:
        weights: A key of `LIMITS`.
        spec: Where points are read from rulers, any of them may move by one mark.
    """
    limits = LIMITS[weights]
    if not isinstance(spec.codec, SimCC):
        return limits
    return replace(limits, max=max(limits.max, math.hypot(1, 1) / spec.codec.split_ratio))


def write_through_gate(
    path: Path, write: Callable[[Path], object], reference: Session, samples: GateSamples, limits: Limits
) -> GateReport:
    """Write a file beside its place, and move it there only if it passes.

    Args:
        path: Where it is to be; what is there stays unless the new file passes.
        write: Writes it to the path that it is given, with whatever belongs to it beside it.
        reference: What the file has to say the same as.
        samples: On what.
        limits: How exactly.

    Raises:
        GateError: It does not pass.
    """
    with TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        write(part)
        report = compare(reference, open_session(part), samples)
        if not report.passes(limits):
            raise GateError(report, limits)
        for file in sorted(Path(folder).iterdir(), key=lambda file: file.name == path.name):
            file.replace(path.with_name(file.name))
    return report


class _Pairs(NamedTuple):
    """Two readings of one picture, instance by instance."""

    first: Instances
    second: Instances
    alone: int
    """Instances that are in one of the two only."""

    @property
    def points(self) -> tuple[Float, Float]:
        """Shape (P, K, 2) each; corners of boxes where there are no keypoints."""
        pair = self.first, self.second
        a, b = (one.xy if one.xy.shape[1] else one.boxes.reshape(-1, 2, 2) for one in pair)
        return a, b


def compare(
    reference: Session, candidate: Session, samples: GateSamples, *, batches: Sequence[int] = (1, TOGETHER)
) -> GateReport:
    """Show two networks the same pictures and measure how far apart their answers are.

    Args:
        reference: What is taken to be right, such as `NetworkSession(network, spec)`.
        candidate: What is compared with it, such as `open_session(path)`.
        samples: The pictures.
        batches: How many pictures the candidate is given at a time; each is measured.
    """
    right = samples.read(reference, TOGETHER)
    found = [(size, samples.read(candidate, size)) for size in batches]
    return GateReport(len(samples), tuple(_difference(samples, right, read, size) for size, read in found))


def _difference(
    samples: GateSamples, right: Sequence[Instances], found: Sequence[Instances], batch: int
) -> Difference:
    join = _one_to_one if samples.are_crops else _by_overlap
    pairs = [join(a, b) for a, b in zip(right, found, strict=True)]
    errors, unpaired = _point_errors(pairs)
    p50, p95, most = np.percentile(errors, [50, 95, 100]) if len(errors) else np.full(3, np.nan)
    return Difference(
        batch=batch,
        p50=float(p50),
        p95=float(p95),
        max=float(most),
        score=_largest(_score_errors(pairs)),
        unpaired=unpaired,
        overlap=math.nan if samples.are_crops else _largest(_overlap_errors(pairs)),
        before=_precision(samples, right),
        after=_precision(samples, found),
    )


def _one_to_one(a: Instances, b: Instances) -> _Pairs:
    return _Pairs(a, b, 0)


def _by_overlap(a: Instances, b: Instances) -> _Pairs:
    """Join the instances whose boxes overlap most, each with one of the other reading."""
    overlap = iou(a.boxes, b.boxes)
    rows: list[tuple[int, int]] = []
    while overlap.size and overlap.max() >= PAIR_IOU:
        i, j = np.unravel_index(overlap.argmax(), overlap.shape)
        rows.append((int(i), int(j)))
        overlap[i], overlap[:, j] = 0, 0
    first, second = ([row[side] for row in rows] for side in (0, 1))
    chosen = (Instances(*(values[at] for values in one)) for one, at in ((a, first), (b, second)))
    return _Pairs(*chosen, alone=len(a.boxes) + len(b.boxes) - 2 * len(rows))


def _point_errors(pairs: Sequence[_Pairs]) -> tuple[Float, float]:
    """Distances of points that both know, and the share of points or instances that one does not."""
    errors, alone, total = [], 0, 0
    for pair in pairs:
        a, b = pair.points
        known = np.isfinite(a).all(axis=-1), np.isfinite(b).all(axis=-1)
        errors.append(np.linalg.norm(a - b, axis=-1)[known[0] & known[1]])
        missed = int((known[0] ^ known[1]).sum()) if a.shape[1] else 0
        alone += pair.alone + missed
        total += pair.alone + known[0].size
    return np.concatenate(errors), alone / max(total, 1)


def _score_errors(pairs: Sequence[_Pairs]) -> Iterator[Float]:
    for pair in pairs:
        yield np.abs(pair.first.scores - pair.second.scores).ravel()
        yield np.abs(pair.first.box_scores - pair.second.box_scores)


def _overlap_errors(pairs: Sequence[_Pairs]) -> Iterator[Float]:
    for pair in pairs:
        yield 1 - np.diagonal(iou(pair.first.boxes, pair.second.boxes))


def _largest(parts: Iterator[Float]) -> float:
    values = np.concatenate(list(parts))
    return float(values.max()) if len(values) else math.nan


def _precision(samples: GateSamples, found: Sequence[Instances]) -> float:
    """AP of points in true boxes, or of instances in whole pictures: of their points if there are any."""
    truth = samples.truth
    if not samples.are_crops:
        matches = [_match(kps, one) for kps, one in zip(truth, found, strict=True)]
        return float(precision_of(matches).mean())
    return point_measures(
        np.concatenate([kps.xy for kps in truth]),
        np.concatenate([one.xy for one in found]),
        np.concatenate([one.scores for one in found]),
        np.concatenate([np.asarray(kps.boxes) for kps in truth]),
        np.concatenate([np.asarray(kps.areas) for kps in truth]),
        np.array(truth[0].skeleton.sigmas),
    )["AP"]


def _match(truth: Keypoints, found: Instances) -> Matches:
    boxes, sigmas = np.asarray(truth.boxes), np.array(truth.skeleton.sigmas)
    if not found.xy.shape[1]:
        return match_similar(iou(boxes, found.boxes), found.box_scores, np.zeros(len(boxes), bool))
    labelled = np.asarray(np.isfinite(truth.xy).all(axis=-1))
    similar = oks(truth.xy, found.xy, np.asarray(truth.areas), sigmas)
    return match_similar(similar, found.box_scores, np.asarray(~labelled.any(axis=1)))


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}" if value < 10 else f"{value:.1f}"


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
    numbers = (text.rjust(width) for text, width in zip(row[1:-1], widths[1:-1], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *numbers, row[-1]]).rstrip()
