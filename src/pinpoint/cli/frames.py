"""The frames of a source, whatever it is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, takewhile

from pinpoint.geometry import Image, Size
from pinpoint.io.files import PICTURES, VIDEOS, file_head, file_kind
from pinpoint.io.images import is_animation, read_image
from pinpoint.io.sources import Source

__all__ = [
    "NO_LIMITS",
    "USUAL_FOLLOWING",
    "Following",
    "Limits",
    "Opened",
    "View",
    "is_live",
    "is_picture",
    "opened",
]


log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class View:
    """One picture to look at.

    Args:
        image: RGB, shape (H, W, 3), upright.
        index: Number of the frame, 0 for a picture.
        seconds: Time of the frame, none for a picture.
    """

    image: Image
    index: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Limits:
    """Where to stop in a video, a camera or a stream.

    Args:
        frames: After so many frames.
        seconds: At this time from its start.
    """

    frames: int | None = None
    seconds: float | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Following:
    """How people are followed.

    Args:
        smooth: Steady their keypoints.
        every_frame: Let the detector look at every frame.
        trails: Draw the ways they came.
    """

    smooth: bool = True
    every_frame: bool = False
    trails: bool = False


USUAL_FOLLOWING = Following()


@dataclass(frozen=True)
class Opened:
    """A source that is open.

    Args:
        views: What there is to look at, read one by one.
        size: Width and height of the first one; none for a picture, which is not read yet.
        count: How many there are, if the source says it.
        fps: Frames per second, none for a picture and where the source does not say.
    """

    views: Iterator[View]
    size: Size | None = None
    count: int | None = None
    fps: float | None = None


@contextmanager
def opened(source: Source, limits: Limits) -> Iterator[Opened]:
    """Open a source and close it afterwards.

    Raises:
        UnreadableError: It cannot be read; also while its views are read.
    """
    if is_picture(source):
        yield Opened(_picture(source.path), count=1)
        return
    from pinpoint.io.video import read_video

    with read_video(int(source.path) if source.kind == "camera" else source.path) as video:
        views = (View(frame.image, frame.index, frame.seconds) for frame in video)
        yield Opened(_limited(views, limits), video.size, _count(video.frame_count, limits), video.fps)


def is_live(source: Source) -> bool:
    """Whether it goes on until somebody stops it."""
    return source.kind in ("camera", "stream")


def is_picture(source: Source) -> bool:
    """Go by what a file holds: in a folder, it was only judged by its suffix."""
    if is_live(source):
        return False
    kind = file_kind(file_head(source.path))
    return kind in PICTURES if source.kind == "video" else kind not in VIDEOS


def _picture(path: str) -> Iterator[View]:
    yield View(read_image(path))
    if is_animation(path):
        log.warning("%s is an animation, of which the first picture is taken: save it as a video", path)


def _limited(views: Iterator[View], limits: Limits) -> Iterator[View]:
    end = limits.seconds
    timely = views if end is None else takewhile(lambda view: (view.seconds or 0.0) < end, views)
    return islice(timely, limits.frames)


def _count(frames: int | None, limits: Limits) -> int | None:
    if limits.seconds is not None:
        return None
    return frames if limits.frames is None or frames is None else min(frames, limits.frames)
