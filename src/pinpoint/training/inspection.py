"""What is odd in labelled data, in words, before a run spends hours on it."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.samples import Samples

__all__ = ["findings", "never_labelled", "usable"]

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
    inside = (samples.xy > -0.5) & (samples.xy < sizes - 0.5)
    return samples.labelled & ~inside.all(axis=-1)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
