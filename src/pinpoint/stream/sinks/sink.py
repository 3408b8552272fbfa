"""What every sink is, and the message that those over a network send."""

from importlib import import_module
from types import ModuleType
from typing import Protocol

from pinpoint.io.plain import to_line, to_plain
from pinpoint.stream.seen import Seen, to_record

__all__ = ["PATIENCE", "Sink", "message", "needed"]

PATIENCE = 300.0
"""Seconds that a server may be away before a sink gives up."""


class Sink(Protocol):
    """Takes what was seen, frame by frame."""

    def write(self, seen: Seen) -> None:
        """Take the next frame.

        Raises:
            OSError: It cannot be written now: a disk is full, or nobody answers.
            ValueError: It can never be written, such as a skeleton that a file of another one cannot hold.
        """
        ...

    def close(self) -> None:
        """Finish. Harmless when closed already."""
        ...


def message(seen: Seen) -> str:
    """One frame as a line of JSON: a line of `pinpoint.io.jsonl`, with the skeleton's name and the age.

    `image` is the name of the stream. `pinpoint.io.plain.from_plain` reads it.
    """
    extras = {"skeleton": seen.keypoints.skeleton.name, "age": round(seen.age, 4)}
    return to_line(to_plain(to_record(seen)) | extras)


def needed(module: str, extra: str) -> ModuleType:
    """Import what an extra brings.

    Raises:
        ModuleNotFoundError: It is not installed; the message says how.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this needs the extra {extra!r}: pip install 'pinpoint-keypoints[{extra}]'", name=error.name
        ) from error
