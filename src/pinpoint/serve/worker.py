"""One model, one thread, and the pictures that wait for them."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pinpoint.keypoints import Estimator
from pinpoint.serve.refusal import RefusedError

__all__ = ["Load", "Worker", "cannot_load", "what_is_loaded"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Load = Callable[[str], Estimator]
Look = Callable[[Estimator], T]
"""Decodes a picture and looks at it with a model, in the model's thread."""

AGAIN = 30.0
"""Seconds after which a model that could not be loaded is worth another try."""
FORGETTING = 0.1  # share of the newest picture in the mean time that one takes


class Worker:
    """Loads a model in its thread, then looks at one picture after the other.

    Pictures are decoded there too, so that only those that are being looked at take the memory of their
    pixels.

    Args:
        name: A task or a model.
        load: Loads it.
        turns: Shared by all workers: who has one may compute.
        queue: How many pictures may wait.
        wait: Seconds after which a picture that waits is given up.
    """

    def __init__(self, name: str, load: Load, turns: threading.Semaphore, queue: int, wait: float) -> None:
        self.name = name
        self._turns = turns
        self._queue = queue
        self._wait = wait
        self._waiting = 0
        self._lock = threading.Lock()
        self._seconds = 0.1
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"look-{name}")
        self._done = math.inf
        self._ready = self._pool.submit(_loaded, load, name)
        self._ready.add_done_callback(self._note)

    @property
    def waiting(self) -> int:
        """Pictures that were taken and are not looked at yet, with the one that is being looked at."""
        return self._waiting

    @property
    def busy(self) -> bool:
        """Whether pictures wait, or it is still loading."""
        return self._waiting > 0 or not self._ready.done()

    @property
    def failed(self) -> bool:
        """Whether the model could not be loaded, and that is long enough ago to try again."""
        return time.monotonic() > self._done + AGAIN and self._ready.exception() is not None

    def submit(self, looks: Sequence[Look[T]]) -> list[Future[T]]:
        """Queue pictures, all of them or none.

        Raises:
            RefusedError: There is no room for them.
        """
        with self._lock:
            if self._waiting + len(looks) > self._queue:
                raise RefusedError(
                    503,
                    f"{self._waiting} pictures wait for {self.name} already",
                    retry_after=self._until_free(),
                )
            self._waiting += len(looks)
        asked = time.monotonic()
        futures = [self._pool.submit(self._look, look, asked) for look in looks]
        for future in futures:
            future.add_done_callback(self._left)
        return futures

    def close(self) -> None:
        """Give up what waits; what is being looked at is finished."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look(self, look: Look[T], asked: float) -> T:
        estimator = what_is_loaded(self._ready, self.name)
        with self._turns:
            begun = time.monotonic()
            if begun - asked > self._wait:
                waited = f"the picture waited {begun - asked:.0f} s for {self.name}, over the limit"
                raise RefusedError(503, waited, retry_after=self._until_free())
            found = look(estimator)
            self._seconds += FORGETTING * (time.monotonic() - begun - self._seconds)
        return found

    def _note(self, _: Future[Estimator]) -> None:
        self._done = time.monotonic()

    def _left(self, _: Future[T]) -> None:
        with self._lock:
            self._waiting -= 1

    def _until_free(self) -> int:
        """Whole seconds after which there should be room."""
        return math.ceil(self._waiting * self._seconds)


def _loaded(load: Load, name: str) -> Estimator:
    begun = time.monotonic()
    try:
        estimator = load(name)
    except (OSError, ImportError, ValueError) as error:
        raise cannot_load(name, error) from error
    log.info("%s is loaded", name, extra={"seconds": round(time.monotonic() - begun, 3)})
    return estimator


def what_is_loaded(ready: Future[T], name: str) -> T:
    """Wait for a model, and return it.

    Why it could not be loaded is kept for all who ask, so it is never raised itself: with its trace it would
    keep hold of every request, and of the pictures in it.

    Raises:
        RefusedError: It could not be loaded.
        RuntimeError: Loading it failed in a way that nobody thought of.
    """
    error = ready.exception()
    if error is None:
        return ready.result()
    if isinstance(error, RefusedError):
        raise error.again() from None
    raise RuntimeError(f"loading {name} failed") from error


def cannot_load(name: str, error: Exception) -> RefusedError:
    """Note why a model cannot be loaded, and say so without what a client should not know, such as paths."""
    log.error("%s cannot be loaded: %s", name, error)
    return RefusedError(
        503,
        f"{name} cannot be loaded now; whoever runs this server finds the reason in its log, "
        f"and `pinpoint models pull {name}` may help",
        retry_after=math.ceil(AGAIN),
    )
