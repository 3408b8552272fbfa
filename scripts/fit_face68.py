"""Fit the linear map from Face Mesh's 468 points to the 68 points of 300-W, and measure it.

    python scripts/fit_face68.py DATA [--out FILE]

DATA holds `train.json`, `test.json` (COCO form) and the pictures in folders `train` and `test`. The mesh is
found by the pipeline that the map will be used in: short-range detector, one look, and a second at the mirror
image. The map minimises the mean distance, not its square (reweighted least squares), with a small ridge. The
faces of `test` are only measured.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pinpoint as pp
from pinpoint.keypoints import Estimator
from pinpoint.pipelines.face import LinearMap, upright_frame

Float = NDArray[np.float64]

AXIS = (33, 263)  # outer corners of the eyes, the person's right one first
RIDGE = 0.01
ROUNDS = 3
LEAST_ERROR = 0.015  # of the distance between the eyes: closer faces count no more than this


def main() -> None:
    """Fit on `train`, measure on `test`, write the map."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("src/pinpoint/hub/weights/face68_from_mesh.npz"))
    arguments = parser.parse_args()
    mesh = pp.load("mediapipe-face-mesh", looks=2)
    meshes, truths, _ = _faces(mesh, arguments.data, "train")
    fitted = LinearMap(_fit(meshes, truths).astype(np.float32), AXIS)
    np.savez_compressed(arguments.out, weights=fitted.weights, axis=np.array(AXIS))
    print(f"train: {len(meshes)} faces, NME {_errors(fitted(meshes), truths).mean():.4f}")
    meshes, truths, total = _faces(mesh, arguments.data, "test")
    print(f"test: {len(meshes)} of {total} found, NME {_errors(fitted(meshes), truths).mean():.4f}")


def _faces(mesh: Estimator, data: Path, split: str) -> tuple[Float, Float, int]:
    """Meshes (N, 468, 2) and labels (N, 68, 2) of the faces found, and how many there are."""
    labelled = json.loads((data / f"{split}.json").read_text())
    names = {image["id"]: image["file_name"] for image in labelled["images"]}
    meshes, truths = [], []
    for annotation in labelled["annotations"]:
        truth = np.array(annotation["keypoints"], dtype=float).reshape(-1, 3)[:, :2]
        found = mesh(pp.read_image(data / split / names[annotation["image_id"]]))
        away = np.linalg.norm(found.xy.mean(axis=1) - truth.mean(axis=0), axis=1)
        if len(found) and away.min() < np.linalg.norm(truth[45] - truth[36]):
            meshes.append(found.xy[away.argmin()])
            truths.append(truth)
    return np.array(meshes), np.array(truths), len(labelled["annotations"])


def _fit(meshes: Float, truths: Float) -> Float:
    """Return weights of shape (2 * 468 + 1, 2 * 68)."""
    middle, turn, spread = upright_frame(meshes, AXIS)
    seen, wanted = (
        (np.einsum("nij,nkj->nki", turn, xy - middle) / spread).reshape(len(xy), -1)
        for xy in (meshes, truths)
    )
    center = seen.mean(axis=0)
    inputs = np.column_stack([seen - center, np.ones(len(seen))])
    ridge = np.diag([RIDGE] * seen.shape[1] + [0.0])
    importance = np.ones((len(inputs), 1))
    for _ in range(ROUNDS + 1):
        weighted = inputs * importance
        weights = np.linalg.solve(weighted.T @ inputs + ridge, weighted.T @ wanted)
        error = _errors((inputs @ weights).reshape(-1, 68, 2), wanted.reshape(-1, 68, 2))
        importance = 1 / np.maximum(error, LEAST_ERROR)[:, None]
        importance /= importance.mean()
    weights[-1] -= center @ weights[:-1]
    return weights


def _errors(predicted: Float, truth: Float) -> Float:
    """Mean distance of each face over the distance between the outer corners of its eyes, shape (N,)."""
    return np.linalg.norm(predicted - truth, axis=2).mean(axis=1) / np.linalg.norm(
        truth[:, 45] - truth[:, 36], axis=1
    )


if __name__ == "__main__":
    main()
