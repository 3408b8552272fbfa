"""Videos, cameras and streams: reading, looking and writing down at the same time, with ids."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, takewhile
from threading import Event

from pinpoint.cli.frames import Following, Limits, Opened, View
from pinpoint.cli.stopping import Stop
from pinpoint.io.sources import Source, name_of
from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.following import Follower
from pinpoint.stream import Channel, Counts, Engine, Pauses, Seen, open_source
from pinpoint.stream.feed import Feed
from pinpoint.stream.sources import FrameSource
from pinpoint.stream.tasks import Task
from pinpoint.stream.watcher import usual_watcher

__all__ = ["Moving", "all_at_once", "followed", "usual_engine"]

PATIENCE = 0.1  # seconds between two looks at whether a stop was asked for


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


def usual_engine(follower: Follower, how: Following, min_score: float) -> Engine:
    """An engine for sources that are followed at the same time."""
    pauses = None if how.every_frame else Pauses()
    return Engine(
        follower, partial(usual_watcher, follower, smooth=how.smooth, pauses=pauses, min_score=min_score)
    )


@contextmanager
def followed(source: Source, engine: Engine, limits: Limits, over: Event) -> Iterator[Moving]:
    """Follow people through a source.

    Args:
        source: Where they are.
        engine: What looks.
        limits: Where to stop.
        over: Ends the results when it is set.

    Raises:
        UnreadableError: It cannot be read; also while its results are fetched.
    """
    opened = _Limited(open_source(source), limits)
    with engine.open(opened.name, live=opened.live) as channel, Feed(opened, channel):
        results = islice(_fetched(channel, over), limits.frames)
        first = next(results, None)
        size = None if first is None else first.image.shape[1::-1]
        media = Opened(iter(()), size, _count(opened.source, limits), getattr(opened.source, "fps", None))
        yield Moving(media, _viewed(first, results), channel)


def all_at_once(follow: Callable[[Source, Event], object], sources: Sequence[Source], stop: Stop) -> None:
    """Follow several sources at the same time, each in a thread of its own, until all of them have ended.

    Args:
        follow: Follows one until it ends or the event is set.
        sources: The sources.
        stop: Ends all of them, and so does what goes wrong with one.

    Raises:
        BaseException: What went wrong first in the order of the sources.
    """
    over = Event()
    try:
        tasks = [Task(partial(follow, source, over), f"pinpoint {name_of(source)}") for source in sources]
        while not all(task.join(PATIENCE) for task in tasks):
            if stop or any(task.error is not None for task in tasks):
                over.set()
    finally:
        over.set()
    for task in tasks:
        if task.error is not None:
            raise task.error


def _fetched(channel: Channel, over: Event) -> Iterator[Seen]:
    """Everything that is seen, until the source ends or a stop is asked for."""
    while not over.is_set():
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
