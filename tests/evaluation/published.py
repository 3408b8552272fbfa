"""Small sets of labels and predictions made by arithmetic, and what published evaluations say of them.

The numbers in `GOLDEN` were printed by

    python tests/evaluation/published.py ../shared/data/samples

in an environment with numpy 1.26, xtcocotools 1.14.3 and mmpose 1.3.2 (installed without its dependencies, of
which its arithmetic needs none). Nothing of pinpoint is imported here.
"""

import contextlib
import importlib.util
import io
import json
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

WHOLE_BODY = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
SCORES = ("score", "foot_score", "face_score", "lefthand_score", "righthand_score", "wholebody_score")
KINDS = ("keypoints", "keypoints_foot", "keypoints_face", "keypoints_lefthand", "keypoints_righthand")


def sway(seed, *shape):
    """Numbers in [-1, 1] that look random and are the same everywhere."""
    steps = np.arange(1, np.prod(shape) + 1) * 0.6180339887498949 + seed * 0.7548776662466927
    return np.round(2 * ((steps + 7.3 * steps**2) % 1) - 1, 4).reshape(shape)


def near(label, box, area, seed):
    """Points near labelled ones, shape (K, 3); near the middle of the box where none is labelled."""
    label = np.reshape(label, (-1, 3))
    middle = np.array(box[:2]) + np.array(box[2:]) / 2
    xy = np.where(label[:, 2:] > 0, label[:, :2], middle)
    spread = (0.015, 0.04, 0.1, 0.25)[seed % 4] * np.sqrt(area)
    return np.column_stack([xy + spread * sway(seed, len(xy), 2), np.full(len(xy), 0.9)])


def whole_body_results(dataset):
    """Two looks at every person; every fifth finds no feet."""
    results = []
    for number, one in enumerate([*dataset["annotations"], *dataset["annotations"]]):
        parts = {
            key: near(one[key], one["bbox"], one["area"], 5 * number + i) for i, key in enumerate(WHOLE_BODY)
        }
        if number % 5 == 0:
            parts["foot_kpts"][:] = 0
        scores = (0.5 + sway(number, len(SCORES)) / 2).round(3).tolist()
        lists = {key: value.round(2).ravel().tolist() for key, value in parts.items()}
        shared = {"image_id": one["image_id"], "category_id": 1}
        results.append(shared | lists | dict(zip(SCORES, scores, strict=True)))
    return results


def crowd_dataset(images=24):
    """People in pictures that are more and more crowded; some have only hidden points, or none."""
    annotations = []
    for image in range(images):
        for _ in range(1 + image % 6):
            number = len(annotations)
            corner, side = 300 + 200 * sway(number, 2), 120 + 80 * sway(number + 0.5, 2)
            v = np.array([0, 1, 2, 2])[((sway(number + 0.25, 14) + 1) * 1.999).astype(int)]
            v = np.minimum(v, 1) if number % 11 == 3 else v * (number % 13 != 5)
            xy = corner + side * (sway(number + 0.75, 14, 2) + 1) / 2
            annotations.append(
                {
                    "id": number + 1,
                    "image_id": image + 100,
                    "category_id": 1,
                    "iscrowd": 0,
                    "num_keypoints": int((v == 2).sum()),
                    "bbox": [*corner.tolist(), *side.tolist()],
                    "keypoints": np.column_stack([xy.round(2) * (v > 0)[:, None], v]).ravel().tolist(),
                }
            )
    numbers = range(100, 100 + images)
    pictures = [{"id": n, "file_name": f"{n}.jpg", "crowdIndex": (n - 100) / images} for n in numbers]
    return {"images": pictures, "categories": [{"id": 1, "name": "person"}], "annotations": annotations}


def crowd_results(dataset):
    """Two looks at every person."""
    results = []
    for number, one in enumerate([*dataset["annotations"], *dataset["annotations"]]):
        points = near(one["keypoints"], one["bbox"], 0.53 * one["bbox"][2] * one["bbox"][3], number)
        results.append(
            {
                "image_id": one["image_id"],
                "category_id": 1,
                "score": round(float(0.5 + sway(number + 0.1, 1)[0] / 2), 3),
                "keypoints": points.round(2).ravel().tolist(),
            }
        )
    return results


def arrays():
    """Truth and prediction in the plane, boxes' longer sides, which points count, and poses in space."""
    truth = 200 * sway(1, 12, 7, 2)
    predicted = truth + 12 * sway(2, 12, 7, 2)
    labelled = sway(3, 12, 7) > -0.6
    xyz = sway(4, 12, 7, 3)
    turned = 1.3 * xyz @ np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) + 0.2
    return {
        "truth": truth,
        "predicted": predicted,
        "labelled": labelled,
        "sizes": 100 + 40 * sway(5, 12),
        "xyz": xyz,
        "found_xyz": turned + 0.1 * sway(6, 12, 7, 3),
    }


