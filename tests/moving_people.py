"""Videos with known truth: people cut from photographs, moved over a background by maps that are known.

cut = astronaut_cut(height=200)
movers = [Mover(cut, standing_at(cut, straight((40, 230), (280, 230), 2.0)))]
for moment in moving(movers, plain_background((320, 240)), steady(2.0, fps=25)):
    moment.frame, moment.truth
"""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import (
    Float,
    Image,
    Size,
    boxes_of_points,
    clip_boxes,
    compose,
    identity,
    resize,
    transform_boxes,
    transform_points,
)
from pinpoint.io.video import Frame
from pinpoint.io.video_writer import VideoWriter
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

Way = Callable[[float], Float]
"""From seconds to a map of shape (2, 3)."""

Place = Callable[[float], tuple[float, float]]
"""From seconds to x and y."""

# Along the edge of the person and of the helmet before her, by eye.
ASTRONAUT = (
    *((62, 511), (36, 470), (20, 405), (22, 360), (38, 300), (50, 262), (85, 232), (113, 212), (112, 186)),
    *((132, 160), (160, 149), (184, 149), (180, 122), (160, 112), (153, 80), (162, 50), (195, 24), (235, 14)),
    *((275, 30), (298, 60), (300, 95), (288, 118), (273, 130), (262, 160), (260, 177), (285, 196)),
    *((303, 228), (304, 238), (340, 262), (358, 300), (363, 350), (405, 343), (455, 357), (485, 395)),
    *((497, 440), (501, 466), (511, 490), (511, 511)),
)
ASTRONAUT_POINTS = {
    "nose": (222, 121),
    "left_eye": (247, 102),
    "right_eye": (203, 101),
    "left_ear": (274, 118),
    "right_ear": (180, 116),
    "left_shoulder": (322, 268),
    "right_shoulder": (88, 250),
    "right_elbow": (45, 410),
}
EDGE = 1.2  # pixels over which a cut fades into what is behind it
LEAST_SEEN = 0.02  # share of a person from which they are in the picture


@dataclass(frozen=True, eq=False)
class Cut:
    """One person out of a photograph.

    Args:
        image: RGB, shape (h, w, 3).
        cover: 255 where the person is, 0 beside, shape (h, w).
        keypoints: The person, with a box, in pixels of the image.
    """

    image: Image
    cover: NDArray[np.uint8]
    keypoints: Keypoints

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def box(self) -> Float:
        """Around the person, shape (4,)."""
        return np.asarray(self.keypoints.boxes)[0]

    def sized(self, height: float) -> "Cut":
        """The same, so large that the person's box is so many pixels high."""
        share = height / (self.box[3] - self.box[1])
        size = (max(round(self.size[0] * share), 1), max(round(self.size[1] * share), 1))
        matrix, how = resize(self.size, size), cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(self.image, size, interpolation=how), np.uint8)
        cover = np.asarray(cv2.resize(self.cover, size, interpolation=how), np.uint8)
        kps = self.keypoints
        boxes = transform_boxes(self.box[None], matrix)
        moved = replace(kps, xy=transform_points(kps.xy, matrix), boxes=boxes)
        return Cut(image, cover, moved)


@dataclass(frozen=True)
class Mover:
    """Who moves, and how: `way` maps the cut into the world at a time. Their number is their track id."""

    cut: Cut
    way: Way


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame and what is true of it.

    Args:
        frame: As a reader would give it.
        truth: The N people who are in the picture, ids, boxes (cut to the picture) and keypoints, which are
            missing where they are outside and not `visible` where another person is before them.
        seen: Which share of each person is in the picture and not hidden, shape (N,).
        maps: From the pixels of each mover's cut to those of the frame, shape (M, 2, 3).
    """

    frame: Frame
    truth: Keypoints
    seen: Float
    maps: Float


def astronaut_cut(height: float = 497.0) -> Cut:
    """The person of `skimage.data.astronaut` (public domain), with eight of COCO's keypoints, by eye."""
    return _astronaut().sized(height)


