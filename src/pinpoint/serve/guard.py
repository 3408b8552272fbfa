"""Who may ask, how much at once, and for how long: everything that is refused before it is looked at."""

import asyncio
import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from pinpoint.serve.rate import Rate, household
from pinpoint.serve.refusal import RefusedError, deny, refused
from pinpoint.serve.settings import Settings

__all__ = ["Guard", "Traffic", "subprotocol_of"]

BEARER = "bearer."
"""What precedes the token in the subprotocol of a WebSocket, which is all that a browser can set."""
LINGER = 2.0
"""Seconds for which the rest of a refused upload is read, so that its sender gets to read the answer."""

TOO_LATE = RefusedError(503, "the server stopped before this was answered: ask again", retry_after=10)


class Traffic:
    """What is being answered now. For one thread.

    Attributes:
        stopping: Set once the server is to end; from then on nothing new is taken.
        active: Requests and streams that were taken and are not answered yet.
        held: Bytes that came with them.
        given_up: Whether what is being answered is given up.
    """

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.active = 0
        self.held = 0
        self.given_up = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._clients: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def taken(self, kind: str, client: str, most: int, most_of_all: int | None = None) -> Iterator[None]:
        """Count a request or a stream of a client while it lasts.

        Raises:
            RefusedError: The server is stopping, or there are too many of the kind.
        """
        if self.stopping.is_set():
            raise RefusedError(503, "the server is stopping: ask another one, or later", retry_after=10)
        if self._clients[kind, client] >= most:
            many = f"{most} {kind}{'s' if most > 1 else ''}"
            raise RefusedError(429, f"{many} of one client may be answered at a time: wait", retry_after=1)
        if most_of_all is not None and self._count(kind) >= most_of_all:
            raise RefusedError(
                503, f"there are {most_of_all} {kind}s already, which is the limit", retry_after=10
            )
        self.active += 1
        self._clients[kind, client] += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)
            self.active -= 1
            self._clients[kind, client] -= 1
            if not self._clients[kind, client]:
                del self._clients[kind, client]

    def give_up(self) -> None:
        """Answer no more: whoever still waits is told so."""
        self.given_up = True
        for task in self._tasks:
            task.cancel()

    def _count(self, kind: str) -> int:
        return sum(count for (each, _), count in self._clients.items() if each == kind)


class Guard:
    """Lets requests through that may be answered: by token, origin, client, rate and size.

    Args:
        app: What answers.
        settings: What is allowed.
        traffic: What is being answered.
    """

    def __init__(self, app: ASGIApp, settings: Settings, traffic: Traffic) -> None:
        self._app = app
        self._settings = settings
        self._traffic = traffic
        self._rate = Rate(settings.limits.rate) if settings.limits.rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] not in ("http", "websocket") or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        limits = self._settings.limits
        exchange = _Exchange(scope, receive, send, (limits.upload, limits.held), self._traffic)
        try:
            self._check(scope)
            with self._counted(scope):
                exchange.check_announced()
                await self._app(scope, exchange.receive, exchange.send)
        except RefusedError as refusal:
            await _send_refusal(refusal, scope, exchange)
        except asyncio.CancelledError:
            if not self._traffic.given_up or exchange.answered:
                raise
            await _send_refusal(TOO_LATE, scope, exchange)
        finally:
            exchange.release()

    def _counted(self, scope: Scope) -> AbstractContextManager[None]:
        limits, client = self._settings.limits, household((scope.get("client") or ("", 0))[0])
        if self._rate is not None and scope["path"].startswith("/v1/"):
            self._rate.ask(client)
        if scope["type"] == "websocket":
            return self._traffic.taken("stream", client, limits.client_streams, limits.streams)
        return self._traffic.taken("request", client, limits.requests)

    def _check(self, scope: Scope) -> None:
        headers, settings = Headers(scope=scope), self._settings
        origin = headers.get("origin")
        if origin is not None and not _may_use(origin, headers.get("host", ""), settings):
            raise RefusedError(
                403, f"pages of {origin} may not use this server: start it with --origin {origin} to allow it"
            )
        if settings.token and _is_protected(scope["path"]) and not _has_token(headers, settings.token):
            raise RefusedError(
                401,
                "this server wants its token: send it as `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )


class _Exchange:
    """A request whose bytes stay within the limits, and its answer.

    An answer that comes before all of the request did waits for the rest, within reason: a sender that is cut
    off may never read what it is told.

    Attributes:
        answered: Whether an answer has begun.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, most: tuple[int, int], traffic: Traffic
    ) -> None:
        self._receive = receive
        self._send = send
        self._most, self._most_held = most
        self._traffic = traffic
        self._headers = Headers(scope=scope)
        self._bytes = 0
        self.answered = False
        self._ended = scope["type"] != "http"

    def check_announced(self) -> None:
        """Refuse a request that says itself that it is too large.

        Raises:
            RefusedError: It is.
        """
        said = self._headers.get("content-length", "")
        if said.isdecimal() and int(said) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        """Receive the next part.

        Raises:
            RefusedError: Now it is too much.
        """
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._ended = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self._bytes += size
        self._traffic.held += size
        if self._bytes > self._most:
            raise self._too_large()
        if self._traffic.held > self._most_held:
            raise RefusedError(503, "too much is being uploaded at once: send it again later", retry_after=2)
        return message

    async def send(self, message: Message) -> None:
        """Send the next part of the answer."""
        if message["type"] == "http.response.start" and not self._ended:
            MutableHeaders(scope=message)["Connection"] = "close"
            await self._drain()
        self.answered = True
        await self._send(message)

    def release(self) -> None:
        """No longer count what came."""
        self._traffic.held -= self._bytes
        self._bytes = 0

    async def _drain(self) -> None:
        if "expect" in self._headers:  # it waits to be asked for the rest
            return
        rest = self._most
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while rest > 0 and not self._ended:
                    message = await self._receive()
                    rest -= len(message.get("body", b""))
                    self._ended = not message.get("more_body", False)

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413,
            f"the request is over the limit of {self._most} bytes: send smaller pictures, or fewer at once",
        )


def subprotocol_of(headers: Headers) -> str | None:
    """The subprotocol that a browser expects to be told back if it sent its token as one."""
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
    return next((word for word in offered if word.startswith(BEARER)), None)


def _is_protected(path: str) -> bool:
    """Whether a path needs the token. The page does not, since it is what asks people for it."""
    return path.startswith(("/v1/", "/metrics", "/openapi"))


def _has_token(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = (subprotocol_of(headers) or "").removeprefix(BEARER)
    return hmac.compare_digest(given.strip().encode(), token.encode())


def _may_use(origin: str, host: str, settings: Settings) -> bool:
    """Whether pages of an origin may ask: those that are named, and the server's own.

    A name that a stranger made lead to this machine is not its own: where only this machine can reach the
    server, pages are its own only if its address says so.
    """
    if "*" in settings.origins or origin in settings.origins:
        return True
    try:
        site = urlsplit(origin)
    except ValueError:  # it is no address at all
        return False
    return (
        bool(site.netloc) and site.netloc == host and (not settings.local or _is_this_machine(site.hostname))
    )


def _is_this_machine(name: str | None) -> bool:
    if name is None or name == "localhost" or name.endswith(".localhost"):
        return name is not None
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


async def _send_refusal(refusal: RefusedError, scope: Scope, exchange: _Exchange) -> None:
    if scope["type"] == "websocket":
        await deny(WebSocket(scope, exchange.receive, exchange.send), refusal)
    else:
        await refused(refusal)(scope, exchange.receive, exchange.send)
