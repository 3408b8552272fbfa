"""Results to a topic of Kafka (extra `kafka`)."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import message, needed

__all__ = ["KafkaSink"]

log = logging.getLogger(__name__)


class KafkaSink:
    """Produces each frame as one message, a line of JSON (see `message`); the key is the name of its stream.

    So the frames of one stream stay in order, in one partition.

    Args:
        servers: `host:port`, several with commas between.
        topic: Where to produce.
        settings: Further ones of librdkafka, such as `security.protocol`.
        timeout: Seconds to wait for the servers.
        producer: A `confluent_kafka.Producer` to use instead; it is flushed.

    Raises:
        ModuleNotFoundError: The extra `kafka` is not installed.
        OSError: No server answers.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        *,
        settings: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
        producer: Any = None,
    ) -> None:
        self._topic, self._timeout = topic, timeout
        self._problem = ""
        self._producer = _connected(servers, settings or {}, timeout) if producer is None else producer

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        deadline = time.monotonic() + self._timeout
        text = message(seen)
        while not self._produced(text, seen.stream):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kafka took no message within {self._timeout} s")
            self._producer.poll(0.1)
        self._producer.poll(0)
        self._complain()

    def close(self) -> None:
        """See `Sink`."""
        left = self._producer.flush(self._timeout)
        self._complain()
        if left:
            raise TimeoutError(f"Kafka left {left} messages unanswered for {self._timeout} s")

    def _produced(self, text: str, stream: str) -> bool:
        try:
            self._producer.produce(self._topic, text, key=stream, on_delivery=self._delivered)
        except BufferError:  # more wait to be sent than librdkafka keeps
            return False
        return True

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None:
            self._problem = str(error)

    def _complain(self) -> None:
        problem, self._problem = self._problem, ""
        if problem:
            raise ConnectionError(f"Kafka: {problem}")


def _connected(servers: str, settings: Mapping[str, Any], timeout: float) -> Any:
    kafka = needed("confluent_kafka", "kafka")
    own = {"bootstrap.servers": servers, "message.timeout.ms": round(timeout * 1000)}
    producer = kafka.Producer({**own, **settings}, logger=log)
    try:
        producer.list_topics(timeout=timeout)
    except kafka.KafkaException as error:
        raise ConnectionError(f"Kafka: no server answers at {servers}: {error}") from error
    return producer
