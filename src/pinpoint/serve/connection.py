"""Connections that may not be held open in silence, nor by a trickle."""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["connection", "streaming"]

TOO_SLOW = 1008  # RFC 6455, 7.4.1: a policy


def connection(seconds: float) -> type[H11Protocol]:
    """Return a protocol that hangs up on clients whose request does not come, or who do not read the answer.

    Args:
        seconds: For how long a client may say nothing, or only parts of a request's head, or read nothing of
            what it is sent.
    """
    return type("Punctual", (_Punctual,), {"patience": seconds})


def streaming(seconds: float) -> type[WebSocketsSansIOProtocol]:
    """Return a WebSocket protocol that hangs up on clients whose messages trickle in.

    Args:
        seconds: In which all of a message has to come.
    """
    return type("PunctualStream", (_PunctualStream,), {"patience": seconds})


class _Punctual(H11Protocol):
    patience = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._look_later(None, 0)

    def _look_later(self, request: Any, unread: int) -> None:
        self.loop.call_later(self.patience, partial(self._look_again, request, unread))

    def _look_again(self, request: Any, before: int) -> None:
        """Hang up if since the last look nothing came, nothing was being answered or nothing was read.

        Closing alone would wait for ever for a client that does not read what it is sent. A stream that goes
        on has limits of its own.
        """
        unread = self.transport.get_write_buffer_size()
        closing, streams = self.transport.is_closing(), self.transport.get_protocol() is not self
        if closing and not unread:
            return
        same = self.cycle is request
        if same and unread and unread == before and (closing or not streams):
            self.transport.abort()
            return
        idle = same and (request is None or request.response_complete)
        if idle and not unread and not streams:
            self.transport.close()
            return
        self._look_later(self.cycle, unread)


class _PunctualStream(WebSocketsSansIOProtocol):
    patience = 30.0
    _begun: float | None = None

    def data_received(self, data: bytes) -> None:
        now = self.loop.time()
        begun = self._begun = now if self._begun is None else self._begun
        super().data_received(data)
        if self._begun is not None and now - begun > self.patience and not self.close_sent:
            self.conn.fail(TOO_SLOW, f"a message took over {self.patience:g} s")
            self.handle_parser_exception()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        self._begun = None

    async def send(self, message: Any) -> None:
        """Let an answer that refuses a stream end its handshake: uvicorn would log that it lacks its end."""
        await super().send(message)
        self.handshake_complete = self.handshake_complete or self.close_sent

    def send_receive_event_to_app(self) -> None:
        super().send_receive_event_to_app()
        self._begun = None

    def handle_ping(self) -> None:
        """Answer a ping, unless nothing is read: the answers would pile up without end."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()
        self._between()

    def handle_pong(self, event: Any) -> None:
        super().handle_pong(event)
        self._between()

    def _between(self) -> None:
        """Between messages there is no trickle; pings may come within one."""
        if not self.frames:
            self._begun = None
