"""Videos, cameras and streams: reading, looking and writing down at the same time, with ids."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, takewhile
from threading import Event

from pinpoint.cli.frames import Following, Limits, Opened, View
from pinpoint.cli.stopping import Stop
from pinpoint.io.sources import Source
from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.following import Follower
from pinpoint.stream import Channel, Counts, Pauses, Seen, open_source, watching
from pinpoint.stream.sources import FrameSource
from pinpoint.stream.watcher import usual_watcher

__all__ = ["Moving", "followed"]

PATIENCE = 0.2  # seconds between two looks at whether a stop was asked for


@dataclass
class Moving:
    """A source that is being looked at.

    Args:
        media: What is known of it; its views come with `results`.
        results: What there is to see and what was found, in order.
        channel: The stream of the engine.
    """

    media: Opened
    results: Iterator[tuple[View, Keypoints]]
    channel: Channel

    @property
    def counts(self) -> Counts:
        """What became of the frames so far."""
        return self.channel.counts


@dataclass
class _Limited:
    """A source up to a frame or a time. Of what is live, frames are counted that were looked at, not here."""

    source: FrameSource
    limits: Limits

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def live(self) -> bool:
        return self.source.live

    def read(self, stop: Event) -> Generator[Frame]:
        frames, end = self.source.read(stop), self.limits.seconds
        timely = frames if end is None else takewhile(lambda frame: frame.seconds < end, frames)
        yield from islice(timely, None if self.live else self.limits.frames)


@contextmanager
def followed(
    source: Source, follower: Follower, how: Following, *, limits: Limits, min_score: float, stop: Stop
) -> Iterator[Moving]:
    """Follow people through a source with an engine of its own.

    Raises:
        UnreadableError: It cannot be read; also while its results are fetched.
    """
    pauses = None if how.every_frame else Pauses()
    watcher = partial(usual_watcher, follower, smooth=how.smooth, pauses=pauses, min_score=min_score)
    opened = open_source(source)
    with watching(_Limited(opened, limits), follower, watcher) as channel:
        results = islice(_fetched(channel, stop), limits.frames)
        first = next(results, None)
        size = None if first is None else first.image.shape[1::-1]
        media = Opened(iter(()), size, _count(opened, limits), getattr(opened, "fps", None))
        yield Moving(media, _viewed(first, results), channel)


def _fetched(channel: Channel, stop: Stop) -> Iterator[Seen]:
    """Everything that is seen, until the source ends or a stop is asked for."""
    while not stop:
        try:
            seen = channel.get(PATIENCE)
        except TimeoutError:
            continue
        if seen is None:
            return
        yield seen


def _viewed(first: Seen | None, rest: Iterator[Seen]) -> Iterator[tuple[View, Keypoints]]:
    for seen in chain([] if first is None else [first], rest):
        yield View(seen.image, seen.index, seen.seconds), seen.keypoints


def _count(source: FrameSource, limits: Limits) -> int | None:
    count = getattr(source, "frame_count", None)
    if limits.seconds is not None:
        return None
    return count if limits.frames is None or count is None else min(count, limits.frames)