GOLDEN = {  # -1 is nothing to find
    "body": [
        0.507976741,
        0.553367908,
        0.542432815,
        0.722093352,
        0.508218081,
        0.966666667,
        1.0,
        1.0,
        0.96,
        0.971428571,
    ],
    "feet": [0.734306633, 0.922377532, 0.685827044, 1.0, 0.665657816, 0.9, 1.0, 0.9, 1.0, 0.833333333],
    "face": [0.321452145, 0.422442244, 0.422442244, -1.0, 0.321452145, 0.375, 0.5, 0.5, -1.0, 0.375],
    "left_hand": [0.323514851, 0.46369637, 0.46369637, 0.333333333, 0.394719472, 0.84, 1.0, 1.0, 1.0, 0.8],
    "right_hand": [0.326323234, 0.363061118, 0.363061118, 0.2, 0.500990099, 0.86, 1.0, 1.0, 0.6, 0.925],
    "whole": [
        0.223056539,
        0.370276973,
        0.194389439,
        0.69431636,
        0.156001886,
        0.616666667,
        0.833333333,
        0.583333333,
        0.9,
        0.414285714,
    ],
    "crowd": [
        0.424575586,
        0.618307847,
        0.421110507,
        0.760869565,
        0.927536232,
        0.753623188,
        0.48243082,
        0.415715919,
        0.529169517,
    ],
    "real crowd": [0.519158416, 0.575247525, 0.575247525, 0.95, 1.0, 1.0, -1.0, 0.519158416, -1.0],
    "mPCK@.05": 0.139806226,
    "mPCK@.1": 0.540651412,
    "AUC": 0.662122243,
    "EPE": 9.367166548,
    "mean error": 0.104249463,
    "NME": 0.108415013,
    "MPJPE": 0.687095012,
    "N-MPJPE": 0.491919506,
    "PA-MPJPE": 0.06083019,
}


def by_xtcocotools(dataset, results, kind, sigmas, **options):
    from xtcocotools import cocoeval
    from xtcocotools.coco import COCO

    cocoeval.round = lambda value, digits: value  # it keeps 4 digits of easy, medium and hard
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        labels, found = Path(folder, "labels.json"), Path(folder, "found.json")
        labels.write_text(json.dumps(dataset), "utf-8")
        found.write_text(json.dumps(results), "utf-8")
        truth = COCO(str(labels))
        run = cocoeval.COCOeval(truth, truth.loadRes(str(found)), kind, np.array(sigmas), **options)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(value) for value in run.stats]


def mmpose_functions():
    """mmpose's keypoint_eval.py, which needs none of what the package imports."""
    folder = Path(importlib.util.find_spec("mmpose").origin).parent / "evaluation/functional"
    names = ("mmpose", "mmpose.codecs", "mmpose.codecs.utils", "published_mmpose")
    sys.modules |= {name: types.ModuleType(name) for name in names}
    for needed in ("get_heatmap_maximum", "get_simcc_maximum"):
        setattr(sys.modules["mmpose.codecs.utils"], needed, None)
    sys.modules["published_mmpose"].__path__ = [str(folder)]
    return importlib.import_module("published_mmpose.keypoint_eval")


def by_mmpose():
    of, data = mmpose_functions(), arrays()
    plane = data["predicted"], data["truth"], data["labelled"]
    sizes = np.repeat(data["sizes"][:, None], 2, axis=1)
    every = np.ones(data["labelled"].shape, bool)
    space = data["found_xyz"], data["xyz"], every
    return {
        "mPCK@.05": of.keypoint_pck_accuracy(*plane, 0.05, sizes.copy())[1],
        "mPCK@.1": of.keypoint_pck_accuracy(*plane, 0.1, sizes.copy())[1],
        "AUC": of.keypoint_auc(*plane, 30),
        "EPE": of.keypoint_epe(*plane),
        "mean error": of.keypoint_nme(*plane, sizes.copy()),
        "NME": of.keypoint_nme(data["predicted"], data["truth"], every, sizes.copy()),
        "MPJPE": of.keypoint_mpjpe(*space),
        "N-MPJPE": of.keypoint_mpjpe(*space, alignment="scale"),
        "PA-MPJPE": of.keypoint_mpjpe(*space, alignment="procrustes"),
    }


def main(samples):
    import tomllib

    def sigmas(name):
        file = Path(__file__).parents[2] / f"src/pinpoint/skeletons/{name}.toml"
        return np.array(tomllib.loads(file.read_text("utf-8"))["sigmas"])

    whole = json.loads(Path(samples, "coco/test_coco_wholebody.json").read_text("utf-8"))
    found, of_whole = whole_body_results(whole), sigmas("coco_wholebody133")
    bounds = (0, 17, 23, 91, 112, 133)
    for part, kind in enumerate(KINDS):
        of_part = of_whole[bounds[part] : bounds[part + 1]]
        print(kind, by_xtcocotools(whole, found, kind, of_part))
    print("keypoints_wholebody", by_xtcocotools(whole, found, "keypoints_wholebody", of_whole))
    real = json.loads(Path(samples, "crowdpose/test_crowdpose.json").read_text("utf-8"))
    for dataset in (crowd_dataset(), real):
        numbers = by_xtcocotools(
            dataset, crowd_results(dataset), "keypoints_crowd", sigmas("crowdpose14"), use_area=False
        )
        print("keypoints_crowd", numbers)
    print({name: float(value) for name, value in by_mmpose().items()})


if __name__ == "__main__":
    main(sys.argv[1])
