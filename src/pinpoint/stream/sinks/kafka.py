"""Results to a topic of Kafka (extra `kafka`)."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import PATIENCE, message, needed

__all__ = ["KafkaSink"]

log = logging.getLogger(__name__)


class KafkaSink:
    """Produces each frame as one message, a line of JSON (see `message`); the key is the name of its stream.

    So the frames of one stream stay in order, in one partition. When the servers are away, librdkafka sends
    again what they had not taken, in the same order and only once (`enable.idempotence`).

    Args:
        servers: `host:port`, several with commas between.
        topic: Where to produce.
        settings: Further ones of librdkafka, such as `security.protocol`; they precede our own.
        timeout: Seconds to wait for the servers when opening, and for what is under way when closing.
        patience: Seconds that the servers may be away in between.
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
        patience: float = PATIENCE,
        producer: Any = None,
    ) -> None:
        self._topic, self._timeout, self._patience = topic, timeout, patience
        self._problem = ""
        if producer is None:
            own = {
                "bootstrap.servers": servers,
                "message.timeout.ms": round(patience * 1000),
                "enable.idempotence": True,  # without, what is sent again may overtake or come twice
            }
            producer = _connected({**own, **(settings or {})}, timeout)
        self._producer = producer

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        deadline = time.monotonic() + self._patience
        text = message(seen)
        while not self._produced(text, seen.stream):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kafka took no message within {self._patience} s")
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


def _connected(settings: Mapping[str, Any], timeout: float) -> Any:
    kafka = needed("confluent_kafka", "kafka")
    producer = kafka.Producer(settings, logger=log)
    try:
        producer.list_topics(timeout=timeout)
    except kafka.KafkaException as error:
        servers = settings["bootstrap.servers"]
        raise ConnectionError(f"Kafka: no server answers at {servers}: {error}") from error
    return producer
