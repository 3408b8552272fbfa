"""What the table of formats says of each: how its files are told, read and written, and what they hold."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.io.errors import UnreadableError
from pinpoint.io.growing import load_json
from pinpoint.io.records import Admission, Record, RecordWriter, as_records
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["Document", "Folder", "Format", "GatheringWriter", "write_all"]

Reader = Callable[[Path, Skeleton | None], list[Record]]


@dataclass(frozen=True)
class Document:
    """A format that is one JSON document.

    Args:
        recognises: Whether a parsed document is of this format. It may be anything that JSON can hold.
        records: Reads a parsed document; the path is for messages.
    """

    recognises: Callable[[Any], bool]
    records: Callable[[Path, Any, Skeleton | None], list[Record]]

    def read(self, path: Path, skeleton: Skeleton | None) -> list[Record]:
        """Parse a file and read it."""
        return self.records(path, load_json(path), skeleton)


@dataclass(frozen=True)
class Folder:
    """A format that is a folder of files.

    Args:
        recognises: Whether a folder is of this format.
        read: Reads a folder.
    """

    recognises: Callable[[Path], bool]
    read: Reader


@dataclass(frozen=True)
class Format:
    """One way of writing keypoints down.

    Args:
        holds: The fields of `Keypoints` that come back from it.
        writer: Opens a file, or a folder, to write records into; none where it is only read.
        keeps: What comes back of a record beside these: members of `records.EXTRAS`.
        suffixes: File name endings that mean it, in small letters.
        file: Reads a file, unless it is a JSON document.
        recognises: Whether the first bytes of a file with this suffix are of this format; none where every
            such file is. Those who look come before those who do not.
        document: How it is told and read where it is a JSON document.
        folder: How it is told and read where it is, or may be, a folder.
        streams: Whether every record is in the file as soon as it is written, so that a run that is killed
            leaves what it had. What models find is written in these formats.
    """

    holds: frozenset[str]
    writer: Callable[[Path, Skeleton | None], RecordWriter] | None = None
    keeps: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    file: Reader | None = None
    recognises: Callable[[bytes], bool] | None = None
    document: Document | None = None
    folder: Folder | None = None
    streams: bool = False

    def read(self, path: Path, skeleton: Skeleton | None = None) -> list[Record]:
        """Read a file or a folder of this format.

        Raises:
            UnreadableError: It is damaged or of another form, or a folder where a file is expected.
        """
        reader = self._reader(path)
        if reader is None:
            kinds = ("a folder", "a file") if path.is_dir() else ("a file", "a folder")
            raise UnreadableError(path, f"it is {kinds[0]}, but this format is {kinds[1]}")
        return reader(path, skeleton)

    def _reader(self, path: Path) -> Reader | None:
        if path.is_dir():
            return None if self.folder is None else self.folder.read
        return self.file if self.document is None else self.document.read


class GatheringWriter(RecordWriter):
    """Gathers records and writes the file when it is closed, for formats that must know all of them first.

    Args:
        admit: Looks at every record as it comes.
        finish: Writes all of them.
    """

    def __init__(self, admit: Admission, finish: Callable[[list[Record]], None]) -> None:
        self._admit = admit
        self._finish = finish
        self._records: list[Record] = []
        self._closed = False

    def write(self, record: Record) -> None:
        """Take one record.

        Raises:
            ValueError: Its skeleton is not that of the file, or a number is infinite.
        """
        self._admit(record)
        self._records.append(record)

    def close(self) -> None:
        """Write the file."""
        if not self._closed:
            self._closed = True
            self._finish(self._records)


def write_all(writer: RecordWriter, records: Keypoints | Iterable[Keypoints | Record]) -> None:
    """Write records one by one and finish the file."""
    with writer:
        for record in as_records(records):
            writer.write(record)
