"""A record is what one image gave; every format reads and writes records."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from pinpoint.geometry import Float
from pinpoint.keypoints import Keypoints, row_types
from pinpoint.skeletons import Skeleton

__all__ = ["EXTRAS", "FIELDS", "Admission", "Record", "RecordWriter", "as_records", "row_shape"]

log = logging.getLogger(__name__)

FIELDS = tuple(row_types(0))
"""The arrays of `Keypoints`, in the order in which files hold them."""

EXTRAS = {
    "seconds": "times",
    "id": "ids of images",
    "instance_ids": "ids of instances",
    "crowds": "crowd regions",
    "crowd_areas": "areas of crowd regions",
    "split": "splits",
    "group": "groups",
}
"""What a record may say beside its keypoints, image, size and number, and the word for it in messages."""


@dataclass(frozen=True, eq=False)
class Record:
    """The keypoints of one image or video frame, and which image that was.

    Args:
        keypoints: What was found or labelled.
        image: Name of the image or video, as it was given.
        size: Width and height of the image, if known.
        index: Number of the frame, from 0.
        seconds: Time of the frame, none for a still image.
        id: What the file calls the image, beside its name.
        instance_ids: What the file calls each instance, N of them, or none where it names none.
        crowds: Boxes x1 y1 x2 y2 in which nothing counts for or against, shape (C, 4).
        crowd_areas: What these cover in square pixels, shape (C,), NaN where it is not known; none for all
            that their boxes do.
        split: Part of the data that the image belongs to, such as `train`.
        group: What must not be torn apart by a split: a subject, or the video of a frame.
    """

    keypoints: Keypoints
    image: str = ""
    size: tuple[int, int] | None = None
    index: int = 0
    seconds: float | None = None
    id: int | str | None = None
    instance_ids: tuple[int | str, ...] = ()
    crowds: Float = field(default_factory=lambda: np.zeros((0, 4)))
    crowd_areas: Float | None = None
    split: str = ""
    group: str = ""


class RecordWriter(Protocol):
    """Writes records to a file one by one. Leaving a `with` block finishes the file, after an error too."""

    def write(self, record: Record) -> None:
        """Add one record.

        Raises:
            ValueError: Its skeleton is not that of the file, or a number is infinite.
        """
        ...

    def close(self) -> None:
        """Finish the file."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Admission:
    """What every writer asks of a record first: one skeleton, no infinite number, nothing dropped unsaid.

    Args:
        holds: The fields of `Keypoints` that the format can hold. Where `scores` are not among them, those of
            labels, 1 where there is a keypoint and 0 where there is none, come back all the same.
        what: Name of the format in messages.
        skeleton: The skeleton of the file, or none to take that of the first record.
        keeps: Those of `EXTRAS` that the format can hold.
        mixed: Whether the format can hold several skeletons.
    """

    def __init__(
        self,
        holds: Iterable[str],
        what: str,
        skeleton: Skeleton | None = None,
        *,
        keeps: Iterable[str] = (),
        mixed: bool = False,
    ) -> None:
        self.skeleton = skeleton
        self._holds = frozenset(holds)
        self._keeps = frozenset(keeps)
        self._what = what
        self._mixed = mixed
        self._said: set[str] = set()

    def __call__(self, record: Record) -> Keypoints:
        """Return the keypoints of a record that may be written.

        Raises:
            ValueError: The skeleton is not that of the file, or a number is infinite.
        """
        kps = record.keypoints
        if self.skeleton is None:  # a skeleton without keypoints is falsy
            self.skeleton = kps.skeleton
        if kps.skeleton != self.skeleton and not self._mixed:
            raise ValueError(f"{_name(record)} has {kps.skeleton!r}, but the file holds {self.skeleton!r}")
        _refuse_infinite(record)
        self._say_dropped(_told(record) - self._holds - self._keeps)
        return kps

    def _say_dropped(self, dropped: set[str]) -> None:
        if new := dropped - self._said:
            named = ", ".join([*sorted(new - set(EXTRAS)), *(EXTRAS[key] for key in EXTRAS if key in new)])
            log.warning("%s cannot hold %s; left out", self._what, named)
            self._said |= new


def _told(record: Record) -> set[str]:
    """The fields of `Keypoints` and `EXTRAS` in which a record says something."""
    kps = record.keypoints
    told = set(kps.arrays()) if len(kps) else set()
    if (kps.scores == np.isfinite(kps.xy).all(axis=2)).all():
        told.discard("scores")
    said = {
        "seconds": record.seconds is not None,
        "id": record.id is not None,
        "instance_ids": bool(record.instance_ids),
        "crowds": len(record.crowds) > 0,
        "crowd_areas": record.crowd_areas is not None and np.isfinite(record.crowd_areas).any(),
        "split": bool(record.split),
        "group": bool(record.group),
    }
    return told | {key for key, value in said.items() if value}


def as_records(results: Keypoints | Iterable[Keypoints | Record]) -> Iterator[Record]:
    """Make records of keypoints; bare ones are numbered in order and have no image name."""
    if isinstance(results, Keypoints):
        results = [results]
    for index, result in enumerate(results):
        yield Record(result, index=index) if isinstance(result, Keypoints) else result


def row_shape(field: str, k: int) -> tuple[int, ...]:
    """Shape of one instance's row in a field of `Keypoints`: `xy` gives (k, 2)."""
    _, shape = row_types(k)[field]
    return shape


def _refuse_infinite(record: Record) -> None:
    for name, array in record.keypoints.arrays().items():
        if array.dtype.kind == "f" and np.isinf(array).any():
            row = int(np.argwhere(np.isinf(array))[0][0])
            raise ValueError(
                f"{name} of instance {row} in {_name(record)} is infinite, expected a number or NaN"
            )
    if record.seconds is not None and not np.isfinite(record.seconds):
        raise ValueError(f"seconds of {_name(record)} is {record.seconds}, expected a finite number or None")


def _name(record: Record) -> str:
    return f"frame {record.index} of {record.image!r}"
