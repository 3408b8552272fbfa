"""Lines for people, on stderr."""

import logging

import typer

from pinpoint.io.errors import UnreadableError

__all__ = ["printable", "reason_of", "refuse", "say", "show_log"]


class _Echo(logging.Handler):
    """Looks stderr up for each line, so that lines go above a progress bar that took its place."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        say(prefix + record.getMessage())


def say(line: str) -> None:
    """Print one line on stderr."""
    typer.echo(line, err=True)


def show_log(*, verbose: bool) -> None:
    """Show the warnings of the library, and what it says of its choices if asked to."""
    log = logging.getLogger("pinpoint")
    if not any(isinstance(handler, _Echo) for handler in log.handlers):
        log.addHandler(_Echo())
    log.setLevel(logging.INFO if verbose else logging.WARNING)


def printable(name: str) -> str:
    """A file's name on one line, whatever is in it; quoted where that is nothing, so that it is seen."""
    return name if name and name.isprintable() else ascii(name)


def reason_of(error: Exception) -> str:
    """Why something failed, on one line, for messages that name it already."""
    return _one_line(error.reason) if isinstance(error, UnreadableError) else _message(error)


def refuse(error: Exception, status: int) -> int:
    """Say why nothing is done, and return the exit status."""
    say(f"error: {_message(error)}")
    return status


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return _one_line(str(error))


def _one_line(text: str) -> str:
    return " ".join(text.split())
