"""Keypoint files of every format: which one a path means, and one way to read and to write them all."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pinpoint.io import (
    aic,
    coco,
    coco_truth,
    crowdpose,
    csv_format,
    cvat,
    cvat_video,
    deeplabcut,
    halpe,
    json_format,
    jsonl,
    label_studio,
    labelme,
    mpii,
    mpii_mat,
    openpose,
    parquet,
    pts,
    sleap,
    via,
    via3,
    yolo,
)
from pinpoint.io.coco_truth_writer import CocoTruthWriter
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import check_folder, file_head
from pinpoint.io.format import Document, Folder, Format, write_all
from pinpoint.io.growing import load_json
from pinpoint.io.plain import FORMAT
from pinpoint.io.records import EXTRAS, Record, RecordWriter
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["FORMATS", "format_of", "format_of_document", "open_writer", "read", "read_records", "write"]


FORMATS: Mapping[str, Format] = {
    "json": Format(
        json_format.HOLDS,
        json_format.JsonWriter,
        keeps=frozenset(EXTRAS),
        suffixes=(".json",),
        document=Document(
            lambda document: isinstance(document, dict) and document.get("format") == FORMAT,
            lambda path, document, _: json_format.records_of_document(path, document),
        ),
        streams=True,
    ),
    "jsonl": Format(
        jsonl.HOLDS,
        jsonl.JsonlWriter,
        keeps=frozenset(EXTRAS),
        suffixes=(".jsonl", ".ndjson"),
        file=lambda path, _: jsonl.read_jsonl(path),
        streams=True,
    ),
    "csv": Format(
        csv_format.HOLDS,
        csv_format.CsvWriter,
        keeps=csv_format.KEEPS,
        suffixes=(".csv",),
        file=csv_format.read_csv,
        streams=True,
    ),
    "crowdpose": Format(
        crowdpose.HOLDS,
        crowdpose.CrowdPoseWriter,
        keeps=crowdpose.KEEPS,
        document=Document(crowdpose.is_crowdpose, crowdpose.records_of_crowdpose),
    ),
    "halpe": Format(
        halpe.HOLDS,
        halpe.HalpeWriter,
        keeps=halpe.KEEPS,
        document=Document(halpe.is_halpe, halpe.records_of_halpe),
    ),
    "coco-truth": Format(
        coco_truth.HOLDS,
        CocoTruthWriter,
        keeps=coco_truth.KEEPS,
        document=Document(coco_truth.is_truth, coco_truth.records_of_truth),
    ),
    "mpii": Format(mpii.HOLDS, mpii.MpiiWriter, document=Document(mpii.is_mpii, mpii.records_of_mpii)),
    "mpii-mat": Format(mpii_mat.HOLDS, keeps=mpii_mat.KEEPS, suffixes=(".mat",), file=mpii_mat.read_mpii_mat),
    "aic": Format(aic.HOLDS, aic.AicWriter, document=Document(aic.is_aic, aic.records_of_aic)),
    "pts": Format(
        pts.HOLDS,
        pts.PtsWriter,
        suffixes=(".pts",),
        file=pts.read_pts,
        folder=Folder(pts.is_folder_of_pts, pts.read_pts),
    ),
    "yolo": Format(
        yolo.HOLDS,
        yolo.YoloWriter,
        keeps=yolo.KEEPS,
        suffixes=(".yaml", ".yml"),
        file=yolo.read_yolo,
        folder=Folder(yolo.is_yolo_folder, yolo.read_yolo),
    ),
    "labelme": Format(
        labelme.HOLDS,
        labelme.labelme_writer,
        keeps=labelme.KEEPS,
        document=Document(labelme.is_labelme, labelme.records_of_labelme),
        folder=Folder(labelme.is_folder_of_labelme, labelme.read_labelme),
    ),
    "label-studio": Format(
        label_studio.HOLDS,
        label_studio.label_studio_writer,
        keeps=label_studio.KEEPS,
        document=Document(label_studio.is_label_studio, label_studio.records_of_tasks),
    ),
    "cvat": Format(cvat.HOLDS, cvat.cvat_writer, keeps=cvat.KEEPS, suffixes=(".xml",), file=cvat.read_cvat),
    "cvat-video": Format(cvat_video.HOLDS, cvat_video.cvat_video_writer, file=cvat.read_cvat),
    "via": Format(
        via.HOLDS,
        via.via_writer,
        keeps=via.KEEPS,
        document=Document(via.is_via, via.records_of_via),
    ),
    "via3": Format(
        via.HOLDS,
        via.via3_writer,
        keeps=via.KEEPS,
        document=Document(via3.is_project, via.records_of_via),
    ),
    "via-csv": Format(
        via.HOLDS,
        via.via_csv_writer,
        keeps=via.KEEPS,
        suffixes=(".csv",),
        file=via.read_via_csv,
        recognises=via.is_via_csv,
    ),
    "deeplabcut": Format(
        deeplabcut.HOLDS,
        deeplabcut.deeplabcut_writer,
        suffixes=(".csv", *deeplabcut.HDF5_SUFFIXES),
        file=deeplabcut.read_deeplabcut,
        recognises=deeplabcut.is_deeplabcut,
    ),
    "sleap": Format(sleap.HOLDS, sleap.sleap_writer, suffixes=(".slp",), file=sleap.read_sleap),
    "coco": Format(
        coco.HOLDS,
        coco.CocoWriter,
        document=Document(coco.is_results, coco.records_of_results),
        streams=True,
    ),
    "openpose": Format(
        openpose.HOLDS,
        openpose.OpenPoseWriter,
        document=Document(
            lambda document: isinstance(document, dict) and "people" in document,
            lambda path, document, skeleton: openpose.records_of_people({path: document}, skeleton),
        ),
        folder=Folder(openpose.is_folder_of_people, openpose.read_openpose),
        streams=True,
    ),
    "parquet": Format(
        parquet.HOLDS,
        parquet.ParquetWriter,
        keeps=parquet.KEEPS,
        suffixes=(".parquet", ".pq"),
        file=lambda path, _: parquet.read_parquet(path),
        streams=True,
    ),
}
"""Every format by its name. The first that recognises a file reads it: the particular before the general."""


def open_writer(
    path: str | Path, *, format: str | None = None, skeleton: Skeleton | None = None, append: bool = False
) -> RecordWriter:
    """Open a file to write records into one by one; nothing is gathered in memory.

    Args:
        path: The file or folder. It is replaced, unless `append` is set.
        format: Name in `FORMATS`, or none to go by the suffix (`.json` is our own; say `coco` for results).
        skeleton: The skeleton of all records, or none to take the first record's.
        append: Continue an existing file; only `jsonl` can be continued.

    Raises:
        ValueError: The format is unknown or cannot be continued.
        ImportError: The format needs a package that is not installed.
        FileNotFoundError: The folder of the file does not exist.
    """
    name = format_of(path) if format is None else format
    known = _known(name)
    if known.folder is None:  # which is made
        check_folder(path)
    if not append:
        if known.writer is None:
            raise ValueError(f"{name} files are only read: write another format")
        return known.writer(Path(path), skeleton)
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
        path: The file or folder.
        results: The keypoints of one image, or those of several in order; records carry image names and times
            too. Read one at a time, so a generator of a long video is fine.
        format: Name in `FORMATS`, or none to go by the suffix (`.json` is our own; say `coco` for results).
        skeleton: The skeleton of all, needed only if there may be no results at all.

    Raises:
        ValueError: The format is unknown, the skeletons differ, or a number is infinite.
        ImportError: The format needs a package that is not installed.
    """
    write_all(open_writer(path, format=format, skeleton=skeleton), results)


