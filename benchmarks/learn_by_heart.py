"""Whether each architecture learns: 300 steps on a few real people, who are then found by the exported file.

Usage: python benchmarks/learn_by_heart.py NAME... [--size WxH] [--lr 1e-3] [--batch 16]
       [--optimizer muon]

Top-down networks learn 64 crops, others 32 pictures, of COCO's people, without augmentation. The loss should
fall below a fifth of what it was, and 9 of 10 labelled points should be within .2 of the longer side of their
box. What is found is asked of the exported ONNX file through `pp.load`. Rows are kept in `results/`.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

import pinpoint as pp
from environment import HERE, machine
from metrics import Float
from pinpoint.datasets.augmentation import Augmentation
from pinpoint.evaluation.errors import point_errors, share_within
from pinpoint.evaluation.pairing import pair_by_distance
from pinpoint.evaluation.points import longer_sides
from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.models import ARCHITECTURES, architecture
from pinpoint.training import train
from pinpoint.training.config import OPTIMIZERS
from pinpoint.training.export import export_onnx, load_trained

DATA = HERE.parents[1] / "shared/data/coco_person"
TABLE = HERE / "results/learn_by_heart.md"
STEPS, CROPS, PICTURES = 300, 64, 32
FIRST, LAST = 3, 20  # steps over which the loss is averaged
LEAST_POINTS, LEAST_SIDE = 8, 0.3
SHARE = 0.2
SETTINGS = ("network", "input", "batch", "optimizer", "rate")
COLUMNS = (*SETTINGS, "loss at first", "at last", "ratio", "PCK@.2", "minutes")
INTRODUCTION = f"""# Learning by heart

`python benchmarks/learn_by_heart.py NAME --size WxH`: {STEPS} steps from chance on {CROPS} crops (top-down)
or {PICTURES} pictures (others) of `coco_person`, without augmentation. Loss: mean of the first {FIRST} and
the last {LAST} steps. PCK: labelled points within {SHARE} of the longer side of their box, asked of the
exported file through `pp.load`, in true boxes (top-down) or found (others; who is not found counts as wrong).
Bars: ratio < .2, PCK >= .9. Inputs are smaller than published ones where that saves time.