@cache
def _astronaut() -> Cut:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's own imports
        from skimage.data import astronaut

        image = astronaut()
    columns = skeleton("coco17")
    xy = np.array([ASTRONAUT_POINTS.get(name, (np.nan, np.nan)) for name in columns.keypoints])[None]
    kps = Keypoints(xy, np.isfinite(xy).all(axis=2).astype(float), columns)
    return cut_along(image, np.array(ASTRONAUT, dtype=float), kps)


def cut_along(image: Image, outline: Float, kps: Keypoints) -> Cut:
    """Cut a person out along an outline of shape (P, 2); their box becomes that of the outline."""
    cover = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(cover, [np.rint(outline).astype(np.int32)], 255)
    return covered(image, cover, kps)


def covered(image: Image, cover: NDArray[np.uint8], kps: Keypoints) -> Cut:
    """Cut a person out of where `cover` is 255; the picture is cut to their surroundings, the edge fades."""
    rows, columns = np.nonzero(cover > 127)
    box = np.array([[columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]])
    width, height = image.shape[1], image.shape[0]
    left, top, right, bottom = np.clip(
        [*(box[0, :2] - 3.5), *(box[0, 2:] + 4.5)], 0, [width, height, width, height]
    ).astype(int)
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), EDGE), np.uint8)
    moved = replace(kps, xy=kps.xy - (left, top), boxes=box - (left, top, left, top))
    return Cut(image[top:bottom, left:right].copy(), soft[top:bottom, left:right].copy(), moved)


def straight(start: tuple[float, float], end: tuple[float, float], seconds: float) -> Place:
    """From one place to another in so many seconds, and on."""
    (x0, y0), (x1, y1) = start, end
    return lambda t: (x0 + (x1 - x0) * t / seconds, y0 + (y1 - y0) * t / seconds)


def swaying(place: Place, reach: float, period: float, phase: float = 0.0) -> Place:
    """To the sides and back around a place, in a sine of so many pixels and seconds."""

    def where(t: float) -> tuple[float, float]:
        x, y = place(t)
        return x + reach * math.sin(2 * math.pi * (t / period + phase)), y

    return where


def standing_at(cut: Cut, place: Place) -> Way:
    """A way on which the middle of the lower edge of the person's box is at a place."""
    x, y = (cut.box[0] + cut.box[2]) / 2, cut.box[3]
    return lambda t: identity() + np.array([[0, 0, place(t)[0] - x], [0, 0, place(t)[1] - y]])


def steady(seconds: float, fps: float = 30.0) -> list[float]:
    """Times of the frames of so many seconds."""
    return [index / fps for index in range(round(seconds * fps))]


def plain_background(size: Size, seed: int = 0) -> Image:
    """Soft blotches of grey and brown of some width and height: nothing in it looks like a person."""
    rng = np.random.default_rng(seed)
    coarse = np.array([150, 145, 138]) + rng.normal(0, 14, (7, 9, 1)) + rng.normal(0, 3, (7, 9, 3))
    smooth = cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 2, (size[1], size[0], 1)), 0, 255).astype(np.uint8)


def moving(
    movers: Sequence[Mover],
    background: Image,
    times: Iterable[float],
    camera: Way = lambda _: identity(),
    size: Size | None = None,
) -> Iterator[Moment]:
    """Render a video. Later movers walk before earlier ones.

    Args:
        movers: Who is in it.
        background: The world's, RGB; beyond its edges it is repeated as in a mirror.
        times: Seconds of each frame; leave some out to drop frames.
        camera: Maps the world into the picture at a time; it stands still if it is left out.
        size: Width and height of the frames; that of the background if left out.
    """
    width, height = size or (background.shape[1], background.shape[0])
    for index, seconds in enumerate(times):
        view = camera(seconds)
        image = _seen_by(background, view, (width, height))
        owner = np.full((height, width), -1, np.int16)
        maps = np.array([compose(view, mover.way(seconds)) for mover in movers]).reshape(-1, 2, 3)
        for number, (mover, matrix) in enumerate(zip(movers, maps, strict=True)):
            _paste(image, owner, mover.cut, matrix, number)
        truth, seen = _truth(movers, maps, owner)
        yield Moment(Frame(image, index, seconds), truth, seen, maps)


