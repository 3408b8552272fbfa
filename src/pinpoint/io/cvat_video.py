"""CVAT XML 1.1 for video, as it is written: tracks of skeletons and, where there are boxes, of these.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/

One file is of one video. Who has a track id is one track over all frames, and the skeleton and the box of
one share a group; who has none is a track of one frame. Each frame is a key frame, and a track ends with a
shape that is outside, or else CVAT would go on with it. Frames without instances leave no trace, and the
instances of a frame come back in order of their track ids. `read_cvat` reads it; pixels have 3 decimals.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from pinpoint.io.coco_truth_writer import name_of_category
from pinpoint.io.cvat_labels import BOX, add_labels
from pinpoint.io.files import replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.io.shapes import EDGE, Drawn, drawn_in, outward, say_lost
from pinpoint.skeletons import Skeleton

__all__ = ["HOLDS", "box_attributes", "cvat_video_writer", "point_attributes", "write_cvat_video"]

HOLDS = frozenset({"xy", "visible", "boxes", "labels", "track_ids"})

_CORNERS = ("xtl", "ytl", "xbr", "ybr")


@dataclass
class _Track:
    """One instance over time, by frame."""

    id: int
    label: str
    shown: dict[int, Drawn] = field(default_factory=dict)


def write_cvat_video(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write one file of tracks, to be uploaded as the annotations of a task with this video.

    Args:
        path: The file.
        records: Frames of one video by their `index`, each with its size.
        skeleton: Of the label, where there are no records.

    Raises:
        ValueError: They are of several videos, sizes or skeletons, a frame has a track twice, a number is
            infinite, or no size is known.
    """
    write_all(cvat_video_writer(Path(path), skeleton), records)


def cvat_video_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a file to write frames into, as `write_cvat_video` does."""
    admit = Admission(HOLDS, "CVAT XML for video", skeleton)
    return GatheringWriter(admit, lambda records: _write(path, records, admit.skeleton))


def point_attributes(one: Drawn, name: str) -> dict[str, str]:
    """What CVAT says of a point of a skeleton; one that is missing is outside."""
    x, y = one.points.get(name, (-EDGE, -EDGE))
    return {
        "label": name,
        "source": "manual",
        "outside": "0" if name in one.points else "1",
        "occluded": "1" if name in one.hidden else "0",
        "points": f"{outward(x)!r},{outward(y)!r}",
    }


def box_attributes(box: Sequence[float]) -> dict[str, str]:
    """What CVAT says of the corners of a box."""
    return {key: repr(outward(value)) for key, value in zip(_CORNERS, box, strict=True)}


def _write(path: Path, records: Sequence[Record], kind: Skeleton | None) -> None:
    say_lost(records, "CVAT XML for video")
    tracks = _tracks(records)
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    labels = _add_task(root, records)
    if kind is not None:
        names = list(dict.fromkeys(track.label for track in tracks)) or [name_of_category(kind)]
        boxes = any(one.box for track in tracks for one in track.shown.values())
        add_labels(labels, names, kind, boxes=boxes)
        free = itertools.count(1 + max((track.id for track in tracks), default=-1))
        for group, track in enumerate(tracks, 1):
            _add_track(root, track, group, kind, free)
    ET.indent(root)
    with replacing(path) as partial:
        partial.write_bytes(ET.tostring(root, "utf-8", xml_declaration=True) + b"\n")


def _tracks(records: Sequence[Record]) -> list[_Track]:
    """Tracks in order of their ids; instances without one get ids above these, as they come."""
    tracks: dict[tuple[int, str], _Track] = {}
    drawn = [(record, list(drawn_in(record))) for record in sorted(records, key=lambda one: one.index)]
    free = itertools.count(1 + max((one.track for _, group in drawn for one in group), default=-1))
    for record, group in drawn:
        for one in group:
            number = one.track if one.track >= 0 else next(free)
            track = tracks.setdefault((number, one.label), _Track(number, one.label))
            if record.index in track.shown:
                raise ValueError(f"frame {record.index} of {record.image!r} has track {number} twice")
            track.shown[record.index] = one
    return sorted(tracks.values(), key=lambda track: track.id)


def _add_task(root: ET.Element, records: Sequence[Record]) -> ET.Element:
    """What the file says of the video; returns the list of labels."""
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    frames = 1 + max((record.index for record in records), default=-1)
    for tag, text in (("name", "pinpoint"), ("size", str(frames)), ("mode", "interpolation")):
        ET.SubElement(task, tag).text = text
    labels = ET.SubElement(task, "labels")
    if records:
        width, height = _only({record.size for record in records}, "size")
        stated = ET.SubElement(task, "original_size")
        ET.SubElement(stated, "width").text = str(width)
        ET.SubElement(stated, "height").text = str(height)
        ET.SubElement(task, "source").text = _only({record.image for record in records}, "video")
    return labels


def _only(values: Collection[Any], what: str) -> Any:
    """The only value.

    Raises:
        ValueError: There are several, or it is not known.
    """
    (value, *more) = values
    if more or value is None:
        raise ValueError(f"frames have {what} {sorted(map(str, values))}: a CVAT file is of one video")
    return value


def _add_track(
    root: ET.Element, track: _Track, group: int, kind: Skeleton, free: "itertools.count[int]"
) -> None:
    points = {frame: one for frame, one in track.shown.items() if one.points}
    boxes = {frame: one for frame, one in track.shown.items() if one.box is not None}
    said = {"source": "manual", "group_id": str(group)}
    if points:
        head = ET.SubElement(root, "track", {"id": str(track.id), "label": track.label, **said})
        _add_skeletons(head, points, kind)
    if boxes:
        number = next(free) if points else track.id
        head = ET.SubElement(root, "track", {"id": str(number), "label": track.label + BOX, **said})
        _add_boxes(head, boxes)


def _add_skeletons(head: ET.Element, shown: Mapping[int, Drawn], kind: Skeleton) -> None:
    for frame, one, outside in _with_ends(shown):
        element = ET.SubElement(head, "skeleton", _state(frame, outside=outside))
        for name in kind.keypoints:
            said = point_attributes(one, name)
            ET.SubElement(element, "points", said | {"keyframe": "1"} | ({"outside": "1"} if outside else {}))


def _add_boxes(head: ET.Element, shown: Mapping[int, Drawn]) -> None:
    for frame, one, outside in _with_ends(shown):
        state = _state(frame, outside=outside) | {"occluded": "0"}
        ET.SubElement(head, "box", state | box_attributes(one.box or ()))


def _with_ends(shown: Mapping[int, Drawn]) -> Iterable[tuple[int, Drawn, bool]]:
    """Every frame and, after the last before a gap, the next one, in which it is outside."""
    for frame, one in shown.items():
        yield frame, one, False
        if frame + 1 not in shown:
            yield frame + 1, one, True


def _state(frame: int, *, outside: bool) -> dict[str, str]:
    return {"frame": str(frame), "keyframe": "1", "outside": str(int(outside)), "z_order": "0"}
