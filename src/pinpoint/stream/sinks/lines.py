"""Results as lines of JSON in a file."""

from pathlib import Path

from pinpoint.io.jsonl import JsonlWriter
from pinpoint.skeletons import Skeleton
from pinpoint.stream.seen import Seen, to_record

__all__ = ["JsonlSink"]


class JsonlSink:
    """Writes one line for each frame, at once; `image` is the name of its stream.

    A killed run leaves every whole line.

    Args:
        path: The file.
        skeleton: The skeleton of all streams, or none to take the first frame's.
        append: Continue the file if it exists, after a restart; a torn last line is cut off. If not, it is
            replaced.

    Raises:
        ValueError: The file to continue holds another skeleton.
        UnreadableError: The file to continue is not of this form.
        OSError: It cannot be written.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None, *, append: bool = True) -> None:
        self._writer = JsonlWriter(path, skeleton, append=append)

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        self._writer.write(to_record(seen))

    def close(self) -> None:
        """See `Sink`."""
        self._writer.close()
