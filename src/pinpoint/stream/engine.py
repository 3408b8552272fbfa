"""One network for many streams: the people of all of them are read in one batch."""

import logging
import time
from collections.abc import Callable
from functools import partial
from threading import Condition, RLock, Thread
from typing import NamedTuple, Self

from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.following import Ask, Follower, check_follower
from pinpoint.stream.channel import Arrival, Channel
from pinpoint.stream.seen import Seen
from pinpoint.stream.watcher import Watcher, usual_watcher

__all__ = ["Engine"]

log = logging.getLogger(__name__)


class _Job(NamedTuple):
    """A frame of a stream that is being worked on."""

    channel: Channel
    arrival: Arrival
    ask: Ask


class Engine:
    """Looks at the frames of many streams, one frame of each at a time.

    Every round takes the frame that waits longest of each stream that has one, so that no stream waits for
    another's crowd of frames, and reads the people of all of them in one run of the network. What goes wrong
    in one stream ends that stream alone.

    With several workers, each round takes its share of the streams. On a processor, as many workers as cores
    and one more with a follower of one thread (`load_follower(name, threads=1)`) do more than one worker
    whose network uses all cores: small networks gain little from a second one.

    Args:
        follower: The network that all of them read with.
        watcher: Makes what follows the people of one stream; `usual_watcher` if none is given.
        wait: Seconds that a frame may wait for those of other streams, so that they share a run.
        workers: Threads that look.

    Raises:
        ValueError: A number is out of range.
        TypeError: The follower is something else, such as an estimator.
    """

    def __init__(
        self,
        follower: Follower,
        watcher: Callable[[], Watcher] | None = None,
        *,
        wait: float = 0.01,
        workers: int = 1,
    ) -> None:
        check_follower(follower)
        if wait < 0 or workers < 1:
            raise ValueError(
                f"wait is {wait} and workers is {workers}, expected seconds >= 0 and threads >= 1"
            )
        self._follower = follower
        self._watcher = watcher or partial(usual_watcher, follower)
        self._wait = wait
        self._lock = RLock()
        self._work = Condition(self._lock)
        self._channels: list[Channel] = []
        self._opened = 0
        self._closed = False
        self._threads = [
            Thread(target=self._run, name=f"pinpoint-engine-{number}", daemon=True)
            for number in range(workers)
        ]

    def open(self, name: str = "", *, live: bool = False) -> Channel:
        """Open a stream.

        Args:
            name: What it is called; a number if it has no name.
            live: Whether frames that come too fast are dropped, the oldest first; if not, `put` waits.

        Raises:
            ValueError: The engine is closed.
        """
        with self._lock:
            if self._closed:
                raise ValueError("the engine is closed; make a new one")
            self._channels = [channel for channel in self._channels if not channel.over]
            channel = Channel(name or str(self._opened), self._watcher(), self._lock, self._work, live=live)
            self._opened += 1
            self._channels.append(channel)
            if self._opened == 1:
                for thread in self._threads:
                    thread.start()
            return channel

    def close(self) -> None:
        """Stop, and close every stream. Harmless when closed already."""
        with self._lock:
            self._closed = True
            channels = list(self._channels)
            self._work.notify_all()
        for channel in channels:
            channel.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while arrivals := self._gathered():
                self._look(arrivals)
        except BaseException as error:
            log.exception("the engine stopped")
            with self._lock:
                self._closed = True
                for channel in self._channels:
                    channel.failed(error)

    def _gathered(self) -> list[tuple[Channel, Arrival]]:
        """Wait for work: one frame of each stream of a share; nothing once the engine is closed."""
        with self._lock:
            while not self._closed:
                self._work.wait_for(lambda: self._closed or self._ready())
                if ready := self._ready():
                    patience = ready[0].waiting_since + self._wait - time.monotonic()
                    self._work.wait_for(self._all_there, max(patience, 0.0))
                self._channels = [channel for channel in self._channels if not channel.over]
                share = -(-len(self._channels) // len(self._threads))
                if (ready := self._ready()) and not self._closed:  # else another worker was quicker
                    self._work.notify_all()  # who waits for these waits in vain
                    return [(channel, channel.taken()) for channel in ready[:share]]
            return []

    def _ready(self) -> list[Channel]:
        """Streams with a frame to look at, the one first that waits longest."""
        return sorted((c for c in self._channels if c.ready), key=lambda channel: channel.waiting_since)

    def _all_there(self) -> bool:
        """Whether no stream is worth waiting for."""
        return self._closed or not any(c.coming and not c.ready for c in self._channels)

    def _look(self, arrivals: list[tuple[Channel, Arrival]]) -> None:
        jobs = [job for channel, arrival in arrivals if (job := self._asked(channel, arrival)) is not None]
        for job, read in zip(jobs, self._read(jobs), strict=True):
            self._take(job, read)

    def _asked(self, channel: Channel, arrival: Arrival) -> _Job | None:
        try:
            return _Job(channel, arrival, channel.watcher.ask(arrival.frame))
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this stream alone, and is told there
            self._fail(channel, error)
            return None

    def _read(self, jobs: list[_Job]) -> list[Keypoints | Exception]:
        """What the network reads for each job; where a batch cannot be read, it is tried one by one."""
        try:
            return [*self._follower.read([job.ask for job in jobs])]
        except Exception as error:  # noqa: BLE001 - runtimes raise what they like; told to the stream it comes from
            if len(jobs) == 1:
                return [error]
            return [self._read([job])[0] for job in jobs]

    def _take(self, job: _Job, read: Keypoints | Exception) -> None:
        channel, (frame, at), _ = job
        if isinstance(read, Exception):
            self._fail(channel, read)
            return
        try:
            kps = channel.watcher.take(frame, read)
        except Exception as error:  # noqa: BLE001 - trackers and filters may be the user's; told to this stream
            self._fail(channel, error)
            return
        seen = Seen(channel.name, frame.image, frame.index, frame.seconds, kps, time.monotonic() - at)
        with self._lock:
            channel.told(seen, at)

    def _fail(self, channel: Channel, error: Exception) -> None:
        expected = isinstance(error, ValueError | OSError)
        log.warning("stream %s: %s", channel.name, error, exc_info=None if expected else error)
        with self._lock:
            channel.failed(error)
