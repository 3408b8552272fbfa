"""YOLO-pose: `data.yaml` and one text file of labels for each picture, in shares of its size (extra `data`).

    data.yaml                names, kpt_shape: [K, 2 or 3], flip_idx, kpt_names, train, val, test
    images/train/a.jpg       the pictures, which are looked at for their sizes
    labels/train/a.txt       class, centre x y and width height of the box, then x y or x y v of each keypoint

https://docs.ultralytics.com/datasets/pose describes it. Boxes are measured from the outer edge of the first
pixel and keypoints in whole pixels, as those of COCO, from which its files are made. Holds `xy`, `boxes`,
`labels`, `visible` (with three numbers for each keypoint) and splits, to 1/1000 of a pixel.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Size, boxes_of_points
from pinpoint.io.coco import boxes_from_coco, boxes_to_coco
from pinpoint.io.coco_truth_writer import OWN, name_of_category, xyv_of
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import read_text
from pinpoint.io.known import skeleton_by_names
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record
from pinpoint.io.sizes import size_of_picture
from pinpoint.io.sources import PICTURE_SUFFIXES
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "KEEPS", "YoloWriter", "is_yolo_folder", "read_yolo", "write_yolo"]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "visible", "boxes", "labels"})
KEEPS = frozenset({"split"})
SPLITS = ("train", "val", "test")

_DECIMALS = 8
_FEWEST = 5  # numbers of a label: class and box


class YoloWriter(GatheringWriter):
    """Writes labels and `data.yaml` when it is closed; the pictures have to be put beside them.

    Args:
        folder: Made if it does not exist; files of the same names in it are replaced.
        skeleton: The skeleton of all records, or none to take the first record's.
        dims: Numbers for each keypoint: 3 with visibility, 2 without.

    Raises:
        ImportError: PyYAML is not installed.
        ValueError: `dims` is neither 2 nor 3.
    """

    def __init__(self, folder: str | Path, skeleton: Skeleton | None = None, *, dims: int = 3) -> None:
        if dims not in (2, 3):
            raise ValueError(f"dims is {dims}, expected 2 or 3")
        _yaml()
        if Path(folder).suffix.lower() in (".yaml", ".yml"):  # its data.yaml was named
            folder = Path(folder).parent
        holds = HOLDS if dims == 3 else HOLDS - {"visible"}
        admit = Admission(holds, "YOLO", skeleton, keeps=KEEPS)
        super().__init__(admit, partial(_write, Path(folder), admit, dims))

    def write(self, record: Record) -> None:
        """Take one record.

        Raises:
            ValueError: It does not say how large its picture is, its skeleton is not that of the others, or a
                number is infinite.
        """
        if record.size is None or min(record.size) < 1:
            raise ValueError(f"size of {record.image!r} is {record.size}: YOLO states shares of it")
        super().write(record)


def write_yolo(folder: str | Path, records: Iterable[Record | Keypoints], *, dims: int = 3) -> None:
    """Write YOLO labels and `data.yaml`; `read_yolo` is the inverse once the pictures are there.

    A record `a.jpg` of split `train` becomes `labels/train/a.txt`, and its picture belongs into
    `images/train`; records without a split count as `train`. Each of `labels` is a class. A missing box
    surrounds the keypoints; an instance that has neither is left out with a warning. A missing keypoint is
    0 0 (0).

    Args:
        folder: Made if it does not exist; files of the same names in it are replaced.
        records: Of one skeleton; each has the size of its picture.
        dims: Numbers for each keypoint: 3 with visibility, 2 without.

    Raises:
        ImportError: PyYAML is not installed.
        ValueError: A size lacks, the skeletons differ, two pictures would share a file of labels, or a number
            is infinite.
    """
    write_all(YoloWriter(folder, dims=dims), records)


def read_yolo(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read YOLO-pose labels, one record for each picture, those without labels too.

    Keypoints are named by `kpt_names`; without them 17 are `coco17` if `flip_idx` agrees, others are called
    `0`, `1` and so on. v = 1 is `visible` False. With two numbers for each keypoint, 0 0 is missing.

    Args:
        path: `data.yaml`, or its folder.
        skeleton: What the keypoints are, where the file does not name them.

    Returns:
        Pictures are named from the folder of `data.yaml`, in order of split and name.

    Raises:
        ImportError: PyYAML is not installed.
        UnreadableError: A file is damaged or of another form, or the picture of a label file is missing.
    """
    path = _yaml_of(Path(path))
    document = _parsed(path)
    with blame(path, "what it says of the data"):
        form = _form(path, document, skeleton)
        folders = [(split, folder) for split in SPLITS for folder in _folders(path, document, split)]
    if not folders:
        raise UnreadableError(path, f"names none of {', '.join(SPLITS)}, or no folder that is there")
    pictures = [(split, picture) for split, folder in folders for picture in _pictures(path, folder)]
    return [_record(path, split, picture, index, form) for index, (split, picture) in enumerate(pictures)]


