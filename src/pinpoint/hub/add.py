"""Models that the user brings: files of known families, and files that describe themselves."""

import io
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from pinpoint.hub.cache import install, locked, path_of, sha256_of, write_text
from pinpoint.hub.catalogue import added_row, check_name, find, is_shipped
from pinpoint.hub.spec import ModelFile, ModelSpec

__all__ = ["METADATA_KEY", "add", "remove", "spec_of_file"]

METADATA_KEY = "pinpoint"
"""Under this key a file that Pinpoint made, of ONNX, OpenVINO or trees, holds its own row, as JSON."""

# what a row says of its own file is not true of another file of the same form
UNKNOWN_TERMS = {
    "license": "as the file's origin states",
    "training_data": "unknown: the file was added by hand",
    "metrics": {},
    "metrics_source": "",
}


def add(file: str | Path, *, like: str | None = None, name: str | None = None) -> ModelSpec:
    """Make a file of one's own a model of the catalogue. It is copied into the cache.

    Args:
        file: An ONNX or TFLite file, or trees that Pinpoint grew (`.npz`). Nothing else is taken, pickled
            checkpoints least of all.
        like: Name of the model in the catalogue that it is fed and read like. Not needed for files that
            Pinpoint exported, which describe themselves.
        name: What to call it; its file name if left out. A name that was added before is replaced.

    Returns:
        Its row, as `find` returns it from now on.

    Raises:
        ValueError: The file cannot be opened, does not fit the row, or nothing says how it is read; or the
            name belongs to another model.
    """
    path = Path(file).expanduser().absolute()
    described = _described(path, like)
    name = _name_for(path, name, described.name)
    kept = ModelFile(f"{name}{path.suffix.lower()}", f"file:{path}", sha256_of(path), path.stat().st_size)
    published = like is None or kept.sha256 in [known.sha256 for known in described.files]
    spec = replace(described, name=name, files=(kept,), **({} if published else UNKNOWN_TERMS))
    target = path_of(kept)
    with locked(target):
        part = target.with_name(f"{target.stem}.part{target.suffix}")
        try:
            shutil.copyfile(path, part)
            _check_fits(part, spec)
            install(kept, part)
        finally:
            part.unlink(missing_ok=True)
        write_text(added_row(name), spec.to_json())
    return spec


def remove(name: str) -> tuple[Path, ...]:
    """Forget a model that was added, or delete the files that were pulled for one that the package knows.

    Returns:
        The files that were deleted.

    Raises:
        ValueError: There is no such model.
    """
    spec = find(name)
    files = [path_of(file) for file in spec.files if not file.source.startswith("package:")]
    records = [path.with_name(f"{path.name}.record") for path in files]
    present = [path for path in (added_row(name), *files, *records) if path.exists()]
    for path in present:
        path.unlink()
    return tuple(present)


def spec_of_file(path: str | Path) -> ModelSpec | None:
    """Read the row that a file of ONNX, OpenVINO (`.xml`) or trees (`.npz`) carries, without loading it all.

    Returns:
        The row, or none if the file has none.

    Raises:
        ValueError: It has one that this version cannot read.
    """
    path = Path(path)
    read = {".onnx": _in_onnx, ".xml": _in_openvino, ".npz": _in_trees}.get(path.suffix.lower())
    text = read(path) if read else None
    try:
        return None if text is None else ModelSpec.from_json(text)
    except ValueError as error:
        raise ValueError(
            f"{path} describes itself in a way that this version cannot read: {error}"
        ) from error


def _described(path: Path, like: str | None) -> ModelSpec:
    """The row that a file is to be fed and read by."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    if path.suffix.lower() not in (".onnx", ".tflite", ".npz"):
        raise ValueError(f"{path.name} is not an .onnx, .tflite or .npz file")
    spec = find(like) if like else spec_of_file(path)
    if spec is None:
        raise ValueError(
            f"{path.name} does not say how it is read; name a model of the catalogue that it is like "
            "(--like NAME on the command line, like= in Python)"
        )
    if spec.parts or len(spec.files) > 1:
        raise ValueError(
            f"{spec.name} is made of several files; add each like its own part: {', '.join(spec.parts)}"
        )
    return spec


def _name_for(path: Path, name: str | None, like: str) -> str:
    chosen = name or re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")
    check_name(chosen)
    if chosen != like and is_shipped(chosen):
        raise ValueError(f"{chosen!r} is another model of the catalogue; give this one a name of its own")
    return chosen


def _check_fits(path: Path, spec: ModelSpec) -> None:
    from pinpoint.runtime import open_session

    shape = open_session(path).input.shape
    width, height = spec.input_size
    forms = ((3, height, width), (height, width, 3))
    if len(shape) != 4 or not any(_agrees(shape[1:], form) for form in forms):
        raise ValueError(
            f"{spec.name}: the file takes {shape}, expected (batch, 3, {height}, {width}) or channels last"
        )


def _agrees(shape: tuple[int | None, ...], form: tuple[int, ...]) -> bool:
    return all(have in (None, want) for have, want in zip(shape, form, strict=True))


def _in_onnx(path: Path) -> str | None:
    return dict(_onnx_metadata(path)).get(METADATA_KEY)


def _in_openvino(path: Path) -> str | None:
    """What an IR file says under `rt_info`, which stands behind its layers."""
    from xml.etree import ElementTree

    try:
        entry = ElementTree.parse(path).find(f"rt_info/{METADATA_KEY}")
    except ElementTree.ParseError:
        return None  # whoever opens the file will say so
    return None if entry is None else entry.get("value")


def _in_trees(path: Path) -> str | None:
    """The text under our key in an archive of arrays; none of the arrays is read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return str(stored[METADATA_KEY]) if METADATA_KEY in stored else None
    except (ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        return None  # whoever opens the file will say so


def _onnx_metadata(path: Path) -> Iterator[tuple[str, str]]:
    """Keys and values of an ONNX file's `metadata_props`, field 14 of ModelProto; the rest is skipped."""
    size = path.stat().st_size  # what a damaged file states can be more than memory holds
    with path.open("rb") as stream, suppress(EOFError):
        while True:
            tag = _varint(stream.read)
            number, wire = tag >> 3, tag & 7
            if wire == 0:
                _varint(stream.read)
            elif wire == 2 and number == 14:
                yield _entry(stream.read(min(_varint(stream.read), size)))
            elif wire == 2:
                stream.seek(min(_varint(stream.read), size), 1)
            else:
                return  # not an ONNX file; whoever opens it will say so


def _entry(message: bytes) -> tuple[str, str]:
    """Fields 1 and 2 of a StringStringEntryProto."""
    stream, texts = io.BytesIO(message), {1: "", 2: ""}
    with suppress(EOFError):
        while True:
            number = _varint(stream.read) >> 3
            texts[number] = stream.read(min(_varint(stream.read), len(message))).decode("utf-8", "replace")
    return texts[1], texts[2]


def _varint(read: Callable[[int], bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):  # 64 bits at most
        byte = read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise EOFError
