"""Keypoint files of every format: which one a path means, and one way to read and to write them all."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.io import coco, csv_format, json_format, jsonl, openpose, parquet
from pinpoint.io.coco_truth import records_of_truth
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import check_folder
from pinpoint.io.growing import load_json
from pinpoint.io.plain import FORMAT
from pinpoint.io.records import Record, RecordWriter, as_records
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["FORMATS", "Format", "format_of", "open_writer", "read", "read_records", "write"]


@dataclass(frozen=True)
class Format:
    """One way of writing keypoints down.

    Args:
        suffixes: File name endings that mean it, in small letters.
        holds: The fields of `Keypoints` that come back from it.
        writer: Opens a file, or for OpenPose a folder.
    """

    suffixes: tuple[str, ...]
    holds: frozenset[str]
    writer: Callable[[Path, Skeleton | None], RecordWriter]


FORMATS: Mapping[str, Format] = {
    "json": Format((".json",), json_format.HOLDS, json_format.JsonWriter),
    "jsonl": Format((".jsonl", ".ndjson"), jsonl.HOLDS, jsonl.JsonlWriter),
    "csv": Format((".csv",), csv_format.HOLDS, csv_format.CsvWriter),
    "coco": Format((), coco.HOLDS, coco.CocoWriter),
    "openpose": Format((), openpose.HOLDS, openpose.OpenPoseWriter),
    "parquet": Format((".parquet", ".pq"), parquet.HOLDS, parquet.ParquetWriter),
}
"""Every format by its name."""


def open_writer(
    path: str | Path, *, format: str | None = None, skeleton: Skeleton | None = None, append: bool = False
) -> RecordWriter:
    """Open a file to write records into one by one; nothing is gathered in memory.

    Args:
        path: The file, or for `openpose` the folder. It is replaced, unless `append` is set.
        format: Name in `FORMATS`, or none to go by the suffix (`.json` is our own; say `coco` for results).
        skeleton: The skeleton of all records, or none to take the first record's.
        append: Continue an existing file; only `jsonl` can be continued.

    Raises:
        ValueError: The format is unknown or cannot be continued.
        ImportError: The format needs a package that is not installed.
        FileNotFoundError: The folder of the file does not exist.
    """
    name = format_of(path) if format is None else format
    if name not in FORMATS:
        raise ValueError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    if name != "openpose":  # whose folder is made
        check_folder(path)
    if not append:
        return FORMATS[name].writer(Path(path), skeleton)
    if name != "jsonl":
        raise ValueError(f"{name} files cannot be continued, only jsonl can")
    return jsonl.JsonlWriter(path, skeleton, append=True)


def write(
    path: str | Path,
    results: Keypoints | Iterable[Keypoints | Record],
    *,
    format: str | None = None,
    skeleton: Skeleton | None = None,
) -> None:
    """Write keypoints to a file, replacing it. `read` is the inverse, to the precision of the format.

    Args:
        path: The file, or for `openpose` the folder.
        results: The keypoints of one image, or those of several in order; records carry image names and times
            too. Read one at a time, so a generator of a long video is fine.
        format: Name in `FORMATS`, or none to go by the suffix (`.json` is our own; say `coco` for results).
        skeleton: The skeleton of all, needed only if there may be no results at all.

    Raises:
        ValueError: The format is unknown, the skeletons differ, or a number is infinite.
        ImportError: The format needs a package that is not installed.
    """
    with open_writer(path, format=format, skeleton=skeleton) as writer:
        for record in as_records(results):
            writer.write(record)


def read(path: str | Path, skeleton: Skeleton | None = None) -> list[Keypoints]:
    """Read the keypoints of every image in a file of any format, or in a folder of OpenPose files.

    Args:
        path: The file; what a `.json` file holds is told by its content.
        skeleton: What the keypoints are, where the file does not say it (COCO without names, odd OpenPose
            bodies).

    Returns:
        One `Keypoints` for each image, in the file's order.

    Raises:
        UnreadableError: The file is missing, damaged or of no known form; the place in it is named.
        ValueError: The file says that it holds another skeleton.
        ImportError: The format needs a package that is not installed.
    """
    return [record.keypoints for record in read_records(path, skeleton)]


def read_records(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read as `read` does, with the name, size, number and time of every image that the file holds."""
    path = Path(path)
    _check_there(path)
    records = (
        openpose.read_openpose(path, skeleton) if path.is_dir() else _READERS[format_of(path)](path, skeleton)
    )
    for record in records:
        own = record.keypoints.skeleton
        if skeleton is not None and own != skeleton:
            raise ValueError(
                f"{path} holds {own!r}, not {skeleton!r}: read it as it is and convert what you get"
            )
    return records


def format_of(path: str | Path) -> str:
    """Name the format that a file's suffix means.

    Raises:
        ValueError: It means none.
    """
    suffix = Path(path).suffix.lower()
    for name, known in FORMATS.items():
        if suffix in known.suffixes:
            return name
    suffixes = ", ".join(suffix for known in FORMATS.values() for suffix in known.suffixes)
    raise ValueError(f"{str(path)!r} ends in none of {suffixes}: rename it, or on writing say format=")


def _check_there(path: Path) -> None:
    if not path.exists():
        raise UnreadableError(path, "it does not exist: check the spelling and the folder")
    if path.is_dir() and (written := sorted(path.glob("keypoints.*"))):
        raise UnreadableError(path, f"it is a folder of results: read {str(written[0])!r} in it")


def _read_json_of_any_form(path: Path, skeleton: Skeleton | None) -> list[Record]:
    document = load_json(path)
    if isinstance(document, list):
        return coco.records_of_results(path, document, skeleton)
    keys: Mapping[str, Any] = document if isinstance(document, dict) else {}
    if keys.get("format") == FORMAT:
        return json_format.records_of_document(path, keys)
    if "people" in keys:
        return openpose.records_of_people({path: keys}, skeleton)
    if "annotations" in keys:
        return records_of_truth(path, keys, skeleton)
    raise UnreadableError(
        path, "is JSON, but neither pinpoint's own nor COCO results, COCO ground truth or OpenPose"
    )


_READERS: Mapping[str, Callable[[Path, Skeleton | None], list[Record]]] = {
    "json": _read_json_of_any_form,
    "jsonl": lambda path, _: jsonl.read_jsonl(path),
    "csv": csv_format.read_csv,
    "parquet": lambda path, _: parquet.read_parquet(path),
}
