"""Real photographs with annotations, as the benchmarks read them."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[1] / "../shared/data"


@dataclass(frozen=True, eq=False)
class Picture:
    """One photograph and what is annotated on it.

    Args:
        path: The file.
        image_id: Its id in the annotation file.
        size: Width and height.
        xy: Labelled points, shape (N, K, 2), NaN where not labelled.
        boxes: x1 y1 x2 y2, shape (N, 4).
    """

    path: Path
    image_id: int
    size: tuple[int, int]
    xy: NDArray[np.float64]
    boxes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.xy)


def body_pictures() -> list[Picture]:
    """COCO val photographs with 17 points per person."""
    return list(_pictures(DATA / "coco_person/val.json", DATA / "coco_person/val"))


def face_pictures(split: str = "test") -> list[Picture]:
    """Photographs of one face each, 68 iBUG points."""
    return list(_pictures(DATA / f"face68/{split}.json", DATA / "face68" / split))


def hand_pictures() -> list[Picture]:
    """COCO val photographs with 21 points per annotated hand; other hands may be in view."""
    return list(_pictures(DATA / "hand21/val.json", DATA / "coco_person/val"))


def single_person_pictures(count: int) -> list[Picture]:
    """Photographs of one person who is at least 40 % of the picture's height and has 10 points or more."""
    alone = [picture for picture in body_pictures() if len(picture) == 1 and _is_clear(picture)]
    return alone[:count]


def crowded_pictures(least: int = 2) -> list[Picture]:
    """Photographs with several annotated persons."""
    return [picture for picture in body_pictures() if len(picture) >= least]


def _is_clear(picture: Picture) -> bool:
    height = picture.boxes[0, 3] - picture.boxes[0, 1]
    labelled = np.isfinite(picture.xy[0]).all(axis=-1).sum()
    return bool(height > 0.4 * picture.size[1] and labelled >= 10)


def _pictures(annotations: Path, folder: Path) -> Iterator[Picture]:
    content = json.loads(annotations.read_text("utf-8"))
    labels = defaultdict(list)
    for label in content["annotations"]:
        if not label.get("iscrowd"):
            labels[label["image_id"]].append(label)
    for image in content["images"]:
        chosen = labels[image["id"]]
        points = np.array([label["keypoints"] for label in chosen], dtype=np.float64)
        points = points.reshape(len(chosen), -1, 3) if chosen else np.zeros((0, 1, 3))
        boxes = np.array([label["bbox"] for label in chosen], dtype=np.float64).reshape(-1, 4)
        yield Picture(
            path=(folder / image["file_name"]).resolve(),
            image_id=image["id"],
            size=(image["width"], image["height"]),
            xy=np.where(points[:, :, 2:] > 0, points[:, :, :2], np.nan),
            boxes=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        )
