"""RTMPose-m for the benchmarks of video, and its 8-bit form, which passed the gate.

Usage: python benchmarks/video_network.py [--samples 1600]

Its 8-bit form has to be held against something that it knows, so it learns the people of `scenes.crowd`, on
other ways than those of the gate; both files are kept in `.cache/`. That little learning does not make a
network that finds people again in regions that are somewhat off, and videos ask for that. So what is timed
is `steered`: the whole network is computed, but the points are put where the picture differs from the plain
background.
"""

import argparse
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
from numpy.typing import NDArray

from environment import HERE
from pinpoint.datasets.augmentation import Augmentation
from pinpoint.hub import spec_of_file
from pinpoint.training import train
from pinpoint.training.compress.int8 import compress_int8, halves
from pinpoint.training.compress.table import Limits
from pinpoint.training.export import export_onnx, load_trained
from pinpoint.training.gate_samples import read_gate_samples
from report import Report
from scenes import PLAIN, crowd, write_labels

CACHE = HERE / ".cache"
FLOAT, INT8 = CACHE / "rtmpose-m.onnx", CACHE / "rtmpose-m.int8.onnx"
SAMPLES, BATCH = 1600, 8
SECONDS, EVERY = 10.0, 5
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# x and y of COCO's points in somebody who stands, as shares of the person's extent from the left and the top.
POSE = np.array(
    [
        *((0.5, 0.16), (0.55, 0.14), (0.45, 0.14), (0.6, 0.15), (0.4, 0.15), (0.75, 0.25), (0.25, 0.25)),
        *((0.86, 0.4), (0.14, 0.4), (0.88, 0.52), (0.12, 0.52), (0.68, 0.52), (0.32, 0.52)),
        *((0.68, 0.74), (0.32, 0.74), (0.68, 0.93), (0.32, 0.93)),
    ]
)
LEARNT, CALIBRATED, GATED = 11, 12, 13  # seeds of the ways that people walk; 0 is measured on


def network(samples: int = SAMPLES) -> Path:
    """The file in float; learnt if it is not there, which takes some minutes."""
    if not FLOAT.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder, "run")
            labels = write_labels(crowd(SECONDS, seed=LEARNT), Path(folder, "learnt"), EVERY)
            train(_config(labels, samples), run, cache=folder)
            export_onnx(*load_trained(run), FLOAT)
    return FLOAT


def small_network(report: Report | None = None) -> Path:
    """The file in 8 bits, and what the gate says of it, to the report if it is made now.

    Raises:
        ValueError: It lost more than the gate allows.
    """
    if not INT8.exists():
        with tempfile.TemporaryDirectory() as folder:
            source, small = network(), Path(folder, "small.onnx")
            spec = spec_of_file(source)
            assert spec is not None
            known, val = (
                read_gate_samples(
                    spec, write_labels(crowd(4.0, seed=seed), Path(folder, str(seed)), 10), None, 72
                )
                for seed in (CALIBRATED, GATED)
            )
            _, comparison = compress_int8(source, small, val, halves(known), Limits())
            if report is not None:
                columns, *rows = comparison.rows()
                report.table(columns, rows)
                report.add(f"{comparison.subject}. Verdict: {comparison.verdict}.")
            if not comparison.drop <= comparison.limits.drop:
                raise ValueError(f"the network in 8 bits {comparison.verdict}")
            small.replace(INT8)
    return INT8


def steered(path: Path) -> Path:
    """The same file with points that are told from the background, the network's own times a millionth."""
    out = path.with_name(f"{path.stem}.steered.onnx")
    if not out.exists() or out.stat().st_mtime < path.stat().st_mtime:
        model = onnx.load(path)
        for output, ruler in zip(model.graph.output, ("across", "down"), strict=True):
            for node in model.graph.node:
                node.output[:] = [f"own_{name}" if name == output.name else name for name in node.output]
            _add(model.graph, "Mul", [f"own_{output.name}", _constant(model.graph, 1e-6)], f"faint_{ruler}")
        _add_rulers(model.graph)
        for output, ruler in zip(model.graph.output, ("across", "down"), strict=True):
            _add(model.graph, "Add", [ruler, f"faint_{ruler}"], output.name)
        onnx.save(model, out)
    return out


