"""COCO labels and results of one category as a few arrays over all images, for evaluations of many.

`read_coco_truth` and `read_coco_results` give a record for each image, with names and skeletons; this gives
the numbers alone, several times as fast and in a fraction of the memory.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.io.coco import boxes_from_coco
from pinpoint.io.coco_truth_writer import WHOLE_BODY
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes
from pinpoint.io.number_lists import Spans, read_lists, set_apart
from pinpoint.io.plain import blame

__all__ = ["LabelArrays", "ResultArrays", "read_coco_arrays"]

Item = Mapping[str, Any]

PARTS = frozenset(WHOLE_BODY) - {"keypoints"}


@dataclass(frozen=True, eq=False)
class LabelArrays:
    """N labelled instances, crowds too, in P images.

    Args:
        image_ids: What the file calls the images, rising, P of them. They are numbered in this order.
        names: Of the images, P of them.
        sizes: Width and height of the images as far as they are stated, else NaN, shape (P, 2).
        category: What the file says of the category, or none.
        parts: Whether there are lists of COCO-WholeBody, which are not read.
        image: Number of each instance's image, shape (N,).
        xy: Shape (N, K, 2), NaN where not labelled.
        visible: Whether each point can be seen, shape (N, K).
        boxes: x1 y1 x2 y2, shape (N, 4).
        areas: Square pixels, shape (N,), NaN where the file states none.
        crowd: Which are crowds, shape (N,).
    """

    image_ids: Sequence[Any]
    names: Sequence[str]
    sizes: Float
    category: Item | None
    parts: bool
    image: NDArray[np.intp]
    xy: Float
    visible: NDArray[np.bool_]
    boxes: Float
    areas: Float
    crowd: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ResultArrays:
    """M found instances.

    Args:
        image: Number of each one's image among those of the labels, shape (M,).
        xy: Shape (M, K, 2), NaN where a result says 0 0 0.
        point_scores: Of each point, shape (M, K).
        scores: Of each instance, shape (M,).
        areas: Of the boxes in square pixels, shape (M,); none where results have no boxes.
        others: How many results of another category were left out.
    """

    image: NDArray[np.intp]
    xy: Float
    point_scores: Float
    scores: Float
    areas: Float | None
    others: int = 0


def read_coco_arrays(truth: str | Path, results: str | Path) -> tuple[LabelArrays, ResultArrays]:
    """Read COCO labels and results for them, as one evaluation needs them.

    Args:
        truth: Ground truth, all of one category and of one number of keypoints.
        results: A list of results, all with boxes or all without; those of another category are left out.

    Raises:
        UnreadableError: A file is damaged or of another form, holds several categories, or the results are of
            images or keypoints that the labels are not of.
    """
    labels, category = _read_labels(Path(truth))
    return labels, _read_results(Path(results), labels, category)


def _read_labels(path: Path) -> tuple[LabelArrays, Any]:
    document, spans, data = _parsed(path)
    with blame(path, "its images and annotations"):
        images = {image["id"]: image for image in document["images"]}
        ids = sorted(images)
        names, sizes = _images([images[number] for number in ids])
        items: Sequence[Item] = document["annotations"]
        categories = {item["category_id"] for item in items}
        if len(categories) > 1:
            raise ValueError(f"there are labels of {len(categories)} categories, expected one")
        image, rows = _numbered(items, ids), _rows_of(items)
        category = _category(document, categories)
        parts = any(key in item for item in items for key in PARTS)
        crowd = np.array([bool(item.get("iscrowd")) for item in items], bool)
        boxes = boxes_from_coco([item["bbox"] for item in items])
        areas = np.array([item.get("area", np.nan) for item in items], np.float64)
        del document, images, items  # which are larger than the points that come now
        xy, v = _triples(data, spans[rows], _width(data, spans[rows]) // 3)
        xy[v <= 0] = np.nan
        labels = LabelArrays(ids, names, sizes, category, parts, image, xy, v > 1, boxes, areas, crowd)
        return labels, next(iter(categories), None)


def _images(images: Sequence[Item]) -> tuple[list[str], Float]:
    names = [str(image.get("file_name", "")) for image in images]
    sizes = [(image.get("width", np.nan), image.get("height", np.nan)) for image in images]
    return names, np.array(sizes, np.float64).reshape(-1, 2)


def _category(document: Item, used: Container[Any]) -> Item | None:
    return next((entry for entry in document.get("categories") or () if entry["id"] in used), None)


def _read_results(path: Path, labels: LabelArrays, category: Any) -> ResultArrays:
    document, spans, data = _parsed(path)
    with blame(path, "its results"):
        items = [item for item in document if category is None or item["category_id"] == category]
        others = len(document) - len(items)
        if len({bool(item.get("bbox")) for item in items}) > 1:
            raise ValueError("some results have a bbox and some have none")
        image, rows = _numbered(items, labels.image_ids), _rows_of(items)
        scores = np.array([item["score"] for item in items], np.float64)
        boxes = [item["bbox"] for item in items] if items and items[0].get("bbox") else None
        areas = None if boxes is None else np.array(boxes, np.float64)[:, 2:].prod(axis=1)
        del document, items, boxes  # which are larger than the points that come now
        width, k = _width(data, spans[rows]), labels.xy.shape[1]
        if len(rows) and width != 3 * k:
            raise ValueError(f"there are {width} numbers for keypoints, expected {3 * k} as in the labels")
        xy, point_scores = _triples(data, spans[rows], k)
        xy[(point_scores == 0) & (xy == 0).all(axis=2)] = np.nan
        return ResultArrays(image, xy, point_scores, scores, areas, others)


def _parsed(path: Path) -> tuple[Any, Spans, bytes]:
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    try:
        return *set_apart(data, "keypoints"), data
    except (ValueError, RecursionError) as error:
        raise UnreadableError(path, f"is not JSON, or damaged: {error}") from error


def _rows_of(items: Sequence[Item]) -> NDArray[np.intp]:
    """Which list of keypoints each item has, shape (N,)."""
    return np.array([item["keypoints"] for item in items], np.intp).reshape(len(items))


def _width(data: bytes, spans: Spans) -> int:
    """How many numbers there are in each list, by the first."""
    return data.count(b",", *spans[0].tolist()) + 1 if len(spans) else 0


def _triples(data: bytes, spans: Spans, k: int) -> tuple[Float, Float]:
    """Coordinates and third numbers of all lists, shapes (N, K, 2) and (N, K)."""
    xy, third = np.empty((len(spans), k, 2)), np.empty((len(spans), k))
    for part, numbers in read_lists(data, spans, 3 * k):
        triples = numbers.reshape(-1, k, 3)
        xy[part], third[part] = triples[..., :2], triples[..., 2]
    return xy, third


def _numbered(items: Sequence[Item], ids: Sequence[Any]) -> NDArray[np.intp]:
    number_of = {image: number for number, image in enumerate(ids)}
    try:
        return np.array([number_of[item["image_id"]] for item in items], np.intp)
    except KeyError as error:
        raise ValueError(f"image_id {error} is not among the images") from error
