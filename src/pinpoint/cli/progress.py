"""A progress bar on stderr, for whatever takes more than a second, if somebody watches."""

import time
from typing import TYPE_CHECKING, Protocol, Self

from pinpoint.cli.messages import say
from pinpoint.hub.terminal import DownloadBar, on_a_terminal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["Bar", "Fetching", "NoBar", "Watch", "watching"]

PATIENCE = 1.0  # seconds before a bar is shown


class Watch(Protocol):
    """Is told how far a run is."""

    def begin(self, name: str, steps: int | None) -> None:
        """A source of so many pictures begins; none where nobody knows."""
        ...

    def step(self) -> None:
        """One picture is done."""
        ...

    def end(self) -> None:
        """The source is done, or failed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class NoBar(Watch):
    """Shows nothing."""

    def begin(self, name: str, steps: int | None) -> None:
        """Do nothing."""

    def step(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Bar(Watch):
    """Counts sources, and the frames of each; comes up after a second.

    Args:
        sources: How many sources there are.
    """

    def __init__(self, sources: int) -> None:
        self._sources = sources
        self._ended, self._step = 0, 0
        self._steps: int | None = None
        self._name = ""
        self._start = time.monotonic()
        self._shown: tuple[RichProgress, TaskID] | None = None

    def begin(self, name: str, steps: int | None) -> None:
        """Show the name from now on."""
        self._name, self._steps, self._step = name, steps, 0

    def step(self) -> None:
        """Go on by one picture or frame."""
        self._step += 1
        self._show()

    def end(self) -> None:
        """Go on to the next source."""
        self._ended += 1
        self._step, self._steps = 0, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._shown[0].stop()

    def _show(self) -> None:
        if self._shown is None:
            if time.monotonic() - self._start < PATIENCE:
                return
            self._shown = _rich_bar(self._sources)
        bar, task = self._shown
        share = min(self._step / self._steps, 1.0) if self._steps else 0.0
        bar.update(task, completed=self._ended + share, description=self._description())

    def _description(self) -> str:
        name = self._name if len(self._name) <= 40 else f"...{self._name[-37:]}"
        if self._steps == 1:
            return name
        return f"{name}, frame {self._step}/{self._steps or '?'}"


def watching(sources: int) -> Watch:
    """Return a bar where somebody watches, else nothing."""
    return Bar(sources) if on_a_terminal() else NoBar()


class Fetching:
    """Tells of files that are being fetched: a bar for whoever watches, else one line for each file."""

    def __init__(self) -> None:
        self._bar = DownloadBar()
        self._said: set[str] = set()

    def __call__(self, done: int, total: int, what: str) -> None:
        """See `pinpoint.hub.download.Progress`."""
        self._bar(done, total, what)
        if not on_a_terminal() and what not in self._said:
            self._said.add(what)
            say(f"fetching {what}" + (f" ({total / 1e6:.1f} MB)" if total else ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(*error)


def _rich_bar(sources: int) -> "tuple[RichProgress, TaskID]":
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task("", total=sources)
