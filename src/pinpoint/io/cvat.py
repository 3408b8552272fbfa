"""CVAT XML 1.1, for images and for video: skeletons, points and boxes.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/

Read are skeletons (`outside` is missing, `occluded` is not visible), points whose label names the keypoint,
points of one shape in the skeleton's order, and boxes. Shapes of one `group_id` are one instance. In files
for video, what a track, or the tracks of one group, show in a frame is one instance. The edges of skeletons
come from the drawings of the labels. Written are files for images: a skeleton and, where there is one, a
box of the same group and of a label of its own; pixels to 3 decimals. `cvat_video` writes files for video.
"""

import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from pinpoint.io.coco_truth_writer import name_of_category
from pinpoint.io.cvat_labels import BOX, add_labels, skeletons_of
from pinpoint.io.cvat_video import box_attributes, point_attributes
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes, replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.io.shapes import (
    EDGE,
    Drawn,
    Image,
    Shape,
    drawn_in,
    records_of_images,
    say_lost,
    skeleton_named,
    tied,
)
from pinpoint.skeletons import Skeleton

__all__ = ["HOLDS", "KEEPS", "cvat_writer", "read_cvat", "write_cvat"]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "visible", "boxes", "labels"})
KEEPS = frozenset({"id", "instance_ids", "split"})

_HOW = "group the shapes of each instance in CVAT, or label with a skeleton"
_PASSED_OVER = ("tag", "attribute")


@dataclass
class _Content:
    """What one image or frame holds.

    Attributes:
        whole: Instances that are one shape: skeletons, and points of one shape.
        shapes: Boxes, and points that are named one by one.
    """

    whole: list[Drawn] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)

    @property
    def place(self) -> int:
        """Number of what comes next."""
        return len(self.whole) + len(self.shapes)

    def instances(self) -> list[Drawn]:
        """Put shapes of one group together, in the file's order."""
        joined: dict[int | str, Drawn] = {}
        found = sorted([*self.whole, *tied(self.shapes, _HOW)], key=lambda one: one.place)
        for number, one in enumerate(found):
            key = f"alone {number}" if one.id is None else one.id
            joined[key] = _merged(joined[key], one) if key in joined else one
        return list(joined.values())


@dataclass(frozen=True)
class _Shown:
    """What an element of the file is said to be, in it or in its track."""

    label: str
    group: int | None
    track: int = -1


class _Reader:
    """Takes shapes out of their elements.

    Args:
        order: Names of the points of shapes that hold several, or empty if nobody says them.
    """

    def __init__(self, order: Sequence[str]) -> None:
        self._order = order
        self.others: Counter[str] = Counter()

    def take(self, element: ET.Element, shown: _Shown, content: _Content) -> None:
        if element.tag in _PASSED_OVER or element.get("outside") == "1":
            return
        if element.tag == "skeleton":
            content.whole.append(replace(_skeleton(element, shown), place=content.place))
        elif element.tag == "box":
            label = shown.label.removesuffix(BOX)
            box = Shape(label, _box(element), shown.group, id=shown.group, track=shown.track)
            content.shapes.append(replace(box, place=content.place))
        elif element.tag == "points":
            self._take_points(element, shown, content)
        else:
            self.others[element.tag] += 1

    def _take_points(self, element: ET.Element, shown: _Shown, content: _Content) -> None:
        xy, hidden = _numbers(element), element.get("occluded") == "1"
        if len(xy) == 1:
            point = Shape(shown.label, xy[0], shown.group, hidden, id=shown.group, track=shown.track)
            content.shapes.append(replace(point, place=content.place))
            return
        points = dict(zip(self._names(len(xy)), xy, strict=True))
        seen = set(points) if hidden else set()
        whole = Drawn(points, seen, label=shown.label, id=shown.group, track=shown.track)
        content.whole.append(replace(whole, place=content.place))

    def _names(self, count: int) -> Sequence[str]:
        if not self._order:
            return [str(number) for number in range(1, count + 1)]
        if len(self._order) != count:
            raise ValueError(f"a shape has {count} points, but the skeleton {len(self._order)} keypoints")
        return self._order


