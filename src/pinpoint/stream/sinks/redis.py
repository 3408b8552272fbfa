"""Results to a Redis stream (extra `redis`)."""

from typing import Any

from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks.sink import message, needed

__all__ = ["RedisSink"]

_OTHER_KIND = "WRONGTYPE"  # begins what a server says where something else is under a key


class RedisSink:
    """Adds each frame to a stream of Redis (`XADD`) as one field `record`, a line of JSON (see `message`).

    Args:
        address: `redis://`, `rediss://` or `unix://`, as redis-py takes it.
        key: Name of the stream.
        length: About how many frames it holds; older ones go.
        timeout: Seconds to wait for the server.
        client: A `redis.Redis` to use instead of the address; it is never closed.

    Raises:
        ModuleNotFoundError: The extra `redis` is not installed.
        ValueError: It is no such address, or has an option that redis-py does not know. While writing: there
            is something else under that key, or this user may not write there.
        OSError: The server does not answer, or refuses.
    """

    def __init__(
        self,
        address: str,
        key: str,
        *,
        length: int = 100_000,
        timeout: float = 10.0,
        client: Any = None,
    ) -> None:
        library = needed("redis", "redis")
        self._refused: type[Exception] = library.exceptions.RedisError
        self._forbidden: type[Exception] = library.exceptions.NoPermissionError
        self._key, self._length, self._owned = key, length, client is None
        if client is None:
            client = library.Redis.from_url(address, socket_timeout=timeout, socket_connect_timeout=timeout)
        self._client = client
        try:
            self._call("ping")
        except TypeError as error:  # redis-py passes options of the address on, unchecked, when it connects
            raise ValueError(f"Redis: the address has an option that does not exist: {error}") from error

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        fields = {"record": message(seen)}
        self._call("xadd", self._key, fields, maxlen=self._length, approximate=True)

    def close(self) -> None:
        """See `Sink`."""
        if self._owned:
            self._client.close()

    def _call(self, command: str, *arguments: Any, **options: Any) -> None:
        try:
            getattr(self._client, command)(*arguments, **options)
        except self._refused as error:
            final = isinstance(error, self._forbidden) or str(error).startswith(_OTHER_KIND)
            advice = ": give another key" if final else ""
            raise (ValueError if final else ConnectionError)(
                f"Redis stream {self._key!r}: {error}{advice}"
            ) from error
