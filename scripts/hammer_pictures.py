"""Make pictures of a claw hammer with five labelled keypoints: an object that no model knows yet.

Hammers of many shapes and colours lie at any angle on photographs and textures that scikit-image brings,
in uneven light, partly covered, among other things.

Usage: python scripts/hammer_pictures.py FOLDER [--count 200] [--seed 0]
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

KEYPOINTS = ("face", "claw", "eye", "throat", "end")
EDGES = (("face", "eye"), ("claw", "eye"), ("eye", "throat"), ("throat", "end"))
GROUNDS = ("astronaut", "brick", "chelsea", "coffee", "grass", "gravel", "rocket", "page", "coins")
SIZE = (320, 240)
DRAWN = 512  # side of the square that a hammer is drawn in
LENGTH = 420  # of the handle there

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]


class Hammer(NamedTuple):
    """A drawn hammer: colours and cover, shapes (H, W, 3) and (H, W) in [0, 1], and its points (5, 2)."""

    color: NDArray[np.float32]
    cover: NDArray[np.float32]
    xy: Points


def picture(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> tuple[Picture, Points]:
    """Draw one picture, RGB, and where its hammer's keypoints are, shape (5, 2)."""
    hammer = _hammer(rng)
    ground = _ground(rng, size)
    _clutter(rng, ground)
    matrix = _placed(rng, hammer.xy, size)
    color = cv2.warpPerspective(hammer.color, matrix, size, flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(hammer.cover, matrix, size, flags=cv2.INTER_AREA)[..., None]
    shadow = cv2.GaussianBlur(np.roll(cover[..., 0], tuple(rng.integers(-7, 8, 2)), (0, 1)), (0, 0), 4)[
        ..., None
    ]
    image = ground * (1 - rng.uniform(0.2, 0.6) * shadow) * (1 - cover) + color * cover
    _clutter(rng, image, pieces=int(rng.integers(0, 3)), largest=0.06)
    xy = cv2.perspectiveTransform(hammer.xy[None], matrix)[0]
    return _photographed(rng, image), xy


def write_set(folder: Path, count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """Write pictures and their labels as COCO JSON; return the JSON file, `folder`/labels.json."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    images, annotations = [], []
    for number in range(1, count + 1):
        image, xy = picture(rng, size)
        name = f"hammer-{number:04d}.jpg"
        cv2.imwrite(str(folder / "images" / name), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        annotations.append(_annotation(number, xy))
    number = {name: place for place, name in enumerate(KEYPOINTS, 1)}
    category = {
        "id": 1,
        "name": "hammer",
        "keypoints": list(KEYPOINTS),
        "skeleton": [[number[a], number[b]] for a, b in EDGES],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return path


def _annotation(number: int, xy: Points) -> dict[str, object]:
    low, high = xy.min(axis=0) - 6, xy.max(axis=0) + 6
    return {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [*low.round(1).tolist(), *(high - low).round(1).tolist()],
        "area": float(np.prod(high - low).round(1)),
        "num_keypoints": len(xy),
        "keypoints": [value for x, y in xy.round(2).tolist() for value in (x, y, 2)],
    }


def _hammer(rng: np.random.Generator) -> Hammer:
    """A hammer that stands upright, its head at the top, its face to the right."""
    middle, top = DRAWN / 2, 60.0
    thick, reach, bend = rng.uniform(18, 30), rng.uniform(55, 85), rng.uniform(20, 55)
    handle, head, claw = rng.uniform(10, 15), rng.uniform(1.0, 1.35), rng.uniform(75, 110)
    eye = np.array([middle, top])
    face, tip = eye + np.array([reach, 0]), eye + np.array([-claw, bend])
    end = eye + np.array([0, LENGTH * rng.uniform(0.75, 1.0)])
    throat = eye + (end - eye) * rng.uniform(0.48, 0.52)
    wood = _stroke([eye, throat, end], [handle * 0.8, handle * 0.75, handle * 1.25])
    grip = _stroke([throat + (end - throat) * rng.uniform(-0.1, 0.4), end], [handle * 1.1, handle * 1.45])
    bow = [eye - 4, eye + np.array([-claw * 0.55, 0.15 * bend]), tip]
    steel = np.maximum.reduce(
        [
            _stroke([eye - np.array([10, 0]), face], [thick * 0.75, thick * 0.8]),
            _stroke([face - np.array([12, 0]), face], [thick * head, thick * head]),
            _stroke(bow, [thick * 0.7, thick * 0.5, 3]),
        ]
    )
    color, cover = np.zeros((DRAWN, DRAWN, 3), np.float32), np.zeros((DRAWN, DRAWN), np.float32)
    for mask, paint in ((wood, _wood(rng)), (grip, rng.uniform(0, 255, 3)), (steel, _steel(rng))):
        color = color * (1 - mask[..., None]) + _rounded(mask, paint, rng) * mask[..., None]
        cover = np.maximum(cover, mask)
    return Hammer(color, cover, np.array([face, tip, eye, throat, end]))


def _wood(rng: np.random.Generator) -> Points:
    return np.array([190.0, 150, 95]) * rng.uniform(0.5, 1.2) + rng.uniform(-20, 20, 3)


def _steel(rng: np.random.Generator) -> Points:
    return rng.uniform(60, 190) + rng.uniform(-12, 12, 3)


def _stroke(points: list[Points], widths: list[float]) -> NDArray[np.float32]:
    """A line through points that is as wide as told at each, as a mask with soft edges."""
    mask = np.zeros((DRAWN, DRAWN), np.uint8)
    for (a, b), (start, stop) in zip(pairwise(points), pairwise(widths), strict=True):
        for share in np.linspace(0, 1, 40):
            x, y = a + (b - a) * share
            cv2.circle(
                mask, (round(x), round(y)), round(start + (stop - start) * share), 255, -1, cv2.LINE_AA
            )
    return mask.astype(np.float32) / 255


def _rounded(mask: NDArray[np.float32], paint: Points, rng: np.random.Generator) -> NDArray[np.float32]:
    """Paint that is lit like something round, with scratches."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    light = 0.55 + 0.45 * np.sqrt(depth / max(float(depth.max()), 1.0))
    scratches = cv2.blur(rng.normal(size=mask.shape).astype(np.float32), (1, 9)) * rng.uniform(0.05, 0.25)
    shade = (light + scratches)[..., None].astype(np.float32)
    return shade * paint.astype(np.float32)


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """A part of a photograph or of a texture, in any colour."""
    photo = getattr(skimage.data, str(rng.choice(GROUNDS)))()
    photo = np.dstack([photo] * 3) if photo.ndim == 2 else photo[..., :3]
    height, width = photo.shape[:2]
    w = int(rng.uniform(0.35, 0.9) * width)
    h = min(height, w * size[1] // size[0])
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    part = cv2.resize(photo[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return part * rng.uniform(0.6, 1.2, 3).astype(np.float32)


def _clutter(
    rng: np.random.Generator, image: NDArray[np.float32], pieces: int = 4, largest: float = 0.2
) -> None:
    """Lay bars and discs of any colour on a picture."""
    height, width = image.shape[:2]
    for _ in range(pieces):
        color = tuple(rng.uniform(0, 255, 3).tolist())
        a, b = rng.random((2, 2)) * (width, height)
        if rng.random() < 0.5:
            cv2.circle(
                image,
                tuple(a.astype(int).tolist()),
                int(rng.uniform(0.02, largest / 2) * width),
                color,
                -1,
                cv2.LINE_AA,
            )
        else:
            reach = a + (b - a) * min(1.0, largest * width * 2 / (np.linalg.norm(b - a) + 1))
            ends = tuple(a.astype(int).tolist()), tuple(reach.astype(int).tolist())
            cv2.line(image, *ends, color, int(rng.integers(3, 10)), cv2.LINE_AA)


def _placed(rng: np.random.Generator, xy: Points, size: tuple[int, int]) -> Points:
    """A map of shape (3, 3) that lays the hammer somewhere into the picture, seen a little from the side."""
    while True:
        angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.24, 0.5)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
        turn[:, 0] *= rng.choice((-1, 1))  # lying on its other side
        middle = rng.uniform(0.25, 0.75, 2) * size
        matrix = np.eye(3)
        matrix[:2, :2], matrix[:2, 2] = turn, middle - turn @ (DRAWN / 2, DRAWN / 2)
        matrix[2, :2] = rng.uniform(-4e-4, 4e-4, 2)
        seen = cv2.perspectiveTransform(xy[None], matrix)[0]
        if (seen > 6).all() and (seen < np.array(size) - 7).all():
            return matrix


def _photographed(rng: np.random.Generator, image: NDArray[np.float32]) -> Picture:
    """Uneven light, a little blur, noise."""
    height, width = image.shape[:2]
    slope = (
        np.linspace(-1, 1, width)[None] * rng.normal() + np.linspace(-1, 1, height)[:, None] * rng.normal()
    )
    image = image * (1 + 0.15 * slope[..., None]) * rng.uniform(0.7, 1.2)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
    return (image + rng.normal(scale=rng.uniform(1, 6), size=image.shape)).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Write a set as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(write_set(asked.folder, asked.count, asked.seed))


if __name__ == "__main__":
    main()
