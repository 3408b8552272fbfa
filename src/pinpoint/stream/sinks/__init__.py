"""Where the results of streams go: files, tables, videos and servers."""

from pinpoint.stream.sinks.fan import Fan
from pinpoint.stream.sinks.kafka import KafkaSink
from pinpoint.stream.sinks.mqtt import MqttSink
from pinpoint.stream.sinks.opening import open_sink
from pinpoint.stream.sinks.outlet import SinkCounts
from pinpoint.stream.sinks.records import JsonlSink, RecordSink
from pinpoint.stream.sinks.redis import RedisSink
from pinpoint.stream.sinks.reopening import Reopening
from pinpoint.stream.sinks.sink import Sink, message
from pinpoint.stream.sinks.tables import ParquetSink
from pinpoint.stream.sinks.video import VideoSink
from pinpoint.stream.sinks.websocket import WebSocketSink

__all__ = [
    "Fan",
    "JsonlSink",
    "KafkaSink",
    "MqttSink",
    "ParquetSink",
    "RecordSink",
    "RedisSink",
    "Reopening",
    "Sink",
    "SinkCounts",
    "VideoSink",
    "WebSocketSink",
    "message",
    "open_sink",
]
