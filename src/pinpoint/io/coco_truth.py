"""COCO ground truth: images, annotations and categories in one file (https://cocodataset.org/#format-data)."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.geometry import Float
from pinpoint.io.coco import boxes_from_coco
from pinpoint.io.coco_truth_writer import HOLDS, KEEPS, OWN, WHOLE_BODY, write_coco_truth
from pinpoint.io.growing import load_json
from pinpoint.io.known import skeleton_by_count, skeleton_by_names
from pinpoint.io.plain import blame
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = [
    "HOLDS",
    "KEEPS",
    "is_truth",
    "read_coco_truth",
    "read_crowd_regions",
    "records_of_truth",
    "skeleton_of_category",
    "write_coco_truth",
]

log = logging.getLogger(__name__)

Item = Mapping[str, Any]

_WHOLE = "coco_wholebody133"
OWN_AREA = 1e-3  # square pixels by which a crowd's area differs from its box's, where it is one of its own


@dataclass(frozen=True, eq=False)
class _Instance:
    """One annotation: x y v of the keypoints, shape (K, 3), and what else it says."""

    skeleton: Skeleton
    xyv: Float
    box: Sequence[float] | None
    area: float | None
    category: str
    id: int | str | None
    track_id: int


def read_coco_truth(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read COCO ground truth, one record for each image in the file's order, those without instances too.

    v = 0 is missing; v = 1 is `visible` False and v = 2 True, both with score 1. A box or an area that an
    annotation lacks is NaN. Crowd regions are `crowds` of the record. Where there are several categories,
    `labels` names them, and where these have different skeletons, an image gives one record for each. A
    category with the keypoints of one of this package's skeletons is that skeleton.

    Args:
        path: The file.
        skeleton: What the keypoints are, where the categories do not say it. A file with the foot, face and
            hand lists of COCO-WholeBody is read as `coco_wholebody133`, unless `coco17` is asked for.

    Raises:
        UnreadableError: The file is damaged or of another form, or what its keypoints are is not known.
    """
    return records_of_truth(Path(path), load_json(Path(path)), skeleton)


def skeleton_of_category(category: Item | None, k: int) -> Skeleton:
    """What an annotation of k keypoints is, by its category or, where that does not say it, by their number.

    Raises:
        ValueError: The category has another number of keypoints, or nothing is known of so many.
    """
    kind = None if category is None else _named(category)
    kind = skeleton_by_count(k) if kind is None else kind
    if len(kind) != k:
        raise ValueError(f"there are {k} keypoints, expected those of {kind!r}")
    return kind


def is_truth(document: Any) -> bool:
    """Whether a parsed document may be COCO ground truth."""
    return isinstance(document, dict) and "annotations" in document


def read_crowd_regions(path: str | Path) -> dict[str, Float]:
    """Read the boxes that COCO ground truth marks as crowds, where nothing counts for or against.

    Returns:
        For each image that has any, by file name, boxes x1 y1 x2 y2 of shape (M, 4).

    Raises:
        UnreadableError: The file is damaged or is not COCO ground truth.
    """
    path = Path(path)
    images, _, annotations = _parts(path, load_json(path))
    regions: defaultdict[str, list[Sequence[float]]] = defaultdict(list)
    for where, item in _numbered(annotations):
        with blame(path, where):
            if item.get("iscrowd"):
                regions[_image_of(item, images)["file_name"]].append(item["bbox"])
    with blame(path, "the boxes of crowds"):
        return {name: boxes_from_coco(boxes) for name, boxes in regions.items()}


