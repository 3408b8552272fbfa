"""RTMPose-m for the benchmarks of video: it knows six people by heart, and its 8-bit form passed the gate.

Usage: python benchmarks/video_network.py [--samples 1600]

To be timed a network needs no good weights, but regions that are carried from frame to frame need points
that lie on people. So it learns the people of `scenes.crowd`, on other ways than those that are measured
on. Both files are kept in `.cache/`, and made when they are not there.
"""

import argparse
import tempfile
from dataclasses import fields
from pathlib import Path

from environment import HERE
from pinpoint.datasets.augmentation import Augmentation
from pinpoint.hub import spec_of_file
from pinpoint.training import train
from pinpoint.training.compress.int8 import compress_int8, halves
from pinpoint.training.compress.table import Limits
from pinpoint.training.export import export_onnx, load_trained
from pinpoint.training.gate_samples import read_gate_samples
from report import Report
from scenes import crowd, write_labels

CACHE = HERE / ".cache"
FLOAT, INT8 = CACHE / "rtmpose-m.onnx", CACHE / "rtmpose-m.int8.onnx"
SAMPLES, BATCH = 1600, 8
SECONDS, EVERY = 10.0, 5
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
