"""Watching one source: the few lines that most programs need."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pinpoint.io.video import Frame
from pinpoint.pipelines.following import Follower, check_follower
from pinpoint.pipelines.load import load_follower
from pinpoint.stream.channel import Channel
from pinpoint.stream.engine import Engine
from pinpoint.stream.feed import Feed
from pinpoint.stream.lookout import Pauses
from pinpoint.stream.seen import Seen
from pinpoint.stream.sources import FrameSource, open_source
from pinpoint.stream.watcher import PAUSES, Watcher, usual_watcher

__all__ = ["watch", "watching"]


def watch(
    source: str | Path | int | Iterable[Frame],
    model: str | Path | Follower = "body",
    *,
    smooth: bool = True,
    pauses: Pauses | None = PAUSES,
    min_score: float = 0.0,
    live: bool | None = None,
) -> Iterator[Seen]:
    """Watch a video, a camera or a stream: who is in each frame, with ids that stay theirs.

    Reading, looking and what the caller does with the results go on at the same time. Every frame of a file
    comes, in order; of what is live, the newest.

    Args:
        source: A file; a camera number; an address starting with `rtsp://`, `http://` and so on; or frames.
        model: A task, a model of the catalogue or a file, see `pinpoint.load`; or what
            `pinpoint.pipelines.load.load_follower` made of one with further options.
        smooth: Mend and steady the keypoints (`pinpoint.tracking.Repair`, `OneEuro`).
        pauses: How long the detector rests while nobody is lost; none to look at every frame.
        min_score: Instances that score below are left out.
        live: Whether frames that nobody has time for are dropped. None: those of cameras and streams.

    Raises:
        ValueError: There is no such model.
        TypeError: The model is something else, such as an estimator. While iterating, the source gives what
            are no frames.
        UnreadableError: The source cannot be read; while iterating, it cannot be read to its end.
    """
    follower = load_follower(model, search="auto") if isinstance(model, str | Path) else model
    check_follower(follower)
    opened = open_source(source, live=live)
    watcher = partial(usual_watcher, follower, smooth=smooth, pauses=pauses, min_score=min_score)
    return _results(opened, follower, watcher)


@contextmanager
def watching(
    source: FrameSource, follower: Follower, watcher: Callable[[], Watcher] | None = None
) -> Iterator[Channel]:
    """Watch one source with an engine of its own; everything stops on leaving.

    Args:
        source: What gives the frames; see `open_source`.
        follower: What finds and reads.
        watcher: Makes what follows people; see `Engine`.
    """
    with (
        Engine(follower, watcher) as engine,
        engine.open(source.name, live=source.live) as channel,
        Feed(source, channel),
    ):
        yield channel


def _results(source: FrameSource, follower: Follower, watcher: Callable[[], Watcher]) -> Iterator[Seen]:
    with watching(source, follower, watcher) as channel:
        yield from channel