def is_yolo_folder(path: Path) -> bool:
    """Whether a folder holds YOLO labels: there is a `data.yaml`, or another YAML file beside `labels`."""
    return (path / "data.yaml").exists() or ((path / "labels").is_dir() and any(path.glob("*.y*ml")))


class _Form(NamedTuple):
    """What `data.yaml` says of a line of labels."""

    skeleton: Skeleton
    dims: int
    names: Mapping[int, str]


def _yaml_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = [path / "data.yaml"] if (path / "data.yaml").exists() else sorted(path.glob("*.y*ml"))
    if not files:
        raise UnreadableError(path, "holds no data.yaml, which names the classes and keypoints")
    return files[0]


def _parsed(path: Path) -> Mapping[str, Any]:
    yaml = _yaml()
    try:
        document = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise UnreadableError(path, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or "names" not in document:
        raise UnreadableError(path, "is not the data.yaml of YOLO: it has no names of classes")
    return document


def _form(path: Path, document: Mapping[str, Any], given: Skeleton | None) -> _Form:
    names = document["names"]
    classes = {int(number): str(name) for number, name in _numbered(names)}
    count, dims = document.get("kpt_shape") or (0, 3)
    if dims not in (2, 3):
        raise ValueError(f"kpt_shape is {document['kpt_shape']}, expected [K, 2] or [K, 3]")
    kind = _skeleton(document, int(count), next(iter(classes.values()), path.parent.name))
    if given is not None and not _named_points(document) and len(given) == count:
        kind = given
    return _Form(kind, int(dims), classes)


def _numbered(names: Any) -> Iterable[tuple[Any, Any]]:
    return names.items() if isinstance(names, dict) else enumerate(names)


def _named_points(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the keypoints, of the first class; none if they are not said."""
    names = document.get("kpt_names") or ()
    first = next(iter(names.values()), ()) if isinstance(names, dict) else names
    return tuple(str(name) for name in first)


def _skeleton(document: Mapping[str, Any], count: int, name: str) -> Skeleton:
    if OWN in document:
        own = Skeleton.from_dict(document[OWN])
        if len(own) == count:
            return own
    names = _named_points(document)
    flips = [int(other) for other in document.get("flip_idx") or range(count)]
    if (names and len(names) != count) or len(flips) != count:
        raise ValueError(f"kpt_names, flip_idx and kpt_shape are of {len(names)}, {len(flips)} and {count}")
    if names and (known := skeleton_by_names(names)) is not None:
        return known
    body = shipped("coco17")
    if not names and count == len(body) and flips in (body.flip_index.tolist(), list(range(count))):
        return body
    points = names or tuple(map(str, range(count)))
    swaps = tuple((points[a], points[b]) for a, b in enumerate(flips) if a < b)
    return Skeleton(name, points, swaps=swaps) if count else shipped("box")


def _folders(path: Path, document: Mapping[str, Any], split: str) -> list[Path]:
    """Folders of pictures, or lists of their names, of one split that are there."""
    named = document.get(split) or document.get("valid" if split == "val" else split) or ()
    found: list[Path] = []
    for one in [named] if isinstance(named, str) else list(named):
        within = PurePosixPath(one)
        plain = PurePosixPath(*[part for part in within.parts if part != ".."])  # some exports say ../train
        roots = [path.parent / str(document.get("path") or "."), path.parent]
        places = [root / each for root in roots for each in (within, plain)]
        found += [place for place in places if place.exists()][:1]
    return found


def _pictures(path: Path, folder: Path) -> list[Path]:
    if folder.is_file():
        lines = [line.strip() for line in read_text(folder).splitlines() if line.strip()]
        return [path.parent / line for line in lines]
    there = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES)
    labelled = {_labels_of(picture) for picture in there}
    for labels in sorted(_labels_of(folder / "x.txt").parent.rglob("*.txt")):
        if labels not in labelled and labels.parent != folder:
            raise UnreadableError(labels, f"its picture is not in {str(folder)!r}: labels are shares of it")
    return there


def _labels_of(picture: Path) -> Path:
    """Where the labels of a picture are: `labels` in the place of the last `images` of its path."""
    parts = list(picture.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _record(path: Path, split: str, picture: Path, index: int, form: _Form) -> Record:
    size, labels = size_of_picture(picture), _labels_of(picture)
    numbers = _numbers(labels, form) if labels.exists() else np.zeros((0, _width(form)))
    name = picture.relative_to(path.parent) if picture.is_relative_to(path.parent) else picture
    return Record(_keypoints(numbers, size, form), name.as_posix(), size, index, split=split)


def _width(form: _Form) -> int:
    return _FEWEST + form.dims * len(form.skeleton)


def _numbers(labels: Path, form: _Form) -> Float:
    """The lines of a label file, shape (N, 5 + dims * K)."""
    rows: list[list[float]] = []
    for number, line in enumerate(labels.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        with blame(labels, f"line {number}"):
            row = [float(word) for word in line.split()]
            if len(row) != _width(form):
                raise ValueError(f"it has {len(row)} numbers, expected {_width(form)}")
            if row[0] not in form.names:
                raise ValueError(f"class {row[0]:g} is none of {len(form.names)}")
            rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, _width(form))


def _keypoints(numbers: Float, size: Size, form: _Form) -> Keypoints:
    n, k = len(numbers), len(form.skeleton)
    points = numbers[:, _FEWEST:].reshape(n, k, form.dims)
    there: NDArray[np.bool_] = np.asarray(points[..., -1] > 0 if form.dims == 3 else (points > 0).any(axis=2))
    centres, sides = numbers[:, 1:3], numbers[:, 3:5]
    boxes = boxes_from_coco(np.hstack([centres - sides / 2, sides]) * (size * 2))
    words = np.array([form.names[int(number)] for number in numbers[:, 0]], dtype=np.str_)
    return Keypoints(
        xy=np.where(there[..., None], points[..., :2] * size, np.nan),
        scores=there.astype(np.float64),
        skeleton=form.skeleton,
        visible=points[..., 2] > 1 if form.dims == 3 else None,
        boxes=boxes,
        labels=words if len(form.names) > 1 else None,
    )


def _write(folder: Path, admit: Admission, dims: int, records: Sequence[Record]) -> None:
    kind = admit.skeleton if admit.skeleton is not None else shipped("box")
    words = [str(label) for r in records if r.keypoints.labels is not None for label in r.keypoints.labels]
    names = list(dict.fromkeys(words)) or [name_of_category(kind)]
    written: dict[Path, str] = {}
    for record in records:
        path = folder / "labels" / _split(record) / _within(record)
        if path in written:
            raise ValueError(
                f"{written[path]!r} and {record.image!r} would have the same labels, {path.name}"
            )
        written[path] = record.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(_lines(record, names, dims)), "ascii")
    if beyond := sum(int(_beyond(record).sum()) for record in records):
        log.warning("%d instances reach beyond their picture; Ultralytics leaves such pictures out", beyond)
    folder.mkdir(parents=True, exist_ok=True)
    text = _yaml().safe_dump(_document(kind, names, dims, records), sort_keys=False, default_flow_style=None)
    with replacing(folder / "data.yaml") as temporary:
        temporary.write_text(text, "utf-8")


def _beyond(record: Record) -> NDArray[np.bool_]:
    """Which instances have a keypoint or a corner of the box outside the picture, shape (N,)."""
    kps, size = record.keypoints, np.array(record.size)
    boxes = np.full((len(kps), 4), np.nan) if kps.boxes is None else kps.boxes
    corners = boxes.reshape(-1, 2, 2) + 0.5  # counted from the outer edge, as YOLO does
    points = np.concatenate([kps.xy, corners], axis=1)
    return np.asarray(((points < 0) | (points > size)).any(axis=(1, 2)))


def _document(kind: Skeleton, names: Sequence[str], dims: int, records: Sequence[Record]) -> dict[str, Any]:
    splits = dict.fromkeys(_split(record) for record in records)
    document: dict[str, Any] = {split: f"images/{split}" for split in SPLITS if split in splits}
    document["names"] = dict(enumerate(names))
    if not len(kind):
        return document
    document["kpt_shape"] = [len(kind), dims]
    document["flip_idx"] = kind.flip_index.tolist()
    document["kpt_names"] = {number: list(kind.keypoints) for number in range(len(names))}
    return document if skeleton_by_names(kind.keypoints) == kind else document | {OWN: kind.to_dict()}


def _split(record: Record) -> str:
    return record.split or "train"


def _within(record: Record) -> Path:
    """Name of the labels of a record below the folder of its split."""
    parts = [part for part in PurePosixPath(record.image).parts if part not in ("/", "..", ".")]
    while len(parts) > 1 and parts[0] in ("images", _split(record)):
        parts = parts[1:]
    return Path(*parts or ["unnamed"]).with_suffix(".txt")


def _lines(record: Record, names: Sequence[str], dims: int) -> Iterator[str]:
    kps, size = record.keypoints, np.array(record.size)
    around = np.asarray(boxes_of_points(kps.xy))
    boxes: NDArray[Any] = around if kps.boxes is None else np.where(np.isnan(kps.boxes), around, kps.boxes)
    bare = np.isnan(boxes).any(axis=1)
    if bare.any():
        log.warning("%d instances of %s have no box and no keypoint: left out", bare.sum(), record.image)
    corners = boxes_to_coco(boxes)
    shares = np.hstack([corners[:, :2] + corners[:, 2:] / 2, corners[:, 2:]]) / np.tile(size, 2)
    points = xyv_of(kps, rounding=False) / [*size, 1]
    for row in np.flatnonzero(~bare):
        number = 0 if kps.labels is None else names.index(str(kps.labels[row]))
        numbers = [*shares[row].tolist(), *points[row, :, :dims].ravel().tolist()]
        yield " ".join([str(number), *map(_share, numbers)]) + "\n"


def _share(value: float) -> str:
    return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")


def _yaml() -> ModuleType:
    try:
        import yaml
    except ImportError as error:
        raise ImportError("YOLO files need PyYAML: pip install 'pinpoint-keypoints[data]'") from error
    return yaml
