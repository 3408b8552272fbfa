"""Parquet: a table with one row for each instance, exact, typed and small (extra `data`).

The columns are `image`, `width`, `height`, `index`, `seconds`, `id`, `split`, `group`, `crowds`,
`crowd_areas`, `instance`, `instance_id` and the fields of `Keypoints` under their own names, as lists of
fixed length (`xy` is x0, y0, x1, y1, ...). Null is a field that was not given, NaN a missing keypoint;
numbers are exact. Ids are JSON, so that 7 and "7" differ. An image without instances is one row with a null
`instance`. The metadata of the schema holds under `pinpoint-keypoints` the version and the skeleton in
full, as in the other formats, and as `schema` the version of these columns: 2, or 1 where it lacks, which
had no ids, splits, groups and crowds.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pinpoint.io.errors import UnreadableError
from pinpoint.io.grouping import consecutive
from pinpoint.io.plain import FORMAT, blame, header, skeleton_of_header, to_line
from pinpoint.io.records import EXTRAS, FIELDS, Admission, Record, RecordWriter, row_shape
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["HOLDS", "KEEPS", "ParquetWriter", "read_parquet"]

HOLDS = frozenset(FIELDS)
KEEPS = frozenset(EXTRAS)
SCHEMA = 2

_ROWS_IN_GROUP = 4096
_KIND = {"visible": "bool_", "track_ids": "int64", "labels": "string"}  # the others are float64


class ParquetWriter(RecordWriter):
    """Writes row groups under a temporary name beside the file and gives it its name on closing.

    A killed run leaves no file; for runs that may be killed, write JSON Lines.

    Args:
        path: The file, replaced on closing if it exists.
        skeleton: The skeleton of all records, or none to take the first record's.

    Raises:
        ImportError: pyarrow is not installed.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        self._arrow, self._parquet = _arrow()
        self._admit = Admission(HOLDS, "Parquet", skeleton, keeps=KEEPS)
        self._path = Path(path)
        self._partial = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        self._file = self._partial.open("wb")
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []

    def write(self, record: Record) -> None:
        """Add the rows of one record.

        Raises:
            ValueError: Its skeleton is not that of the file, or a number is infinite.
        """
        self._admit(record)
        self._rows.extend(_rows(record))
        if len(self._rows) >= _ROWS_IN_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left and give the file its name."""
        if self._file.closed:
            return
        self._flush()
        self._writer.close()
        self._file.close()
        self._partial.replace(self._path)

    def _flush(self) -> None:
        if self._writer is None:
            schema = _schema(self._arrow, self._admit.skeleton)
            self._writer = self._parquet.ParquetWriter(self._file, schema)
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._writer.schema))
        self._rows = []


def read_parquet(path: str | Path) -> list[Record]:
    """Read a file that `ParquetWriter` wrote.

    Raises:
        UnreadableError: The file is damaged, of another form or of a newer version.
        ImportError: pyarrow is not installed.
    """
    path = Path(path)
    arrow, parquet = _arrow()
    with path.open("rb") as file, blame(path, "the table"):
        try:
            table = parquet.read_table(file)
        except (arrow.ArrowException, OSError) as error:
            raise UnreadableError(path, f"is not a whole Parquet file: {error}") from error
        skeleton = _skeleton_of(path, table.schema.metadata or {})
        if skeleton is None:
            return []
        rows = table.to_pylist()
        groups = consecutive(rows, lambda row: (row["image"], row["index"]), lambda row: row["instance"])
        return [_record(group, skeleton) for group in groups]


def _arrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Parquet needs one more package: pip install pyarrow") from error
    return pyarrow, pyarrow.parquet


def _schema(arrow: ModuleType, skeleton: Skeleton | None) -> Any:
    columns = [
        ("image", arrow.string()),
        ("width", arrow.int32()),
        ("height", arrow.int32()),
        ("index", arrow.int64()),
        ("seconds", arrow.float64()),
        ("id", arrow.string()),
        ("split", arrow.string()),
        ("group", arrow.string()),
        ("crowds", arrow.list_(arrow.float64())),
        ("crowd_areas", arrow.list_(arrow.float64())),
        ("instance", arrow.int32()),
        ("instance_id", arrow.string()),
    ]
    k = 0 if skeleton is None else len(skeleton)
    for field in _fields(k):
        kind = getattr(arrow, _KIND.get(field, "float64"))()
        shape = row_shape(field, k)
        columns.append((field, arrow.list_(kind, int(np.prod(shape))) if shape else kind))
    return arrow.schema(columns, metadata={FORMAT: to_line(header(skeleton) | {"schema": SCHEMA})})


def _fields(k: int) -> list[str]:
    """Arrow has no lists of length 0, so a skeleton without keypoints has no columns for them."""
    return [field for field in FIELDS if 0 not in row_shape(field, k)]


def _rows(record: Record) -> Iterator[dict[str, Any]]:
    kps = record.keypoints
    width, height = record.size or (None, None)
    shared = {
        "image": record.image.encode("utf-8", "backslashreplace").decode("utf-8"),
        "width": width,
        "height": height,
        "index": record.index,
        "seconds": record.seconds,
        "id": _id_text(record.id),
        "split": record.split or None,
        "group": record.group or None,
        "crowds": record.crowds.ravel().tolist() if len(record.crowds) else None,
        "crowd_areas": None if record.crowd_areas is None else record.crowd_areas.tolist(),
    }
    if not len(kps):
        yield shared
    arrays = {field: array for field, array in kps.arrays().items() if field in _fields(len(kps.skeleton))}
    for row in range(len(kps)):
        called = {"instance_id": _id_text(record.instance_ids[row])} if record.instance_ids else {}
        yield (
            shared
            | {"instance": row}
            | called
            | {field: _cell(array[row]) for field, array in arrays.items()}
        )


def _id_text(id: int | str | None) -> str | None:
    return None if id is None else json.dumps(id if isinstance(id, str) else int(id))


def _cell(value: Any) -> Any:
    return value.ravel().tolist() if np.ndim(value) else value.item()


def _skeleton_of(path: Path, metadata: Mapping[bytes, bytes]) -> Skeleton | None:
    if FORMAT.encode() not in metadata:
        raise UnreadableError(path, f"has no metadata {FORMAT!r}: it was not written by pinpoint")
    with blame(path, "the metadata"):
        said = json.loads(metadata[FORMAT.encode()])
        if (schema := said.get("schema", 1)) > SCHEMA:
            raise UnreadableError(
                path,
                f"its columns are of version {schema}, and this pinpoint reads up to {SCHEMA}: update it",
            )
        return skeleton_of_header(said)


def _record(rows: Sequence[Mapping[str, Any]], skeleton: Skeleton) -> Record:
    first = rows[0]
    instances = rows if first["instance"] is not None else []
    return Record(
        _keypoints(instances, skeleton),
        image=first["image"],
        size=(first["width"], first["height"]) if first["width"] is not None else None,
        index=first["index"],
        seconds=first["seconds"],
        id=_id_of(first.get("id")),
        instance_ids=tuple(id for row in instances if (id := _id_of(row.get("instance_id"))) is not None),
        crowds=np.reshape(first.get("crowds") or [], (-1, 4)).astype(np.float64),
        crowd_areas=None if first.get("crowd_areas") is None else np.array(first["crowd_areas"], np.float64),
        split=first.get("split") or "",
        group=first.get("group") or "",
    )


def _id_of(text: str | None) -> int | str | None:
    return None if text is None else json.loads(text)


def _keypoints(rows: Sequence[Mapping[str, Any]], skeleton: Skeleton) -> Keypoints:
    n, k = len(rows), len(skeleton)
    arrays: dict[str, Any] = {"xy": np.zeros((n, k, 2)), "scores": np.zeros((n, k))}
    for field in _fields(k):
        if n and rows[0][field] is not None:
            arrays[field] = np.reshape([row[field] for row in rows], (n, *row_shape(field, k)))
    return Keypoints(skeleton=skeleton, **arrays)
