"""Where everybody was in the last seconds: fading lines under the drawing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinpoint.geometry import Float, Image, transform_points
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.viz.drawing import HALO, INK, check_image
from pinpoint.viz.layer import Layer, capsules, premultiplied
from pinpoint.viz.palette import identity_color
from pinpoint.viz.shapes import (
    EXTENT_SHARE,
    FARTHEST,
    THINNEST,
    Strokes,
    cut_strokes,
    drawn_boxes,
    point_alpha,
)
from pinpoint.viz.style import DEFAULT, Style

__all__ = ["Trails"]

OLDEST = 0.3  # width of the old end of a trail relative to that of the new one
RIM = 0.2  # dark rim on either side relative to the width
STEP = 0.6  # in line widths: whoever moves less stays where they are
BRIDGED = 0.3  # seconds: who is overlooked for less has gone straight on
SMOOTHINGS = 2
FEET = ("left_ankle", "right_ankle")
BOX = -1  # stands for the box where others are columns

CameraMoved = Callable[[Image, Float], Float]
"""Given a picture, and boxes (N, 4) in that before, tells the camera's motion: `now_from_before` (2, 3)."""


@dataclass(frozen=True, eq=False)
class _Spot:
    """Where somebody was.

    Args:
        reached: When, in seconds.
        left: When they were last seen there.
        frame: The frame in which they were.
        xy: In pixels, shape (2,).
        width: Of the line there, in pixels.
        joined: Whether a line leads here from the spot before.
    """

    reached: float
    left: float
    frame: int
    xy: Float
    width: float
    joined: bool


class Trails:
    """Remembers where everybody was and draws it: one for each video.

    Every id has the colour of its box and tag. A line gets thinner and fainter with age; it breaks where
    somebody is overlooked for longer than a moment. Who is not tracked (id -1) leaves none.

    Args:
        length: Seconds after which a line has faded.
        keypoints: Names of the keypoints that draw a line each. None: of bodies with ankles the ground under
            them, which is the middle of the lower edge of the box, or that of the picture where that cuts
            them off; of others the middle of the box.
        style: Width, opacity and threshold.
        camera: Says how the camera moved, such as `pinpoint.tracking.CameraMotion()`, so that lines stay
            where they are in the scene. None: they stay where they are in the picture.

    Raises:
        ValueError: The length is not positive.
    """

    def __init__(
        self,
        length: float = 2.0,
        keypoints: Sequence[str] | None = None,
        *,
        style: Style = DEFAULT,
        camera: CameraMoved | None = None,
    ) -> None:
        if not length > 0:
            raise ValueError(f"length is {length}, expected seconds above 0")
        self._length, self._names, self._style = length, keypoints, style
        self._camera, self._boxes = camera, np.zeros((0, 4))
        self._lines: dict[tuple[int, int], list[_Spot]] = {}
        self._frame, self._now = 0, -np.inf

    def __call__(self, image: Image, kps: Keypoints, seconds: float) -> Image:
        """Remember where everybody is, and draw the ways they came.

        Args:
            image: RGB, uint8, shape (H, W, 3). It is not changed.
            kps: Who is there, with `track_ids`. Draw them over what comes back.
            seconds: The time of the frame. One before the last frame's begins anew.

        Returns:
            A new picture of the same shape.

        Raises:
            ValueError: The image is not RGB of 8 bits.
            KeyError: The skeleton lacks a keypoint that was named.
        """
        check_image(image)
        if seconds < self._now:
            self._lines.clear()
        self._frame, self._now = self._frame + 1, seconds
        self._follow_scene(image, kps)
        self._remember(kps, image.shape)
        self._forget()
        out = image.copy()
        for (track, _), spots in self._lines.items():
            _paint(out, cut_strokes(self._strokes(spots, track), out.shape))
        return out

    def _follow_scene(self, image: Image, kps: Keypoints) -> None:
        """Move the lines with what they lie on."""
        if self._camera is None:
            return
        now_from_before = self._camera(image, self._boxes)
        boxes = drawn_boxes(kps, self._style)
        self._boxes = boxes[np.isfinite(boxes).all(axis=1)]
        for spots in self._lines.values():
            xy = transform_points(np.array([spot.xy for spot in spots]), now_from_before)
            spots[:] = [replace(spot, xy=there) for spot, there in zip(spots, xy, strict=True)]

    def _remember(self, kps: Keypoints, shape: tuple[int, ...]) -> None:
        if kps.track_ids is None:
            return
        boxes = drawn_boxes(kps, self._style)
        widths = _widths(boxes, shape, self._style)
        for column, xy in self._places(kps, boxes, shape[0] - 1 - widths).items():
            there = (kps.track_ids >= 0) & (np.abs(xy) < FARTHEST).all(axis=1)  # NaN is not
            for row in np.flatnonzero(there):
                self._go((int(kps.track_ids[row]), column), xy[row], float(widths[row]))

    def _places(self, kps: Keypoints, boxes: Float, lowest: Float) -> dict[int, Float]:
        """What the lines follow, shape (N, 2) each; NaN where it is not known."""
        if self._names is None:
            return {BOX: _anchors(boxes, kps.skeleton, lowest)}
        shown = point_alpha(kps, self._style)[..., None] > 0
        xy = np.where(shown, kps.xy, np.nan)
        return {column: xy[:, column] for column in kps.skeleton.indices(self._names).tolist()}

    def _go(self, line: tuple[int, int], xy: Float, width: float) -> None:
        """Lengthen a line, or stay where it ends."""
        spots = self._lines.setdefault(line, [])
        joined = bool(spots) and self._followed(spots[-1])
        if joined and np.linalg.norm(xy - spots[-1].xy) < STEP * width:
            spots[-1] = replace(spots[-1], left=self._now, frame=self._frame)
        else:
            spots.append(_Spot(self._now, self._now, self._frame, xy, width, joined))

    def _followed(self, spot: _Spot) -> bool:
        """Whether who was there has been overlooked for a moment at most: slow videos have no moments."""
        return spot.frame + 1 >= self._frame or self._now - spot.left <= BRIDGED

    def _forget(self) -> None:
        """Drop what has faded, but not the spot from which the oldest visible stroke comes."""
        oldest = self._now - self._length
        for line, spots in list(self._lines.items()):
            faded = sum(spot.reached <= oldest for spot in spots)
            del spots[: max(faded - 1, 0)]
            if spots[-1].left <= oldest:
                del self._lines[line]

    def _strokes(self, spots: Sequence[_Spot], track: int) -> Strokes:
        """One stroke from each spot to the next, the oldest first."""
        xy, ends = _smoothed(spots), [row for row, spot in enumerate(spots) if row and spot.joined]
        ages = np.array([self._now - spots[row].reached for row in ends])
        fresh = np.clip(1 - ages / self._length, 0, 1)
        widths = np.array([spots[row].width for row in ends]) * (OLDEST + (1 - OLDEST) * fresh)
        return Strokes(
            starts=xy[[row - 1 for row in ends]].reshape(-1, 2),
            ends=xy[ends].reshape(-1, 2),
            widths=widths,
            rims=RIM * widths,
            alpha=self._style.opacity * fresh,
            colors=np.tile(np.array(identity_color(track), dtype=np.float64), (len(ends), 1)),
            dashed=np.zeros(len(ends), dtype=bool),
            rows=np.zeros(len(ends), dtype=np.intp),
        )


