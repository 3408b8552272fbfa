"""From 200 labelled pictures of an object that no model knows to a model of it: time, and what it gets right.

Usage: python benchmarks/own_object.py [hammer] [--pictures N]
"""

import runpy
import tempfile
import time
from pathlib import Path

import numpy as np

import pinpoint as pp
from metrics import Float, longer_side, point_errors
from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.training import train
from pinpoint.training.export import export_onnx, load_trained
from report import Report, arguments

DRAWING = Path(__file__).parents[1] / "scripts/hammer_pictures.py"
LEARNT, UNSEEN = 200, 300
MINUTES, RIGHT = 10, 0.95
COLUMNS = ("learnt from", "unseen", "minutes", "of processor time", "PCK@.1", "PCK@.05", "bars")


def measure_hammer(report: Report, count: int | None) -> None:
    report.add(
        "## Hammer\n\nFive keypoints, from chance, with what `pinpoint train --data labels.json` proposes; "
        "then the exported file in the boxes of unseen pictures. PCK by the longer side of the box."
    )
    write_set = runpy.run_path(str(DRAWING))["write_set"]
    with tempfile.TemporaryDirectory() as folder:
        labels = write_set(Path(folder, "learnt"), count or LEARNT, seed=0)
        unseen = write_set(Path(folder, "unseen"), UNSEEN, seed=1)
        wall, cpu = time.perf_counter(), time.process_time()
        model = _trained(labels, Path(folder))
        minutes = [
            (now - then) / 60 for now, then in ((time.perf_counter(), wall), (time.process_time(), cpu))
        ]
        errors = _errors(model, unseen)
    shares = [f"{np.mean(errors < limit):.3f}" for limit in (0.1, 0.05)]
    bars = f"{MINUTES} minutes, {RIGHT}"
    report.table(COLUMNS, [[count or LEARNT, UNSEEN, *(f"{m:.1f}" for m in minutes), *shares, bars]])


def _trained(labels: Path, folder: Path) -> Path:
    """Train with what is proposed; return the exported file."""
    config = {"data": [{"annotations": str(labels)}]}
    train(config, folder / "run", cache=folder / "cache")
    export_onnx(*load_trained(folder / "run"), folder / "hammer.onnx")
    return folder / "hammer.onnx"


def _errors(model: Path, labels: Path) -> Float:
    """Distance of every point of every instance by the longer side of its box, shape (N, K)."""
    find, errors = pp.load(model), []
    for record in read_coco_truth(labels):
        truth = record.keypoints
        kps = find(pp.read_image(labels.parent / "images" / record.image), truth.boxes)
        errors.append(point_errors(kps.xy, truth.xy, longer_side(truth.boxes)))
    return np.concatenate(errors)


PARTS = {"hammer": measure_hammer}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    report = Report("An object of one's own", kept=chosen.whole)
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
