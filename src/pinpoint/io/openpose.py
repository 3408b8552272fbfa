"""OpenPose JSON: a folder with one file for each image, version 1.3 of the format.

Each file lists `people` with `pose_keypoints_2d` (25 or 18 points), `face_keypoints_2d` (70),
`hand_left_keypoints_2d` and `hand_right_keypoints_2d` (21 each) as x, y, score, ...; a missing point is 0, 0,
0. `person_id` is the track id, -1 where unknown. Holds `xy` and `scores` to the decimals of `plain`,
`track_ids`, and nothing else. Of the face's 70 points the last two, the pupils, have no counterpart and are
written as missing. Written from the description in OpenPose's documentation ("Output format").
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.geometry import Float
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import replacing
from pinpoint.io.growing import load_json
from pinpoint.io.plain import blame, rounded
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "OpenPoseWriter", "is_folder_of_people", "read_openpose", "records_of_people"]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "scores", "track_ids"})

Item = Mapping[str, Any]

_POSE = "pose_keypoints_2d"
_WHOLE = "coco_wholebody133"
_PARTS = {
    "face_keypoints_2d": "face",
    "hand_left_keypoints_2d": "left_hand",
    "hand_right_keypoints_2d": "right_hand",
}
"""Lists beside the body's, and the parts of COCO-WholeBody that they hold in the same order."""
_FACE_POINTS = 70
_POSES = {25: "body25", 18: "openpose18"}
_UNUSED = ("pose_keypoints_3d", "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d")
_SUFFIX = "_keypoints.json"


class OpenPoseWriter(RecordWriter):
    """Writes one file for each record into a folder, `NAME_keypoints.json`, as OpenPose does.

    Bodies are converted to OpenPose's points by name. The face and hands of a whole-body skeleton, a face68
    and hands labelled `left` and `right` go into their own lists. Frames of a video are numbered with twelve
    digits.

    Args:
        folder: Made if it does not exist; files of the same names in it are replaced.
        skeleton: The skeleton of all records, or none to take the first record's.
        pose: Name of the body's points: `body25` or `openpose18`.

    Raises:
        ValueError: The folder is named like a file, or `pose` is another skeleton.
    """

    def __init__(self, folder: str | Path, skeleton: Skeleton | None = None, *, pose: str = "body25") -> None:
        if pose not in _POSES.values():
            raise ValueError(f"pose is {pose!r}, expected one of {sorted(_POSES.values())}")
        if Path(folder).suffix.lower() == ".json":
            raise ValueError(f"OpenPose writes one file for each image: name a folder, not {str(folder)!r}")
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pose = shipped(pose)
        self._admit = Admission(HOLDS, "OpenPose JSON", skeleton)
        self._written: set[str] = set()
        self._said = False

    def write(self, record: Record) -> None:
        """Write the file of one record, whole or not at all.

        Raises:
            ValueError: Its skeleton is not that of the records before or cannot be said in OpenPose's points,
                or a number is infinite.
        """
        kps = record.keypoints
        if _is_hand(kps):  # its label becomes the name of its list
            self._admit(replace(record, keypoints=replace(kps, labels=None)))
        else:
            self._admit(record)
        self._say_lost(kps.skeleton)
        people = _people(kps, _lists(kps, self._pose))
        with replacing(self._folder / self._free_name(record)) as temporary:
            temporary.write_text(json.dumps({"version": 1.3, "people": people}, allow_nan=False), "ascii")

    def close(self) -> None:
        """Do nothing; every file is finished already."""

    def _say_lost(self, skeleton: Skeleton) -> None:
        parts = [name for part in _PARTS.values() for name in shipped(_WHOLE).parts[part]]
        held = {*self._pose.keypoints, *parts, *shipped("hand21").keypoints}
        lost = [name for name in skeleton.keypoints if name not in held]
        if lost and not self._said:
            named = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            log.warning("OpenPose JSON cannot hold %s of %r; left out", named, skeleton)
        self._said = True

    def _free_name(self, record: Record) -> str:
        """Two images of one name in different folders must not overwrite each other."""
        stem = Path(record.image).stem
        frame = f"{record.index:012d}" if record.seconds is not None or not stem else ""
        first = name = "_".join(filter(None, (stem, frame)))
        count = 1
        while name in self._written:
            count += 1
            name = f"{first}-{count}"
        self._written.add(name)
        return name + _SUFFIX


def is_folder_of_people(path: Path) -> bool:
    """Whether a folder may hold OpenPose files: there are JSON files, or nothing that says otherwise."""
    return any(path.glob("*.json")) or not any(path.iterdir())


