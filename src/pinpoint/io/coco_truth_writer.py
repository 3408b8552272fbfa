"""Writing COCO ground truth (https://cocodataset.org/#format-data), whole-body lists included.

Coordinates, boxes and areas are written to 1/1000. What is not known is not written: an instance without a
box or an area has none in the file either.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.io.coco import ImageNumbers, boxes_to_coco
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.known import skeleton_by_names
from pinpoint.io.plain import rounded
from pinpoint.io.records import Admission, Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = [
    "HOLDS",
    "KEEPS",
    "OWN",
    "WHOLE_BODY",
    "CocoTruthWriter",
    "annotations_of",
    "category_of",
    "document_of_truth",
    "dump_json",
    "name_of_category",
    "write_coco_truth",
    "xyv_of",
]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "visible", "boxes", "areas", "track_ids", "labels"})
KEEPS = frozenset({"id", "instance_ids", "crowds", "crowd_areas"})
WHOLE_BODY = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
"""The lists of COCO-WholeBody and how many keypoints each holds, in the order of `coco_wholebody133`."""
OWN = "pinpoint"
"""Key of a category under which a skeleton of one's own stands in full, as in `Skeleton.to_dict`."""

_PEOPLE = frozenset(
    {
        "aic14",
        "coco17",
        "coco_wholebody133",
        "crowdpose14",
        "h36m17",
        "halpe26",
        "halpe136",
        "lsp14",
        "mpii16",
    }
)


class CocoTruthWriter(GatheringWriter):
    """Writes one file when it is closed.

    Args:
        path: The file, replaced if it exists.
        skeleton: Unused where there are records; they may be of several skeletons.
    """

    def __init__(self, path: str | Path, skeleton: Skeleton | None = None) -> None:
        admit = Admission(HOLDS, "COCO ground truth", skeleton, keeps=KEEPS, mixed=True)
        super().__init__(admit, partial(_write, Path(path)))


def write_coco_truth(path: str | Path, records: Iterable[Record | Keypoints]) -> None:
    """Write COCO ground truth; `read_coco_truth` is the inverse, to 1/1000 of a pixel.

    v is 2 for a keypoint, 1 where `visible` is False and 0 where it is missing; scores are left out. There is
    a category for each word in `labels` and each skeleton; without labels it is called `person` for bodies,
    else as the skeleton. A skeleton of one's own is kept in full (mirror pairs, sigmas, parts) under
    `pinpoint` in its category. `coco_wholebody133` is written as COCO-WholeBody has it: the body as
    `keypoints`, the rest as `foot_kpts`, `face_kpts`, `lefthand_kpts` and `righthand_kpts`, with `foot_valid`
    and so on.

    Crowds are annotations with `iscrowd` 1. Ids of records are kept. A picture without one gets the number
    that ends its name, as in `CocoWriter`; instances without ids are numbered.

    Args:
        path: The file, replaced if it exists.
        records: Those of one picture may be several, of different skeletons.

    Raises:
        ValueError: A number is infinite.
    """
    write_all(CocoTruthWriter(path), records)


def dump_json(path: Path, document: Any) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, allow_nan=False), "ascii")


def xyv_of(kps: Keypoints, *, rounding: bool = True) -> Float:
    """Keypoints as x y v, shape (N, K, 3): v is 2 for a keypoint, 1 if hidden; 0 0 0 is missing."""
    there: NDArray[np.bool_] = np.asarray(np.isfinite(kps.xy).all(axis=2))
    visible = np.ones_like(there) if kps.visible is None else kps.visible
    xyv = np.dstack([rounded("xy", kps.xy) if rounding else kps.xy, 1 + visible])
    return np.where(there[..., None], xyv, 0)


def annotations_of(kps: Keypoints) -> list[dict[str, Any]]:
    """One annotation for each instance, without the ids of itself, its image and its category."""
    lists = _lists(kps)
    counts = {key: np.count_nonzero(xyv[..., 2], axis=1).tolist() for key, xyv in lists.items()}
    annotations: list[dict[str, Any]] = []
    for row, rest in enumerate(_rest_of(kps)):
        annotation: dict[str, Any] = {"iscrowd": 0, "num_keypoints": 0}
        for key, xyv in lists.items():
            annotation[key] = _flat(xyv[row])
            if key == "keypoints":
                annotation["num_keypoints"] = counts[key][row]
            else:
                annotation[key.replace("_kpts", "_valid")] = bool(counts[key][row])
        annotations.append(annotation | rest)
    return annotations


def category_of(skeleton: Skeleton, name: str) -> dict[str, Any]:
    """The entry of a skeleton among `categories`, without its id; edges count from 1."""
    body = shipped("coco17") if _is_whole_body(skeleton) else skeleton
    category: dict[str, Any] = {"name": name, "supercategory": name}
    if len(body):
        category["keypoints"] = list(body.keypoints)
        category["skeleton"] = (body.edge_index + 1).tolist()
    if len(body) and skeleton_by_names(body.keypoints) != body:
        category[OWN] = body.to_dict()
    return category


def name_of_category(skeleton: Skeleton) -> str:
    """What a category or class is called whose instances have no labels: `person`, or as the skeleton."""
    return "person" if skeleton.name in _PEOPLE else skeleton.name


