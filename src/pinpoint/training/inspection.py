"""What is odd in labelled data, in words, before a run spends hours on it."""

import filecmp
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.doctor.points import beyond_picture
from pinpoint.datasets.samples import Samples, find_picture
from pinpoint.io.formats import read_records

__all__ = ["findings", "has_own_pictures", "leaks", "never_labelled", "usable"]

NAMED = 5


def findings(name: str, samples: Samples, min_points: int) -> tuple[str, ...]:
    """Lines on what a user should know of one annotation file; none if all is well.

    Args:
        name: Of the file.
        samples: All of its instances.
        min_points: Instances with fewer labelled points are left out.
    """
    return tuple(f"{name}: {line}" for line in _lines(samples, min_points))


def never_labelled(sources: Sequence[Samples]) -> tuple[str, ...]:
    """Names of the keypoints that no instance of any source has a label of."""
    there = np.any([samples.labelled.any(axis=0) for samples in sources], axis=0)
    return tuple(name for name, known in zip(sources[0].skeleton.keypoints, there, strict=True) if not known)


def leaks(train: Sequence[Samples], val: Samples) -> tuple[str, ...]:
    """A line on the pictures that are learnt from and measured on: the same files, or copies of one name."""
    learnt: dict[str, list[Path]] = {}
    for path in (path for samples in train for path in _used(samples)):
        learnt.setdefault(path.name, []).append(path)
    measured = _used(val)
    both = [path.name for path in measured if any(_is_copy(path, one) for one in learnt.get(path.name, ()))]
    if not both:
        return ()
    return (
        f"{len(both)} of {len(measured)} pictures to measure on are learnt from too, so measures say more "
        f"than is true: {_named(both)}",
    )


def has_own_pictures(val: Path, data: Sequence[Path], folder: Path) -> bool:
    """Whether an annotation file has its pictures beside it, and not in a folder that was named for others.

    That is so where the folder has none of them, or where the other files list pictures of the same names,
    so that those in the folder are theirs.

    Args:
        val: The file.
        data: The others.
        folder: Where the pictures of all of them were said to be.
    """
    places = {name: find_picture(name, val, None) for name in _listed(val)}
    beside = {name for name, path in places.items() if path.exists() and not _is_at(folder / name, path)}
    in_folder = any((folder / name).exists() for name in places)
    taken = {name for path in data for name in _listed(path)} if beside and in_folder else set()
    return bool(beside) and (not in_folder or bool(beside & taken))


def usable(samples: Samples, min_points: int) -> NDArray[np.bool_]:
    """Which instances have enough labelled points to be learnt from, shape (M,)."""
    return np.asarray(samples.labelled.sum(axis=1) >= min_points)


def _lines(samples: Samples, min_points: int) -> Iterator[str]:
    pictures = samples.pictures
    gone = [pictures.paths[number] for number in pictures.unreadable]
    if missing := [path.name for path in gone if not path.exists()]:
        yield f"{len(missing)} of {len(pictures)} pictures are missing: {_named(missing)}"
    if broken := [path.name for path in gone if path.exists()]:
        yield f"{len(broken)} of {len(pictures)} pictures cannot be read: {_named(broken)}"
    if few := int((~usable(samples, min_points)).sum()):
        wanted = "no labelled point" if min_points == 1 else f"fewer than {min_points} labelled points"
        yield f"{few} of {len(samples)} instances have {wanted}; they are left out"
    if outside := int(_outside(samples).sum()):
        yield f"{outside} of {int(samples.labelled.sum())} labelled points are outside their picture"
    if unknown := never_labelled([samples]):
        yield f"{len(unknown)} of {len(samples.skeleton)} keypoints are never labelled: {_named(unknown)}"


def _outside(samples: Samples) -> NDArray[np.bool_]:
    """Which labelled points are not on their picture, shape (M, K)."""
    sizes = np.array([samples.pictures.size(int(number)) for number in samples.picture]).reshape(-1, 1, 2)
    return samples.labelled & beyond_picture(samples.xy, sizes)


def _used(samples: Samples) -> list[Path]:
    """The pictures that have instances."""
    return [samples.pictures.paths[number] for number in np.unique(samples.picture)]


def _is_copy(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and filecmp.cmp(one, other, shallow=False)


def _is_at(place: Path, file: Path) -> bool:
    return place.exists() and place.samefile(file)


def _listed(annotations: Path) -> set[str]:
    """Names of the pictures of a file."""
    return {record.image for record in read_records(annotations)}


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
