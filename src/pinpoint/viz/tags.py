"""Small readable labels at the instances: their word, track id and score."""

from functools import lru_cache

import numpy as np

from pinpoint.geometry import Float, Image, meets_picture
from pinpoint.keypoints import Keypoints
from pinpoint.viz.layer import Layer, capsules, premultiplied
from pinpoint.viz.palette import instance_colors
from pinpoint.viz.shapes import box_alpha
from pinpoint.viz.style import Style

__all__ = ["draw_tags", "tag_texts"]

TEXT_SHARE, SMALLEST_TEXT = 0.024, 11  # height of the type relative to the picture, and in pixels
INK = (16, 18, 24)
LONGEST = 40  # characters


def draw_tags(image: Image, kps: Keypoints, boxes: Float, with_scores: bool, style: Style) -> None:
    """Write a tag over the top left corner of each box that is drawn, in place and kept inside the image."""
    height = max(SMALLEST_TEXT, round(TEXT_SHARE * float(np.sqrt(image.shape[0] * image.shape[1]))))
    colors = instance_colors(kps)
    shown = (box_alpha(kps, style) > 0) & meets_picture(boxes, (image.shape[1], image.shape[0]))
    for row, text in enumerate(tag_texts(kps, with_scores)):
        if text and shown[row]:
            _draw_tag(image, boxes[row, :2], _type(text, height), colors[row])


def tag_texts(kps: Keypoints, with_scores: bool) -> list[str]:
    """What is written at each instance, such as `left  #3  87%`; empty where there is nothing to say."""
    texts = []
    for row in range(len(kps)):
        label = "" if kps.labels is None else str(kps.labels[row])[:LONGEST]
        track = "" if kps.track_ids is None or kps.track_ids[row] < 0 else f"#{kps.track_ids[row]}"
        scored = with_scores and kps.box_scores is not None and np.isfinite(kps.box_scores[row])
        score = f"{kps.box_scores[row]:.0%}" if scored and kps.box_scores is not None else ""
        texts.append("  ".join(part for part in (label, track, score) if part))
    return texts


def _draw_tag(image: Image, corner: Float, mask: Image, color: Float) -> None:
    tall, wide = mask.shape
    pad = np.array([max(4, tall // 2), max(2, tall // 5)])
    size = np.array([wide, tall]) + 2 * pad
    room = np.maximum(np.array(image.shape[1::-1]) - size, 0)
    low = np.rint(np.clip(corner - [0, size[1] + 1], 0, room)).astype(int)
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
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(height)
    _, top, _, bottom = (round(edge) for edge in font.getbbox("#Ag" + text))
    width = round(font.getlength(text)) + 1
    picture = Picture.new("L", (max(width, 1), max(bottom - top, 1)))
    ImageDraw.Draw(picture).text((0, -top), text, fill=255, font=font)
    return np.asarray(picture)
