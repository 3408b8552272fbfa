"""Results to a topic of Kafka (extra `kafka`)."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import PATIENCE, message, needed

__all__ = ["KafkaSink"]

log = logging.getLogger(__name__)

_CREATE = "create it, or let the servers create topics (auto.create.topics.enable)"
_ADVICE: Mapping[str, str] = {
    "MSG_SIZE_TOO_LARGE": "raise message.max.bytes of the settings, and max.message.bytes of the topic",
    "UNKNOWN_TOPIC_OR_PART": _CREATE,
    "_UNKNOWN_TOPIC": _CREATE,
    "TOPIC_EXCEPTION": "names have up to 249 letters, digits, dots, underscores and hyphens",
    "TOPIC_AUTHORIZATION_FAILED": "allow this user to write there, or log in by sasl.* of the settings",
}
"""What to do about errors of Kafka, by their names; those that are not here say it themselves."""

_PASSING = frozenset({"UNKNOWN_TOPIC_OR_PART", "LEADER_NOT_AVAILABLE"})  # while a topic is made
_STEP = 0.1  # seconds between two looks at whether it is there

_FINAL = frozenset({"MSG_SIZE_TOO_LARGE", "TOPIC_EXCEPTION"})  # trying again would not help


class KafkaSink:
    """Produces each frame as one message, a line of JSON (see `message`); the key is the name of its stream.

    So the frames of one stream stay in order, in one partition. When the servers are away, librdkafka sends
    again what they had not taken, in the same order and only once (`enable.idempotence`). Errors name the
    topic and say how many messages were delivered.

    Args:
        servers: `host:port`, several with commas between.
        topic: Where to produce.
        settings: Further ones of librdkafka, such as `security.protocol`; they precede our own.
        timeout: Seconds to wait for the servers when opening, and for what is under way when closing.
        patience: Seconds that the servers may be away in between.
        producer: A `confluent_kafka.Producer` to use instead; it is flushed.

    Raises:
        ModuleNotFoundError: The extra `kafka` is not installed.
        ValueError: The topic's name is none.
        OSError: No server answers, or there is no such topic.
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
        self._refused: type[Exception] = needed("confluent_kafka", "kafka").KafkaException
        self._sent = self._arrived = 0
        self._problem: Any = None
        if producer is None:
            own = {
                "bootstrap.servers": servers,
                "message.timeout.ms": round(patience * 1000),
                "enable.idempotence": True,  # without, what is sent again may overtake or come twice
            }
            producer = _connected({**own, **(settings or {})}, timeout)
            self._check_topic(producer)
        self._producer = producer

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        deadline = time.monotonic() + self._patience
        text = message(seen)
        while not self._produced(text, seen.stream):
            if time.monotonic() > deadline:
                raise TimeoutError(self._told(f"no message was taken within {self._patience} s"))
            self._producer.poll(0.1)
        self._producer.poll(0)
        self._complain()

    def close(self) -> None:
        """See `Sink`."""
        left = self._producer.flush(self._timeout)
        self._complain()
        if left:
            raise TimeoutError(self._told(f"{left} messages were left unanswered for {self._timeout} s"))

    def _produced(self, text: str, stream: str) -> bool:
        try:
            self._producer.produce(self._topic, text, key=stream, on_delivery=self._delivered)
        except BufferError:  # more wait to be sent than librdkafka keeps
            return False
        except self._refused as error:
            raise self._meant(error.args[0]) from error
        self._sent += 1
        return True

    def _delivered(self, error: Any, _message: Any) -> None:
        self._arrived += error is None
        self._problem = self._problem or error  # the first one is the cause of the others

    def _complain(self) -> None:
        problem, self._problem = self._problem, None
        if problem is not None:
            raise self._meant(problem)

    def _told(self, reason: str) -> str:
        so_far = f"; {self._arrived} of {self._sent} messages were delivered" if self._sent else ""
        return f"Kafka topic {self._topic!r}: {reason}{so_far}"

    def _meant(self, error: Any) -> ValueError | ConnectionError:
        """What an error of librdkafka means here, and what to do about it."""
        advice = f": {_ADVICE[error.name()]}" if error.name() in _ADVICE else ""
        kind = ValueError if error.name() in _FINAL else ConnectionError
        return kind(self._told(f"{error.str()}{advice}"))

    def _check_topic(self, producer: Any) -> None:
        """Ask for the topic; servers that create topics do so now, which takes them a moment."""
        deadline = time.monotonic() + self._timeout
        while (error := self._fault(producer)) is not None:
            if error.name() not in _PASSING or time.monotonic() > deadline:
                raise self._meant(error)
            time.sleep(_STEP)

    def _fault(self, producer: Any) -> Any:
        """What is wrong with the topic, none if nothing is."""
        try:
            return producer.list_topics(self._topic, timeout=self._timeout).topics[self._topic].error
        except self._refused as error:
            return error.args[0]


def _connected(settings: Mapping[str, Any], timeout: float) -> Any:
    kafka = needed("confluent_kafka", "kafka")
    producer = kafka.Producer(settings, logger=log)
    try:
        producer.list_topics(timeout=timeout)
    except kafka.KafkaException as error:
        servers = settings["bootstrap.servers"]
        raise ConnectionError(f"Kafka: no server answers at {servers}: {error}") from error
    return producer
