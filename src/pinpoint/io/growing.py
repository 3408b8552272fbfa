"""A JSON document that ends in a list and is valid after every item added to it."""

import json
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes
from pinpoint.io.plain import FORMAT

__all__ = ["GrowingList", "load_json", "read_text"]

log = logging.getLogger(__name__)

_LIST = "[\n{"
_OURS = f'{{"format": "{FORMAT}"'
_RECORDS = '"records": ['  # cannot occur inside a JSON string, where the quotes would be escaped
_BETWEEN = re.compile(r"[\s,]*")


class GrowingList:
    """Adds items to a list at the end of a JSON file, each on a line of its own.

    The closing brackets are written with every item and overwritten by the next, in one write to the system,
    so a killed run leaves a valid document or, if it died inside that write, one that `load_json` can mend.

    Args:
        file: Open for binary writing, empty.
        opening: All text up to the opening bracket of the list.
        closing: The text that closes the document.
    """

    def __init__(self, file: BinaryIO, opening: str, closing: str) -> None:
        self._file = file
        self._closing = f"\n{closing}\n".encode("ascii")
        self._between = "\n"
        self._file.write(opening.encode("ascii") + self._closing)
        self._file.flush()

    def extend(self, items: Iterable[str]) -> None:
        """Add items, each one line of ASCII JSON, in one write."""
        text = "".join(self._separated(item) for item in items)
        if text:
            self._file.seek(-len(self._closing), os.SEEK_END)
            self._file.write(text.encode("ascii") + self._closing)
            self._file.flush()

    def _separated(self, item: str) -> str:
        before, self._between = self._between, ",\n"
        return before + item


def load_json(path: Path) -> Any:
    """Read a JSON file. A torn last item of a file that `GrowingList` wrote is left out, with a warning.

    Raises:
        UnreadableError: The file is not JSON; the line is named.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        mended = _mended(text)
        if mended is None:
            raise UnreadableError(path, f"is not JSON, or damaged: {error}") from error
    log.warning("%s ends within a record; the %d whole records before it are read", path, mended.count("\n{"))
    return json.loads(mended)


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Raises:
        UnreadableError: The file is missing or empty, or its bytes are not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(path, f"is not text in UTF-8: {error.reason} at byte {error.start}") from error


def _mended(text: str) -> str | None:
    """Cut the document after its last whole item and close it; None if it broke before its tail."""
    if text.startswith(_LIST):
        start, closing = 1, "]"
    elif text.startswith(_OURS) and _RECORDS in text:
        start, closing = text.index(_RECORDS) + len(_RECORDS), "]}"
    else:
        return None
    end = _end_of_items(text, start)
    return text[:end] + closing if text.count("\n{", end) <= 1 else None


def _end_of_items(text: str, end: int) -> int:
    decoder = json.JSONDecoder()
    while True:
        begin = _BETWEEN.match(text, end).end()  # pyright: ignore[reportOptionalMemberAccess]
        try:
            _, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return end