def _add_rulers(graph: onnx.GraphProto) -> None:
    """The rulers of both axes: highest at so much of the extent of what is no background as POSE says."""
    mean, std = (np.array(spec, np.float32).reshape(1, 3, 1, 1) for spec in (MEAN, STD))
    pixels = _add(
        graph, "Add", [_add(graph, "Mul", ["images", _constant(graph, std)]), _constant(graph, mean)]
    )
    plain = _constant(graph, np.array(PLAIN, np.float32).reshape(1, 3, 1, 1))
    axis = _constant(graph, np.array([1], np.int64))
    differs = _add(
        graph, "ReduceSum", [_add(graph, "Abs", [_add(graph, "Sub", [pixels, plain])]), axis], keepdims=0
    )
    light = _add(graph, "ReduceSum", [pixels, axis], keepdims=0)
    there = _add(graph, "Greater", [differs, _constant(graph, 60.0)])
    inside = _add(graph, "Greater", [light, _constant(graph, 3.0)])  # crops are black beside the picture
    person = _add(graph, "Cast", [_add(graph, "And", [there, inside])], to=onnx.TensorProto.FLOAT)
    for ruler, other, shares in (("across", 1, POSE[:, 0]), ("down", 2, POSE[:, 1])):
        along = _add(graph, "ReduceMean", [person], axes=[other], keepdims=0)
        along = _add(graph, "Greater", [along, _constant(graph, 0.02)])
        along = _add(graph, "Cast", [along], to=onnx.TensorProto.FLOAT)
        before = _add(graph, "CumSum", [along, _constant(graph, np.array(1, np.int64))])
        whole = _add(graph, "ReduceMax", [before], axes=[1], keepdims=1)
        share = _add(graph, "Div", [before, _add(graph, "Max", [whole, _constant(graph, 1e-3)])])
        share = _add(graph, "Unsqueeze", [share, axis])
        wanted = _constant(graph, shares.reshape(1, -1, 1).astype(np.float32))
        off = _add(graph, "Abs", [_add(graph, "Sub", [share, wanted])])
        height = _add(graph, "Sub", [_constant(graph, 1.0), off])
        scales = _constant(graph, np.array([1, 1, 2], np.float32))  # two bins per pixel
        _add(graph, "Resize", [height, "", scales], ruler, mode="linear")


def _constant(graph: onnx.GraphProto, value: float | NDArray) -> str:
    name = f"steer_constant_{len(graph.initializer)}"
    array = np.float32(value) if isinstance(value, float) else value
    graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    return name


def _add(graph: onnx.GraphProto, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
    output = output or f"steer_{len(graph.node)}"
    graph.node.append(onnx.helper.make_node(kind, inputs, [output], **attributes))
    return output


def _config(labels: Path, samples: int) -> dict:
    steps = [step.name for step in fields(Augmentation) if isinstance(step.default, float)]
    source = [{"annotations": str(labels)}]
    return {
        "model": "rtmpose-m",
        "data": source,
        "val": source,
        "input_size": [192, 256],
        "samples": samples,
        "batch": BATCH,
        "lr": 1e-3,
        "warmup": 20,
        "weight_decay": 0.0,
        "ema": 0.0,
        "val_every": samples // BATCH,
        "propose": False,
        "augmentation": {**dict.fromkeys(steps, 0.0), "scale": 0.1, "shift": 0.03},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make the network of the benchmarks of video, and its 8-bit form."
    )
    parser.add_argument("--samples", type=int, default=SAMPLES, help="how many crops it sees")
    chosen = parser.parse_args()
    report = Report("RTMPose-m in 8 bits, for the benchmarks of video", kept=False)
    print(network(chosen.samples), small_network(report))


if __name__ == "__main__":
    main()
