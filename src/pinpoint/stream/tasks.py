"""Threads that keep what went wrong in them, for whoever asks."""

import threading
from collections.abc import Callable

__all__ = ["Task"]


class Task:
    """A function that runs in a thread of its own.

    The thread does not keep the program from ending: one that waits for a dead camera cannot be woken.

    Args:
        work: What it does.
        name: Name of the thread, as debuggers and logs show it.
        then: Called in the end with `error`, also where that is none.

    Attributes:
        error: What `work` raised, none if it did not or is still at it.
    """

    def __init__(
        self,
        work: Callable[[], object],
        name: str,
        then: Callable[[BaseException | None], object] | None = None,
    ):
        self.error: BaseException | None = None
        self._work, self._then = work, then
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, so many seconds at the most; say whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - nobody stands above a thread; it is told on being asked
            self.error = error
        finally:
            if self._then is not None:
                self._then(self.error)
