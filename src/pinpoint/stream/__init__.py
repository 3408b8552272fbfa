"""Streams: files, cameras and addresses, watched by one engine, and where their results go."""

from pinpoint.stream.channel import Channel, Counts
from pinpoint.stream.engine import Engine
from pinpoint.stream.feed import Feed
from pinpoint.stream.lookout import Pauses
from pinpoint.stream.seen import Seen
from pinpoint.stream.sources import open_source
from pinpoint.stream.watch import watch, watching
from pinpoint.stream.watcher import Watcher, usual_watcher

__all__ = [
    "Channel",
    "Counts",
    "Engine",
    "Feed",
    "Pauses",
    "Seen",
    "Watcher",
    "open_source",
    "usual_watcher",
    "watch",
    "watching",
]
