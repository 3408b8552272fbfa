"""Connections that may not be held open in silence."""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["connection"]


def connection(seconds: float) -> type[H11Protocol]:
    """Return a protocol that hangs up on clients whose request does not come, or who do not read the answer.

    Args:
        seconds: For how long a client may say nothing, or only parts of a request's head, or read nothing of
            what it is sent.
    """
    return type("Punctual", (_Punctual,), {"patience": seconds})


class _Punctual(H11Protocol):
    patience = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._look_later(None, 0)

    def _look_later(self, request: Any, unread: int) -> None:
        self.loop.call_later(self.patience, partial(self._look_again, request, unread))

    def _look_again(self, request: Any, before: int) -> None:
        """Hang up if since the last look nothing came, nothing was being answered or nothing was read.

        Closing alone would wait for ever for a client that does not read what it is sent.
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
