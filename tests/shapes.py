"""A small set of labelled pictures of one simple object: a coloured, lopsided arrow over texture."""

import json
from pathlib import Path

import cv2
import numpy as np

from pinpoint.geometry import Float, Image

KEYPOINTS = ("tip", "wing", "barb", "tail")
OUTLINE = np.array([[34, 0], [2, -20], [2, -8], [-30, -8], [-30, 8], [-12, 8], [-12, 20], [2, 8]], np.float64)
"""The arrow pointing to the right, in pixels around its middle; its barb sits behind its wing."""
POINTS = np.array([[34, 0], [2, -20], [-12, 20], [-30, 0]], np.float64)
"""Where the keypoints are, in the same frame: no turn and no mirror picture maps them on each other."""


def make_shapes(
    folder: Path,
    pictures: int,
    seed: int = 0,
    size: tuple[int, int] = (160, 120),
    *,
    keypoints: int = len(KEYPOINTS),
) -> Path:
    """Draw pictures with one object each, and write what is in them as COCO ground truth.

    Args:
        folder: Where `shapes.json` and the pictures (`0000.png`) go; made if absent.
        pictures: How many.
        seed: Where chance starts: place, turn, scale, colours and texture.
        size: Width and height of every picture.
        keypoints: Only the first so many of the four.

    Returns:
        The path of the JSON file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    images, annotations = [], []
    for number in range(1, pictures + 1):
        image, xy = _picture(rng, size)
        name = f"{number:04}.png"
        cv2.imwrite(str(folder / name), image)
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        annotations.append(_annotation(number, xy[:keypoints], xy))
    path = folder / "shapes.json"
    category = {"id": 1, "name": "arrow", "keypoints": list(KEYPOINTS[:keypoints]), "skeleton": []}
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return path


def _picture(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Image, Float]:
    """A picture and the four points in it; the object lies wholly inside."""
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.6, 1.2) * min(size) / 120
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    outline, points = OUTLINE @ turn.T, POINTS @ turn.T
    low, high = 2 - outline.min(axis=0), np.array(size) - 3 - outline.max(axis=0)
    place = rng.uniform(low, high)
    coarse = rng.integers(0, 256, (size[1] // 16 + 1, size[0] // 16 + 1, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) // 2 + 30
    image = (image + rng.normal(scale=6, size=image.shape)).clip(0, 255).astype(np.uint8)
    color = tuple(int(level) for level in rng.integers(170, 256, 3))
    fixed = np.round((outline + place) * 16).astype(np.int32)  # sixteenths of a pixel
    cv2.fillPoly(image, [fixed], color, cv2.LINE_AA, shift=4)
    return image, points + place


def _annotation(number: int, labelled: Float, xy: Float) -> dict[str, object]:
    low, high = xy.min(axis=0) - 4, xy.max(axis=0) + 4
    width, height = high - low
    flat = np.concatenate([labelled, np.full((len(labelled), 1), 2)], axis=1).round(2).ravel().tolist()
    return {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "keypoints": flat,
        "num_keypoints": len(labelled),
        "bbox": [round(float(value), 2) for value in (*low, width, height)],
        "area": round(float(width * height) / 2, 2),
        "iscrowd": 0,
    }
