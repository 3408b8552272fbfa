"""DeepLabCut: tables of one row for each image, labelled (`CollectedData_*`) or predicted, as CSV or HDF5.

https://deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html

The columns have the levels scorer, individuals (with several animals), bodyparts and coords (x, y and, where
predicted, likelihood); the rows are `labeled-data/<video>/<image>` or the frame's number. DeepLabCut counts
pixels from the centre of the first one, as Pinpoint does. CSV has pixels to 3 decimals and scores to 4, HDF5
is exact.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.geometry import Float
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import read_text
from pinpoint.io.plain import blame, rounded
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.io.shapes import say_lost, skeleton_named
from pinpoint.io.sources import PICTURE_SUFFIXES
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = [
    "HDF5_SUFFIXES",
    "HOLDS",
    "Table",
    "deeplabcut_writer",
    "is_deeplabcut",
    "read_deeplabcut",
    "write_deeplabcut",
]

HOLDS = frozenset({"xy", "scores"})
HDF5_SUFFIXES = (".h5", ".hdf5")

_SCORER = "pinpoint"
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_ALONE = "individual1"
_COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True, eq=False)
class Table:
    """What both kinds of files hold.

    Args:
        levels: Names of the levels of the columns: those of `_LEVELS`, with or without `individuals`.
        columns: The words of each column, one for each level.
        rows: Parts of the path of each image, or the number of the frame alone.
        values: Shape (rows, columns), NaN where a cell is empty.
    """

    levels: Sequence[str]
    columns: Sequence[tuple[str, ...]]
    rows: Sequence[tuple[str, ...]]
    values: Float


def read_deeplabcut(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a table of labels or predictions; HDF5 is told by the suffix `.h5`.

    An animal without any point in a row is not there. With several animals, `instance_ids` are their names.
    The group of an image is its folder, that is its video. Frames of a video are numbered, and the video has
    the name of the file up to `DLC`.

    Args:
        path: The file.
        skeleton: What the keypoints are, or none to go by the names of the bodyparts.

    Returns:
        One record for each row.

    Raises:
        UnreadableError: The file is damaged or of another form.
        ImportError: It is HDF5, and h5py is not installed.
    """
    path = Path(path)
    if path.suffix.lower() in HDF5_SUFFIXES:
        from pinpoint.io.deeplabcut_h5 import read_table

        table = read_table(path)
    else:
        table = _read_csv(path)
    with blame(path, "its columns"):
        return _records(path, table, skeleton)


def is_deeplabcut(head: bytes) -> bool:
    """Whether the first bytes of a CSV or HDF5 file may be DeepLabCut's."""
    return head.startswith((b"scorer,", b"\xef\xbb\xbfscorer,", b"\x89HDF\r\n\x1a\n"))


