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
IN_VAIN = 4.0  # times the pause after motion, where motion brings nobody
AROUND = 0.25  # how far a box is grown in which change is expected, as a share of its longer side

Thumbnail = NDArray[np.int16]


@dataclass(frozen=True)
class Pauses:
    """How long a detector rests, in seconds of the video.

    Args:
        after_loss: At least so long where somebody was lost or nobody is followed.
        after_motion: At least so long where something moves outside of those who are followed. Every such
            look without news doubles this pause too, up to four times as long, until somebody is found or
            the picture was quiet.
        shortest: At most so long after a look that found somebody new.
        longest: At most so long in any case. From the shortest on, every look without news doubles the pause.

    Raises:
        ValueError: They are negative, or the longest is not.
    """

    after_loss: float = 0.1
    after_motion: float = 0.3
    shortest: float = 0.5
    longest: float = 2.0

    def __post_init__(self) -> None:
        pauses = (self.after_loss, self.after_motion, self.shortest, self.longest)
        if not all(0 <= pause < np.inf for pause in pauses) or self.shortest > self.longest:
            raise ValueError(f"pauses are {pauses}, expected numbers >= 0 and shortest <= longest")


class Lookout:
    """Decides frame by frame whether a detector should look at the whole picture: one per stream.

    Args:
        pauses: How long it rests.
    """

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._pause, self._after_motion = pauses.shortest, pauses.after_motion
        self._moved = False
        self._last: float | None = None
        self._before: Thumbnail | None = None
        self._boxes: Float = np.zeros((0, 4))

    def due(self, image: Image, seconds: float, boxes: Float, *, lost: bool) -> bool:
        """Whether to look now.

        Args:
            image: The frame, RGB, shape (H, W, 3).
            seconds: Its time.
            boxes: Where those who are followed are expected, shape (T, 4).
            lost: Whether somebody was lost since the last look.
        """
        if self._last is None:
            return True
        rested = seconds - self._last
        if lost or not len(boxes):
            return not 0 <= rested < min(self._pauses.after_loss, self._pause)
        if 0 <= rested < min(self._after_motion, self._pause):
            return False
        self._moved = self._moves(image, boxes)
        return self._moved or not 0 <= rested < self._pause

    def looked(self, image: Image, seconds: float, boxes: Float, *, news: bool) -> None:
        """Take down that the detector looked, and whether it found somebody new.

        Args:
            image: The frame.
            seconds: Its time.
            boxes: Who is followed now, shape (T, 4).
            news: Whether somebody was found who was not followed before.
        """
        self._pause = self._pauses.shortest if news else min(2 * self._pause, self._pauses.longest)
        in_vain = self._moved and not news
        first = self._pauses.after_motion
        self._after_motion = min(2 * self._after_motion, IN_VAIN * first) if in_vain else first
        self._moved = False
        self._last, self._before, self._boxes = seconds, _thumbnail(image), boxes

    def _moves(self, image: Image, boxes: Float) -> bool:
        """Whether the picture changed since the last look, but for where people were and are."""
        now = _thumbnail(image)
        if self._before is None or now.shape != self._before.shape:
            return True
        changed = np.abs(now - self._before) > CHANGED
        scale = now.shape[1] / image.shape[1]
        for x1, y1, x2, y2 in _grown(np.concatenate([self._boxes, boxes])) * scale:
            changed[max(int(y1), 0) : max(int(y2) + 1, 0), max(int(x1), 0) : max(int(x2) + 1, 0)] = False
        return bool(changed.mean() > FEWEST_CHANGED)


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
