"""Steps that change what a picture looks like and leave every point where it is.

Each takes a picture (h, w, 3), RGB, and gives a new one of that shape; it never writes to what it is given.
"""

import cv2
import numpy as np

from pinpoint.geometry import Float, Image

__all__ = [
    "blurred",
    "color_map",
    "covered",
    "gray",
    "holed",
    "lit",
    "noisy",
    "recolored",
    "recompressed",
    "surrounded",
]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
YCBCR = np.array([LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # BT.601, as JPEG has it
MIDDLE = 127.5
JPEG_QUALITY = (15, 75)  # of OpenCV's scale to 100: from blocks that anyone sees to a web page's usual
HOLES = (4, 16)
HOLE_SIDE = (0.04, 0.12)  # of the longer side of the picture
SEAM = 0.05  # how far the seam around what is kept reaches, as a share of the longer side of the picture


def gray(image: Image) -> Image:
    """Take the colour out."""
    level = cv2.transform(image, np.array([LUMA], dtype=np.float32))
    return cv2.merge([level, level, level]).astype(np.uint8, copy=False)


def lit(image: Image, rng: np.random.Generator, spread: float) -> Image:
    """Contrast, brightness and gamma for all channels, a little of each for every one."""
    levels = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(scale=spread)) * np.exp(rng.normal(scale=spread / 4, size=3))
    contrast = np.exp(rng.normal(scale=spread)) * np.exp(rng.normal(scale=spread / 4, size=3))
    offset = rng.normal(scale=spread / 2) + rng.normal(scale=spread / 4, size=3)
    table = ((levels**gamma - 0.5) * contrast + 0.5 + offset) * 255
    return cv2.LUT(image, table.clip(0, 255).astype(np.uint8)[None]).astype(np.uint8, copy=False)


def color_map(
    hue: float = 0.0, saturation: float = 1.0, contrast: float = 1.0, brightness: float = 0.0
) -> Float:
    """The one map that changes all four, shape (3, 4): what it gives for R, G, B and 1.

    Args:
        hue: Radians by which colours are turned round grey, at the same luma.
        saturation: Factor on the distance from grey; 0 takes the colour out.
        contrast: Factor on the distance from the middle level.
        brightness: What is added, as a share of the range.
    """
    cos, sin = np.cos(hue) * saturation, np.sin(hue) * saturation
    turn = np.array([[1.0, 0, 0], [0, cos, -sin], [0, sin, cos]])
    linear = contrast * np.linalg.solve(YCBCR, turn @ YCBCR)
    return np.column_stack([linear, np.full(3, MIDDLE * (1 - contrast) + 255 * brightness)])


def recolored(image: Image, color: Float) -> Image:
    """Apply a map of colours, shape (3, 4); what leaves the range is cut."""
    return cv2.transform(image, color.astype(np.float32)).astype(np.uint8, copy=False)


def blurred(image: Image, rng: np.random.Generator) -> Image:
    """Shrink and grow again, as pictures from the web have been, or blur."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)).astype(np.uint8, copy=False)
    shrink = rng.uniform(0.35, 0.8)
    less = (max(2, int(width * shrink)), max(2, int(height * shrink)))
    small = cv2.resize(image, less, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height)).astype(np.uint8, copy=False)


def noisy(image: Image, rng: np.random.Generator) -> Image:
    """Add noise of a spread of 2 to 12 levels."""
    noise = rng.normal(scale=rng.uniform(2, 12), size=image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def recompressed(image: Image, rng: np.random.Generator) -> Image:
    """Write and read as a JPEG whose quality is drawn evenly from 15 to 75."""
    quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert back is not None, "OpenCV cannot read what it wrote"
    return np.ascontiguousarray(back[..., ::-1]).astype(np.uint8, copy=False)


def covered(image: Image, rng: np.random.Generator) -> Image:
    """Cover one to three rectangles with another part of the picture, or with one colour."""
    image = image.copy()
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        w, h = (rng.uniform(0.08, 0.35, size=2) * (width, height)).astype(int).clip(1)
        (x, y), (u, v) = (rng.random((2, 2)) * (width - w + 1, height - h + 1)).astype(int)
        plain = rng.random() < 0.4
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3) if plain else image[v : v + h, u : u + w].copy()
    return image


def holed(image: Image, rng: np.random.Generator) -> Image:
    """Put 4 to 16 small squares of the mean colour into it: coarse dropout (arXiv 1708.04552)."""
    image, level = image.copy(), np.round(cv2.mean(image)[:3])  # NumPy's mean takes longer than all else
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(HOLES[0], HOLES[1] + 1))):
        side = max(1, round(rng.uniform(*HOLE_SIDE) * max(height, width)))
        x, y = (rng.random(2) * (width, height)).astype(int) - side // 2
        image[max(y, 0) : y + side, max(x, 0) : x + side] = level
    return image


def surrounded(image: Image, background: Image, kept: Float) -> Image:
    """Put a picture before another: what lies in any of some convex outlines stays, with a soft seam.

    Args:
        image: Shape (h, w, 3).
        background: Of the same shape.
        kept: Corners of B outlines in pixels of the picture, shape (B, 4, 2).
    """
    fine = 4  # bits of a pixel's fraction that the outlines are drawn to
    outside = np.ones(image.shape[:2], np.uint8)
    for corners in np.round(kept * 2**fine).astype(np.int32):
        cv2.fillConvexPoly(outside, corners, 0, shift=fine)
    away = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(1 - away / max(SEAM * max(image.shape), 1.0), 0, 1)[..., None]
    return (background + share * (image.astype(np.float32) - background)).round().astype(np.uint8)
