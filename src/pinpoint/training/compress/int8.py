"""Networks in 8 bits: calibrated on real crops, with the layers that suffer most kept in float.

Convolutions and products multiply whole numbers, scaled per output channel (arXiv 1712.05877, 1806.08342).
Activations are unsigned: on x86 ONNX Runtime's signed ones run as slowly as float. What stands between two
layers in 8 bits is in 8 bits too, unless that costs too much.
"""

import contextlib
import hashlib
import io
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QDQQuantizer,
    QuantType,
    create_calibrator,
)
from onnxruntime.quantization.calibrate import TensorData
from onnxruntime.quantization.shape_inference import quant_pre_process

from pinpoint.hub import ModelSpec, spec_of_file
from pinpoint.hub.add import METADATA_KEY
from pinpoint.runtime import Session, open_session
from pinpoint.training.compress.between import BETWEEN, CLIPPING, clipped, on_the_way
from pinpoint.training.compress.table import Comparison, Limits, compare_files, measures_of
from pinpoint.training.gate import Difference, compare
from pinpoint.training.gate_samples import GateSamples

__all__ = ["METHODS", "Choice", "Quantizer", "Sensitivity", "choose", "compress_int8", "halves"]

log = logging.getLogger(__name__)

METHODS = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "percentile": (CalibrationMethod.Percentile, {"percentile": 99.99}),
    "entropy": (CalibrationMethod.Entropy, {}),
}
"""How the range of an activation is told from samples."""
LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm")  # where the time goes
KINDS = (*LAYERS, *BETWEEN, *CLIPPING)
MARGIN = 0.5  # of the allowed drop: what is chosen on some crops shall pass on others
WORTH = 0.25  # of how far 8 bits move points: a layer that does less of it is not worth its time in float
WAY = 0.1  # share of the layers in float that is as slow as what stands between all of them: see `choose`
FEW = 64  # pictures on which each layer is tried alone
AT_ONCE = 8  # pictures of one run

Progress = Callable[[str, int, int], None]
"""Told what is done, and how much of how much of it."""


@dataclass(frozen=True)
class Sensitivity:
    """What one layer in 8 bits does to a network that is otherwise in float.

    Args:
        layer: Name in the file.
        pixels: 95 of 100 points move by less, in pixels of the input.
        score: The most that a score changes by.
    """

    layer: str
    pixels: float
    score: float


@dataclass(frozen=True)
class Choice:
    """What was decided, and why.

    Args:
        method: How ranges were told, a key of `METHODS`.
        layers: All layers that can be in 8 bits, the most sensitive first.
        floats: How many of the first of them stay in float.
        between: Whether what stands between layers in 8 bits is in 8 bits too.
        drop: What the main measure lost on the trial crops.
        pixels: 95 of 100 points moved by less there, in pixels of the input.
    """

    method: str
    layers: tuple[Sensitivity, ...]
    floats: int
    between: bool
    drop: float
    pixels: float

    def text(self) -> str:
        """Which layers stay in float and why, for people."""
        kept, rest = self.layers[: self.floats], self.layers[self.floats :]
        way = "with what is between them" if self.between else "what is between them in float"
        lines = [
            f"{len(rest)} of {len(self.layers)} layers in 8 bits, {way}, calibration {self.method}; "
            f"on the trial pictures AP fell by {self.drop:.4f} and 95 % of points moved by less than "
            f"{self.pixels:.2f} px",
            *(f"  in float: {one.layer}, which alone moves them by {one.pixels:.2f} px" for one in kept),
        ]
        if rest:
            lines.append(
                f"  in 8 bits: the rest; the worst, {rest[0].layer}, moves them by {rest[0].pixels:.2f} px"
            )
        return "\n".join(lines)