def records_of_truth(path: Path, document: Item, skeleton: Skeleton | None = None) -> list[Record]:
    """Read parsed ground truth as `read_coco_truth` does; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be, or what its keypoints are is not known.
    """
    images, categories, annotations = _parts(path, document)
    with blame(path, "its categories"):
        kinds = _Kinds(categories, skeleton, whole=any(_has_parts(item) for item in annotations))
    found: defaultdict[Any, dict[Skeleton, list[_Instance]]] = defaultdict(dict)
    crowds: defaultdict[Any, list[Item]] = defaultdict(list)
    for where, item in _numbered(annotations):
        with blame(path, where):
            _image_of(item, images)
            if item.get("iscrowd"):
                crowds[item["image_id"]].append(item)
            else:
                instance = kinds.instance(item)
                found[item["image_id"]].setdefault(instance.skeleton, []).append(instance)
    records: list[Record] = []
    for index, (number, image) in enumerate(images.items()):
        with blame(path, f"image {number}"):
            groups = found.get(number) or {kinds.usual: []}
            regions = crowds.get(number, ())
            known = _known_of(groups, len(categories) > 1)
            for kind, group in groups.items():
                kps = _keypoints(kind, group, known)
                records.append(_record(kps, image, index, group, regions))
    return records


def _record(
    kps: Keypoints, image: Item, index: int, instances: Sequence[_Instance], crowds: Sequence[Item]
) -> Record:
    ids = tuple(instance.id for instance in instances if instance.id is not None)
    return Record(
        kps,
        str(image["file_name"]),
        _size(image),
        index,
        id=image["id"],
        instance_ids=ids if len(ids) == len(instances) else (),
        crowds=boxes_from_coco([item["bbox"] for item in crowds]),
        crowd_areas=_areas_of(crowds),
    )


def _areas_of(crowds: Sequence[Item]) -> Float | None:
    """What crowds cover, shape (C,), or none where that is what their boxes do."""
    areas = np.array([item.get("area", np.nan) for item in crowds], np.float64)
    boxes = np.array([item["bbox"] for item in crowds], np.float64).reshape(-1, 4)
    own = np.abs(areas - boxes[:, 2:].prod(axis=1)) > OWN_AREA
    return np.where(own, areas, np.nan) if own.any() else None


class _Kinds:
    """Knows which skeleton an annotation is of.

    Args:
        categories: Those of the file, by number.
        skeleton: The skeleton of all annotations, if the caller says it.
        whole: Whether there are the lists of COCO-WholeBody.
    """

    def __init__(self, categories: Mapping[Any, Item], skeleton: Skeleton | None, *, whole: bool) -> None:
        self._categories = categories
        self._given = skeleton
        self._whole = whole
        asked = {} if skeleton is not None else categories
        self._by_category = {number: self._extended(_named(asked[number])) for number in asked}
        self._by_count: dict[int, Skeleton] = {}

    @property
    def usual(self) -> Skeleton:
        """The skeleton of an image without annotations."""
        candidates = (self._given, *self._by_category.values(), *self._by_count.values())
        return next((kind for kind in candidates if kind is not None), shipped("box"))

    def instance(self, item: Item) -> _Instance:
        number = item.get("category_id")
        kind = self._given if self._given is not None else self._by_category.get(number)
        if kind is None:
            kind = self._extended(self._counted(len(_points(item))))
        xyv = self._points(item, kind)
        if len(xyv) not in (0, len(kind)):
            raise ValueError(f"it has {len(xyv)} keypoints, but {kind!r}: say what they are with skeleton=")
        return _Instance(
            skeleton=kind,
            xyv=xyv if len(xyv) else np.zeros((len(kind), 3)),
            box=item.get("bbox") or None,
            area=item.get("area"),
            category=str(self._categories.get(number, {}).get("name", number)),
            id=item.get("id"),
            track_id=int(item.get("track_id", -1)),
        )

    def _extended(self, kind: Skeleton | None) -> Any:
        """The skeleton of a category in a file with the lists of COCO-WholeBody."""
        return shipped(_WHOLE) if self._whole and kind == shipped("coco17") else kind

    def _points(self, item: Item, kind: Skeleton) -> Float:
        if not self._whole or kind != shipped(_WHOLE):
            return _points(item)
        return np.concatenate([_points(item, key, count) for key, count in WHOLE_BODY.items()])

    def _counted(self, k: int) -> Skeleton:
        if k not in self._by_count:
            self._by_count[k] = skeleton_by_count(k)
        return self._by_count[k]


