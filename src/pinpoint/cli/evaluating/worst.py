"""The pictures in which a run loses most, drawn with what is labelled and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.cli.evaluating.labels import Labels
from pinpoint.cli.evaluating.runs import Run
from pinpoint.datasets.labels import frame_of_labels
from pinpoint.evaluation.pictures import Judged, instance_scores, prediction_of
from pinpoint.evaluation.points import paired_oks
from pinpoint.geometry import (
    Float,
    Image,
    boxes_of_points,
    clip_boxes,
    compose,
    identity,
    transform_boxes,
    transform_points,
    warp,
)
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image
from pinpoint.keypoints import Keypoints
from pinpoint.viz.drawing import draw
from pinpoint.viz.style import Style

__all__ = ["MOST", "Worst", "worst_pictures"]

MOST = 20
PANEL = (516, 420)  # greatest width and height of a drawing
MARGIN = 0.12  # around what is labelled and found, as a share of its longer side
SPARE = 3  # instances beyond the labelled ones that are drawn
FAINTEST = 0.3  # score that a point of score 0 is drawn as
QUALITY = 82
TRUTH, FOUND = Style(threshold=0.0, boxes=True, tags=False), Style(threshold=0.0, tags=False)


@dataclass(frozen=True, eq=False)
class Worst:
    """One picture of the worst.

    Args:
        name: Of the picture.
        words: What went wrong in it.
        panels: What is drawn and its JPEG; nothing where the picture cannot be read.
    """

    name: str
    words: str
    panels: Sequence[tuple[str, bytes]]


def worst_pictures(runs: Sequence[Run], labels: Sequence[Labels], sigmas: Float) -> list[Worst]:
    """Draw the pictures in which the first run loses most OKS.

    Args:
        runs: In the same pictures; all are drawn.
        labels: These pictures.
        sigmas: OKS falloff of each keypoint, shape (K,).
    """
    similar = [_similarities(one, sigmas) for one in runs[0].judged]
    lost = np.array([(1 - values).sum() for values in similar])
    order = [row for row in np.argsort(-lost, kind="stable")[:MOST] if lost[row] > 0]
    return [
        Worst(
            labels[row].name,
            _words(runs[0].judged[row], similar[row]),
            _panels(labels[row], [(run.name, run.judged[row]) for run in runs]),
        )
        for row in order
    ]


def _similarities(one: Judged, sigmas: Float) -> Float:
    """OKS of every instance with a label with what was found for it."""
    rows = np.asarray(np.isfinite(one.truth.xy).all(axis=2)).any(axis=1)
    areas = np.asarray(one.truth.areas)[rows]
    return paired_oks(one.truth.xy[rows], prediction_of(one)[rows], areas, sigmas)


def _words(one: Judged, similar: Float) -> str:
    missed = int((similar == 0).sum())
    parts = [f"{len(similar)} labelled", f"mean OKS {similar.mean():.2f}"]
    return ", ".join(
        [*parts, *([f"{missed} without anything near"] if missed else []), f"{len(one.found)} found"]
    )


def _panels(one: Labels, judged: Sequence[tuple[str, Judged]]) -> list[tuple[str, bytes]]:
    try:
        image = read_image(one.path)
    except (UnreadableError, OSError):
        return []
    picture_from_labels = frame_of_labels(one.size, (image.shape[1], image.shape[0]))
    picture_from_labels = identity() if picture_from_labels is None else picture_from_labels
    shown = [("labelled", one.truth, TRUTH), *((name, _best(result), FOUND) for name, result in judged)]
    box = _around([kps for _, kps, _ in shown], picture_from_labels, (image.shape[1], image.shape[0]))
    panel_from_picture, size = _panel(box)
    small = warp(_softened(image, panel_from_picture[0, 0]), panel_from_picture, size, border=None)
    moved = compose(panel_from_picture, picture_from_labels)
    return [(name, _jpeg(draw(small, _moved(kps, moved), style=style))) for name, kps, style in shown]


def _best(one: Judged) -> Keypoints:
    """Of what was found the best, a few more than are labelled; what is unsure is faint but can be seen."""
    order = np.argsort(-instance_scores(one.found), kind="stable")
    best = one.found[np.sort(order[: len(one.truth) + SPARE])]
    return replace(best, scores=FAINTEST + (1 - FAINTEST) * np.clip(best.scores, 0, 1))


def _around(
    shown: Sequence[Keypoints], picture_from_labels: Float, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Box around all that is shown, with a margin, within the picture."""
    boxes = [boxes_of_points(kps.xy) for kps in shown] + [np.asarray(shown[0].boxes)]
    whole = np.concatenate(boxes)
    low, high = np.nanmin(whole[:, :2], axis=0), np.nanmax(whole[:, 2:], axis=0)
    margin = MARGIN * (high - low).max()
    box = transform_boxes(np.array([[*(low - margin), *(high + margin)]]), picture_from_labels)
    box = clip_boxes(box, size)[0]
    return box if (box[2:] - box[:2]).min() >= 8 else np.array([-0.5, -0.5, size[0] - 0.5, size[1] - 0.5])


def _panel(box: Float) -> tuple[Float, tuple[int, int]]:
    """Map of a picture's box onto a panel, and the panel's size."""
    sides = box[2:] - box[:2]
    scale = (np.array(PANEL) / sides).min()
    width, height = np.maximum(np.round(sides * scale), 1).astype(int).tolist()
    corner = (scale - 1) / 2 - scale * (box[:2] + 0.5)
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]]]), (width, height)


def _softened(image: Image, scale: float) -> Image:
    """The picture without what would flicker when it is shrunk."""
    return image if scale >= 0.7 else cv2.GaussianBlur(image, (0, 0), 0.35 / scale).astype(np.uint8)


def _moved(kps: Keypoints, panel_from_labels: Float) -> Keypoints:
    boxes = None if kps.boxes is None else transform_boxes(kps.boxes, panel_from_labels)
    return replace(kps, xy=transform_points(kps.xy, panel_from_labels), boxes=boxes)


def _jpeg(image: Image) -> bytes:
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded.tobytes()