def read_cvat(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read an `annotations.xml`, for images or for video.

    Args:
        path: The file.
        skeleton: What the keypoints are, or none to go by the labels of the file: a skeleton label with the
            names of one of this package's skeletons is that one.

    Returns:
        One record for each image, or for each frame of a video in which something is; where labels have
        different skeletons, one for each of them that the image has.

    Raises:
        UnreadableError: The file is damaged or of another form, or it is not clear which instance a shape
            belongs to.
    """
    path = Path(path)
    root = _root(path)
    with blame(path, "its labels"):
        kinds = skeletons_of(root) if skeleton is None else {}
    different = set(kinds.values())
    only = skeleton if skeleton is not None else next(iter(different), None) if len(different) == 1 else None
    reader = _Reader(() if only is None else only.keypoints)
    images = [*_images(path, root, reader), *_frames(path, root, reader)]
    if reader.others:
        counts = ", ".join(f"{count} x {kind}" for kind, count in reader.others.items())
        log.warning("%s: what is no skeleton, points or box is left out: %s", path, counts)
    with blame(path, "its labels"):
        return _records_by_kind(images, kinds) if len(different) > 1 else records_of_images(images, only)


def write_cvat(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write one file for images, to be uploaded as the annotations of a task with these images.

    Args:
        path: The file.
        records: Each with a size; CVAT matches images by their names.
        skeleton: Of the label, where there are no records.

    Raises:
        ValueError: The records have several skeletons, a number is infinite, or an image has no size.
    """
    write_all(cvat_writer(Path(path), skeleton), records)


def cvat_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a file to write records into, as `write_cvat` does."""
    admit = Admission(HOLDS, "CVAT XML", skeleton, keeps=KEEPS)
    return GatheringWriter(admit, lambda records: _write(path, records, admit.skeleton))


def _write(path: Path, records: Sequence[Record], kind: Skeleton | None) -> None:
    say_lost(records, "CVAT XML")
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    for tag, text in (("name", "pinpoint"), ("size", str(len(records))), ("mode", "annotation")):
        ET.SubElement(task, tag).text = text
    labels = ET.SubElement(task, "labels")
    if kind is not None:
        drawn = [one for record in records for one in drawn_in(record)]
        names = list(dict.fromkeys(one.label for one in drawn)) or [name_of_category(kind)]
        add_labels(labels, names, kind, boxes=any(one.box for one in drawn))
    groups = itertools.count(1)  # in CVAT, a group is one of the whole task
    for number, record in enumerate(records):
        _add_image(root, record, number, groups)
    ET.indent(root)
    with replacing(path) as partial:
        partial.write_bytes(ET.tostring(root, "utf-8", xml_declaration=True) + b"\n")


def _root(path: Path) -> ET.Element:
    try:
        root = ET.fromstring(read_bytes(path))
    except ET.ParseError as error:
        raise UnreadableError(path, f"is not XML, or damaged: {error}") from error
    if root.tag != "annotations":
        raise UnreadableError(path, f"is XML of {root.tag!r}, expected CVAT's 'annotations'")
    return root


def _images(path: Path, root: ET.Element, reader: _Reader) -> Iterator[Image]:
    for number, image in enumerate(root.findall("image"), 1):
        with blame(path, f"image {number} ({image.get('name')!r})"):
            content = _Content()
            for element in image:
                shown = _Shown(element.get("label", ""), _group(element))
                reader.take(element, shown, content)
            yield Image(
                image.attrib["name"],
                content.instances(),
                size=_size(image.get("width"), image.get("height")),
                id=int(image.attrib["id"]),
                split=image.get("subset") or "",
            )


def _frames(path: Path, root: ET.Element, reader: _Reader) -> Iterator[Image]:
    """Frames of a video in the order of their numbers."""
    frames: defaultdict[int, _Content] = defaultdict(_Content)
    first: dict[int, int] = {}  # track of each group, whose shapes are one instance
    for number, track in enumerate(root.findall("track"), 1):
        with blame(path, f"track {number} ({track.get('label')!r})"):
            own, group = int(track.attrib["id"]), _group(track)
            shown = _Shown(
                track.attrib["label"], group, own if group is None else first.setdefault(group, own)
            )
            for element in track:
                reader.take(element, shown, frames[int(element.attrib["frame"])])
    name = root.findtext("./meta/source") or root.findtext("./meta/*/source") or ""
    stated = root.find("./meta//original_size")
    size = None if stated is None else _size(stated.findtext("width"), stated.findtext("height"))
    for frame in sorted(frames):
        with blame(path, f"frame {frame}"):
            if drawn := frames[frame].instances():
                yield Image(name, drawn, size, index=frame, id=frame)


def _group(element: ET.Element) -> int | None:
    """CVAT counts groups from 1, and 0 is none."""
    return int(element.get("group_id") or 0) or None


def _skeleton(element: ET.Element, shown: _Shown) -> Drawn:
    there = [point for point in element.findall("points") if point.get("outside") != "1"]
    points = {point.attrib["label"]: _numbers(point)[0] for point in there}
    hidden = {
        point.attrib["label"] for point in there if "1" in (point.get("occluded"), element.get("occluded"))
    }
    return Drawn(points, hidden, label=shown.label, id=shown.group, track=shown.track)


def _merged(one: Drawn, other: Drawn) -> Drawn:
    if set(one.points) & set(other.points) or (one.box and other.box):
        raise ValueError(f"group {one.id} has a keypoint or a box twice: {_HOW}")
    return replace(
        one,
        points={**one.points, **other.points},
        hidden={*one.hidden, *other.hidden},
        label=one.label or other.label,
        box=one.box or other.box,
    )


def _records_by_kind(images: Sequence[Image], kinds: Mapping[str, Skeleton]) -> list[Record]:
    records: list[Record] = []
    for index, image in enumerate(images):
        groups: dict[Skeleton, list[Drawn]] = {}
        for one in image.drawn:
            kind = kinds[one.label] if one.label in kinds else skeleton_named(tuple(one.points))
            groups.setdefault(kind, []).append(one)
        number = index if image.index is None else image.index
        for kind, drawn in (groups or {next(iter(kinds.values())): []}).items():
            records.extend(records_of_images([replace(image, drawn=drawn, index=number)], kind))
    return records


def _numbers(element: ET.Element) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in element.attrib["points"].split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"points are {element.get('points')!r}, expected x,y;x,y")
    return [(float(x) - EDGE, float(y) - EDGE) for x, y in pairs]


def _box(element: ET.Element) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(element.attrib[key]) - EDGE for key in ("xtl", "ytl", "xbr", "ybr"))
    return x1, y1, x2, y2


def _size(width: str | None, height: str | None) -> tuple[int, int] | None:
    return (int(width), int(height)) if width and height else None


def _add_image(root: ET.Element, record: Record, number: int, groups: "itertools.count[int]") -> None:
    if record.size is None:
        raise ValueError(f"image {record.image!r} has no size, and CVAT XML states it: give Record(size=...)")
    width, height = record.size
    said = {"id": str(record.id if isinstance(record.id, int) else number), "name": record.image}
    said |= {"subset": record.split} if record.split else {}
    image = ET.SubElement(root, "image", {**said, "width": str(width), "height": str(height)})
    drawn = list(drawn_in(record))
    ids = [one.id for one in drawn if isinstance(one.id, int) and one.id > 0]
    for row, one in enumerate(drawn):
        free = next(groups)
        group = ids[row] if len(set(ids)) == len(drawn) else free
        _add_instance(image, one, str(group), record.keypoints.skeleton)


def _add_instance(image: ET.Element, one: Drawn, group: str, kind: Skeleton) -> None:
    shared = {"source": "manual", "z_order": "0", "group_id": group}
    if one.points:
        element = ET.SubElement(image, "skeleton", {"label": one.label, **shared})
        for name in kind.keypoints:
            ET.SubElement(element, "points", point_attributes(one, name))
    if one.box is not None:
        said = {"label": one.label + BOX, **shared, "occluded": "0"}
        ET.SubElement(image, "box", said | box_attributes(one.box))
