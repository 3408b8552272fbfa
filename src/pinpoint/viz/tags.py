"""Small readable labels at the instances: their word, track id and score."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image, meets_picture
from pinpoint.keypoints import Keypoints
from pinpoint.viz.layer import Layer, capsules, premultiplied
from pinpoint.viz.palette import instance_colors
from pinpoint.viz.shapes import box_alpha
from pinpoint.viz.style import Style

if TYPE_CHECKING:
    from PIL import ImageFont

__all__ = ["draw_tags", "tag_texts"]

TEXT_SHARE, LEAST_TEXT = 0.024, 11  # height of the type relative to the picture, and in pixels at least
SMALLEST_TEXT = 9  # pixels, at small instances; nobody reads less
WIDEST = 0.5  # width of a tag relative to the longer side of its instance
INK = (16, 18, 24)
LONGEST = 40  # characters
SHORTEST, CUT = 4, "..."  # characters of a label that are worth showing, and how the cut is marked
ROUNDING = 3.0  # pixels by which a smaller type may come out wider than in proportion
HIGHEST = 4  # tags above one another


@dataclass(frozen=True)
class _Text:
    """What is known about one instance, each part empty where it is not."""

    label: str
    track: str
    score: str

    @property
    def forms(self) -> tuple[str, ...]:
        """From all of it to what matters most, without the empty."""
        parts = ((self.label, self.track, self.score), (self.label, self.track), (self.track or self.label,))
        return tuple(filter(None, dict.fromkeys("  ".join(filter(None, form)) for form in parts)))


def draw_tags(image: Image, kps: Keypoints, boxes: Float, with_scores: bool, style: Style) -> None:
    """Write a tag beside each box that is drawn, in place, inside the image and clear of the other tags.

    A tag is at most half as wide as the longer side of its box is long: it is set smaller, then says less,
    and is left out in the end. A track id stays until it is wider than its box is long.
    """
    nominal = max(LEAST_TEXT, round(TEXT_SHARE * float(np.sqrt(image.shape[0] * image.shape[1]))))
    colors, taken = instance_colors(kps), np.zeros((0, 4))
    shown = (box_alpha(kps, style) > 0) & meets_picture(boxes, (image.shape[1], image.shape[0]))
    for row, text in enumerate(_texts(kps, with_scores)):
        mask = _fitting(text, float((boxes[row, 2:] - boxes[row, :2]).max()), nominal) if shown[row] else None
        if mask is not None:
            low = _free_place(boxes[row], _size(mask), taken, image)
            taken = np.vstack([taken, [*low, *(low + _size(mask))]])
            _draw_tag(image, low, mask, colors[row])


def tag_texts(kps: Keypoints, with_scores: bool) -> list[str]:
    """What is written at each instance, such as `left  #3  87%`; empty where there is nothing to say."""
    return [next(iter(text.forms), "") for text in _texts(kps, with_scores)]


def _texts(kps: Keypoints, with_scores: bool) -> list[_Text]:
    texts = []
    for row in range(len(kps)):
        label = "" if kps.labels is None else str(kps.labels[row])[:LONGEST]
        track = "" if kps.track_ids is None or kps.track_ids[row] < 0 else f"#{kps.track_ids[row]}"
        scored = with_scores and kps.box_scores is not None and np.isfinite(kps.box_scores[row])
        score = f"{kps.box_scores[row]:.0%}" if scored and kps.box_scores is not None else ""
        texts.append(_Text(label, track, score))
    return texts


def _fitting(text: _Text, extent: float, nominal: int) -> Image | None:
    """Set the fullest form of a text that fits an instance of some extent, or none."""
    for form in text.forms:
        if (mask := _set(form, WIDEST * extent, nominal)) is not None:
            return mask
    if text.track:
        return _set(text.track, extent, SMALLEST_TEXT)
    return _set(_cut(text.label, WIDEST * extent), WIDEST * extent, SMALLEST_TEXT)


def _set(text: str, room: float, nominal: int) -> Image | None:
    """Set a text in type of some height, or smaller so that it fits into a width of pixels, or not at all."""
    wanted = _size(_type(text, nominal))[0] if text else np.inf
    height = nominal if wanted <= room else int(nominal * (room - ROUNDING) / wanted)
    if not text or height < min(nominal, SMALLEST_TEXT):
        return None
    return _type(text, height)


def _cut(label: str, room: float) -> str:
    """As much of a label as fits into a width of pixels; empty if that is next to nothing."""
    wanted = _size(_type(label, SMALLEST_TEXT))[0] if label else np.inf
    kept = int(len(label) * room / wanted) - len(CUT) - 2  # its ends are as wide as two characters
    return label[:kept] + CUT if SHORTEST <= kept < len(label) else ""


def _size(mask: Image) -> NDArray[np.intp]:
    """Width and height of the tag around a line of type."""
    tall, wide = mask.shape
    return np.array([wide, tall]) + 2 * _padding(tall)


def _padding(tall: int) -> NDArray[np.intp]:
    return np.array([max(4, tall // 2), max(2, tall // 5)])


def _free_place(box: Float, size: NDArray[np.intp], taken: Float, image: Image) -> NDArray[np.intp]:
    """Top left corner of a tag: the first place around its box that no other tag overlaps.

    Places outside the picture are moved to its border: the last resort, for that may be on the instance.
    """
    picture = np.array(image.shape[1::-1])
    places = _places(np.clip(box, 0, np.tile(picture - 1, 2)), size)
    inside = np.rint(np.clip(places, 0, np.maximum(picture - size, 0)))
    apart = (inside[:, None] >= taken[:, 2:]) | (inside[:, None] + size <= taken[:, :2])
    free = np.any(apart, axis=2).all(axis=-1)
    beside = np.all(np.abs(inside - places) < 1, axis=-1)
    return inside[np.argmax(2 * free + beside)].astype(np.intp)


def _places(box: Float, size: NDArray[np.intp]) -> Float:
    """Top left corners of a tag above, right, left and below a box and higher up, shape (M, 2)."""
    (left, top, right, bottom), (wide, tall) = box, size + 1
    above = [(left, top - tall), (right - wide, top - tall)]
    around = [(right + 1, top), (left - wide, top), (left, bottom + 1), (right - wide, bottom + 1)]
    return np.array([*above, *around, *((left, top - step * tall) for step in range(2, HIGHEST + 1))])


def _draw_tag(image: Image, low: NDArray[np.intp], mask: Image, color: Float) -> None:
    size, pad = _size(mask), _padding(len(mask))
    layer = Layer(image, np.array([*(low - 2), *(low + size + 2)], dtype=np.float64))
    middle = low[1] + (size[1] - 1) / 2
    ends = np.array([[low[0] + size[1] / 2, middle], [low[0] + size[0] - size[1] / 2, middle]])
    bar = capsules(ends[:1], np.maximum(ends[1:], ends[:1]), np.array([float(size[1])]))
    layer.polygons(bar, premultiplied(color, np.array([0.92])))
    layer.stamp(mask, (int(low[0] + pad[0]), int(low[1] + pad[1])), INK)
    layer.blend()


@lru_cache(maxsize=1024)
def _type(text: str, height: int) -> Image:
    """Set a line of type: coverage in 0..255, shape (h, w)."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    font = _font(height)
    _, top, _, bottom = (round(edge) for edge in font.getbbox("#Ag" + text))
    width = round(font.getlength(text)) + 1
    picture = Picture.new("L", (max(width, 1), max(bottom - top, 1)))
    ImageDraw.Draw(picture).text((0, -top), text, fill=255, font=font)
    return np.asarray(picture)


@lru_cache(maxsize=64)
def _font(height: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(height)