def _has_parts(item: Item) -> bool:
    return any(key in item for key in WHOLE_BODY if key != "keypoints")


def _points(item: Item, key: str = "keypoints", count: int = 0) -> Float:
    """One list of an annotation as x y v; where it has none, as many that are missing as are said."""
    xyv = np.asarray(item.get(key) or (), dtype=np.float64).reshape(-1, 3)
    if count and len(xyv) not in (0, count):
        raise ValueError(f"{key} has {len(xyv)} keypoints, expected {count}")
    return xyv if len(xyv) else np.zeros((count, 3))


def _named(category: Item) -> Skeleton | None:
    if not category.get("keypoints"):
        return None
    if (own := _own(category)) is not None:
        return own
    if (known := skeleton_by_names(tuple(category["keypoints"]))) is not None:
        return known
    bare = Skeleton.from_coco({**category, "skeleton": []})
    try:
        return Skeleton.from_coco(category)
    except ValueError as error:  # published files have edges of another dataset, or count them from 0
        log.warning("%s; read without edges", error)
        return bare


def _own(category: Item) -> Skeleton | None:
    """The skeleton that Pinpoint wrote into a category, unless its keypoints were changed since."""
    own = Skeleton.from_dict(category[OWN]) if OWN in category else None
    return own if own is not None and list(own.keypoints) == list(category["keypoints"]) else None


def _parts(path: Path, document: Item) -> tuple[dict[Any, Item], dict[Any, Item], Sequence[Item]]:
    with blame(path, "its images, categories and annotations"):
        images = {image["id"]: image for image in document["images"]}
        categories = {category["id"]: category for category in document.get("categories") or ()}
        return images, categories, list(document["annotations"])


def _numbered(annotations: Sequence[Item]) -> Iterator[tuple[str, Item]]:
    for number, item in enumerate(annotations, 1):
        yield f"annotation {number}", item


def _image_of(item: Item, images: Mapping[Any, Item]) -> Item:
    if item["image_id"] not in images:
        raise ValueError(f"image_id {item['image_id']!r} is not among the images")
    return images[item["image_id"]]


def _size(image: Item) -> tuple[int, int] | None:
    return (int(image["width"]), int(image["height"])) if "width" in image and "height" in image else None


def _known_of(groups: Mapping[Skeleton, Sequence[_Instance]], labelled: bool) -> frozenset[str]:
    """Which fields of `Keypoints` any instance of a picture has."""
    instances = [instance for group in groups.values() for instance in group]
    known = {
        "boxes": any(instance.box is not None for instance in instances) or not instances,
        "areas": any(instance.area is not None for instance in instances) or not instances,
        "track_ids": any(instance.track_id >= 0 for instance in instances),
        "labels": labelled,
    }
    return frozenset(field for field, there in known.items() if there)


def _keypoints(skeleton: Skeleton, instances: Sequence[_Instance], known: frozenset[str]) -> Keypoints:
    xyv = np.array([instance.xyv for instance in instances]).reshape(len(instances), len(skeleton), 3)
    there = xyv[..., 2] > 0
    lacking = [np.nan] * 4
    fields: dict[str, Any] = {
        "boxes": boxes_from_coco([lacking if one.box is None else one.box for one in instances]),
        "areas": np.array([np.nan if one.area is None else one.area for one in instances], dtype=np.float64),
        "track_ids": np.array([one.track_id for one in instances], dtype=np.int64),
        "labels": np.array([one.category for one in instances], dtype=np.str_),
    }
    return Keypoints(
        xy=np.where(there[..., None], xyv[..., :2], np.nan),
        scores=there.astype(np.float64),
        skeleton=skeleton,
        visible=xyv[..., 2] > 1,
        **{field: fields[field] for field in known},
    )
