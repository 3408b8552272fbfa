"""MPII as it was published: `mpii_human_pose_v1_u12_1.mat`, whose structs SciPy reads.

http://human-pose.mpi-inf.mpg.de/#download

`RELEASE.annolist` has an entry for each image, with a struct for each person: `annopoints.point` (`x`, `y`,
`id` from 0, `is_visible`, which some points lack), `objpos` and `scale`, the height in units of 200 pixels.
Numbers count from 1. `img_train` says which images are for training, the others have no points; `vididx`
says which video a frame is of. Rectangles of heads and activities are left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import read_bytes
from pinpoint.io.mpii import HOLDS, Person, keypoints_of_people
from pinpoint.io.plain import blame
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped

__all__ = ["HOLDS", "KEEPS", "read_mpii_mat"]

KEEPS = frozenset({"split", "group"})

_NOWHERE = -1.0
_COUNT = 16


def read_mpii_mat(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read MPII's annotations, one record for each image in the file's order, those without people too.

    Args:
        path: The file.
        skeleton: Unused; the points are `mpii16`.

    Raises:
        UnreadableError: The file is damaged or of another form.
        ImportError: SciPy is not installed.
    """
    path = Path(path)
    release = _release(path)
    with blame(path, "its images"):
        images, train = _listed(release.annolist), np.atleast_1d(release.img_train)
        if len(images) != len(train):
            raise ValueError(f"there are {len(images)} images, but img_train says it of {len(train)}")
    records = []
    for index, (image, learnt) in enumerate(zip(images, train.tolist(), strict=True)):
        with blame(path, f"image {index + 1}"):
            records.append(_record(image, index, "train" if learnt else "test"))
    return records


def _release(path: Path) -> Any:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise ImportError(f"{path} is MATLAB's, which takes SciPy to read: pip install scipy") from error
    read_bytes(path)  # says in our words what is wrong with the file itself
    try:
        return loadmat(path, squeeze_me=True, struct_as_record=False)["RELEASE"]
    except KeyError as error:
        raise UnreadableError(path, "is MATLAB's, but holds no RELEASE, as MPII's does") from error
    except (MatReadError, NotImplementedError, ValueError, TypeError, OSError) as error:
        raise UnreadableError(path, f"is no MATLAB 5 file, or damaged: {error}") from error


def _record(image: Any, index: int, split: str) -> Record:
    name, video = str(image.image.name), getattr(image, "vididx", None)
    people = [_person(one, name) for one in _listed(getattr(image, "annorect", None))]
    kps = keypoints_of_people(people) if people else Keypoints.empty(shipped("mpii16"))
    group = "" if video is None or not np.size(video) else f"video {int(video)}"
    return Record(kps, name, None, index, split=split, group=group)


def _person(one: Any, image: str) -> Person:
    points, flags = np.full((_COUNT, 2), _NOWHERE), np.zeros(_COUNT, bool)
    for column, xy, seen in _points(one):
        points[column], flags[column] = xy, seen
    place: Any = getattr(one, "objpos", None)
    scale: Any = getattr(one, "scale", None)
    centre = np.array([place.x, place.y] if _is_struct(place) else [_NOWHERE] * 2, np.float64)
    return Person(image, points, flags, centre, float(scale) if np.size(scale) == 1 and scale else _NOWHERE)


def _points(one: Any) -> Iterator[tuple[int, Float, bool]]:
    """Column, place and whether it is seen; where nobody says that, it is."""
    annotated: Any = getattr(one, "annopoints", None)
    for point in _listed(annotated.point if _is_struct(annotated) else None):
        seen: NDArray[Any] = np.atleast_1d(getattr(point, "is_visible", 1))
        yield int(point.id), np.array([point.x, point.y], np.float64), not len(seen) or bool(int(seen[0]))


def _listed(value: Any) -> list[Any]:
    """Structs as a list: MATLAB has one as such, and none as an empty array."""
    return [one for one in np.atleast_1d(value) if _is_struct(one)] if value is not None else []


def _is_struct(value: Any) -> bool:
    return hasattr(value, "_fieldnames")
