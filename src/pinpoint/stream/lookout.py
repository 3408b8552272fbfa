"""When to look at the whole picture again: hardly ever, and soon enough for whoever comes in."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Image

__all__ = ["Lookout", "Pauses"]

THUMBNAIL = 96  # pixels along the longer side
CHANGED = 24  # levels of 255, well above the noise of a camera
FEWEST_CHANGED = 0.002  # of the thumbnail: a person of a twentieth of the picture's height
AROUND = 0.25  # how far a box is grown in which change is expected, as a share of its longer side
BESIDE = np.ones((5, 5), np.uint8)  # so near to what moved in vain, on the thumbnail, is the same place

Thumbnail = NDArray[np.int16]
Places = NDArray[np.bool_]
"""Which pixels of the thumbnail, shape (h, w)."""


@dataclass(frozen=True)
class Pauses:
    """How long a detector rests, in seconds of the video.

    Args:
        after_loss: So long after somebody was lost, and after every look in vain twice as long as before; and
            at least so long where nobody is followed and something moves.
        after_motion: At least so long where something moves outside of those who are followed.
        in_vain: At least so long where something moves in places where motion brought nobody, until somebody
            is found or the picture was quiet.
        shortest: At most so long after a look that found somebody new, and where nobody is followed.
        longest: At most so long in any case. From the shortest on, every look without news doubles the pause.

    Raises:
        ValueError: They are negative, or the longest is not.
    """

    after_loss: float = 0.1
    after_motion: float = 0.3
    in_vain: float = 1.2
    shortest: float = 0.5
    longest: float = 2.0

    def __post_init__(self) -> None:
        pauses = (self.after_loss, self.after_motion, self.in_vain, self.shortest, self.longest)
        if not all(0 <= pause < np.inf for pause in pauses) or self.shortest > self.longest:
            raise ValueError(f"pauses are {pauses}, expected numbers >= 0 and shortest <= longest")


class Lookout:
    """Decides frame by frame whether a detector should look at the whole picture: one per stream.

    Args:
        pauses: How long it rests.
    """

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._pause = pauses.shortest
        self._last: float | None = None
        self._before: Thumbnail | None = None
        self._boxes: Float = np.zeros((0, 4))
        self._moved: Places | None = None
        self._in_vain: Places | None = None

    def due(self, image: Image, seconds: float, boxes: Float, *, lost: bool) -> bool:
        """Whether to look now.

        Args:
            image: The frame, RGB, shape (H, W, 3).
            seconds: Its time.
            boxes: Where those who are followed are expected, shape (T, 4).
            lost: Whether somebody was lost since the last look.
        """
        self._moved = None
        if self._last is None:
            return True
        pauses, rested = self._pauses, seconds - self._last
        if lost:
            self._pause = min(self._pause, pauses.after_loss)
        most = self._pause if len(boxes) else min(self._pause, pauses.shortest)
        if not 0 <= rested < most:
            return True
        if rested < (pauses.after_motion if len(boxes) else pauses.after_loss):
            return False
        return self._moves(image, boxes, anywhere=rested >= pauses.in_vain)

    def looked(self, image: Image, seconds: float, boxes: Float, *, news: bool) -> None:
        """Take down that the detector looked, and whether it found somebody new.

        Args:
            image: The frame.
            seconds: Its time.
            boxes: Who is followed now, shape (T, 4).
            news: Whether somebody was found who was not followed before.
        """
        self._pause = self._pauses.shortest if news else min(2 * self._pause, self._pauses.longest)
        if news:
            self._in_vain = None
        elif self._moved is not None:
            moved = cv2.dilate(self._moved.view(np.uint8), BESIDE).astype(bool)
            self._in_vain = moved if self._in_vain is None else self._in_vain | moved
        self._last, self._before, self._boxes = seconds, _thumbnail(image), boxes

    def _moves(self, image: Image, boxes: Float, *, anywhere: bool) -> bool:
        """Whether the picture changed since the last look, but for where people were and are.

        Unless it is to be anywhere, motion where motion was in vain does not count.
        """
        now = _thumbnail(image)
        if self._before is None or now.shape != self._before.shape:
            self._in_vain = None
            return True
        changed = np.abs(now - self._before) > CHANGED
        scale = now.shape[1] / image.shape[1]
        for x1, y1, x2, y2 in _grown(np.concatenate([self._boxes, boxes])) * scale:
            changed[max(int(y1), 0) : max(int(y2) + 1, 0), max(int(x1), 0) : max(int(x2) + 1, 0)] = False
        if changed.mean() <= FEWEST_CHANGED:
            self._in_vain = None
            return False
        self._moved = changed
        return anywhere or self._in_vain is None or bool((changed & ~self._in_vain).mean() > FEWEST_CHANGED)


def _thumbnail(image: Image) -> Thumbnail:
    height, width = image.shape[:2]
    scale = THUMBNAIL / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(cv2.blur(small, (3, 3)), cv2.COLOR_RGB2GRAY).astype(np.int16)


def _grown(boxes: Float) -> Float:
    known = boxes[np.isfinite(boxes).all(axis=1)]
    around = AROUND * (known[:, 2:] - known[:, :2]).max(axis=1, keepdims=True, initial=0.0)
    return known + around * (-1, -1, 1, 1)
