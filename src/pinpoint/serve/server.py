"""Listening, and stopping in good order."""

import errno
import logging
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from pinpoint.serve.app import make_app
from pinpoint.serve.connection import connection, streaming
from pinpoint.serve.service import Service

__all__ = ["Server", "address_of", "listen"]

log = logging.getLogger(__name__)

OVER = 1.25
"""Frames may be so much over their limit, and are refused alone; larger ones end their stream."""
CLOSING = 3
"""Seconds in which the last answers leave and connections close."""


def listen(host: str, port: int) -> socket.socket:
    """Take a port.

    Raises:
        OSError: It is taken, may not be used, or the host is none of this machine; the message says so.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(f"there is no address {host}: {error.strerror or error}") from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(2048)
    except OSError as error:
        taken.close()
        raise OSError(_why_not(error, host, port)) from error
    return taken


def address_of(listening: socket.socket) -> str:
    """The address to open in a browser on this machine."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host) or str(host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


class Server(uvicorn.Server):
    """Serves until it is told to stop by SIGTERM or Ctrl-C, then answers what it took before.

    While it does so it still listens, so that everybody else is told to ask again instead of finding nobody.
    A second signal makes it give them up, a third one ends it at once.

    Args:
        service: What it serves.
        started: Called once it listens.
    """

    def __init__(self, service: Service, started: Callable[[], None] = lambda: None) -> None:
        limits = service.settings.limits
        super().__init__(
            uvicorn.Config(
                make_app(service),
                http=connection(limits.head),
                ws=streaming(limits.time),
                ws_max_size=int(OVER * limits.frame),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=CLOSING,
            )
        )
        self._service = service
        self._started = started
        self._signals = 0
        self._deadline = float("inf")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._started()

    async def on_tick(self, counter: int) -> bool:
        """Look every tenth of a second whether to stop."""
        traffic = self._service.traffic
        if self._signals and not traffic.stopping.is_set():
            log.info("stopping", extra={"under_way": traffic.active})
            traffic.stopping.set()
            self._deadline = time.monotonic() + self._service.settings.limits.stop
        if self._signals > 1 or time.monotonic() > self._deadline:
            traffic.give_up()
            self.should_exit = True
        if traffic.stopping.is_set() and not traffic.active:
            self.should_exit = True
        return await super().on_tick(counter)

    def stop(self) -> None:
        """Stop as a signal does; for other threads."""
        self._signals += 1
        if self.should_exit:
            self.force_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal; none is raised again in the end, for they were obeyed."""
        self.stop()


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: stop what listens there, or choose another one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by you: choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: choose another one with --host"
    return f"cannot listen at {host}:{port}: {error.strerror or error}"
