"""Showing whoever watches how far a download is."""

import os
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["DownloadBar", "on_a_terminal"]


def on_a_terminal() -> bool:
    """Whether somebody watches stderr; continuous integration only keeps it."""
    terminal = sys.stderr is not None and sys.stderr.isatty()  # there is none in a window without a console
    return terminal and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


class DownloadBar:
    """A bar on stderr for each file that is being fetched, where somebody watches; else nothing."""

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, done: int, total: int, what: str) -> None:
        """See `pinpoint.hub.download.Progress`."""
        if not on_a_terminal():
            return
        bar = self._bar = self._bar or _rich_bar()
        if what not in self._tasks:
            self._tasks[what] = bar.add_task(what)
        bar.update(self._tasks[what], completed=done, total=total or None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()


def _rich_bar() -> "RichProgress":
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        console=Console(stderr=True),
    )
    bar.start()
    return bar
