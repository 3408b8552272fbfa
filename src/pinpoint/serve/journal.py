"""One line of JSON for everything that happens, and figures for every request."""

import json
import logging
import re
import secrets
import time
from collections.abc import Collection
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pinpoint.serve.figures import Figures

__all__ = ["GONE", "Journal", "JsonLines", "write_log"]

log = logging.getLogger(__name__)

GONE = 499
"""The status of a request whose client hung up before its answer, as nginx calls it."""

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

_request: ContextVar[str] = ContextVar("request", default="")


class JsonLines(logging.Formatter):
    """Writes a log record as one line of JSON, with the id of the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what was given as `extra` becomes keys of its own."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _request.get():
            line["request"] = _request.get()
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def write_log(level: str) -> None:
    """Send what all libraries have to say to stderr, as JSON lines.

    Args:
        level: How much of our own: `debug`, `info`, `warning` or `error`. Others are heard from `warning` on.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("pinpoint").setLevel(level.upper())
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # any client could fill the log with it


class Journal:
    """Gives every request an id, counts it, and writes a line about it. The outermost layer.

    A client may name the id itself in `X-Request-ID`.

    Args:
        app: What answers.
        figures: Where requests are counted.
        paths: Those that are counted by name, whether they are reached or refused on the way.
    """

    def __init__(self, app: ASGIApp, figures: Figures, paths: Collection[str]) -> None:
        self._app = app
        self._figures = figures
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        name = asked if REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        token = _request.set(name)
        begun, said = time.monotonic(), _Said(send, name)
        path = scope["path"]
        try:
            await self._app(scope, receive, said)
        finally:
            self._note(scope, path, said.status, time.monotonic() - begun)
            _request.reset(token)

    def _note(self, scope: Scope, path: str, status: int, seconds: float) -> None:
        route = path if path in self._paths else "page" if status < 400 else "other"
        method = scope.get("method", "WEBSOCKET")
        method = method if method in METHODS or method == "WEBSOCKET" else "other"
        self._figures.requests.labels(route, method, status).inc()
        if scope["type"] == "http":
            self._figures.latency.labels(route).observe(seconds)
        facts = {"method": method, "path": path, "status": status, "seconds": round(seconds, 4)}
        client = scope.get("client")
        quiet = route in ("/healthz", "/metrics")
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "answered",
            extra=facts | ({"client": client[0]} if client else {}),
        )


class _Said:
    """Passes an answer on, with the request's id in its head, and notes the status."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self.status = GONE

    async def __call__(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-ID"] = self._name
        elif message["type"] == "websocket.accept":
            self.status = 101
            MutableHeaders(scope=message)["X-Request-ID"] = self._name
        await self._send(message)