class Quantizer:
    """An ONNX file, calibrated once per method and written with any of its layers in 8 bits.

    Args:
        model: An `.onnx` file in float.
        batches: What it takes, from real pictures.
        folder: For what is made on the way.

    Raises:
        ValueError: The file holds no layer that can be in 8 bits.
    """

    def __init__(self, model: Path, batches: Sequence[NDArray], folder: Path) -> None:
        self._folder, self._batches = folder, batches
        self._plain = folder / "plain.onnx"
        _fold(model, self._plain)
        self._metadata = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
        self.layers = tuple(node.name for node in self._graph().node if _has_weights(node, self._weights))
        self._ranges: dict[str, Any] = {}
        if not self.layers:
            raise ValueError(f"{model} has no {', '.join(LAYERS)} with weights, so nothing to quantise")

    def write(
        self,
        path: Path,
        method: str,
        *,
        only: Collection[str] = (),
        floats: Collection[str] = (),
        between: bool = True,
    ) -> None:
        """Write the file with layers in 8 bits.

        Args:
            path: An `.onnx` file.
            method: A key of `METHODS`.
            only: Layers in 8 bits; none: all of them.
            floats: Layers that stay in float.
            between: Whether what stands between layers in 8 bits is in 8 bits too.
        """
        wanted = [name for name in (only or self.layers) if name not in floats]
        model = onnx.load(self._plain)
        if wanted:
            more = [*clipped(model.graph, wanted), *(on_the_way(model.graph, wanted) if between else ())]
            quantizer = QDQQuantizer(
                model,
                per_channel=True,
                reduce_range=False,
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=self.ranges(method),
                nodes_to_quantize=list(dict.fromkeys([*wanted, *more])),
                nodes_to_exclude=[],
                op_types_to_quantize=list(KINDS),
                extra_options={"WeightSymmetric": True},
            )
            quantizer.quantize_model()
            model = quantizer.model.model
        onnx.helper.set_model_props(model, self._metadata)
        onnx.save(model, path)

    def ranges(self, method: str) -> Any:
        """What values each activation takes, told by a method."""
        if method not in self._ranges:
            self._ranges[method] = self._calibrated(method)
        return self._ranges[method]

    def _calibrated(self, method: str) -> Any:
        kind, options = METHODS[method]
        name = self._graph().input[0].name
        calibrator = create_calibrator(
            self._plain,
            list(KINDS),
            augmented_model_path=str(self._folder / "calibrated.onnx"),
            calibrate_method=kind,
            extra_options=dict(options),
        )
        with contextlib.redirect_stdout(io.StringIO()):  # it tells of each batch
            for batch in self._batches:  # one at a time: what is between the layers is large
                calibrator.collect_data(_Once({name: batch}))
            ranges = calibrator.compute_data()
        for node in self._graph().node:
            if node.op_type == "Sigmoid" and node.output[0] in ranges:  # what is cut off is cut off of SiLUs
                ranges[node.output[0]] = TensorData(lowest=np.float32(0), highest=np.float32(1))
        return ranges

    def _graph(self) -> onnx.GraphProto:
        return onnx.load(self._plain).graph

    @cached_property
    def _weights(self) -> set[str]:
        return {tensor.name for tensor in self._graph().initializer}


