"""300-W `.pts`: one text file of points for each face, beside its picture.

    version: 1
    n_points: 68
    {
    268.000 398.882
    ...
    }

https://ibug.doc.ic.ac.uk/resources/300-W has them. They count from 1, as MATLAB does: the centre of the first
pixel is 1 1. Holds `xy` alone, to 3 decimals; a missing keypoint is `nan nan`.
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pinpoint.geometry import Float
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import check_folder, replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import read_text
from pinpoint.io.known import skeleton_by_count
from pinpoint.io.plain import blame, rounded
from pinpoint.io.records import Admission, Record
from pinpoint.io.sizes import size_of_picture
from pinpoint.io.sources import PICTURE_SUFFIXES
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = ["HOLDS", "PtsWriter", "is_folder_of_pts", "read_pts", "write_pts"]

HOLDS = frozenset({"xy"})

_SUFFIX = ".pts"
_ONE = 1.0  # where MATLAB begins to count
_FORM = re.compile(r"\s*version:\s*\S+\s+n_points:\s*(\d+)\s*\{(.*)\}\s*", re.DOTALL | re.IGNORECASE)
_NUMBERED = re.compile(r"(.+)_\d+")


class PtsWriter(GatheringWriter):
    """Writes one file for each instance when it is closed.

    Args:
        path: A folder, made if it does not exist; or a `.pts` file, for a single instance.
        skeleton: The skeleton of all records, or none to take the first record's.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        super().__init__(Admission(HOLDS, "PTS", skeleton), partial(_write, Path(path)))


def write_pts(path: str | Path, records: Iterable[Record | Keypoints]) -> None:
    """Write `.pts` files; `read_pts` is the inverse, to 1/1000 of a pixel.

    `a.jpg` becomes `a.pts`, and `a_1.pts`, `a_2.pts` and so on where there are several instances. A picture
    without any leaves no trace. What the points are is not said but by their number.

    Args:
        path: A folder, made if it does not exist; or a `.pts` file, for a single instance.
        records: Of one skeleton.

    Raises:
        ValueError: The skeletons differ, two pictures would share a file, one file is named for several
            instances, or a number is infinite.
    """
    write_all(PtsWriter(path), records)


def read_pts(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a `.pts` file, or all of a folder in order of their names, a record for each picture.

    The picture of `a.pts` is that beside it with the same stem, and of `a_1.pts` else the one called `a`.
    Where there is none, the record is named by the stem and has no size.

    Args:
        path: A file or a folder, which may have folders within.
        skeleton: What the points are. By itself a count is taken for the one skeleton that has as many.

    Raises:
        UnreadableError: A file is damaged or of another form, there is none, or what its points are is not
            known.
    """
    path = Path(path)
    files = sorted(path.rglob(f"*{_SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise UnreadableError(path, "holds no .pts files: name the folder where they are")
    root = path if path.is_dir() else path.parent
    of_picture: dict[Path, list[Path]] = {}
    for file in files:
        of_picture.setdefault(_picture_of(file), []).append(file)
    return [
        _record(picture, faces, root, index, skeleton)
        for index, (picture, faces) in enumerate(of_picture.items())
    ]


def is_folder_of_pts(path: Path) -> bool:
    """Whether a folder holds `.pts` files."""
    return any(path.rglob(f"*{_SUFFIX}"))


def _picture_of(file: Path) -> Path:
    """The picture beside a file, or what it would be called without a suffix."""
    numbered = _NUMBERED.fullmatch(file.stem)
    for stem in (file.stem, numbered[1] if numbered else file.stem):
        for suffix in sorted(PICTURE_SUFFIXES):
            for spelled in (suffix, suffix.upper()):
                if (picture := file.with_name(stem + spelled)).exists():
                    return picture
    return file.with_suffix("")


def _record(
    picture: Path, files: Sequence[Path], root: Path, index: int, skeleton: Skeleton | None
) -> Record:
    faces = [_points(file, skeleton) for file in files]
    kind = skeleton if skeleton is not None else skeleton_by_count(len(faces[0]))
    with blame(files[0], "this and the other files of its picture"):
        xy = np.stack(faces) - _ONE
    kps = Keypoints(xy, np.isfinite(xy).all(axis=2).astype(np.float64), kind)  # pyright: ignore
    size = size_of_picture(picture) if picture.is_file() else None
    return Record(kps, picture.relative_to(root).as_posix(), size, index)


def _points(file: Path, skeleton: Skeleton | None) -> Float:
    """The points of a file as they stand, shape (K, 2)."""
    text = read_text(file)
    with blame(file, "its points"):
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError("expected `version:`, `n_points:` and points between braces")
        numbers = np.array([float(word) for word in form[2].split()])
        if len(numbers) != 2 * int(form[1]):
            raise ValueError(f"there are {len(numbers)} numbers, expected {form[1]} points")
        kind = skeleton if skeleton is not None else skeleton_by_count(int(form[1]))
        if len(kind) != int(form[1]):
            raise ValueError(f"there are {form[1]}, expected those of {kind!r}")
    points = numbers.reshape(-1, 2)
    return np.where(np.isfinite(points).all(axis=1, keepdims=True), points, np.nan)


def _write(path: Path, records: Sequence[Record]) -> None:
    faces = [(_name(record, row), xy) for record in records for row, xy in enumerate(record.keypoints.xy)]
    if path.suffix.lower() == _SUFFIX:
        if len(faces) != 1:
            raise ValueError(f"{str(path)!r} holds one instance, not {len(faces)}: name a folder")
        check_folder(path)
        faces = [(Path(path.name), faces[0][1])]
        path = path.parent
    path.mkdir(parents=True, exist_ok=True)
    written: set[Path] = set()
    for name, xy in faces:
        if name in written:
            raise ValueError(f"two pictures would share {str(name)!r}: rename one of them")
        written.add(name)
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path / name) as temporary:
            temporary.write_text(_text(xy), "ascii")


def _name(record: Record, row: int) -> Path:
    named = Path(*[part for part in Path(record.image).parts if part not in ("/", "..")] or ["unnamed"])
    number = f"_{row + 1}" if len(record.keypoints) > 1 else ""
    return named.with_name(f"{named.stem}{number}{_SUFFIX}")


def _text(xy: Float) -> str:
    lines = [f"{x:.3f} {y:.3f}" for x, y in rounded("xy", xy + _ONE).tolist()]
    return "\n".join(["version: 1", f"n_points: {len(xy)}", "{", *lines, "}", ""])
