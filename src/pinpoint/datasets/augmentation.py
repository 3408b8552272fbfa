"""What makes one labelled picture many: one matrix for the geometry, a few functions for the light."""

from dataclasses import dataclass

import cv2
import numpy as np

from pinpoint.geometry import Float, Image

__all__ = ["Augmentation", "Shift"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Shift:
    """How one crop differs from the plain one around its box.

    Args:
        center: Where the middle goes, as a share of the crop's width and height.
        scale: Factor on the crop's size; above 1 shows more of the picture.
        angle: Radians by which the crop is turned clockwise.
        flip: Whether left and right are changed.
    """

    center: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    angle: float = 0.0
    flip: bool = False


@dataclass(frozen=True)
class Augmentation:
    """How far training crops may differ from plain ones. All zeros change nothing.

    Args:
        scale: Spread of the logarithm of the crop's size.
        rotate: Spread of the angle in degrees; angles are cut at twice this, and 4 of 10 crops stay upright.
        shift: Spread of the middle as a share of the crop.
        flip: Share of crops whose sides are changed.
        half: Share of crops that show the upper or the lower half of the points only.
        light: Spread of brightness and contrast, and of each colour, as a share of the range.
        gray: Share of crops without colour.
        blur: Share of crops that are blurred.
        noise: Share of crops with noise.
        occlude: Share of crops in which patches are covered with other parts of the crop or plain colour.
        border: Share of crops that are surrounded by a grey level by chance where the picture ends.
    """

    scale: float = 0.25
    rotate: float = 30.0
    shift: float = 0.08
    flip: float = 0.5
    half: float = 0.1
    light: float = 0.15
    gray: float = 0.1
    blur: float = 0.15
    noise: float = 0.1
    occlude: float = 0.3
    border: float = 0.5

    def __post_init__(self) -> None:
        for name in ("flip", "half", "gray", "blur", "noise", "occlude", "border"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"augmentation.{name} is {getattr(self, name)}, expected a share from 0 to 1"
                )
        for name in ("scale", "rotate", "shift", "light"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"augmentation.{name} is {getattr(self, name)}, expected 0 or more")

    def draw_shift(self, rng: np.random.Generator) -> Shift:
        """Draw the geometry of one crop."""
        turn, stretch, x, y = rng.normal(size=4).clip(-2, 2)
        upright, flip = rng.random(2)
        return Shift(
            center=(float(x * self.shift), float(y * self.shift)),
            scale=float(np.exp(stretch * self.scale)),
            angle=0.0 if upright < 0.4 else float(np.radians(turn * self.rotate)),
            flip=bool(flip < self.flip),
        )

    def draw_part(self, rng: np.random.Generator, xy: Float) -> Float | None:
        """Draw a box around the upper or the lower half of the points, (4,); mostly none.

        Args:
            rng: Where chance comes from.
            xy: Labelled points, shape (K, 2), NaN where not labelled.
        """
        points = xy[np.isfinite(xy).all(axis=-1)]
        if rng.random() >= self.half or len(points) < 8:
            return None
        order = points[np.argsort(points[:, 1])]
        part = order[: len(order) // 2] if rng.random() < 0.6 else order[len(order) // 2 :]
        low, high = part.min(axis=0), part.max(axis=0)
        grown = max(float((high - low).max()) * 0.15, 2.0)
        return np.concatenate([low - grown, high + grown])

    def recolor(self, crop: Image, rng: np.random.Generator) -> Image:
        """Change light, colour and sharpness, and cover patches. Shape (h, w, 3)."""
        chances = rng.random(4)
        if chances[0] < self.gray:
            crop = _gray(crop)
        if self.light:
            crop = _lit(crop, rng, self.light)
        if chances[1] < self.blur:
            crop = _blurred(crop, rng)
        if chances[2] < self.noise:
            crop = _noisy(crop, rng)
        if chances[3] < self.occlude:
            crop = _occluded(crop, rng)
        return crop


def _gray(crop: Image) -> Image:
    level = cv2.transform(crop, np.array([LUMA], dtype=np.float32))
    return cv2.merge([level, level, level]).astype(np.uint8, copy=False)


def _lit(crop: Image, rng: np.random.Generator, spread: float) -> Image:
    """Contrast, brightness and gamma for all channels, a little of each for every one."""
    levels = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(scale=spread)) * np.exp(rng.normal(scale=spread / 4, size=3))
    contrast = np.exp(rng.normal(scale=spread)) * np.exp(rng.normal(scale=spread / 4, size=3))
    offset = rng.normal(scale=spread / 2) + rng.normal(scale=spread / 4, size=3)
    table = ((levels**gamma - 0.5) * contrast + 0.5 + offset) * 255
    return cv2.LUT(crop, table.clip(0, 255).astype(np.uint8)[None]).astype(np.uint8, copy=False)


def _blurred(crop: Image, rng: np.random.Generator) -> Image:
    """Shrink and grow again, as pictures from the web have been, or blur."""
    height, width = crop.shape[:2]
    if rng.random() < 0.5:
        return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.6)).astype(np.uint8, copy=False)
    shrink = rng.uniform(0.35, 0.8)
    less = (max(2, int(width * shrink)), max(2, int(height * shrink)))
    small = cv2.resize(crop, less, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height)).astype(np.uint8, copy=False)


def _noisy(crop: Image, rng: np.random.Generator) -> Image:
    noise = rng.normal(scale=rng.uniform(2, 12), size=crop.shape)
    return (crop + noise).clip(0, 255).astype(np.uint8)


def _occluded(crop: Image, rng: np.random.Generator) -> Image:
    """Cover one to three rectangles with another part of the crop, or with one colour."""
    crop = crop.copy()
    height, width = crop.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        w, h = (rng.uniform(0.08, 0.35, size=2) * (width, height)).astype(int).clip(1)
        (x, y), (u, v) = (rng.random((2, 2)) * (width - w + 1, height - h + 1)).astype(int)
        plain = rng.random() < 0.4
        crop[y : y + h, x : x + w] = rng.integers(0, 256, 3) if plain else crop[v : v + h, u : u + w].copy()
    return crop