def read_openpose(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read an OpenPose JSON file, or all of a folder in order of their names.

    If any file has faces or hands, all are read as `coco_wholebody133` (its body has no neck and pelvis),
    otherwise as `body25` or `openpose18` by their number of points. Images are named by their files.

    Args:
        path: A file or a folder.
        skeleton: What the points of the body are, if they are neither 25 nor 18.

    Raises:
        UnreadableError: A file is damaged or of another form, or there is none.
    """
    path = Path(path)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UnreadableError(path, "holds no .json files: name the folder that OpenPose wrote into")
    return records_of_people({file: load_json(file) for file in files}, skeleton)


def records_of_people(documents: Mapping[Path, Any], skeleton: Skeleton | None = None) -> list[Record]:
    """Read parsed OpenPose documents by file as `read_openpose` does.

    Raises:
        UnreadableError: Something in one is not what it should be.
    """
    parsed: list[tuple[Path, list[_Person]]] = []
    for file, document in documents.items():
        with blame(file, "its people"):
            parsed.append((file, [_Person(person) for person in document["people"]]))
    everyone = [person for _, people in parsed for person in people]
    whole = any(person.parts for person in everyone)
    body = skeleton if skeleton is not None and not whole else _body_of(everyone)
    records: list[Record] = []
    for index, (file, people) in enumerate(parsed):
        with blame(file, "its people"):
            kps = _read(people, body, whole)
        records.append(Record(kps, file.name.removesuffix(_SUFFIX).removesuffix(".json"), index=index))
    return records


class _Person:
    """One entry of `people`, its lists as arrays of shape (points, 3)."""

    def __init__(self, item: Item) -> None:
        self.body = _triples(item, _POSE)
        found = {part: _triples(item, key) for key, part in _PARTS.items()}
        self.parts = {part: points for part, points in found.items() if len(points)}
        person_id = item.get("person_id", -1)
        self.track_id = int(person_id[0] if isinstance(person_id, list) and person_id else -1)


def _triples(item: Item, key: str) -> Float:
    return np.asarray(item.get(key) or (), dtype=np.float64).reshape(-1, 3)


def _body_of(people: Sequence[_Person]) -> Skeleton:
    counts = {len(person.body) for person in people} - {0}
    return shipped(_POSES[counts.pop()]) if len(counts) == 1 and counts <= set(_POSES) else shipped("body25")


def _read(people: Sequence[_Person], body: Skeleton, whole: bool) -> Keypoints:
    triples = np.array([_body(person.body, body) for person in people]).reshape(-1, len(body), 3)
    xy, scores = _split(triples)
    ids = np.array([person.track_id for person in people], dtype=np.int64)
    kps = Keypoints(xy=xy, scores=scores, skeleton=body, track_ids=ids if (ids >= 0).any() else None)
    if not whole:
        return kps
    kps = convert(kps, _WHOLE)
    xy, scores = kps.xy.copy(), kps.scores.copy()
    for row, person in enumerate(people):
        for part, points in person.parts.items():
            columns = kps.skeleton.part_index(part)
            xy[row, columns], scores[row, columns] = _split(_cut(points, part, len(columns)))
    return replace(kps, xy=xy, scores=scores)


def _body(points: Float, body: Skeleton) -> Float:
    if len(points) not in (0, len(body)):
        raise ValueError(
            f"{_POSE} has {len(points)} points, expected those of {body!r}: say which with skeleton="
        )
    return points if len(points) else np.zeros((len(body), 3))


def _cut(points: Float, part: str, count: int) -> Float:
    if len(points) != count and (part, len(points)) != ("face", _FACE_POINTS):
        raise ValueError(f"{part} has {len(points)} points, expected {count}")
    return points[:count]


def _split(triples: Float) -> tuple[Float, Float]:
    """Coordinates and scores of x y score, shape (..., 3); 0 0 0 is missing."""
    missing = (triples == 0).all(axis=-1, keepdims=True)
    return np.where(missing, np.nan, triples[..., :2]), triples[..., 2]


def _joined(kps: Keypoints) -> Float:
    """The inverse of `_split`, rounded, shape (N, K, 3)."""
    missing = np.asarray(np.isnan(kps.xy).any(axis=2))
    triples = np.dstack([rounded("xy", kps.xy), rounded("scores", np.nan_to_num(kps.scores))])
    return np.where(missing[..., None], 0, triples)


def _lists(kps: Keypoints, pose: Skeleton) -> dict[str, Float]:
    """What goes into each list, shapes (N, points, 3)."""
    if _is_hand(kps):
        return _hand_lists(kps)
    triples, lists = _joined(kps), {}
    for key, part in _PARTS.items():
        names = shipped(_WHOLE).parts[part]
        if all(name in kps.skeleton for name in names):
            lists[key] = triples[:, kps.skeleton.indices(names)]
    if not lists or any(name in kps.skeleton for name in pose.keypoints):
        lists[_POSE] = _joined(convert(kps, pose))
    if "face_keypoints_2d" in lists:
        pupils = ((0, 0), (0, _FACE_POINTS - len(shipped("face68"))), (0, 0))
        lists["face_keypoints_2d"] = np.pad(lists["face_keypoints_2d"], pupils)
    return lists


def _is_hand(kps: Keypoints) -> bool:
    return kps.skeleton == shipped("hand21")


def _hand_lists(kps: Keypoints) -> dict[str, Float]:
    sides = np.full(len(kps), "") if kps.labels is None else kps.labels
    if unknown := sorted({str(side) for side in sides} - {"left", "right"}):
        raise ValueError(
            f"OpenPose keeps hands apart by side: labels are {unknown}, expected 'left' or 'right'"
        )
    triples = _joined(kps)
    return {
        f"hand_{side}_keypoints_2d": np.where((sides == side)[:, None, None], triples, 0)
        for side in ("left", "right")
    }


def _people(kps: Keypoints, lists: Mapping[str, Float]) -> list[dict[str, Any]]:
    ids = np.full(len(kps), -1) if kps.track_ids is None else kps.track_ids
    empty: dict[str, Any] = {key: [] for key in (_POSE, *_PARTS, *_UNUSED)}
    return [
        {"person_id": [int(ids[row])]}
        | empty
        | {key: points[row].ravel().tolist() for key, points in lists.items()}
        for row in range(len(kps))
    ]
