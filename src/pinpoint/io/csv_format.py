"""CSV: one row for each instance, as a spreadsheet or pandas wants it.

The columns are `image`, `width`, `height`, `index`, `seconds`, `instance`, `label`, `track_id`, `box_x1`,
`box_y1`, `box_x2`, `box_y2`, `score` (that of the box) and `area`; then for each keypoint `nose_x`, `nose_y`,
`nose_score`, where given `nose_visible` (1 or 0) and `nose_x_m`, `nose_y_m`, `nose_z_m` (metres); last the
name of the `skeleton`. An empty cell is missing, and a field whose cells are empty in all instances of an
image reads as not given. An image without instances is one row with an empty `instance`. Numbers have the
decimals of `plain`. Of a skeleton of one's own, only the name and the names of the keypoints are held.
"""

import csv
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes
from pinpoint.io.grouping import consecutive
from pinpoint.io.known import skeleton_by_names
from pinpoint.io.plain import blame, to_plain
from pinpoint.io.records import FIELDS, Admission, Record, RecordWriter
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton_names, swaps_by_name
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "KEEPS", "CsvWriter", "read_csv"]

log = logging.getLogger(__name__)

HOLDS = frozenset(FIELDS)
KEEPS = frozenset({"seconds"})

Row = dict[str, Any]

_OF_IMAGE = ("image", "width", "height", "index", "seconds", "instance")
_OF_INSTANCE = {
    "labels": ("label",),
    "track_ids": ("track_id",),
    "boxes": ("box_x1", "box_y1", "box_x2", "box_y2"),
    "box_scores": ("score",),
    "areas": ("area",),
}
_OF_KEYPOINT = {
    "xy": ("_x", "_y"),
    "scores": ("_score",),
    "visible": ("_visible",),
    "xyz": ("_x_m", "_y_m", "_z_m"),
}
_ALWAYS = ("xy", "scores")
_UTF8 = ("utf-8", "surrogateescape")  # any file name comes through


class CsvWriter(RecordWriter):
    """Writes one row for each instance; the rows of a record are one write to the system.

    A killed run leaves whole rows, of which the last record may lack some.

    `visible` and `xyz` get columns when the first record brings them, at the price of one pass over the file.

    Args:
        path: The file, replaced if it exists.
        skeleton: The skeleton of all records, or none to take the first record's.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        self._admit = Admission(HOLDS, "CSV", skeleton, keeps=KEEPS)
        self._path = Path(path)
        self._file = self._path.open("wb")
        self._optional: tuple[str, ...] = ()
        self._headed = False

    def write(self, record: Record) -> None:
        """Add the rows of one record.

        Raises:
            ValueError: Its skeleton is not that of the file, or a number is infinite.
        """
        kps = self._admit(record)
        self._begin()
        if new := [
            field for field in ("visible", "xyz") if _brings(kps, field) and field not in self._optional
        ]:
            self._widen((*self._optional, *new))
        self._put(_rows(record))

    def close(self) -> None:
        """Finish the file."""
        if not self._file.closed:
            with self._file:  # a disk that is full leaves none open
                self._begin()

    @property
    def _columns(self) -> list[str]:
        return _columns(self._admit.skeleton, (*_ALWAYS, *self._optional))

    def _begin(self) -> None:
        if not self._headed:
            _say_what_is_lost(self._admit.skeleton)
            self._put([{column: column for column in self._columns}])
            self._headed = True

    def _put(self, rows: Iterable[Row]) -> None:
        text = io.StringIO(newline="")
        csv.DictWriter(text, self._columns, restval="").writerows(rows)
        self._file.write(text.getvalue().encode(*_UTF8))
        self._file.flush()

    def _widen(self, optional: tuple[str, ...]) -> None:
        """Copy the file with more columns under another name, put it in place, and go on at its end."""
        self._file.close()
        self._optional = optional
        wider = self._path.with_name(f".{self._path.name}.widening")
        with _text(self._path, "r") as old, _text(wider, "w") as new:
            writer = csv.DictWriter(new, self._columns, restval="")
            writer.writeheader()
            writer.writerows(csv.DictReader(old))
        wider.replace(self._path)
        self._file = self._path.open("ab")


def read_csv(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a CSV file of these columns, in any order; columns of other names are passed over.

    A torn last row, as a killed run may leave, is left out with a warning.

    Args:
        path: The file.
        skeleton: What the keypoints are, or none to take the one of this package that the columns name or,
            failing that, to make one of the names alone.

    Raises:
        UnreadableError: A column is missing or a cell is not what it should be; the line is named.
        ValueError: The skeleton has other keypoints than the columns.
    """
    path = Path(path)
    rows = _numbered_rows(path)
    if not rows:
        return []
    names = tuple(_keypoint_names(rows[0][1]))
    kind = _skeleton_of(path, names, rows[0][1].get("skeleton", ""), skeleton)
    groups = consecutive(rows, lambda row: (row[1]["image"], row[1]["index"]), lambda row: row[1]["instance"])
    return [_record(path, group, kind) for group in groups]