def _anchors(boxes: Float, columns: Skeleton, lowest: Float) -> Float:
    """The ground under bodies, the middle of what else there is, shape (N, 2).

    Whose feet are below the picture walks on its lower edge: at the `lowest` y, shape (N,), where a line is
    seen in its whole width.
    """
    x1, y1, x2, y2 = boxes.T
    standing = all(name in columns for name in FEET)
    ground = np.where(y1 < lowest, np.minimum(y2, lowest), y2)
    return np.stack([(x1 + x2) / 2, ground if standing else (y1 + y2) / 2], axis=1)


def _widths(boxes: Float, shape: tuple[int, ...], style: Style) -> Float:
    """Width of a line behind each box in a picture of shape (H, W, 3): as wide as a limb, shape (N,)."""
    extents = np.nan_to_num(boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    widest = style.line_width * np.sqrt(shape[0] * shape[1])
    return np.maximum(np.minimum(EXTENT_SHARE * extents, widest), THINNEST)


def _smoothed(spots: Sequence[_Spot]) -> Float:
    """Where the spots are, shape (T, 2), without the trembling; ends of lines stay."""
    xy, joined = np.array([spot.xy for spot in spots]), np.array([spot.joined for spot in spots])
    inner = np.flatnonzero(joined[1:-1] & joined[2:]) + 1
    for _ in range(SMOOTHINGS):
        middles = (xy[inner - 1] + 2 * xy[inner] + xy[inner + 1]) / 4
        xy[inner] = middles
    return xy


def _paint(image: Image, strokes: Strokes) -> None:
    ends = np.concatenate([strokes.starts, strokes.ends])
    if not len(ends):
        return
    margin = 3 + strokes.widths.max()
    layer = Layer(image, np.concatenate([ends.min(axis=0) - margin, ends.max(axis=0) + margin]))
    if layer.empty:
        return
    rims = capsules(strokes.starts, strokes.ends, strokes.widths + 2 * strokes.rims)
    layer.polygons(rims, premultiplied(INK, HALO * strokes.alpha))
    lines = capsules(strokes.starts, strokes.ends, strokes.widths)
    layer.polygons(lines, premultiplied(strokes.colors, strokes.alpha))
    layer.blend()
