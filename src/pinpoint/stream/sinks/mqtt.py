"""Results to an MQTT broker (extra `mqtt`)."""

import time
from collections import deque
from queue import Empty, Queue
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import PATIENCE, message, needed

__all__ = ["MqttSink"]

_NO_CONNECTION = 4  # MQTT_ERR_NO_CONN
_STEP = 0.1  # seconds between two looks at whether it is there again
_LONGEST_PAUSE = 30  # seconds between two tries to connect
_UNDER_WAY = 20  # messages that the broker may leave unanswered for a while


class MqttSink:
    """Publishes each frame as one message, a line of JSON (see `message`).

    When the connection breaks off, the client's own thread makes a new one and, with `qos` 1 or 2, sends
    again what the broker had not taken. Errors name the topic and say how many messages were taken; with
    `qos` 0 these are those that were sent.

    Args:
        address: The broker: `mqtt://user:password@host:1883`, or `mqtts://` where it is encrypted.
        topic: Where to publish.
        qos: How sure it has to be: 0 for at most once, 1 for at least once, 2 for once.
        timeout: Seconds to wait for the broker when opening, and for what is under way when closing.
        patience: Seconds that the broker may be away in between.
        client: A connected `paho.mqtt.client.Client` to use instead; it is never disconnected.

    Raises:
        ModuleNotFoundError: The extra `mqtt` is not installed.
        ValueError: Nothing can be published to such a topic.
        OSError: The broker does not answer, or refuses.
    """

    def __init__(
        self,
        address: str,
        topic: str,
        *,
        qos: int = 1,
        timeout: float = 10.0,
        patience: float = PATIENCE,
        client: Any = None,
    ) -> None:
        if not topic or set(topic) & set("+#\0"):
            raise ValueError(
                f"MQTT: nothing can be published to the topic {topic!r}: it is empty or has a + or #"
            )
        self._topic, self._qos, self._timeout, self._patience = topic, qos, timeout, patience
        self._sent = 0
        self._owned = client is None
        self._client = _connected(urlsplit(address), timeout) if client is None else client
        self._under_way: deque[Any] = deque()

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        deadline, text = time.monotonic() + self._patience, message(seen)
        while not (self._client.is_connected() and self._published(text)):
            if time.monotonic() > deadline:
                raise ConnectionError(self._told(f"the broker has been away for {self._patience} s"))
            time.sleep(_STEP)
        while len(self._under_way) > _UNDER_WAY:
            self._wait(self._under_way.popleft(), deadline)

    def close(self) -> None:
        """See `Sink`."""
        deadline = time.monotonic() + self._timeout
        try:
            while self._under_way:
                self._wait(self._under_way.popleft(), deadline)
        finally:
            self._under_way.clear()
            if self._owned:
                self._client.disconnect()
                self._client.loop_stop()

    def _published(self, text: str) -> bool:
        sent = self._client.publish(self._topic, text, qos=self._qos)
        if sent.rc == _NO_CONNECTION:  # it broke off just now
            if self._qos == 0:
                return False
            sent.rc = 0  # the client keeps it for the next connection, but would call it failed
        self._under_way.append(sent)
        self._sent += 1
        return True

    def _wait(self, sent: Any, deadline: float) -> None:
        while not sent.is_published():
            if time.monotonic() > deadline:
                self._under_way.appendleft(sent)
                why = (
                    "the broker takes no message: is it there, and does it allow this topic and their length?"
                )
                raise TimeoutError(self._told(why))
            sent.wait_for_publish(_STEP)

    def _told(self, reason: str) -> str:
        taken = self._sent - len(self._under_way)
        so_far = f"; {taken} of {self._sent} messages were taken" if self._sent else ""
        return f"MQTT topic {self._topic!r}: {reason}{so_far}"


def _connected(broker: SplitResult, timeout: float) -> Any:
    """A client whose own thread keeps the connection, once the broker has let it in."""
    paho = needed("paho.mqtt.client", "mqtt")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect_timeout = timeout
    client.reconnect_delay_set(1, _LONGEST_PAUSE)
    if broker.username is not None:
        client.username_pw_set(unquote(broker.username), unquote(broker.password or "") or None)
    encrypted = broker.scheme == "mqtts"
    if encrypted:
        client.tls_set()
    answers: Queue[Any] = Queue()
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(reason)
    client.connect(broker.hostname or "localhost", broker.port or (8883 if encrypted else 1883))
    client.loop_start()
    problem = _refusal(answers, timeout)
    if problem is not None:
        client.disconnect()
        client.loop_stop()
        raise problem
    return client


def _refusal(answers: "Queue[Any]", timeout: float) -> OSError | None:
    """Why the broker does not let us in, none if it does."""
    try:
        reason = answers.get(timeout=timeout)
    except Empty:
        return TimeoutError(f"the MQTT broker did not answer within {timeout} s")
    return ConnectionRefusedError(f"the MQTT broker refuses: {reason}") if reason.is_failure else None
