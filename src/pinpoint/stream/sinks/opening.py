"""A sink by the name of where it writes."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pinpoint.geometry import Image
from pinpoint.io.formats import open_writer
from pinpoint.io.video_writer import SUFFIXES
from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.kafka import KafkaSink
from pinpoint.stream.sinks.mqtt import MqttSink
from pinpoint.stream.sinks.records import JsonlSink, RecordSink
from pinpoint.stream.sinks.redis import RedisSink
from pinpoint.stream.sinks.reopening import Reopening
from pinpoint.stream.sinks.sink import Sink
from pinpoint.stream.sinks.tables import ParquetSink
from pinpoint.stream.sinks.video import VideoSink, drawn
from pinpoint.stream.sinks.websocket import WebSocketSink

__all__ = ["open_sink"]


_SINGLE = (".json", ".csv", ".parquet")


def open_sink(target: str | Path, *, artist: Callable[[Seen], Image] = drawn) -> Sink:
    """Open a sink. Those over a network connect again, with back-off, when they break off.

    | target | what |
    |---|---|
    | `seen.mp4` (.m4v, .mov, .mkv, .webm) | a drawn video |
    | `seen.jsonl` | lines of JSON; an existing file is continued |
    | `seen.json`, `seen.csv`, `seen.parquet` | one file, which is replaced |
    | `seen/` or a folder that exists | Parquet files, a new one every minute |
    | `ws://host/path`, `wss://...` | a WebSocket server |
    | `mqtt://user:password@host:1883/topic`, `mqtts://...` | an MQTT broker |
    | `redis://host:6379/0?key=NAME`, `rediss://...` | a stream of Redis; `pinpoint` without a key |
    | `kafka://host:9092,host:9092/topic` | a topic of Kafka |

    Args:
        target: Where it writes.
        artist: Draws videos.

    Raises:
        ValueError: It is none of these.
        ModuleNotFoundError: The extra for it is not installed.
        OSError: It cannot be opened.
    """
    text = str(target)
    if "://" in text:
        return _addressed(urlsplit(text))
    suffix = Path(text).suffix.lower()
    if text.endswith("/") or Path(text).is_dir():
        return ParquetSink(text)
    if suffix in SUFFIXES:
        return VideoSink(text, artist=artist)
    if suffix == ".jsonl":
        return JsonlSink(text)
    if suffix in _SINGLE:
        return RecordSink(open_writer(text))
    known = ", ".join([*sorted(SUFFIXES), ".jsonl", *_SINGLE])
    raise ValueError(f"cannot write to {text!r}: expected {known}, a folder/ or an address")


def _addressed(address: SplitResult) -> Sink:
    if address.scheme not in _OPENERS:
        raise ValueError(f"cannot write to {address.scheme}://, expected {', '.join(_OPENERS)}")
    return _OPENERS[address.scheme](address)


def _public(address: SplitResult) -> str:
    """The address without what may hold a password: who asks, and the query."""
    return urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2], query="", fragment=""))


def _websocket(address: SplitResult) -> Sink:
    return Reopening(partial(WebSocketSink, urlunsplit(address)), _public(address))


def _mqtt(address: SplitResult) -> Sink:
    return MqttSink(urlunsplit(address._replace(path="")), _topic(address))


def _redis(address: SplitResult) -> Sink:
    options = parse_qsl(address.query)
    key = dict(reversed(options)).get("key", "pinpoint")  # the first of several
    others = urlencode([(name, value) for name, value in options if name != "key"])
    server = urlunsplit(address._replace(query=others))
    return Reopening(partial(RedisSink, server, key), _public(address))


def _kafka(address: SplitResult) -> Sink:
    return KafkaSink(address.netloc, _topic(address))


def _topic(address: SplitResult) -> str:
    topic = unquote(address.path.strip("/"))
    if not topic:
        raise ValueError(f"{_public(address)!r} names no topic, expected {address.scheme}://HOST/TOPIC")
    return topic


_OPENERS: Mapping[str, Callable[[SplitResult], Sink]] = {
    "ws": _websocket,
    "wss": _websocket,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "redis": _redis,
    "rediss": _redis,
    "kafka": _kafka,
}
