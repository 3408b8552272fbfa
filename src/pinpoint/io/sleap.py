"""SLEAP: one `.slp` file with skeletons, videos, labels and predictions, through `sleap-io` (extra `sleap`).

https://io.sleap.ai

SLEAP counts pixels from the centre of the first one, as Pinpoint does. `.slp` files are exact.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import file_head, replacing
from pinpoint.io.format import GatheringWriter, write_all
from pinpoint.io.plain import blame
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.io.shapes import skeleton_named
from pinpoint.io.sources import PICTURE_SUFFIXES
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton_names
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "read_sleap", "sleap_writer", "write_sleap"]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "scores", "box_scores", "track_ids"})


def read_sleap(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read labels and predictions; where a frame has both, predictions are left out.

    Args:
        path: The file. Its videos need not be there.
        skeleton: What the keypoints are, or none to take that of the file.

    Returns:
        One record for each labelled frame, with the image's name or that of the video; where a frame has
        instances of different skeletons, one for each of them.

    Raises:
        UnreadableError: The file is damaged or of another form.
        ValueError: The given skeleton lacks a keypoint of the file.
        ImportError: sleap-io is not installed.
    """
    path = Path(path)
    sleap_io = _sleap_io()
    file_head(path)  # says what is wrong with a file that cannot be opened
    try:
        labels = sleap_io.load_slp(str(path), open_videos=False)
    except (OSError, KeyError, ValueError) as error:
        raise UnreadableError(path, f"is damaged or no .slp file: {error}") from error
    with blame(path, "its labels"):
        kinds = {id(one): _kind(one, skeleton) for one in labels.skeletons}
        usual = skeleton if skeleton is not None else next(iter(kinds.values()), shipped("box"))
        tracks = {id(track): number for number, track in enumerate(labels.tracks)}
        return [record for frame in labels for record in _records(frame, kinds, tracks, usual)]


def write_sleap(path: str | Path, records: Iterable[Record], skeleton: Skeleton | None = None) -> None:
    """Write a project.

    Instances are labels, or predictions where scores are other than those of labels. Images are the frames of
    one video made of them.

    Args:
        path: The file.
        records: Names of images and videos are written as they are.
        skeleton: The skeleton of all records, or none to take the first record's.

    Raises:
        ValueError: The records have several skeletons, or a number is infinite.
        ImportError: sleap-io is not installed.
    """
    write_all(sleap_writer(Path(path), skeleton), records)


def sleap_writer(path: Path, skeleton: Skeleton | None = None) -> RecordWriter:
    """Open a file to write records into, as `write_sleap` does."""
    _sleap_io()
    admit = Admission(HOLDS, "SLEAP", skeleton)
    return GatheringWriter(admit, lambda records: _write(path, records, admit.skeleton))


def _sleap_io() -> ModuleType:
    try:
        import sleap_io  # pyright: ignore[reportMissingImports] an extra
    except ImportError as error:
        raise ImportError("SLEAP files need one more package: pip install sleap-io") from error
    return sleap_io


def _kind(given: Any, skeleton: Skeleton | None) -> Skeleton:
    names = tuple(given.node_names)
    if skeleton is not None:
        if unknown := [name for name in names if name not in skeleton]:
            raise ValueError(f"keypoints {unknown} are none of {skeleton!r}")
        return skeleton
    known = skeleton_named(names)
    if known.name in skeleton_names() and known == shipped(known.name):
        return known
    edges, swaps = (_pairs(names, pairs) for pairs in (given.edge_inds, given.symmetry_inds))
    return Skeleton(given.name or "keypoints", names, edges, swaps or known.swaps)


def _pairs(names: Sequence[str], pairs: Iterable[Sequence[int]]) -> tuple[tuple[str, str], ...]:
    return tuple((names[a], names[b]) for a, b in pairs)


def _records(frame: Any, kinds: dict[int, Skeleton], tracks: dict[int, int], usual: Skeleton) -> list[Record]:
    groups: dict[Skeleton, list[Any]] = {}
    for instance in frame.user_instances or frame.predicted_instances:
        groups.setdefault(kinds[id(instance.skeleton)], []).append(instance)
    files = frame.video.filename
    index = int(frame.frame_idx)
    image = str(files[index]) if isinstance(files, list) else str(files)
    shape = frame.video.shape
    size = (int(shape[2]), int(shape[1])) if shape is not None and not isinstance(files, list) else None
    return [
        Record(_keypoints(instances, kind, tracks), image.replace("\\", "/"), size, index)
        for kind, instances in (groups or {usual: []}).items()
    ]


