"""Results to an MQTT broker (extra `mqtt`)."""

import time
from collections import deque
from threading import Event
from typing import Any

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import message, needed

__all__ = ["MqttSink"]

_UNDER_WAY = 20  # messages that the broker may leave unanswered for a while


class MqttSink:
    """Publishes each frame as one message, a line of JSON (see `message`).

    Args:
        host: The broker.
        topic: Where to publish.
        port: The broker's port; none for 1883, or 8883 with `tls`.
        user: A name, and a password, that the broker knows.
        tls: Whether the connection is encrypted.
        qos: How sure it has to be: 0 for at most once, 1 for at least once, 2 for once.
        timeout: Seconds to wait for the broker.
        client: A connected `paho.mqtt.client.Client` to use instead; it is never disconnected.

    Raises:
        ModuleNotFoundError: The extra `mqtt` is not installed.
        OSError: The broker does not answer, or refuses.
    """

    def __init__(
        self,
        host: str,
        topic: str,
        *,
        port: int | None = None,
        user: tuple[str, str | None] | None = None,
        tls: bool = False,
        qos: int = 1,
        timeout: float = 10.0,
        client: Any = None,
    ) -> None:
        self._topic, self._qos, self._timeout = topic, qos, timeout
        self._owned = client is None
        self._client = _connected(host, port, user, tls, timeout) if client is None else client
        self._under_way: deque[Any] = deque()

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        sent = self._client.publish(self._topic, message(seen), qos=self._qos)
        if sent.rc:
            raise ConnectionError(f"the MQTT broker has gone (code {int(sent.rc)})")
        self._under_way.append(sent)
        while len(self._under_way) > _UNDER_WAY:
            self._wait(self._under_way.popleft(), self._timeout)

    def close(self) -> None:
        """See `Sink`."""
        deadline = time.monotonic() + self._timeout
        try:
            while self._under_way:
                self._wait(self._under_way.popleft(), max(deadline - time.monotonic(), 0.0))
        finally:
            self._under_way.clear()
            if self._owned:
                self._client.disconnect()
                self._client.loop_stop()

    def _wait(self, sent: Any, seconds: float) -> None:
        sent.wait_for_publish(seconds)
        if not sent.is_published():
            raise TimeoutError(f"the MQTT broker took no message within {self._timeout} s")


def _connected(
    host: str, port: int | None, user: tuple[str, str | None] | None, tls: bool, timeout: float
) -> Any:
    """A client whose own thread keeps the connection, once the broker has let it in."""
    paho = needed("paho.mqtt.client", "mqtt")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect_timeout = timeout
    if user is not None:
        client.username_pw_set(*user)
    if tls:
        client.tls_set()
    answered, answers = Event(), []

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        answers.append(reason)
        answered.set()

    client.on_connect = on_connect
    client.connect(host, port or (8883 if tls else 1883))
    client.loop_start()
    if answered.wait(timeout) and not answers[0].is_failure:
        return client
    client.disconnect()
    client.loop_stop()
    if not answers:
        raise TimeoutError(f"the MQTT broker {host} did not answer within {timeout} s")
    raise ConnectionRefusedError(f"the MQTT broker {host} refuses: {answers[0]}")