def write_deeplabcut(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write a table, by its suffix as CSV or HDF5.

    Where no image has several instances, and none is named by a word, the table is that of a single animal;
    else instances without such a name are `individual1` and so on. Likelihoods are written where there are
    scores other than those of labels. Instances without a point are lost.

    Args:
        path: The file.
        records: Images named `labeled-data/<video>/<image>` get the rows that DeepLabCut expects.
        skeleton: The skeleton of all records, or none to take the first record's.

    Raises:
        ValueError: The records have several skeletons, a number is infinite, or two instances of an image
            have the same name.
        ImportError: It is HDF5, and h5py is not installed.
    """
    write_all(deeplabcut_writer(Path(path), skeleton), records)


def deeplabcut_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a file to write records into, as `write_deeplabcut` does."""
    admit = _Admission(HOLDS, "DeepLabCut's table", skeleton)
    return GatheringWriter(admit, lambda records: _write(path, _table(records, admit.skeleton)))


class _Admission(Admission):
    """Knows that ids which are words are kept, and groups which are the folder of the image."""

    def __call__(self, record: Record) -> Keypoints:
        ids = () if _is_named(record) else record.instance_ids
        group = "" if record.group == Path(record.image).parent.name else record.group
        return super().__call__(replace(record, instance_ids=ids, group=group))


def _write(path: Path, table: Table) -> None:
    if path.suffix.lower() in HDF5_SUFFIXES:
        from pinpoint.io.deeplabcut_h5 import write_table

        write_table(path, table)
    else:
        _write_csv(path, table)


def _read_csv(path: Path) -> Table:
    lines = [cells for cells in csv.reader(io.StringIO(read_text(path), newline="")) if cells]
    head = [cells for cells in lines[:4] if cells[0] in _LEVELS]
    levels = [cells[0] for cells in head]
    if levels not in (["scorer", "bodyparts", "coords"], list(_LEVELS)):
        raise UnreadableError(path, f"is no table of DeepLabCut: its first lines begin with {levels}")
    depth = next((at for at, cell in enumerate(head[0]) if at and cell), len(head[0]))
    rows: list[tuple[str, ...]] = []
    values: list[list[float]] = []
    for number, cells in enumerate(lines[len(head) :], len(head) + 1):
        with blame(path, f"line {number}"):
            if len(cells) != len(head[0]):
                raise ValueError(f"it has {len(cells)} cells, the header {len(head[0])}")
            rows.append(tuple(cells[:depth]))
            values.append([float(cell) if cell else math.nan for cell in cells[depth:]])
    columns = list(zip(*(cells[depth:] for cells in head), strict=True))
    cells = np.array(values, dtype=np.float64).reshape(len(rows), len(columns))
    return Table(levels, columns, rows, cells)


def _write_csv(path: Path, table: Table) -> None:
    depth = len(table.rows[0]) if table.rows else 1
    is_score = np.array([column[-1] == "likelihood" for column in table.columns], dtype=np.bool_)
    values = np.where(is_score, rounded("scores", table.values), rounded("xy", table.values)).tolist()
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for at, level in enumerate(table.levels):
            writer.writerow([level, *[""] * (depth - 1), *(column[at] for column in table.columns)])
        for row, cells in zip(table.rows, values, strict=True):
            writer.writerow([*row, *("" if math.isnan(cell) else repr(cell) for cell in cells)])


def _records(path: Path, table: Table, skeleton: Skeleton | None) -> list[Record]:
    named = [dict(zip(table.levels, column, strict=True)) for column in table.columns]
    animals = list(dict.fromkeys(column.get("individuals", "") for column in named))
    parts = tuple(dict.fromkeys(column["bodyparts"] for column in named))
    kind = skeleton_named(parts) if skeleton is None else skeleton
    if unknown := [part for part in parts if part not in kind]:
        raise ValueError(f"keypoints {unknown} are none of {kind!r}")
    if odd := sorted({column["coords"] for column in named} - set(_COORDS)):
        raise ValueError(f"coords are {', '.join(odd)}, expected x, y and likelihood")
    cells = np.full((len(table.rows), len(animals), len(kind), 3), np.nan)
    scored = False
    for at, column in enumerate(named):
        animal, part = animals.index(column.get("individuals", "")), kind.index(column["bodyparts"])
        cells[:, animal, part, _COORDS.index(column["coords"])] = table.values[:, at]
        scored = scored or column["coords"] == "likelihood"
    ids = animals if "individuals" in table.levels else []
    return [
        replace(_row(path, number, row, kind), **_found(cells[number], ids, kind, scored))
        for number, row in enumerate(table.rows)
    ]


def _row(path: Path, number: int, row: tuple[str, ...], kind: Skeleton) -> Record:
    """The image of a row: its path, or the number of a frame of the video that the file is named by."""
    nothing = Keypoints.empty(kind)
    if len(row) == 1 and row[0].isdecimal():
        return Record(nothing, path.stem.split("DLC")[0].rstrip("_-"), index=int(row[0]))
    image = "/".join(row).replace("\\", "/")
    return Record(nothing, image, index=number, group=Path(image).parent.name)


def _found(cells: Float, ids: Sequence[str], kind: Skeleton, scored: bool) -> dict[str, Any]:
    """Keypoints and names of the animals of one row; cells are x y likelihood of each, shape (A, K, 3)."""
    there = np.asarray(np.isfinite(cells[..., :2]).all(axis=2))
    kept = np.flatnonzero(there.any(axis=1))
    xy = np.where(there[..., None], cells[..., :2], np.nan)[kept]
    scores = (np.nan_to_num(cells[..., 2]) if scored else there.astype(np.float64))[kept]
    names = tuple(ids[animal] for animal in kept.tolist()) if ids else ()
    return {"keypoints": Keypoints(xy, scores, kind), "instance_ids": names}


def _table(records: Sequence[Record], kind: Skeleton | None) -> Table:
    say_lost(records, "DeepLabCut's table", boxes=False)
    names = [_names(record) for record in records]
    several = any(row not in ([], [_ALONE]) for row in names)
    animals = list(dict.fromkeys(name for row in names for name in row)) if several else [""]
    scored = any((r.keypoints.scores != np.isfinite(r.keypoints.xy).all(axis=2)).any() for r in records)
    coords = _COORDS if scored else _COORDS[:2]
    parts = () if kind is None else kind.keypoints
    cells = np.full((len(records), len(animals), len(parts), len(coords)), np.nan)
    for number, record in enumerate(records):
        columns = [animals.index(name) if several else 0 for name in names[number]]
        points = [record.keypoints.xy, record.keypoints.scores[..., None]]
        cells[number, columns] = np.concatenate(points[: len(coords) - 1], axis=2)
    levels = _LEVELS if several else tuple(level for level in _LEVELS if level != "individuals")
    columns = [
        tuple(word for word in (_SCORER, animal, part, coord) if word or several)
        for animal in animals
        for part in parts
        for coord in coords
    ]
    return Table(levels, columns, _rows(records), cells.reshape(len(records), len(columns)))


def _names(record: Record) -> list[str]:
    """Words that name the instances are kept; numbers are ids of one image alone."""
    ids = record.instance_ids
    if _is_named(record):
        if len(set(ids)) < len(ids):
            raise ValueError(f"instances of image {record.image!r} have the same name: {list(ids)}")
        return [str(id) for id in ids]
    return [f"individual{row + 1}" for row in range(len(record.keypoints))]


def _is_named(record: Record) -> bool:
    ids = record.instance_ids
    return bool(ids) and all(isinstance(id, str) for id in ids)


def _rows(records: Sequence[Record]) -> list[tuple[str, ...]]:
    images = {record.image for record in records}
    if len(images) == 1 and Path(next(iter(images))).suffix.lower() not in PICTURE_SUFFIXES:
        return [(str(record.index),) for record in records]
    parts = [tuple(record.image.split("/")) for record in records]
    return parts if {len(row) for row in parts} == {3} else [("/".join(row),) for row in parts]
