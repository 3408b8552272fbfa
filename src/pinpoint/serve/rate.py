"""How often each client may ask."""

import math
import time
from ipaddress import IPv6Address, ip_address, ip_network

from pinpoint.serve.refusal import RefusedError

__all__ = ["Rate", "household"]

BURST = 5.0
"""Seconds' worth of requests that a client may send at once after a rest."""


class Rate:
    """Spreads the requests of every client over time. For one thread.

    Of each client the time is kept up to which it has asked (the generic cell rate algorithm of ITU-T I.371),
    and only while that lies ahead.

    Args:
        most: Requests of one client in a second, over a long time.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._ahead = max(BURST, 1 / most)
        self._until: dict[str, float] = {}
        self._tidied = 0.0

    def __len__(self) -> int:
        return len(self._until)

    def ask(self, client: str) -> None:
        """Count a request.

        Raises:
            RefusedError: The client has to wait, and is told how long; this request is not counted.
        """
        now = time.monotonic()
        self._tidy(now)
        until = max(self._until.get(client, now), now) + 1 / self._most
        if (early := until - now - self._ahead) > 1e-9:
            raise RefusedError(
                429,
                f"more than {self._most:g} requests in a second came from you: ask less often",
                retry_after=math.ceil(early),
            )
        self._until[client] = until

    def _tidy(self, now: float) -> None:
        """Forget those who have rested, now and then."""
        if now > self._tidied + BURST:
            self._until = {client: until for client, until in self._until.items() if until > now}
            self._tidied = now


def household(address: str) -> str:
    """What counts as one client: an address, or what one subscriber has of the sixth version (RFC 6177)."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:  # a name, as in tests, or a socket of this machine
        return address
    if isinstance(parsed, IPv6Address) and not parsed.is_loopback:
        return f"{parsed.ipv4_mapped or ip_network((parsed, 64), strict=False)}"
    return f"{parsed}"
