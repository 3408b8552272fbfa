"""Saying no: what a client is told when its request is not answered."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

__all__ = ["RefusedError", "deny", "error_answer", "refused"]

NOT_ALLOWED = 1008  # RFC 6455, 7.4.1


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: The HTTP status.
        message: What is wrong and what to do about it, for the client's eyes.
        retry_after: Seconds after which it may be asked again; none: asking again is of no use.
        headers: What else the answer's head says.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, retry_after))

    def again(self) -> "RefusedError":
        """Return the same for another request: one that was raised keeps hold of whom it was raised for."""
        return RefusedError(self.status, self.message, headers=self.headers)


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The one form of all errors: `{"error": {"status": 413, "message": "..."}}`."""
    content: dict[str, Any] = {"error": {"status": status, "message": message}}
    return JSONResponse(content, status, headers)


def refused(refusal: RefusedError) -> JSONResponse:
    """The answer that says so."""
    return error_answer(refusal.status, refusal.message, refusal.headers)


async def deny(socket: WebSocket, refusal: RefusedError) -> None:
    """Refuse a stream before it is one, with an HTTP answer where the server under us can."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(refused(refusal))
    else:
        await socket.close(NOT_ALLOWED, refusal.message[:120])