def read(path: str | Path, skeleton: Skeleton | None = None, *, format: str | None = None) -> list[Keypoints]:
    """Read the keypoints of every image in a file or folder of any format.

    Args:
        path: The file or folder; what a folder or a `.json` file holds is told by its content.
        skeleton: What the keypoints are, where the file does not say it (COCO without names, odd OpenPose
            bodies).
        format: Name in `FORMATS`, or none to find it out.

    Returns:
        One `Keypoints` for each image, in the file's order.

    Raises:
        UnreadableError: The file is missing, damaged or of no known form; the place in it is named.
        ValueError: The file says that it holds another skeleton, or there is no such format.
        ImportError: The format needs a package that is not installed.
    """
    return [record.keypoints for record in read_records(path, skeleton, format=format)]


def read_records(
    path: str | Path, skeleton: Skeleton | None = None, *, format: str | None = None
) -> list[Record]:
    """Read as `read` does, with all else that the file says: names, sizes, times, ids, crowds, splits."""
    path = Path(path)
    _check_there(path)
    records = _read(path, skeleton) if format is None else _known(format).read(path, skeleton)
    for record in records:
        own = record.keypoints.skeleton
        if skeleton is not None and own != skeleton:
            raise ValueError(
                f"{path} holds {own!r}, not {skeleton!r}: read it as it is and convert what you get"
            )
    return records


def format_of(path: str | Path) -> str:
    """Name the format that a file's suffix means, where only one does or one means every such file.

    Raises:
        ValueError: It means none.
    """
    suffix = Path(path).suffix.lower()
    for name, known in FORMATS.items():
        if suffix in known.suffixes and known.recognises is None:
            return name
    suffixes = ", ".join(dict.fromkeys(suffix for known in FORMATS.values() for suffix in known.suffixes))
    raise ValueError(f"{str(path)!r} ends in none of {suffixes}: rename it, or say format=")


def format_of_document(document: Any) -> str | None:
    """Name the format of a parsed JSON document; none where it is of no known one."""
    found = (
        name for name, known in FORMATS.items() if known.document and known.document.recognises(document)
    )
    return next(found, None)


def _known(name: str) -> Format:
    if name not in FORMATS:
        raise ValueError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def _check_there(path: Path) -> None:
    if not path.exists():
        raise UnreadableError(path, "it does not exist: check the spelling and the folder")
    if path.is_dir() and (written := sorted(path.glob("keypoints.*"))):
        raise UnreadableError(path, f"it is a folder of results: read {str(written[0])!r} in it")


def _read(path: Path, skeleton: Skeleton | None) -> list[Record]:
    """Read by what the folder, the document or the head of the file says."""
    if path.is_dir():
        return _read_folder(path, skeleton)
    if path.suffix.lower() == ".json":
        return _read_document(path, skeleton)
    for known in FORMATS.values():
        if path.suffix.lower() in known.suffixes and known.recognises and known.recognises(file_head(path)):
            return known.read(path, skeleton)
    return FORMATS[format_of(path)].read(path, skeleton)


def _read_folder(path: Path, skeleton: Skeleton | None) -> list[Record]:
    for known in FORMATS.values():
        if known.folder is not None and known.folder.recognises(path):
            return known.folder.read(path, skeleton)
    names = ", ".join(name for name, known in FORMATS.items() if known.folder is not None)
    raise UnreadableError(path, f"is a folder of none of these formats: {names}")


def _read_document(path: Path, skeleton: Skeleton | None) -> list[Record]:
    document = load_json(path)
    name = format_of_document(document)
    if name is not None and (known := FORMATS[name].document) is not None:
        return known.records(path, document, skeleton)
    names = ", ".join(name for name, known in FORMATS.items() if known.document is not None)
    raise UnreadableError(path, f"is JSON, but of none of these formats: {names}")
