"""What a run leaves behind: a file of keypoints and a drawing of everything that was looked at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pinpoint.cli.frames import Opened, View
from pinpoint.cli.naming import fitted
from pinpoint.geometry import Image, Size
from pinpoint.io.formats import FORMATS
from pinpoint.io.images import LONGEST_SIDE, write_image
from pinpoint.io.records import Record, RecordWriter
from pinpoint.io.sources import Source
from pinpoint.keypoints import Keypoints
from pinpoint.viz import Style, Trails, draw, draw_openpose

__all__ = ["Artist", "Outputs", "Results", "UnsuitedError", "UnwritableError", "artist", "results_path"]

Artist = Callable[[Image, Keypoints], Image]
Sketch = Callable[[View, Keypoints], None]


class UnsuitedError(ValueError):
    """The results of this model cannot be written or drawn in the way that was asked for."""


class UnwritableError(OSError):
    """The results cannot be written: no input is at fault, and none that follows would do better."""


@dataclass(frozen=True)
class Results(RecordWriter):
    """A file of results, which is named when it cannot be written.

    Args:
        writer: Writes it.
        name: What it is called.
    """

    writer: RecordWriter
    name: str

    def write(self, record: Record) -> None:
        """Add one record. Raises what the writer raises, and `UnwritableError`."""
        with self._named():
            self.writer.write(record)

    def close(self) -> None:
        """Finish the file. Raises `UnwritableError`."""
        with self._named():
            self.writer.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # nobody reads any more, which is no error
            raise
        except OSError as error:
            reason = error.strerror or error
            raise UnwritableError(f"the results {self.name!r} cannot be written: {reason}") from error


@dataclass(frozen=True)
class Outputs:
    """Where results go.

    Args:
        writers: Each is given every record.
        artist: Draws keypoints over a picture; none to draw nothing.
        paths: Where the drawing of each source goes.
    """

    writers: Sequence[RecordWriter]
    artist: Artist | None
    paths: Mapping[Source, Path]

    def write(self, record: Record) -> None:
        """Write a record down.

        Raises:
            UnsuitedError: A format cannot hold it.
            UnwritableError: There is no space left.
            BrokenPipeError: Nobody reads any more.
        """
        for writer in self.writers:
            try:
                writer.write(record)
            except ValueError as error:
                raise UnsuitedError(str(error)) from error

    @contextmanager
    def sketching(self, source: Source, media: Opened, *, trails: bool = False) -> Iterator[Sketch]:
        """Give a function that draws what was found in each view of a source.

        Args:
            source: The source.
            media: What is known of it.
            trails: Draw the ways that people came, too.

        Raises:
            OSError: A drawing cannot be written.
            UnsuitedError: These keypoints cannot be drawn in the way that was asked for.
        """
        if self.artist is None:
            yield _nothing
            return
        path = fitted(self.paths[source], moving=media.size is not None)
        path.parent.mkdir(parents=True, exist_ok=True)
        if media.size is None:
            yield partial(_draw_picture, self.artist, path)
            return
        from pinpoint.io.video_writer import VideoWriter

        sound = source.path if source.kind == "video" else None
        under = _trails() if trails else None
        with VideoWriter(path, media.size, fps=media.fps, audio_from=sound) as video:
            yield partial(_draw_frame, self.artist, under, video.write, media.size)


def artist(look: str) -> Artist | None:
    """Return what draws in the look that was asked for: `color`, `openpose`, or nothing."""
    if not look:
        return None
    return draw_openpose if look == "openpose" else partial(draw, style=Style())


def results_path(folder: Path, format: str) -> Path:
    """Where the keypoints of a run go; for OpenPose that is a folder."""
    if format == "openpose":
        return folder / "openpose"
    suffixes = FORMATS[format].suffixes or FORMATS["json"].suffixes
    return folder / f"keypoints{suffixes[0]}"


def _trails() -> Trails:
    from pinpoint.tracking import CameraMotion

    return Trails(camera=CameraMotion())


def _nothing(_view: View, _kps: Keypoints) -> None:
    pass


def _drawn(artist: Artist, view: View, kps: Keypoints) -> Image:
    try:
        return artist(view.image, kps)
    except ValueError as error:
        raise UnsuitedError(str(error)) from error


def _draw_picture(artist: Artist, path: Path, view: View, kps: Keypoints) -> None:
    drawing = _drawn(artist, view, kps)
    longest = LONGEST_SIDE.get(path.suffix.lower())
    fits = longest is None or max(drawing.shape) <= longest
    write_image(path if fits else path.with_name(f"{path.name}.png"), drawing)


def _draw_frame(
    artist: Artist,
    trails: Trails | None,
    write: Callable[[Image, float | None], None],
    size: Size,
    view: View,
    kps: Keypoints,
) -> None:
    """Write one frame; a stream may change its size on the way, a video file cannot."""
    if trails is not None:
        view = replace(view, image=trails(view.image, kps, view.seconds or 0.0))
    drawing = _drawn(artist, view, kps)
    if drawing.shape[1::-1] != tuple(size):
        drawing = np.asarray(cv2.resize(drawing, size), np.uint8)
    write(drawing, view.seconds)
