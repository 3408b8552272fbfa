"""JSON: one document with the skeleton and every record, valid after each of them.

    {"format": "pinpoint-keypoints", "version": 1, "pinpoint": "0.1.0", "skeleton": {...}, "records": [
    {"image": "a.jpg", "size": [640, 480], "index": 0, "seconds": null, "xy": [[[x, y], ...]], "scores": ...},
    ...
    ]}

Holds every field of `Keypoints`, to the decimals of `plain`, and the skeleton in full.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinpoint.io.growing import GrowingList, load_json
from pinpoint.io.plain import blame, from_plain, header, skeleton_of_header, to_line, to_plain
from pinpoint.io.records import EXTRAS, FIELDS, Admission, Record, RecordWriter
from pinpoint.skeletons import Skeleton

__all__ = ["HOLDS", "JsonWriter", "read_json", "records_of_document"]

HOLDS = frozenset(FIELDS)


class JsonWriter(RecordWriter):
    """Writes one JSON document that is valid after every record.

    Args:
        path: The file, replaced if it exists.
        skeleton: The skeleton of all records, or none to take the first record's.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        self._admit = Admission(HOLDS, "JSON", skeleton, keeps=EXTRAS)
        self._file = Path(path).open("wb")  # noqa: SIM115 closed by `close`
        self._list: GrowingList | None = None

    def write(self, record: Record) -> None:
        """Add one record.

        Raises:
            ValueError: Its skeleton is not that of the file, or a number is infinite.
        """
        self._admit(record)
        self._begun().extend([to_line(to_plain(record))])

    def close(self) -> None:
        """Finish the file; one without records is valid too."""
        if not self._file.closed:
            with self._file:  # a disk that is full leaves none open
                self._begun()

    def _begun(self) -> GrowingList:
        if self._list is None:
            opening = to_line(header(self._admit.skeleton))[:-1] + ', "records": ['
            self._list = GrowingList(self._file, opening, "]}")
        return self._list


def read_json(path: str | Path) -> list[Record]:
    """Read a file that `JsonWriter` wrote. A torn last record is left out, with a warning.

    Raises:
        UnreadableError: The file is damaged or of another form.
    """
    return records_of_document(Path(path), load_json(Path(path)))


def records_of_document(path: Path, document: Mapping[str, Any]) -> list[Record]:
    """Read a parsed document; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be.
    """
    with blame(path, "the header"):
        skeleton = skeleton_of_header(document)
        plains = list(document["records"])
    if skeleton is None:
        return []
    records: list[Record] = []
    for number, plain in enumerate(plains, 1):
        with blame(path, f"record {number}"):
            records.append(from_plain(plain, skeleton))
    return records
