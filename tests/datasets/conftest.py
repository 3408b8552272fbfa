"""Small sets of labelled pictures, written as the test wants them."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pinpoint.datasets.samples import Samples, read_samples
from pinpoint.io.images import write_image
from pinpoint.skeletons import Skeleton

ARROW = Skeleton("arrow", ("tip", "left_barb", "right_barb"), swaps=(("left_barb", "right_barb"),))
TIP, LEFT, RIGHT = (30.0, 10.0), (10.0, 40.0), (50.0, 40.0)


def category(number: int, skeleton: Skeleton) -> dict:
    return {"id": number, "name": skeleton.name, "keypoints": list(skeleton.keypoints)}


def annotation(picture: int = 1, points: Sequence[Sequence[float]] = (TIP, LEFT, RIGHT), **changes) -> dict:
    """Labels of one instance; `None` as a value leaves the key out."""
    full = {
        "image_id": picture,
        "category_id": 1,
        "bbox": [5, 5, 50, 40],
        "area": 900,
        "keypoints": [number for point in points for number in (*point, 2)],
    } | changes
    return {key: value for key, value in full.items() if value is not None}


class LabelledSet:
    """Writes pictures of noise and their labels, and reads them back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images = folder, []
        self.cache, self.path = folder / "cache", folder / "labels.json"
        self.categories = [category(1, ARROW)]

    def add(self, name: str = "1.png", size: tuple[int, int] = (64, 48), **changes) -> np.ndarray:
        """Write one picture; `changes` are what its annotations say differently."""
        image = np.random.default_rng(len(self.images)).integers(0, 256, (size[1], size[0], 3), np.uint8)
        write_image(self.folder / name, image)
        self.name(name, size, **changes)
        return image

    def name(self, name: str, size: tuple[int, int] = (64, 48), **changes) -> None:
        """Name a picture without writing it."""
        number = len(self.images) + 1
        image = {"id": number, "file_name": name, "width": size[0], "height": size[1]} | changes
        self.images.append({key: value for key, value in image.items() if value is not None})

    def write(self, *annotations: dict) -> None:
        """Write the labels."""
        numbered = [{"id": number, **item} for number, item in enumerate(annotations, 1)]
        parts = {"images": self.images, "categories": self.categories, "annotations": numbered}
        self.path.write_text(json.dumps(parts))

    def read(self, *annotations: dict, skeleton: Skeleton | None = None, **options) -> Samples:
        self.write(*annotations)
        return read_samples(self.path, None, skeleton, self.cache, **options)


@pytest.fixture
def labelled(tmp_path) -> LabelledSet:
    return LabelledSet(tmp_path)


@pytest.fixture
def warned(caplog) -> Callable[[], str]:
    """What was warned of so far."""
    return lambda: "\n".join(r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