class Remembered:
    """A session that runs on each batch once."""

    def __init__(self, session: Session) -> None:
        self.input, self.outputs = session.input, session.outputs
        self._session = session
        self._known: dict[bytes, tuple[NDArray, ...]] = {}

    def run(self, batch: NDArray) -> tuple[NDArray, ...]:
        """See `Session`."""
        key = hashlib.sha256(batch.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._session.run(batch)
        return self._known[key]


@dataclass(frozen=True)
class Trial:
    """Compares files with the one in float on the same pictures.

    Args:
        reference: The one in float.
        samples: The pictures.
        folder: For the files.
    """

    reference: Session
    samples: GateSamples
    folder: Path

    def __call__(
        self,
        quantizer: Quantizer,
        method: str,
        *,
        only: Collection[str] = (),
        floats: Collection[str] = (),
        between: bool = True,
    ) -> Difference:
        """What 8 bits change; the arguments are those of `Quantizer.write`."""
        path = self.folder / "trial.onnx"
        quantizer.write(path, method, only=only, floats=floats, between=between)
        report = compare(self.reference, open_session(path), self.samples, batches=(AT_ONCE,))
        return report.differences[0]

    def on_few(self) -> "Trial":
        """The same on some of the pictures."""
        return replace(self, samples=_every(self.samples, max(1, len(self.samples) // FEW)))


def choose(
    quantizer: Quantizer,
    trial: Trial,
    drop: float,
    methods: Sequence[str] = tuple(METHODS),
    progress: Progress | None = None,
) -> Choice:
    """Decide how ranges are told, and which layers stay in float.

    With all layers in 8 bits, the method is the one that moves points the least among those that keep the
    limit, or else the one that loses the least. Then each layer is tried alone, and those that move points
    the most are put back into float, one after the other, until what is lost is within the limit and the next
    one would help little. If that takes many, the same is tried with what stands between layers in float: it
    stays so where it spares more layers than its time is worth.

    Args:
        quantizer: The network.
        trial: Measures what is lost.
        drop: How much of the average precision may be lost on the trial's pictures.
        methods: Keys of `METHODS` to choose from.
        progress: Told what is done.
    """
    told = progress or (lambda *_: None)
    whole: dict[str, Difference] = {}
    for number, method in enumerate(methods):
        told("calibrating", number, len(methods))
        whole[method] = trial(quantizer, method)
        log.info("%s: AP falls by %.4f", method, whole[method].drop)
    best = min(methods, key=lambda method: (max(drop, _loss(whole[method])), whole[method].p95))
    layers = _sensitivities(quantizer, trial.on_few(), best, told)

    def chosen(between: bool) -> Choice:
        names = [one.layer for one in layers]

        def tried(floats: int) -> Difference:
            told("choosing", floats, len(layers))
            return trial(quantizer, best, floats=names[:floats], between=between)

        floats, found = _enough(tried, len(layers), drop)
        return Choice(best, layers, floats, between, _loss(found), found.p95)

    choice, spared = chosen(between=True), WAY * len(layers)
    if choice.floats <= spared:
        return choice
    other = chosen(between=False)
    return other if other.floats + spared < choice.floats else choice


def _enough(tried: Callable[[int], Difference], count: int, drop: float) -> tuple[int, Difference]:
    """How many of the worst layers have to be in float, and what 8 bits do then.

    Args:
        tried: What 8 bits do with so many layers in float.
        count: How many layers there are.
        drop: How much may be lost.
    """
    whole = found = tried(0)
    for floats in range(count):
        after = tried(floats + 1)
        if _loss(found) <= drop and found.p95 - after.p95 < WORTH * whole.p95:
            return floats, found
        found = after
    return count, found


def _sensitivities(
    quantizer: Quantizer, trial: Trial, method: str, told: Progress
) -> tuple[Sensitivity, ...]:
    """What each layer does alone, the worst first."""
    found = []
    for number, layer in enumerate(quantizer.layers):
        told("trying layers", number, len(quantizer.layers))
        alone = trial(quantizer, method, only=[layer])
        found.append(Sensitivity(layer, alone.p95, alone.score))
    return tuple(sorted(found, key=lambda one: -one.pixels))


def compress_int8(
    source: Path,
    out: Path,
    val: GateSamples,
    known: tuple[GateSamples, GateSamples],
    limits: Limits,
    methods: Sequence[str] = tuple(METHODS),
    progress: Progress | None = None,
) -> tuple[Choice, Comparison]:
    """Write a network in 8 bits, and compare it with the one in float.

    Args:
        source: An ONNX file in float, which says how it is fed and read.
        out: The file to write. It is written whatever the comparison says; what becomes of a file that fails
            is the caller's decision.
        val: What the two are compared on.
        known: What ranges are told from, and what layers and methods are tried on; see `halves`.
        limits: What may be lost, and what must be gained.
        methods: Keys of `METHODS` to choose from.
        progress: Told what is done.
    """
    reference, (calibration, trial) = open_session(source), known
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        quantizer = Quantizer(source, _batches(calibration, reference), folder)
        tried = Trial(Remembered(reference), trial, folder)
        choice = choose(quantizer, tried, MARGIN * limits.drop, methods, progress)
        small = folder / "small.onnx"
        floats = [one.layer for one in choice.layers[: choice.floats]]
        quantizer.write(small, choice.method, floats=floats, between=choice.between)
        comparison = compare_files(source, small, val, limits)
        _describe(small, _described(source, comparison, len(val)))
        part = out.with_name(f".{out.name}.part")
        part.write_bytes(small.read_bytes())
        part.replace(out)
    return choice, comparison


def halves(samples: GateSamples) -> tuple[GateSamples, GateSamples]:
    """Every other sample, and the rest."""
    return _every(samples, 2), _every(samples, 2, 1)


def _every(samples: GateSamples, step: int, start: int = 0) -> GateSamples:
    return replace(samples, pictures=samples.pictures[start::step], truth=samples.truth[start::step])


class _Once(CalibrationDataReader):
    """One batch, as the calibrators ask for it."""

    def __init__(self, batch: dict[str, NDArray]) -> None:
        self._left = [batch]

    def get_next(self) -> dict[str, NDArray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._left.pop() if self._left else None


def _loss(difference: Difference) -> float:
    """What was lost of the measure that counts."""
    before, after = measures_of(difference)
    return max(before[name] - after[name] for name in before)


def _batches(samples: GateSamples, session: Session) -> list[NDArray]:
    size = session.input.shape[0] or AT_ONCE
    return [batch for batch in samples.batches(session, size) if len(batch) == size]


def _described(source: Path, comparison: Comparison, count: int) -> ModelSpec:
    """What the file says of itself: what the one in float said, and its own figures."""
    spec = spec_of_file(source)
    if spec is None:
        raise ValueError(
            f"{source} does not say how it is fed and read; pinpoint export writes files that do"
        )
    measures = {name: round(value, 4) for name, value in comparison.after.measures.items()}
    return replace(
        spec,
        name=spec.name if spec.name.endswith(".int8") else f"{spec.name}.int8",
        metrics=measures,
        metrics_source=f"measured on {count} validation samples when it was put into 8 bits",
    )


def _describe(path: Path, spec: ModelSpec) -> None:
    model = onnx.load(path)
    known = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**known, METADATA_KEY: spec.to_json()})
    onnx.save(model, path)


def _fold(model: Path, path: Path) -> None:
    """Fold batch norms and constants, name every node, and state every shape."""
    quant_pre_process(str(model), str(path), skip_symbolic_shape=True)
    folded = onnx.load(path)
    for number, node in enumerate(folded.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    onnx.save(folded, path)


def _has_weights(node: onnx.NodeProto, weights: Collection[str]) -> bool:
    return node.op_type in LAYERS and len(node.input) > 1 and node.input[1] in weights