def write_moments(path: str | Path, moments: Iterable[Moment], fps: float = 30.0) -> list[Keypoints]:
    """Write a video and return the truth of its frames."""
    writer, truths = None, []
    for moment in moments:
        image = moment.frame.image
        writer = writer or VideoWriter(path, (image.shape[1], image.shape[0]), fps=fps)
        writer.write(image, moment.frame.seconds)
        truths.append(moment.truth)
    if writer is not None:
        writer.close()
    return truths


def _seen_by(background: Image, view: Float, size: Size) -> Image:
    if np.array_equal(view, identity()) and size == (background.shape[1], background.shape[0]):
        return background.copy()
    return np.asarray(cv2.warpAffine(background, view, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _paste(image: Image, owner: NDArray[np.int16], cut: Cut, matrix: Float, number: int) -> None:
    """Put a person over an image, in place, and write down which pixels are theirs."""
    edge = np.array([[-0.5, -0.5], [1, -0.5], [1, 1], [-0.5, 1]]) * [cut.size]
    low, high = transform_points(edge, matrix).min(axis=0), transform_points(edge, matrix).max(axis=0)
    left, top = np.maximum(np.floor(low), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high) + 1, image.shape[1::-1]).astype(int)
    if right <= left or bottom <= top:
        return
    shifted, size = matrix - np.array([[0, 0, left], [0, 0, top]]), (int(right - left), int(bottom - top))
    pixels = cv2.warpAffine(cut.image, shifted, size, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(cut.cover, shifted, size)
    under = image[top:bottom, left:right]
    share = cover[..., None].astype(np.float32) / 255
    under[:] = np.rint(under + share * (pixels.astype(np.float32) - under))
    owner[top:bottom, left:right][cover > 127] = number


def _truth(movers: Sequence[Mover], maps: Float, owner: NDArray[np.int16]) -> tuple[Keypoints, Float]:
    size = (owner.shape[1], owner.shape[0])
    left = np.bincount(owner.ravel() + 1, minlength=len(movers) + 1)[1:]
    whole = np.array([(mover.cut.cover > 127).sum() for mover in movers])
    seen = left / np.maximum(whole * np.abs(np.linalg.det(maps[:, :, :2])), 1)
    people = [_moved(mover.cut, maps[n], owner, n) for n, mover in enumerate(movers) if seen[n] >= LEAST_SEEN]
    if not people:
        columns = movers[0].cut.keypoints.skeleton if movers else skeleton("coco17")
        return replace(Keypoints.empty(columns), track_ids=np.zeros(0, dtype=np.int64)), np.zeros(0)
    truth = Keypoints.concatenate(people)
    return replace(truth, boxes=clip_boxes(np.asarray(truth.boxes), size)), seen[seen >= LEAST_SEEN].clip(
        0, 1
    )


def _moved(cut: Cut, matrix: Float, owner: NDArray[np.int16], number: int) -> Keypoints:
    """A person where they are now; the box is upright around the turned one."""
    kps = cut.keypoints
    xy = transform_points(kps.xy, matrix)
    pixel = np.rint(np.nan_to_num(xy, nan=-1)).astype(int)
    inside = np.asarray(((pixel >= 0) & (pixel < owner.shape[::-1])).all(axis=2))
    x, y = np.where(inside[..., None], pixel, 0)[0].T
    corners = cut.box[[[0, 1], [2, 1], [2, 3], [0, 3]]]
    return replace(
        kps,
        xy=np.where(inside[..., None], xy, np.nan),
        scores=np.where(inside, kps.scores, 0.0),
        visible=inside & (owner[y, x] <= number),
        boxes=boxes_of_points(transform_points(corners, matrix)[None]),
        track_ids=np.array([number]),
    )
