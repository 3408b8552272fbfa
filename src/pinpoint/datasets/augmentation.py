"""What makes one labelled picture many: one matrix for the geometry, a few functions for the light."""

from dataclasses import dataclass

import numpy as np

from pinpoint.datasets.photometric import (
    blurred,
    color_map,
    covered,
    gray,
    holed,
    lit,
    noisy,
    recolored,
    recompressed,
)
from pinpoint.geometry import Float, Image

__all__ = ["Augmentation", "Shift"]

SHARES = ("flip", "half", "gray", "blur", "noise", "occlude", "border", "jpeg", "dropout", "background")
SPREADS = ("scale", "rotate", "shift", "light", "hue", "saturation", "contrast", "brightness")


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
        hue: Spread of the angle in degrees by which colours are turned round grey.
        saturation: Spread of the logarithm of how far colours are from grey.
        contrast: Spread of the logarithm of how far levels are from the middle one.
        brightness: Spread of what is added to all levels, as a share of the range.
        jpeg: Share of crops that are written and read as a JPEG of low quality.
        dropout: Share of crops in which small squares are covered with the mean colour.
        background: Share of crops in which what lies outside the instance's box comes from another picture.

    What is 0 takes no chance from the others: steps that are left out change nothing in those that are not.
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
    hue: float = 0.0
    saturation: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    jpeg: float = 0.0
    dropout: float = 0.0
    background: float = 0.0

    def __post_init__(self) -> None:
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"augmentation.{name} is {getattr(self, name)}, expected a share from 0 to 1"
                )
        for name in SPREADS:
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
            crop = gray(crop)
        if self.light:
            crop = lit(crop, rng, self.light)
        if self.hue or self.saturation or self.contrast or self.brightness:
            crop = recolored(crop, self.draw_color(rng))
        if chances[1] < self.blur:
            crop = blurred(crop, rng)
        if chances[2] < self.noise:
            crop = noisy(crop, rng)
        if chances[3] < self.occlude:
            crop = covered(crop, rng)
        if self.dropout and rng.random() < self.dropout:
            crop = holed(crop, rng)
        if self.jpeg and rng.random() < self.jpeg:
            crop = recompressed(crop, rng)
        return crop

    def draw_color(self, rng: np.random.Generator) -> Float:
        """Draw a map of colours, shape (3, 4), as `photometric.color_map` makes them; cut at two spreads."""
        hue, saturation, contrast, brightness = rng.normal(size=4).clip(-2, 2)
        return color_map(
            hue=float(np.radians(hue * self.hue)),
            saturation=float(np.exp(saturation * self.saturation)),
            contrast=float(np.exp(contrast * self.contrast)),
            brightness=float(brightness * self.brightness),
        )

    def draws_background(self, rng: np.random.Generator) -> bool:
        """Draw whether what surrounds the instances of a crop comes from another picture."""
        return bool(self.background and rng.random() < self.background)