The cross entropy of `plain` and `mobile` is never below the entropy of its bells, about 3.7, and likelihoods
(RLE, RTMO) go below 0: of these the PCK tells. In 300 steps a network sees each of 32 pictures 75 times at a
batch of 8, 150 times at 16. With AdamW, OpenPose (.364, .558), Keypoint R-CNN (.697, .656) and RTMO (.487,
.045) did not get there in as many steps: Muon, `optimizer = "muon"` in a recipe, is what networks without
norms or with several heads learn by when there is little to learn from.
"""


def write_subset(folder: Path, *, crops: bool) -> Path:
    """Write the labels of a few large people, and of nobody else in their pictures if pictures are learnt."""
    labels = json.loads((DATA / "val.json").read_text("utf-8"))
    by_picture: dict[int, list[dict]] = {image["id"]: [] for image in labels["images"]}
    for one in labels["annotations"]:
        by_picture[one["image_id"]].append(one)
    kept: list[dict] = []
    images: list[dict] = []
    for image in labels["images"]:
        least = LEAST_SIDE * max(image["width"], image["height"])
        large = [one for one in by_picture[image["id"]] if _is_large(one, 0 if crops else least)]
        if not large or (not crops and len(large) < len(by_picture[image["id"]])):
            continue
        if (len(kept) >= CROPS) if crops else (len(images) >= PICTURES):
            break
        images.append({**image, "file_name": str((DATA / "val" / image["file_name"]).resolve())})
        kept += large[: CROPS - len(kept)] if crops else large
    path = folder / "labels.json"
    path.write_text(json.dumps({**labels, "images": images, "annotations": kept}), "utf-8")
    return path


def _is_large(one: dict, least: float) -> bool:
    return (
        not one.get("iscrowd")
        and one["num_keypoints"] >= LEAST_POINTS
        and max(one["bbox"][2:]) >= max(least, 64)
    )


def learn(name: str, size: tuple[int, int] | None, lr: float, batch: int, optimizer: str) -> list[object]:
    """Teach a network and ask its exported file; return a row of the table."""
    kind = architecture(name)
    crops = kind.pipeline == "top-down"
    with tempfile.TemporaryDirectory() as folder:
        labels = write_subset(Path(folder), crops=crops)
        began = time.perf_counter()
        config = _config(name, labels, size or kind.input_size, lr, batch) | {"optimizer": optimizer}
        train(config, Path(folder, "run"), cache=folder)
        minutes = (time.perf_counter() - began) / 60
        losses = _losses(Path(folder, "run"))
        export_onnx(*load_trained(Path(folder, "run")), Path(folder, "it.onnx"))
        errors = _errors(Path(folder, "it.onnx"), labels, crops=crops)
    first, last = np.mean(losses[:FIRST]), np.mean(losses[-LAST:])
    width, height = size or kind.input_size
    figures = [f"{first:.4g}", f"{last:.4g}", f"{last / first:.3f}", f"{share_within(errors, SHARE):.3f}"]
    return [name, f"{width}x{height}", batch, optimizer, f"{lr:g}", *figures, f"{minutes:.1f}"]


def _config(name: str, labels: Path, size: tuple[int, int], lr: float, batch: int) -> dict:
    steps = [step.name for step in fields(Augmentation) if isinstance(step.default, float)]
    source = [{"annotations": str(labels)}]
    return {
        "model": name,
        "data": source,
        "val": source,
        "input_size": list(size),
        "samples": STEPS * batch,
        "batch": batch,
        "lr": lr,
        "warmup": 20,
        "weight_decay": 0.0,
        "ema": 0.0,
        "val_every": STEPS,
        "mosaic": 0.0,
        "propose": False,
        "precision": "auto",
        "augmentation": dict.fromkeys(steps, 0.0),
    }


def _losses(run: Path) -> list[float]:
    with (run / "log.csv").open(encoding="utf-8", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def _errors(model: Path, labels: Path, *, crops: bool) -> Float:
    """Distance of each labelled point by the longer side of its box, shape (N, K)."""
    find, errors = pp.load(model, looks=1), []  # mirror images are not what was learnt
    for record in read_coco_truth(labels):
        truth, image = record.keypoints, pp.read_image(record.image)
        assert truth.boxes is not None
        sides = longer_sides(truth.boxes)
        found = find(image, truth.boxes).xy if crops else _paired(truth.xy, find(image).xy, sides)
        errors.append(point_errors(truth.xy, found, sides))
    return np.concatenate(errors)


def _paired(truth: Float, found: Float, sides: Float) -> Float:
    """What was found of each labelled instance, NaN where nobody was."""
    rows = pair_by_distance(truth, found, sides)
    none = np.full((1, *truth.shape[1:]), np.nan)
    return np.concatenate([found, none])[rows]  # -1 is the last


def keep(row: Sequence[object]) -> None:
    """Put a row into the table, instead of an older one of the same network."""
    lines = TABLE.read_text("utf-8").splitlines() if TABLE.exists() else []
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    rows.pop(COLUMNS[0], None)
    rows.pop("---", None)
    rows[str(row[0])] = _line(row)
    order = [name for name in ARCHITECTURES if name in rows]
    head = [INTRODUCTION, f"{machine()}\n", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
    TABLE.write_text("\n".join([*head, *(rows[name] for name in order)]) + "\n", "utf-8")


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether architectures learn a few real people by heart.")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--size", help="width x height of the input")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default=OPTIMIZERS[0])
    chosen = parser.parse_args()
    size = tuple(map(int, chosen.size.split("x"))) if chosen.size else None
    for name in chosen.names:
        row = learn(name, size, chosen.lr, chosen.batch, chosen.optimizer)
        print(_line(row), flush=True)
        keep(row)


if __name__ == "__main__":
    main()
