"""Results drawn into a video."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from pinpoint.geometry import Image
from pinpoint.io.files import check_folder
from pinpoint.io.video_writer import SUFFIXES, VideoWriter
from pinpoint.stream.seen import Seen
from pinpoint.viz import draw

__all__ = ["VideoSink", "drawn"]


def drawn(seen: Seen) -> Image:
    """The frame with everybody's skeleton over it, in the colour of the track."""
    return draw(seen.image, seen.keypoints)


class VideoSink:
    """Draws one stream into a video file of the size of its first frame, each frame at its own time.

    Frames of another size are scaled to it. The file has its name only once it is finished.

    Args:
        path: Where; the suffix names the container: .mp4, .m4v, .mov, .mkv or .webm.
        artist: Draws a frame; it is called once for each, in order, so it may remember earlier ones.
        fps: Frames per second, as a hint to the encoder.
        audio_from: A file whose sound is copied.

    Raises:
        ValueError: The suffix is not known.
        FileNotFoundError: The folder does not exist.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        artist: Callable[[Seen], Image] = drawn,
        fps: float | None = None,
        audio_from: str | Path | None = None,
    ) -> None:
        self._path, self._artist, self._fps, self._audio = Path(path), artist, fps, audio_from
        if self._path.suffix.lower() not in SUFFIXES:
            raise ValueError(
                f"cannot write {str(path)!r}: its suffix is not in {', '.join(sorted(SUFFIXES))}"
            )
        check_folder(path)
        self._writer: VideoWriter | None = None
        self._stream = ""

    def write(self, seen: Seen) -> None:
        """See `Sink`.

        Raises:
            ValueError: It is of another stream than the first one.
        """
        drawing = self._artist(seen)
        if self._writer is None:
            size = (drawing.shape[1], drawing.shape[0])
            self._writer = VideoWriter(self._path, size, fps=self._fps, audio_from=self._audio)
            self._stream = seen.stream
        if seen.stream != self._stream:
            raise ValueError(f"{self._path} holds stream {self._stream!r} and cannot take {seen.stream!r}")
        self._writer.write(_fitted(drawing, self._writer.size), seen.seconds)

    def close(self) -> None:
        """See `Sink`; where no frame came there is no file."""
        if self._writer is not None:
            self._writer.close()


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    if image.shape[1::-1] == size:
        return image
    return np.asarray(cv2.resize(image, size), np.uint8)