def _text(path: Path, mode: Literal["r", "w"]) -> TextIO:
    encoding, errors = _UTF8
    return path.open(mode, encoding=encoding, errors=errors, newline="")


def _columns(skeleton: Skeleton | None, fields: Iterable[str]) -> list[str]:
    suffixes = [suffix for field in fields for suffix in _OF_KEYPOINT[field]]
    fixed = [*_OF_IMAGE, *(column for columns in _OF_INSTANCE.values() for column in columns)]
    names = () if skeleton is None else skeleton.keypoints
    return [*fixed, *(name + suffix for name in names for suffix in suffixes), "skeleton"]


def _brings(kps: Keypoints, field: str) -> bool:
    return len(kps) > 0 and getattr(kps, field) is not None


def _rows(record: Record) -> Iterator[Row]:
    kps, plain = record.keypoints, to_plain(record)
    width, height = record.size or ("", "")
    shared = {
        "image": record.image,
        "width": width,
        "height": height,
        "index": plain["index"],
        "seconds": plain["seconds"],
        "skeleton": kps.skeleton.name,
    }
    if not len(kps):
        yield shared
    for row in range(len(kps)):
        yield (
            shared
            | {"instance": row}
            | _instance_cells(plain, row)
            | _keypoint_cells(plain, row, kps.skeleton)
        )


def _instance_cells(plain: Row, row: int) -> Row:
    given = {field: columns for field, columns in _OF_INSTANCE.items() if field in plain}
    return {
        column: cell
        for field, columns in given.items()
        for column, cell in zip(columns, _flat(plain[field][row]), strict=True)
    }


def _keypoint_cells(plain: Row, row: int, skeleton: Skeleton) -> Row:
    given = {field: suffixes for field, suffixes in _OF_KEYPOINT.items() if field in plain}
    return {
        name + suffix: int(cell) if field == "visible" else cell
        for field, suffixes in given.items()
        for name, cells in zip(skeleton.keypoints, plain[field][row], strict=True)
        for suffix, cell in zip(suffixes, _flat(cells), strict=True)
    }


def _flat(cells: Any) -> list[Any]:
    return cells if isinstance(cells, list) else [cells]


def _say_what_is_lost(skeleton: Skeleton | None) -> None:
    if skeleton is not None and skeleton != _by_names(skeleton.keypoints, skeleton.name):
        log.warning("CSV cannot hold the edges, sigmas and parts of %r; pass skeleton= on reading", skeleton)


def _by_names(names: tuple[str, ...], name: str) -> Skeleton:
    """Return the skeleton of this package that is meant, or one made of the names alone."""
    if name in skeleton_names() and sorted(shipped(name).keypoints) == sorted(names):
        return shipped(name)
    same = None if name else skeleton_by_names(names)
    return Skeleton(name or "keypoints", names, swaps=swaps_by_name(names)) if same is None else same


def _skeleton_of(path: Path, names: tuple[str, ...], name: str, given: Skeleton | None) -> Skeleton:
    if given is None:
        with blame(path, "the header"):
            return _by_names(names, name)
    if sorted(given.keypoints) != sorted(names):
        raise ValueError(f"{path} has the keypoints {list(names)}, which are not those of {given!r}")
    return given


