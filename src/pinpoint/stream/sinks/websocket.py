"""Results to a WebSocket server (extra `serve`)."""

from contextlib import ExitStack
from typing import Any

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import message, needed
from pinpoint.stream.tasks import Task

__all__ = ["WebSocketSink"]


_TOO_LARGE = 1009  # RFC 6455, 7.4.1
_FAREWELL = 2.0  # seconds; everything is on its way by then, and a busy server may answer late


class WebSocketSink:
    """Sends each frame as one text message, a line of JSON (see `message`). What comes back is not looked at.

    Args:
        address: `ws://` or `wss://`.
        token: Sent as `Authorization: Bearer ...`; empty: none.
        timeout: Seconds to wait for the server.

    Raises:
        ModuleNotFoundError: The extra `serve` is not installed.
        ValueError: It is no such address. While writing: the server takes no messages of such a length.
        OSError: The server does not answer, or refuses.
    """

    def __init__(self, address: str, *, token: str = "", timeout: float = 10.0) -> None:
        client = needed("websockets.sync.client", "serve")
        problems = needed("websockets.exceptions", "serve")
        self._refused: type[Exception] = problems.WebSocketException
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._stack = ExitStack()
        try:
            connection = client.connect(
                address,
                additional_headers=headers,
                open_timeout=timeout,
                close_timeout=min(timeout, _FAREWELL),
                ping_timeout=timeout,
            )
            self._socket: Any = self._stack.enter_context(connection)
        except problems.InvalidURI as error:
            raise ValueError(f"{address!r} is no address of a WebSocket server: {error}") from error
        except (self._refused, OSError) as error:
            raise ConnectionError(f"the WebSocket server {address!r} refuses: {error}") from error
        # Unread answers would fill the connection in the end, and pings are answered as they are read.
        self._answers = Task(self._drain, "pinpoint sink's answers")

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        if self._answers.join(0):
            raise self._gone(self._answers.error)
        try:
            self._socket.send(message(seen))
        except self._refused as error:
            raise self._gone(error) from error

    def _gone(self, error: BaseException | None) -> ValueError | ConnectionError:
        """Why the server has gone, from the end of the connection."""
        told = f": {self._socket.close_reason}" if self._socket.close_reason else ""
        if self._socket.close_code == _TOO_LARGE:  # connecting again would send as much again
            return ValueError(
                f"the WebSocket server takes no messages of such a length{told}: raise its limit"
            )
        return ConnectionError(f"the WebSocket server has gone{f': {error}' if error else told}")

    def close(self) -> None:
        """See `Sink`."""
        self._stack.close()

    def _drain(self) -> None:
        for _ in self._socket:
            pass
