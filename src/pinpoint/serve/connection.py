"""Connections that may not be held open in silence."""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["connection"]


def connection(seconds: float) -> type[H11Protocol]:
    """Return a protocol that hangs up on clients whose request does not come.

    Args:
        seconds: For how long a client may say nothing, or only parts of a request's head.
    """
    return type("Punctual", (_Punctual,), {"patience": seconds})


class _Punctual(H11Protocol):
    patience = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._look_later(None)

    def _look_later(self, request: Any) -> None:
        self.loop.call_later(self.patience, partial(self._look_again, request))

    def _look_again(self, request: Any) -> None:
        """Hang up if since the last look no request has begun and none was being answered."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # a WebSocket by now
            return
        if self.cycle is request and (request is None or request.response_complete):
            self.transport.close()
            return
        self._look_later(self.cycle)
