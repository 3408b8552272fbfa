"""Results as records in a file, of any format that pinpoint writes."""

from pathlib import Path
from typing import BinaryIO

from pinpoint.io.jsonl import JsonlWriter
from pinpoint.io.records import RecordWriter
from pinpoint.skeletons import Skeleton
from pinpoint.stream.seen import Seen, to_record

__all__ = ["JsonlSink", "RecordSink"]


class RecordSink:
    """Writes one record for each frame; `image` is the name of its stream.

    Args:
        writer: What writes them, such as `pinpoint.open_writer("seen.csv")`; it is closed with the sink.
    """

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer

    def write(self, seen: Seen) -> None:
        """See `Sink`."""
        self._writer.write(to_record(seen))

    def close(self) -> None:
        """See `Sink`."""
        self._writer.close()


class JsonlSink(RecordSink):
    """Writes one line for each frame, at once. A killed run leaves every whole line.

    Args:
        target: The file, or a binary stream such as `sys.stdout.buffer`, which is not closed.
        skeleton: The skeleton of all streams, or none to take the first frame's.
        append: Continue the file if it exists, after a restart; a torn last line is cut off. If not, it is
            replaced.

    Raises:
        ValueError: The file to continue holds another skeleton.
        UnreadableError: The file to continue is not of this form.
        OSError: It cannot be written.
    """

    def __init__(
        self, target: str | Path | BinaryIO, skeleton: Skeleton | None = None, *, append: bool = True
    ) -> None:
        super().__init__(JsonlWriter(target, skeleton, append=append))