def _numbered_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows by column name with their line numbers, without a torn last one."""
    text = read_bytes(path).decode("utf-8-sig", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise UnreadableError(path, f"is damaged: line {reader.line_num}: {error}") from error
    header, rows = (lines[0][1], lines[1:]) if lines else ([], [])
    with blame(path, "the header"):
        _check_columns(header)
    if rows and not text.endswith(("\r", "\n")) and _is_torn(rows[-1][1], rows[0][1], header):
        log.warning("%s ends within line %d, which is left out", path, rows.pop()[0])
    return [(line, _named(path, line, header, cells)) for line, cells in rows]


def _is_torn(last: Sequence[str], first: Sequence[str], header: Sequence[str]) -> bool:
    """The name of the skeleton ends every row, so that a row without its end shows."""
    return len(last) < len(header) or (header[-1] == "skeleton" and last[-1] != first[-1])


def _named(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise UnreadableError(
            path, f"is damaged: line {line} has {len(cells)} cells, the header {len(header)}"
        )
    return dict(zip(header, cells, strict=True))


def _check_columns(columns: Sequence[str]) -> None:
    needed = [*_OF_IMAGE, *(f"{name}_score" for name in _keypoint_names(columns))]
    if missing := [column for column in needed if column not in columns]:
        raise ValueError(f"there is no column {missing}; the first ones are {list(columns)[:8]}")


def _keypoint_names(columns: Iterable[str]) -> list[str]:
    columns = list(columns)
    return [name for column in columns if column.endswith("_x") and f"{(name := column[:-2])}_y" in columns]


def _record(path: Path, rows: Sequence[tuple[int, dict[str, str]]], skeleton: Skeleton) -> Record:
    first_line, first = rows[0]
    cells = [row for _, row in rows] if first["instance"] else []
    with blame(path, f"line {first_line}" if len(rows) == 1 else f"lines {first_line} to {rows[-1][0]}"):
        return Record(
            _keypoints(cells, skeleton),
            image=first["image"],
            size=(_whole(first["width"]), _whole(first["height"])) if first["width"] else None,
            index=_whole(first["index"]),
            seconds=float(first["seconds"]) if first["seconds"] else None,
        )


def _keypoints(rows: Sequence[dict[str, str]], skeleton: Skeleton) -> Keypoints:
    n, k = len(rows), len(skeleton)
    arrays: dict[str, Any] = {"xy": np.zeros((n, k, 2)), "scores": np.zeros((n, k))}
    for field, suffixes in _OF_KEYPOINT.items():
        columns = [name + suffix for name in skeleton.keypoints for suffix in suffixes]
        shape = (n, k, len(suffixes)) if len(suffixes) > 1 else (n, k)
        if field in _ALWAYS or _any_filled(rows, columns):
            arrays[field] = np.reshape(_cells(rows, columns, _CELL[field]), shape)
    for field, columns in _OF_INSTANCE.items():
        if _any_filled(rows, columns):
            shape = (n, len(columns)) if len(columns) > 1 else n
            arrays[field] = np.reshape(_cells(rows, columns, _CELL[field]), shape)
    return Keypoints(skeleton=skeleton, **arrays)


def _any_filled(rows: Sequence[dict[str, str]], columns: Sequence[str]) -> bool:
    return any(row.get(column) for row in rows for column in columns)


def _cells(rows: Sequence[dict[str, str]], columns: Sequence[str], parse: Callable[[str], Any]) -> list[Any]:
    return [parse(row.get(column, "")) for row in rows for column in columns]


def _number(cell: str) -> float:
    return float(cell) if cell else np.nan


def _whole(cell: str) -> int:
    return (
        int(cell) if cell.lstrip("-").isdigit() else int(float(cell))
    )  # pandas makes 3.0 of 3 beside an empty cell


def _track_id(cell: str) -> int:
    return _whole(cell) if cell else -1


def _is_visible(cell: str) -> bool:
    return cell.lower() not in ("0", "0.0", "false")


_CELL: dict[str, Callable[[str], Any]] = {
    "xy": _number,
    "scores": _number,
    "visible": _is_visible,
    "xyz": _number,
    "boxes": _number,
    "box_scores": _number,
    "areas": _number,
    "track_ids": _track_id,
    "labels": str,
}
