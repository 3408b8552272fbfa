"""How good and how quick `face-trees` is, beside dlib's own shape predictor, taught with the same faces.

Usage: python benchmarks/face_trees.py [accuracy] [speed] [--pictures N]

dlib is trained once, on one thread, and kept beside its environment (`.venvs/dlib`).
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

import pinpoint as pp
from accuracy import estimated, face_cells
from environment import VENVS, Peer, peer
from metrics import hull, longer_side, normalised_mean_error
from pinpoint.geometry import box_regions, region_matrices, transform_points, warp
from pinpoint.hub import find, pull
from pinpoint.runtime import open_session
from report import Report, arguments
from samples import Picture, face_pictures

OPTIONS = {"oversampling_amount": 5, "num_trees_per_cascade_level": 300, "random_seed": "0"}
SIDE, GROWN = 256, 1.875
TREES = "face-trees"
ROUNDS = 60
MOVED = (0.0, 0.04, 0.08)
"""Spreads of what true boxes are moved by, shares of the longer side, and of the logarithm of their size."""


def measure_accuracy(report: Report, count: int | None) -> None:
    pictures = face_pictures()[:count]
    report.add(
        f"## NME\n\n{len(pictures)} faces of LFPW's test set, outer eye corners 1 apart. `true`: in the box "
        "around the labelled points; `true, 4%`: in such a box that was moved by a normal spread of 4 % of "
        "its longer side, and resized as much, the same for all; `found`: MediaPipe's detector finds them."
    )
    rows = []
    for looks in (1, 2):
        estimate = pp.load(TREES, looks=looks)
        for spread in MOVED:
            rows.append(
                [TREES, _name(spread), looks, *_cells(_in_boxes(estimate, pictures, spread), pictures)]
            )
        rows.append([TREES, "found", looks, *face_cells(estimated(estimate, pictures))])
    with peer("dlib") as dlib, tempfile.TemporaryDirectory() as folder:
        model, seconds = _trained(dlib, Path(folder))
        for spread in MOVED:
            xy, truth, _ = _read(dlib, model, pictures, Path(folder), spread)
            rows.append(["dlib", _name(spread), 1, *_cells(xy, pictures, truth)])
    report.table(("trees", "boxes", "looks", "NME, mean", "NME, median", "found", "further faces"), rows)
    report.add(
        f"dlib 20.0.1 was trained for {seconds / 60:.1f} minutes of one core with `{OPTIONS}`, the rest "
        f"being its own options, on the 2,012 faces that {TREES} was grown on. Files: dlib "
        f"{model.stat().st_size / 1e6:.0f} MB, {TREES} {find(TREES).files[0].bytes / 1e6:.1f} MB."
    )


def _name(spread: float) -> str:
    return f"true, {spread:.0%}" if spread else "true"


def _cells(xy: NDArray, pictures: Sequence[Picture], truth: NDArray | None = None) -> list[str]:
    truth = np.concatenate([picture.xy for picture in pictures]) if truth is None else truth
    errors = normalised_mean_error(xy, truth)
    return [f"{np.mean(errors):.4f}", f"{np.median(errors):.4f}", "", ""]


def _in_boxes(estimate: Callable[..., pp.Keypoints], pictures: Sequence[Picture], spread: float) -> NDArray:
    boxes = _moved(np.concatenate([hull(picture.xy) for picture in pictures]), spread)
    images = (pp.read_image(picture.path) for picture in pictures)
    return np.concatenate([estimate(image, box[None]).xy for image, box in zip(images, boxes, strict=True)])


def _moved(boxes: NDArray, spread: float) -> NDArray:
    """Boxes (N, 4) off by a spread, the same way in every call and whatever their size."""
    x, y, size = (
        np.random.default_rng(0).normal(0, spread, (3, len(boxes), 1)) if spread else np.zeros((3, 1, 1))
    )
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    middle = middle + longer_side(boxes)[:, None] * np.concatenate([x, y], axis=-1)
    return np.concatenate([middle - half * np.exp(size), middle + half * np.exp(size)], axis=1)


def measure_speed(report: Report, count: int | None) -> None:
    pictures = face_pictures()[: count or ROUNDS]
    images = [pp.read_image(picture.path) for picture in pictures]
    session = open_session(pull(find(TREES))[f"{TREES}.npz"])
    crops = np.stack([_cut(picture, 128, 1.25)[0] for picture in pictures])
    rows = [
        ["trees, 1 crop", _milliseconds(lambda n: session.run(crops[n : n + 1]), len(crops))],
        ["trees, each of 16 crops", _milliseconds(lambda n: session.run(crops[:16]), len(crops)) / 16],
    ]
    for looks in (1, 2):
        estimate = pp.load(TREES, looks=looks)
        rows.append(
            [
                f"picture and box to points, `looks={looks}`",
                _milliseconds(lambda n, e=estimate: e(images[n], pictures[n].boxes), len(images)),
            ]
        )
    with peer("dlib") as dlib, tempfile.TemporaryDirectory() as folder:
        model, _ = _trained(dlib, Path(folder))
        rows.append(
            ["dlib, picture and box to points", median(_read(dlib, model, pictures, Path(folder))[2]) * 1e3]
        )
    report.add("## Time\n\nMilliseconds of the processor for a face, over all threads, median.")
    report.table(("what", "ms"), [[name, f"{value:.2f}"] for name, value in rows])


def _trained(dlib: Peer, folder: Path) -> tuple[Path, float]:
    """The predictor of dlib and the seconds that it took, from the last time if there was one."""
    model, note = VENVS / "dlib" / "face68.dat", VENVS / "dlib" / "face68.json"
    if not note.exists() or json.loads(note.read_text())["options"] != OPTIONS:
        data = _stored(face_pictures("train"), folder)
        answer = dlib.ask(task="train", data=str(data), out=str(model), options=OPTIONS)
        note.write_text(json.dumps({"options": OPTIONS, **answer}))
    return model, json.loads(note.read_text())["seconds"]


def _read(
    dlib: Peer, model: Path, pictures: Sequence[Picture], folder: Path, spread: float = 0.0
) -> tuple[NDArray, NDArray, list[float]]:
    """What dlib said, what is true, and the seconds that each face took."""
    data = _stored(pictures, folder, spread)
    answer = dlib.ask(task="read", model=str(model), data=str(data))
    return np.array(answer["xy"]), np.load(data)["xy"], answer["seconds"]


def _stored(pictures: Sequence[Picture], folder: Path, spread: float = 0.0) -> Path:
    crops, xy = zip(*(_cut(picture, SIDE, GROWN) for picture in pictures), strict=True)
    grey = np.array([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops])
    np.savez(folder / "faces.npz", pictures=grey, xy=np.array(xy), boxes=_moved(hull(np.array(xy)), spread))
    return folder / "faces.npz"


def _cut(picture: Picture, side: int, grown: float) -> tuple[NDArray[np.uint8], NDArray]:
    """The face, upright, with room around it, and its points in there."""
    (matrix,) = region_matrices(*box_regions(hull(picture.xy), 1.0, grown), 0.0, (side, side))
    return warp(pp.read_image(picture.path), matrix, (side, side), None), transform_points(
        picture.xy[0], matrix
    )


def _milliseconds(call: Callable[[int], object], count: int) -> float:
    times = []
    for number in (0, *range(count)):
        start = time.process_time()
        call(number)
        times.append((time.process_time() - start) * 1e3)
    return median(times[1:])


PARTS = {"accuracy": measure_accuracy, "speed": measure_speed}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    report = Report("Trees for faces", kept=chosen.whole)
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
