"""What 8 bits give and take on a trained network: size, time and AP, and which layers stay in float.

Usage: python benchmarks/compress.py RUN_OR_ONNX VAL.json TRAIN.json [--count N]
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from pinpoint.hub import spec_of_file
from pinpoint.training.compress.int8 import compress_int8, halves
from pinpoint.training.compress.table import Limits
from pinpoint.training.export import export_onnx, load_trained
from pinpoint.training.gate_samples import read_gate_samples
from report import Report

SHOWN = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("val", type=Path)
    parser.add_argument("train", type=Path)
    parser.add_argument("--count", type=int, default=400, help="samples to calibrate and to try layers on")
    chosen = parser.parse_args()
    report = Report("Networks in 8 bits", kept=chosen.count >= 400)
    with TemporaryDirectory() as temporary:
        source = chosen.source
        if source.suffix != ".onnx":
            source = Path(temporary) / "float.onnx"
            export_onnx(*load_trained(chosen.source), source)
        spec = spec_of_file(source)
        assert spec is not None, f"{source} does not say how it is fed and read"
        val = read_gate_samples(spec, chosen.val, None, 10**6)
        known = halves(read_gate_samples(spec, chosen.train, None, chosen.count))
        choice, comparison = compress_int8(source, Path(temporary) / "small.onnx", val, known, Limits())
    columns, *rows = comparison.rows()
    report.table(columns, rows)
    report.add(f"{comparison.subject}. Verdict: {comparison.verdict}.")
    report.add(
        f"Calibration: {choice.method}. In 8 bits are {len(choice.layers) - choice.floats} of "
        f"{len(choice.layers)} layers; what is between them is in {'8 bits' if choice.between else 'float'}. "
        f"On the trial pictures, 95 % of points moved by less than {choice.pixels:.2f} px. The layers that "
        "move them most, each alone in 8 bits:"
    )
    lines = [
        (one.layer, f"{one.pixels:.2f}", f"{one.score:.4f}", "float" if place < choice.floats else "8 bits")
        for place, one in enumerate(choice.layers[:SHOWN])
    ]
    report.table(("layer", "95 % of points, px", "largest change of a score", "in the file"), lines)


if __name__ == "__main__":
    main()
