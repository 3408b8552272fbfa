"""One engine for all streams of a model, loaded in the background."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from pinpoint.serve.refusal import RefusedError
from pinpoint.serve.worker import AGAIN, cannot_load, what_is_loaded
from pinpoint.stream.channel import Channel
from pinpoint.stream.engine import Engine

__all__ = ["Open", "Watch"]

log = logging.getLogger(__name__)

Open = Callable[[str], Engine]


class Watch:
    """Loads a model for streams in a thread of its own, and opens streams of it. For one event loop.

    Args:
        name: A task or a model.
        load: Loads it.
    """

    def __init__(self, name: str, load: Open) -> None:
        self.name = name
        self._streams = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"watch-{name}")
        self._done = math.inf
        self._engine = self._pool.submit(_loaded, load, name)
        self._engine.add_done_callback(self._note)
        self._dead = False

    @property
    def busy(self) -> bool:
        """Whether streams are open or wait for it."""
        return self._streams > 0

    @property
    def failed(self) -> bool:
        """Whether it could not be loaded, long enough ago to try again, or has stopped."""
        loaded_late = time.monotonic() > self._done + AGAIN
        return self._dead or (loaded_late and self._engine.exception() is not None)

    async def open(self, name: str) -> Channel:
        """Open a live stream, once the model is loaded; to be used while it is held.

        Raises:
            RefusedError: The model cannot be loaded.
        """
        engine = await self._loaded_engine()
        try:
            return engine.open(name, live=True)
        except ValueError as error:
            self._dead = True
            raise RefusedError(503, f"{self.name} has stopped: connect again", retry_after=1) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be in use."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def close(self) -> None:
        """Stop, in the background."""
        if self._engine.cancel():
            self._pool.shutdown(wait=False)
            return
        self._pool.submit(_close, self._engine)
        self._pool.shutdown(wait=False)

    async def _loaded_engine(self) -> Engine:
        loading = asyncio.wrap_future(self._engine)
        try:
            await asyncio.wait({loading})
            loading.exception()  # has been seen
        finally:
            loading.cancel()
        return what_is_loaded(self._engine, self.name)

    def _note(self, _: Future[Engine]) -> None:
        self._done = time.monotonic()


def _loaded(load: Open, name: str) -> Engine:
    try:
        engine = load(name)
    except (OSError, ImportError, ValueError) as error:
        raise cannot_load(name, error) from error
    log.info("%s is loaded for streams", name)
    return engine


def _close(engine: Future[Engine]) -> None:
    if engine.exception() is None:
        engine.result().close()