def document_of_truth(records: Sequence[Record]) -> dict[str, Any]:
    """The document that `write_coco_truth` writes; `images` are in the order of the records."""
    images = _Images(records)
    categories: dict[tuple[str, Skeleton], int] = {}
    annotations: list[dict[str, Any]] = []
    ids = _Ids(number for record in records for number in record.instance_ids)
    for record in records:
        image = {"image_id": images.number(record)}
        for row, annotation in enumerate(annotations_of(record.keypoints)):
            kind = (_label(record.keypoints, row), record.keypoints.skeleton)
            number = categories.setdefault(kind, len(categories) + 1)
            own = ids.next(record.instance_ids[row] if record.instance_ids else None)
            annotations.append({"id": own} | image | {"category_id": number} | annotation)
    for record in records:
        annotations += _crowds(record, images.number(record), ids)
    if not categories and records:
        kps = records[0].keypoints
        categories[name_of_category(kps.skeleton), kps.skeleton] = 1
    return {
        "info": {"description": "written by pinpoint"},
        "images": images.entries,
        "annotations": annotations,
        "categories": [
            {"id": number} | category_of(kind, name) for (name, kind), number in categories.items()
        ],
    }


def _write(path: Path, records: Sequence[Record]) -> None:
    dump_json(path, document_of_truth(records))


class _Images:
    """The entries of images; records of one picture share one.

    Args:
        records: All there are.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._numbers = ImageNumbers(taken=[r.id for r in records if r.id is not None])
        self._number_of: dict[Any, int | str] = {}
        self._given: set[int | str] = set()
        self.entries: list[dict[str, Any]] = []
        for record in records:
            self._add(record)

    def number(self, record: Record) -> int | str:
        return self._number_of[_picture(record)]

    def _add(self, record: Record) -> None:
        key = _picture(record)
        if key in self._number_of:
            return
        number = record.id
        if number is None or number in self._given:
            if number is not None:
                log.warning("id %r is that of two images; %r gets another", number, record.image)
            number = self._numbers.of(record)
        self._given.add(number)
        self._number_of[key] = number
        entry: dict[str, Any] = {"id": number, "file_name": record.image}
        if record.size is not None:
            entry |= {"width": int(record.size[0]), "height": int(record.size[1])}
        self.entries.append(entry)


def _picture(record: Record) -> tuple[Any, ...]:
    return record.id, record.image, record.index


class _Ids:
    """Ids of annotations, each one of its own: those that are given, and numbers that nobody has.

    Args:
        given: All ids that will be asked for.
    """

    def __init__(self, given: Iterable[int | str]) -> None:
        self._taken = set(given)
        self._used: set[int | str] = set()
        self._last = 0

    def next(self, wanted: int | str | None = None) -> int | str:
        if wanted is not None and wanted not in self._used:
            self._used.add(wanted)
            return wanted
        if wanted is not None:
            log.warning("id %r is that of two instances; the second gets another", wanted)
        self._last += 1
        while self._last in self._taken:
            self._last += 1
        return self._last


def _label(kps: Keypoints, row: int) -> str:
    return name_of_category(kps.skeleton) if kps.labels is None else str(kps.labels[row])


def _is_whole_body(skeleton: Skeleton) -> bool:
    return skeleton == shipped("coco_wholebody133")


def _lists(kps: Keypoints) -> Mapping[str, Float]:
    """What goes into each list, shapes (N, points, 3)."""
    xyv = xyv_of(kps)
    if not len(kps.skeleton):
        return {}
    if not _is_whole_body(kps.skeleton):
        return {"keypoints": xyv}
    ends = np.cumsum(list(WHOLE_BODY.values()))[:-1]
    return dict(zip(WHOLE_BODY, np.split(xyv, ends, axis=1), strict=True))


def _flat(xyv: NDArray[Any]) -> list[float | int]:
    """X, y, v, x, y, v ... with whole numbers as such, as in published files."""
    return [int(value) if value == int(value) else value for value in xyv.ravel().tolist()]


def _rest_of(kps: Keypoints) -> Iterator[dict[str, Any]]:
    """Box, area and track id of each instance, as far as they are known."""
    for row in range(len(kps)):
        rest: dict[str, Any] = {}
        if kps.boxes is not None and np.isfinite(kps.boxes[row]).all():
            rest["bbox"] = rounded("boxes", boxes_to_coco(kps.boxes[row : row + 1]))[0].tolist()
        if kps.areas is not None and np.isfinite(kps.areas[row]):
            rest["area"] = float(rounded("areas", kps.areas[row : row + 1])[0])
        if kps.track_ids is not None and kps.track_ids[row] >= 0:
            rest["track_id"] = int(kps.track_ids[row])
        yield rest


def _crowds(record: Record, image: int | str, ids: _Ids) -> Iterator[dict[str, Any]]:
    """Annotations of the crowd regions of one picture."""
    blank = [0] * (3 * (17 if _is_whole_body(record.keypoints.skeleton) else len(record.keypoints.skeleton)))
    own = [np.nan] * len(record.crowds) if record.crowd_areas is None else record.crowd_areas
    boxes = rounded("boxes", boxes_to_coco(record.crowds)).tolist()
    for (x, y, width, height), area in zip(boxes, own, strict=True):
        yield {
            "id": ids.next(),
            "image_id": image,
            "category_id": 1,
            "iscrowd": 1,
            "num_keypoints": 0,
            "keypoints": blank,
            "bbox": [x, y, width, height],
            "area": round(float(width * height if np.isnan(area) else area), 3),
        }
