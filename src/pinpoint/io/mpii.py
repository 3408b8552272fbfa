"""MPII as a JSON list, one entry for each person, as HRNet and mmpose read it.

    [{"image": "005808361.jpg", "center": [966.0, 340.0], "scale": 4.718488,
      "joints": [[804.0, 711.0], ...], "joints_vis": [1, ...]}, ...]

Coordinates count from 1, as in MATLAB. `scale` is the height of the person in units of 200 pixels. Missing
points have `joints_vis` 0 and lie at -1 -1. The list that Newell and others published, with `img_paths`,
`joint_self`, `objpos` and `scale_provided`, is read too.

Holds `xy` and `visible`, and boxes as squares around their centre with their longer side. Numbers have 3
decimals, scales 6.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float, Size, boxes_of_points
from pinpoint.io.coco_truth_writer import dump_json
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.growing import load_json
from pinpoint.io.plain import blame, rounded
from pinpoint.io.records import Admission, Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = [
    "HOLDS",
    "MpiiWriter",
    "Person",
    "is_mpii",
    "keypoints_of_people",
    "read_mpii",
    "records_of_mpii",
    "write_mpii",
]

HOLDS = frozenset({"xy", "visible", "boxes"})

Item = Mapping[str, Any]

_ONE = 1.0  # where MATLAB begins to count
_UNIT = 200.0  # pixels of a scale of 1
_NOWHERE = -1.0
_SKELETON = "mpii16"


class MpiiWriter(GatheringWriter):
    """Writes one JSON list when it is closed.

    Args:
        path: The file, replaced if it exists.
        skeleton: `mpii16`, or none.

    Raises:
        ValueError: The skeleton is another.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        expected = shipped(_SKELETON)
        if skeleton is not None and skeleton != expected:
            raise ValueError(f"MPII holds {expected!r}, not {skeleton!r}: convert it first")
        super().__init__(Admission(HOLDS, "MPII JSON", expected), partial(_write, Path(path)))


def write_mpii(path: str | Path, records: Iterable[Record | Keypoints]) -> None:
    """Write MPII's JSON list; `read_mpii` is the inverse, to 1/1000 of a pixel.

    A hidden point has `joints_vis` 0 as one that is missing, but lies where it is; tools that go by the flag
    alone do without it. Boxes become squares; without one, it is that around the points. A picture without
    instances leaves no trace.

    Args:
        path: The file, replaced if it exists.
        records: Of `mpii16`.

    Raises:
        ValueError: The skeleton is another, or a number is infinite.
    """
    write_all(MpiiWriter(path), records)


def read_mpii(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read MPII's JSON list, one record for each picture in order of its first mention.

    Args:
        path: The file.
        skeleton: Unused; the points are `mpii16`.

    Raises:
        UnreadableError: The file is damaged or of another form.
    """
    return records_of_mpii(Path(path), load_json(Path(path)), skeleton)


def is_mpii(document: Any) -> bool:
    """Whether a parsed document is a list of people of MPII, in one form or the other."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and bool({"joints", "joint_self"} & first.keys())


def records_of_mpii(path: Path, document: Any, skeleton: Skeleton | None = None) -> list[Record]:
    """Read a parsed list as `read_mpii` does; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be.
    """
    people: dict[str, list[Person]] = {}
    with blame(path, "its people"):
        items = list(document)
    for number, item in enumerate(items, 1):
        with blame(path, f"person {number}"):
            person = _second_form(item) if "joint_self" in item else _first_form(item)
            people.setdefault(person.image, []).append(person)
    return [
        Record(keypoints_of_people(group), image, group[0].size, index, split=group[0].split)
        for index, (image, group) in enumerate(people.items())
    ]


class Person(NamedTuple):
    """One entry: points, their flags, centre and scale as they stand."""

    image: str
    points: Float
    flags: NDArray[np.bool_]
    centre: Float
    scale: float
    size: Size | None = None
    split: str = ""


def _first_form(item: Item) -> Person:
    flags = np.asarray(item.get("joints_vis", np.ones(len(item["joints"]))), dtype=np.float64)
    centre, scale = item.get("center", [_NOWHERE] * 2), float(item.get("scale", _NOWHERE))
    return _checked(Person(str(item["image"]), _array(item["joints"]), flags > 0, _array(centre), scale))


def _second_form(item: Item) -> Person:
    triples = _array(item["joint_self"])
    validation = item.get("isValidation")
    return _checked(
        Person(
            image=str(item["img_paths"]),
            points=triples[:, :2],
            flags=triples[:, 2] > 0,
            centre=_array(item["objpos"]),
            scale=float(item["scale_provided"]),
            size=(int(item["img_width"]), int(item["img_height"])) if "img_width" in item else None,
            split="" if validation is None else "val" if validation else "train",
        )
    )


def _array(values: Any) -> Float:
    return np.asarray(values, dtype=np.float64)


def _checked(person: Person) -> Person:
    count = len(shipped(_SKELETON))
    if person.points.shape != (count, 2) or person.flags.shape != (count,):
        raise ValueError(
            f"it has {len(person.points)} points and {len(person.flags)} flags, expected {count}"
        )
    if person.centre.shape != (2,):
        raise ValueError(f"its centre is {person.centre.tolist()}, expected x and y")
    return person


def keypoints_of_people(people: Sequence[Person]) -> Keypoints:
    """Put people of one image together: from 0, with squares as boxes."""
    points, flags = np.stack([one.points for one in people]), np.stack([one.flags for one in people])
    nowhere = (points == _NOWHERE).all(axis=2) | (points == 0).all(axis=2)  # of the first and second form
    there = flags | ~nowhere
    centres, scales = np.stack([one.centre for one in people]), np.array([one.scale for one in people])
    half = np.where(scales > 0, scales * _UNIT / 2, np.nan)[:, None]
    boxes = np.hstack([centres - _ONE - half, centres - _ONE + half])
    return Keypoints(
        xy=np.where(there[..., None], points - _ONE, np.nan),
        scores=there.astype(np.float64),
        skeleton=shipped(_SKELETON),
        visible=flags,
        boxes=boxes if np.isfinite(boxes).any() else None,
    )


def _write(path: Path, records: Sequence[Record]) -> None:
    dump_json(path, [entry for record in records for entry in _entries(record)])


def _entries(record: Record) -> Iterator[dict[str, Any]]:
    kps = record.keypoints
    there: NDArray[np.bool_] = np.asarray(np.isfinite(kps.xy).all(axis=2))
    shown = there if kps.visible is None else there & kps.visible
    points = np.where(there[..., None], rounded("xy", kps.xy + _ONE), _NOWHERE)
    around = np.asarray(boxes_of_points(kps.xy))
    boxes = around if kps.boxes is None else np.where(np.isnan(kps.boxes), around, kps.boxes)
    centres = np.nan_to_num(rounded("boxes", boxes.reshape(-1, 2, 2).mean(axis=1) + _ONE), nan=_NOWHERE)
    scales = np.nan_to_num((boxes[:, 2:] - boxes[:, :2]).max(axis=1) / _UNIT, nan=_NOWHERE)
    for row in range(len(kps)):
        yield {
            "joints_vis": shown[row].astype(int).tolist(),
            "joints": points[row].tolist(),
            "image": record.image,
            "scale": round(float(scales[row]), 6),
            "center": centres[row].tolist(),
        }
