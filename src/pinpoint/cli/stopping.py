"""Stopping in good order on Ctrl-C."""

import signal
import threading
from types import FrameType
from typing import Self

__all__ = ["Stop"]


class Stop:
    """Notes the first Ctrl-C or SIGTERM, so that files are finished; the second one interrupts at once.

    Attributes:
        number: Number of the signal that came, 0 while none did.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other one may set handlers
            wanted = (signal.SIGINT, signal.SIGTERM)
            self._before = {number: signal.signal(number, self._note) for number in wanted}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.number != 0

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self:
            raise KeyboardInterrupt
        self.number = number