def _keypoints(instances: Sequence[Any], kind: Skeleton, tracks: dict[int, int]) -> Keypoints:
    n, k = len(instances), len(kind)
    xy, scores = np.full((n, k, 2), np.nan), np.zeros((n, k))
    for row, instance in enumerate(instances):
        columns = kind.indices(instance.skeleton.node_names)
        xy[row, columns] = instance.numpy()
        there = np.isfinite(xy[row, columns]).all(axis=1)
        said = instance.points["score"] if _is_prediction(instance) else there
        scores[row, columns] = np.where(there, np.nan_to_num(said), 0)
    optional: dict[str, Any] = {}
    if n and all(_is_prediction(instance) for instance in instances):
        optional["box_scores"] = np.array([instance.score for instance in instances])
    if any(instance.track is not None for instance in instances):
        optional["track_ids"] = np.array([tracks.get(id(instance.track), -1) for instance in instances])
    return Keypoints(xy, scores, kind, **optional)


def _is_prediction(instance: Any) -> bool:
    return "score" in (instance.points.dtype.names or ())


def _write(path: Path, records: Sequence[Record], kind: Skeleton | None) -> None:
    sleap_io = _sleap_io()
    labels = sleap_io.Labels()
    if kind is not None:
        drawing = sleap_io.Skeleton(
            list(kind.keypoints), edges=list(kind.edges), symmetries=list(kind.swaps), name=kind.name
        )
        videos = _Videos(sleap_io, records)
        ids = {int(i) for r in records if r.keypoints.track_ids is not None for i in r.keypoints.track_ids}
        tracks = {number: sleap_io.Track(str(number)) for number in range(max(ids, default=-1) + 1)}
        labels = sleap_io.Labels(
            [_frame(sleap_io, record, drawing, videos, tracks) for record in records],
            skeletons=[drawing],
            tracks=list(tracks.values()),
        )
    with replacing(path) as partial:
        named = partial.with_suffix(".slp")  # which sleap-io asks for
        sleap_io.save_slp(labels, str(named), embed=False)
        named.replace(partial)


class _Videos:
    """All pictures are one video of SLEAP's, and every video is one of its own.

    Args:
        sleap_io: The module.
        records: Whose images are meant.
    """

    def __init__(self, sleap_io: ModuleType, records: Sequence[Record]) -> None:
        pictures = [record.image for record in records if _is_picture(record)]
        self._pictures = _pictures_of(sleap_io, pictures) if pictures else None
        names = dict.fromkeys(record.image for record in records if not _is_picture(record))
        self._videos = {name: sleap_io.Video(filename=name, open_backend=False) for name in names}
        self._next = 0

    def place(self, record: Record) -> tuple[Any, int]:
        """Video and number of a record's frame; records come in order."""
        if not _is_picture(record):
            return self._videos[record.image], record.index
        self._next += 1
        return self._pictures, self._next - 1


def _pictures_of(sleap_io: ModuleType, names: list[str]) -> Any:
    """A video of pictures; sleap-io looks for them, and that they are not there is not worth a word."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return sleap_io.Video.from_filename(names)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _is_picture(record: Record) -> bool:
    return Path(record.image).suffix.lower() in PICTURE_SUFFIXES


def _frame(
    sleap_io: ModuleType, record: Record, drawing: Any, videos: _Videos, tracks: dict[int, Any]
) -> Any:
    kps = record.keypoints
    there = np.asarray(np.isfinite(kps.xy).all(axis=2))
    found = bool((kps.scores != there).any()) or kps.box_scores is not None
    instances: list[Any] = []
    for row in range(len(kps)):
        track = None if kps.track_ids is None else tracks.get(int(kps.track_ids[row]))
        xy = np.where(there[row, :, None], kps.xy[row], np.nan)
        if found:
            scores = kps.scores[row]
            whole = float(scores.mean()) if kps.box_scores is None else float(kps.box_scores[row])
            made = sleap_io.PredictedInstance.from_numpy(
                xy, skeleton=drawing, point_scores=scores, score=whole, track=track
            )
        else:
            made = sleap_io.Instance.from_numpy(xy, skeleton=drawing, track=track)
        instances.append(made)
    video, number = videos.place(record)
    return sleap_io.LabeledFrame(video=video, frame_idx=number, instances=instances)
