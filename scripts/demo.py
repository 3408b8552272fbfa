"""Find bodies, faces and hands in pictures, draw them and say where the drawings are.

Usage: python scripts/demo.py [PICTURE ...]

The first picture is always an astronaut: a photograph in the public domain that comes with scikit-image.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

import pinpoint as pp
from pinpoint.io.errors import UnreadableError
from pinpoint.keypoints import Estimator
from pinpoint.viz import Style

OUT = Path("demo-output")
LEAST = 0.1  # what scores less is not shown
SHOWN = {
    "body": ("nose", "left_shoulder", "right_shoulder"),
    "face": ("face-8", "face-30", "face-36"),
    "hand": ("wrist", "thumb_tip", "index_finger_tip"),
}
# The bit of each dot of a Braille character, 4 rows of 2. The empty character is U+2800.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])

Image = NDArray[np.uint8]


def main(paths: list[str]) -> int:
    """Go through the pictures; return 1 if one could not be read."""
    estimators = {task: pp.load(task) for task in SHOWN}
    first, *others = drawing_paths(["astronaut.png", *paths])
    show("astronaut.png", astronaut(), estimators, first)
    failed = False
    for path, out in zip(paths, others, strict=True):
        try:
            show(Path(path).name, pp.read_image(path), estimators, out)
        except UnreadableError as error:
            print(error, file=sys.stderr)
            failed = True
    return int(failed)


def drawing_paths(paths: list[str]) -> list[Path]:
    """Say where each picture is drawn: under its own name, numbered where an earlier one has that."""
    stems = [Path(path).stem for path in paths]
    counts = [stems[: at + 1].count(stem) for at, stem in enumerate(stems)]
    names = [stem if count == 1 else f"{stem}-{count}" for stem, count in zip(stems, counts, strict=True)]
    return [OUT / f"{name}.png" for name in names]


def show(name: str, image: Image, estimators: Mapping[str, Estimator], out: Path) -> None:
    """Print what is found in one picture, and draw it."""
    found = {task: estimate(image).above(LEAST) for task, estimate in estimators.items()}
    drawing, lines = image, np.zeros_like(image)
    for kps in found.values():
        drawing = pp.draw(drawing, kps)
        lines = pp.draw(lines, kps, style=Style(tags=False))
    print(sketch(lines))
    print(f"{name}, {image.shape[1]} x {image.shape[0]} pixels")
    for task, kps in found.items():
        print(f"  {task:<5}{len(kps):>3} found" + (f", {first_points(kps, SHOWN[task])}" if len(kps) else ""))
    out.parent.mkdir(exist_ok=True)
    pp.write_image(out, drawing)
    print(f"drawn in {out}")


def first_points(kps: pp.Keypoints, names: tuple[str, ...]) -> str:
    """Say where some keypoints of the first instance are."""
    xy = kps.xy[0, kps.skeleton.indices(names)]
    return ", ".join(f"{name} ({x:.0f}, {y:.0f})" for name, (x, y) in zip(names, xy, strict=True))


def sketch(lines: Image, columns: int = 64, rows: int = 20) -> str:
    """Say what is drawn on black in Braille: one dot where it is lit."""
    ys, xs = np.nonzero(lines.any(axis=2))
    if not len(xs):
        return ""
    lit = lines[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].max(axis=2)
    scale = min(2 * columns / lit.shape[1], 4 * rows / lit.shape[0])
    columns, rows = (
        max(1, round(scale * side / dots)) for side, dots in zip(lit.shape[::-1], (2, 4), strict=True)
    )
    dots = cv2.resize(lit, (2 * columns, 4 * rows), interpolation=cv2.INTER_AREA) > 60
    codes = 0x2800 + np.einsum("rycx,yx->rc", dots.reshape(rows, 4, columns, 2), DOTS)
    return "\n".join("".join(map(chr, row)).rstrip("\u2800") for row in codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
