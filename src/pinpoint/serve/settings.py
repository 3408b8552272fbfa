"""How a server is set up, and how much of everything it takes."""

import math
import re
from dataclasses import dataclass, field, fields

from pinpoint.runtime.cores import usable_cores

__all__ = ["Limits", "Settings"]

MIB = 1 << 20
TOKEN = re.compile(r"[A-Za-z0-9._~+-]{8,}")  # what a browser may name as the subprotocol of a WebSocket
ORIGIN = re.compile(r"\*|https?://[^/\s]+")


@dataclass(frozen=True)
class Limits:
    """How much a server takes before it refuses. Every number is above 0; only `rate` may be none.

    Args:
        upload: Bytes of one request.
        held: Bytes of all requests that are being answered; more are refused until some of them are done.
        files: Pictures in one request.
        pixels: Width times height of a picture, which its header says before it is decoded.
        queue: Pictures that wait for one model.
        wait: Seconds that a picture waits for its model.
        head: Seconds in which the head of a request has to come once a client is connected.
        time: Seconds from the first byte of a request to its answer, and from that of a frame to its last.
        requests: Requests of one client at once.
        rate: Requests under `/v1/` and streams begun by one client in a second, over a long time; none: any.
        streams: WebSocket streams at once, of all clients.
        client_streams: WebSocket streams of one client at once.
        frame: Bytes of one frame of a stream.
        frame_pixels: Width times height of a frame, where that is less than `pixels`.
        idle: Seconds after which a stream that sends no frame is closed.
        models: Models that stay loaded for pictures, and as many for streams; the one used longest ago goes.
        stop: Seconds that a stop waits for what was taken before it.

    Raises:
        ValueError: A limit is not a number above 0.
    """

    upload: int = 32 * MIB
    held: int = 256 * MIB
    files: int = 16
    pixels: int = 50_000_000
    queue: int = 32
    wait: float = 10.0
    head: float = 10.0
    time: float = 30.0
    requests: int = 32
    rate: float | None = None
    streams: int = 32
    client_streams: int = 8
    frame: int = 8 * MIB
    frame_pixels: int = 9_000_000
    idle: float = 300.0
    models: int = 4
    stop: float = 20.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"limit {each.name} is {value}, expected a number above 0")


@dataclass(frozen=True)
class Settings:
    """What a server serves, to whom, and on how much of the machine.

    Args:
        host: The name or address that it listens at.
        port: The port; 0 is any that is free.
        preload: Tasks and models to load before anyone asks for them.
        token: What a client has to send as `Authorization: Bearer TOKEN`; empty: nothing.
        origins: Other sites whose pages may use it, such as `https://example.org`; `*` for all.
        fetch: Whether a model that is not here is fetched when it is asked for.
        workers: Pictures that are looked at simultaneously, each by another model.
        threads: Threads of each network; 0: the machine's cores divided among the workers.
        limits: How much it takes.

    Raises:
        ValueError: The token or an origin cannot be one, or a number is out of range.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    preload: tuple[str, ...] = ()
    token: str = field(default="", repr=False)
    origins: tuple[str, ...] = ()
    fetch: bool = True
    workers: int = 1
    threads: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token and not TOKEN.fullmatch(self.token):
            raise ValueError(
                "the token cannot be one: use at least 8 letters, digits and . _ ~ + -, "
                "such as what `openssl rand -hex 16` prints"
            )
        for origin in self.origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"origin is {origin!r}, expected one such as https://example.org, or *")
        for name, least in (("port", 0), ("workers", 1), ("threads", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")

    @property
    def network_threads(self) -> int:
        """Threads for each network, 0 being its own choice."""
        if self.threads or self.workers == 1:
            return self.threads
        return max(1, usable_cores() // self.workers)

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")
