"""A clean annotation file of many poses, and one way to plant each kind of fault into it."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

Document = dict[str, Any]
SIZE = 200, 150
NAMES = (
    *("nose", "left_eye", "right_eye", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_hip", "right_hip", "left_knee", "right_knee"),
)
STANCE = np.array(
    [
        *[
            (0, -0.4),
            (0.05, -0.45),
            (-0.05, -0.45),
            (0.12, -0.25),
            (-0.12, -0.25),
            (0.2, -0.05),
            (-0.2, -0.05),
        ],
        *[(0.08, 0.05), (-0.08, 0.05), (0.09, 0.4), (-0.09, 0.4)],
    ]
)
EDGES = [[1, 2], [1, 3], [4, 5], [4, 6], [5, 7], [4, 8], [5, 9], [8, 10], [9, 11]]


def clean(images: int = 120, seed: int = 0) -> Document:
    """Two people in each picture: all seen from the front, now and then a point hidden or not labelled."""
    rng = np.random.default_rng(seed)
    people = [_person(rng, number) for number in range(2 * images)]
    return {
        "images": [_image(number) for number in range(1, images + 1)],
        "annotations": people,
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(NAMES), "skeleton": copy.deepcopy(EDGES)}
        ],
    }


def _image(number: int) -> Document:
    return {"id": number, "file_name": f"{number:03d}.png", "width": SIZE[0], "height": SIZE[1]}


def _person(rng: np.random.Generator, number: int) -> Document:
    side = rng.uniform(60, 90)
    centre = rng.normal((50 + 100 * (number % 2), 75), 2)
    turn = rng.normal(0, 0.1)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    xy = np.round(centre + side * (STANCE + rng.normal(0, 0.012, STANCE.shape)) @ matrix.T, 2)
    v = rng.choice([1, 2], len(xy), p=[0.15, 0.85])
    unseen = rng.choice(len(xy), 2, replace=False)[: rng.integers(0, 3)]
    xy[unseen], v[unseen] = 0, 0
    there = xy[v > 0]
    low, high = there.min(axis=0) - 3, there.max(axis=0) + 3
    width, height = (high - low).tolist()
    return {
        "id": number + 1,
        "image_id": number // 2 + 1,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": [
            value for (x, y), seen in zip(xy, v, strict=True) for value in (float(x), float(y), int(seen))
        ],
        "num_keypoints": int((v > 0).sum()),
        "bbox": [*low.tolist(), width, height],
        "area": 0.6 * width * height,
    }


def points(document: Document, row: int = 0) -> np.ndarray:
    """x y v of an annotation, shape (K, 3)."""
    return np.array(document["annotations"][row]["keypoints"], dtype=float).reshape(-1, 3)


def put(document: Document, xyv: np.ndarray, row: int = 0) -> None:
    """Write x y v of an annotation."""
    document["annotations"][row]["keypoints"] = [float(value) for value in xyv.reshape(-1)]


def _change(table: str, row: int = 0, **values: Any) -> Callable[[Document], None]:
    return lambda document: document[table][row].update(values)


def _drop(table: str, key: str, row: int = 0) -> Callable[[Document], None]:
    return lambda document: document[table][row].pop(key)


def _moved(change: Callable[[np.ndarray], Any], every: bool = False) -> Callable[[Document], None]:
    """Change the points of the first annotation, or of all; `change` gets its labelled ones first."""

    def plant(document: Document) -> None:
        for row in range(len(document["annotations"]) if every else 1):
            xyv = points(document, row)
            labelled = np.flatnonzero(xyv[:, 2])
            part = xyv[labelled]
            change(part)
            xyv[labelled] = part
            put(document, xyv, row)

    return plant


def _set(index: Any, value: Any) -> Callable[[np.ndarray], None]:
    def change(xyv: np.ndarray) -> None:
        xyv[index] = value

    return change


def _boxes(change: Callable[[float, float, float, float], list[float]]) -> Callable[[Document], None]:
    def plant(document: Document) -> None:
        for item in document["annotations"]:
            item["bbox"] = change(*item["bbox"])

    return plant


def _nested(document: Document) -> None:
    document["annotations"][0]["keypoints"] = points(document).tolist()


def _without_v(document: Document) -> None:
    document["annotations"][0]["keypoints"] = points(document)[:, :2].reshape(-1).tolist()


def _texts(document: Document) -> None:
    item = document["annotations"][0]
    item["keypoints"] = [str(value) for value in item["keypoints"]]


def _place_without_v(document: Document) -> None:
    xyv = points(document)
    xyv[0, 2] = 0
    put(document, xyv)
    document["annotations"][0]["num_keypoints"] = int((xyv[:, 2] > 0).sum())
    if not xyv[0, :2].any():
        raise AssertionError("the first keypoint of the first person has to be labelled")


def _swapped_axes(document: Document) -> None:
    xyv = points(document, 1)
    put(document, xyv[:, [1, 0, 2]], 1)


def _counted_from_one(document: Document) -> None:
    """Everything a pixel further, and one person against the right edge, whose box stays in the picture."""
    for row in range(len(document["annotations"])):
        xyv = points(document, row)
        if row == 1:
            xyv[:, 0] += np.where(xyv[:, 2] > 0, SIZE[0] - xyv[:, 0].max(), 0)
            document["annotations"][1]["bbox"] = [120, 10, 80, 130]
            document["annotations"][1]["area"] = 4000
        put(document, xyv, row)


def _bare(document: Document) -> None:
    put(document, np.zeros((len(NAMES), 3)))
    document["annotations"][0]["num_keypoints"] = 0


def _again(shift: float = 0.0, image: int | None = None) -> Callable[[Document], None]:
    """Add the first person again: shifted, or in another image."""

    def plant(document: Document) -> None:
        document["annotations"].append(copy.deepcopy(document["annotations"][0]) | {"id": 9000})
        xyv = points(document)
        xyv[xyv[:, 2] > 0, 0] += shift
        put(document, xyv, -1)
        if image is not None:
            document["annotations"][-1]["image_id"] = image

    return plant


def _no_instances(document: Document) -> None:
    document["images"].append(_image(9000))


def _second_category(**values: Any) -> Callable[[Document], None]:
    """Half of the annotations are of a second category, which differs as said."""

    def plant(document: Document) -> None:
        document["categories"].append(
            copy.deepcopy(document["categories"][0]) | {"id": 2, "name": "other"} | values
        )
        for item in document["annotations"][::2]:
            item["category_id"] = 2

    return plant


def _fewer_names(document: Document) -> None:
    _second_category(keypoints=NAMES[:7], skeleton=[])(document)
    for row, item in enumerate(document["annotations"]):
        if item["category_id"] == 2:
            xyv = points(document, row)[:7]
            put(document, xyv, row)
            item["num_keypoints"] = int((xyv[:, 2] > 0).sum())


def _never_labelled(document: Document) -> None:
    for row, item in enumerate(document["annotations"]):
        xyv = points(document, row)
        xyv[0] = 0
        put(document, xyv, row)
        item["num_keypoints"] = int((xyv[:, 2] > 0).sum())


def _sides_of_some(document: Document) -> None:
    flip = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9]
    for row in range(20, 50):
        put(document, points(document, row)[flip], row)


def _far_off(document: Document) -> None:
    """The nose at a knee."""
    row = next(row for row in range(len(document["annotations"])) if (points(document, row)[:, 2] > 0).all())
    xyv = points(document, row)
    xyv[0, :2] = xyv[9, :2] - (4, 4)
    put(document, xyv, row)


def _twice_listed(document: Document) -> None:
    document["images"][1]["file_name"] = document["images"][0]["file_name"]


def _same_id(document: Document) -> None:
    """A further image and its two people, under the number of the first."""
    document["images"].append(_image(1) | {"file_name": "further.png"})


PLANTS: dict[str, Callable[[Document], None]] = {
    "empty-list": lambda document: document.update(annotations=[]),
    "odd-entry": lambda document: document["annotations"].append(None),
    "image-without-id": lambda document: document["images"].append(
        {"file_name": "further.png", "width": 9, "height": 9}
    ),
    "image-id-twice": _same_id,
    "image-without-name": _drop("images", "file_name"),
    "file-name-twice": _twice_listed,
    "size-missing": _drop("images", "width"),
    "size-impossible": _change("images", height=-150),
    "path-absolute": _change("images", file_name="/home/me/001.png"),
    "path-backslash": _change("images", file_name="part\\001.png"),
    "image-unlabelled": _no_instances,
    "annotation-without-id": _drop("annotations", "id"),
    "annotation-id-twice": _change("annotations", 1, id=1),
    "dangling-image": _change("annotations", image_id=12345),
    "image-id-as-text": _change("annotations", image_id="1"),
    "dangling-category": _change("annotations", category_id=7),
    "category-id-as-text": _change("annotations", category_id="1"),
    "crowd-missing": _drop("annotations", "iscrowd"),
    "crowd-odd": _change("annotations", iscrowd=3, keypoints=[0] * 33, num_keypoints=0),
    "crowd-with-points": _change("annotations", iscrowd=1),
    "category-without-id": lambda document: document["categories"].append(
        {"name": "other", "keypoints": [*NAMES]}
    ),
    "category-id-twice": lambda document: document["categories"].append(
        {"id": 1, "name": "other", "keypoints": [*NAMES]}
    ),
    "category-name-twice": _second_category(name="person"),
    "category-unused": lambda document: document["categories"].append(
        {"id": 2, "name": "other", "keypoints": [*NAMES]}
    ),
    "names-missing": _change("categories", keypoints=[], skeleton=[]),
    "keypoint-name-twice": _change("categories", keypoints=["left_eye", *NAMES[1:]]),
    "edges-from-zero": _change("categories", skeleton=[[a - 1, b - 1] for a, b in EDGES]),
    "edges-odd": _change("categories", skeleton=[*EDGES, [4, 99]]),
    "keypoint-counts-differ": _fewer_names,
    "keypoint-order-differs": _second_category(keypoints=[*NAMES[::-1]]),
    "side-without-mirror": _change("categories", keypoints=[*NAMES[:-1], "tail_left"]),
    "flip-wrong": _change("categories", flip_idx=[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 11]),
    "flip-contradicts-names": _change("categories", flip_idx=[0, 4, 3, 2, 1, 6, 5, 8, 7, 10, 9]),
    "sigmas-wrong": _change("categories", sigmas=[0.05] * 10),
    "keypoint-never-labelled": _never_labelled,
    "keypoints-missing": _drop("annotations", "keypoints"),
    "keypoints-nested": _nested,
    "keypoints-without-v": _without_v,
    "keypoints-length": lambda document: document["annotations"][0]["keypoints"].extend([5, 5, 2]),
    "keypoints-no-numbers": _texts,
    "keypoints-nan": _moved(_set((0, 0), np.nan)),
    "keypoints-infinite": _moved(_set((0, 0), np.inf)),
    "visibility-unknown": _moved(_set((0, 2), 3)),
    "visibility-is-score": _moved(_set((slice(None), 2), 0.87)),
    "visibility-never-2": _moved(_set((slice(None), 2), 1), every=True),
    "unlabelled-with-place": _place_without_v,
    "all-at-origin": _moved(_set((slice(None), slice(2)), 0)),
    "some-at-origin": _moved(_set((0, slice(2)), 0)),
    "points-collapsed": _moved(_set((slice(None), slice(2)), (50, 75))),
    "points-outside": _moved(_set((0, slice(2)), (50, -40))),
    "points-normalised": _moved(lambda xyv: np.divide(xyv, (*SIZE, 1), out=xyv)),
    "axes-swapped": _swapped_axes,
    "counted-from-1": _counted_from_one,
    "count-missing": _drop("annotations", "num_keypoints"),
    "count-wrong": _change("annotations", num_keypoints=1),
    "no-labelled-point": _bare,
    "instance-twice": _again(),
    "instance-almost-twice": _again(shift=0.5),
    "instance-of-other-image": _again(image=3),
    "box-missing": _drop("annotations", "bbox"),
    "box-no-numbers": _change("annotations", bbox=[1, 2, 3]),
    "box-no-extent": _change("annotations", bbox=[10, 20, 0, 30]),
    "box-as-corners": _boxes(lambda x, y, w, h: [x, y, x + w, y + h]),
    "box-as-centre": _boxes(lambda x, y, w, h: [x + w / 2, y + h / 2, w, h]),
    "box-normalised": _boxes(lambda x, y, w, h: [x / SIZE[0], y / SIZE[1], w / SIZE[0], h / SIZE[1]]),
    "box-outside": _change("annotations", bbox=[-20, 10, 110, 135]),
    "box-not-containing": _change("annotations", bbox=[140, 10, 50, 130]),
    "area-missing": _drop("annotations", "area"),
    "area-no-number": _change("annotations", area=float("nan")),
    "area-not-positive": _change("annotations", area=0),
    "area-beyond-box": _change("annotations", area=1e6),
    "sides-swapped": _sides_of_some,
    "point-far-off": _far_off,
    "part-valid": _change("annotations", face_valid=True, face_kpts=[0] * 204),
    "hands-alike": _change(
        "annotations", lefthand_kpts=[9.0, 8, 1] * 20 + [9, 9, 1], righthand_kpts=[9.0, 8, 1] * 20 + [9, 9, 1]
    ),
}
"""How each fault is planted that shows without pictures and without a second file."""
