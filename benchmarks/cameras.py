"""Cameras that are played from memory, and those who watch what an engine says of them."""

import time
from collections.abc import Sequence
from threading import Event, Thread

from pinpoint.geometry import Image
from pinpoint.io.video import Frame
from pinpoint.stream.channel import Channel

__all__ = ["Camera", "Viewer"]


class Camera:
    """Puts frames into a channel at a steady rate until it is stopped, to and fro through a few pictures.

    Args:
        images: The pictures.
        fps: Frames per second.
        channel: Where they go.
    """

    def __init__(self, images: Sequence[Image], fps: float, channel: Channel) -> None:
        self._images = [*images, *list(images)[-2:0:-1]]
        self._fps, self._channel, self._stop = fps, channel, Event()
        self._thread = Thread(target=self._play, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the stream."""
        self._stop.set()
        self._thread.join()
        self._channel.end()

    def _play(self) -> None:
        start, index = time.monotonic(), 0
        while not self._stop.wait(max(start + index / self._fps - time.monotonic(), 0)):
            image = self._images[index % len(self._images)]
            self._channel.put(Frame(image, index, index / self._fps))
            index += 1


class Viewer:
    """Fetches what was seen in a channel as soon as it is there.

    Attributes:
        times: When each result came, in seconds of `time.monotonic`.
        ages: Seconds from the arrival of each frame to its result being fetched.
        people: How many were seen in each.
    """

    def __init__(self, channel: Channel) -> None:
        self.times: list[float] = []
        self.ages: list[float] = []
        self.people: list[int] = []
        self._channel = channel
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join()

    def _watch(self) -> None:
        for seen in self._channel:
            self.times.append(time.monotonic())
            self.ages.append(seen.age)
            self.people.append(len(seen.keypoints))
