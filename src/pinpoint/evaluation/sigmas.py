"""Which OKS falloffs an evaluation takes, and where they come from.

COCO's definition (https://cocodataset.org/#keypoints-eval): sigma_i^2 = E[d_i^2 / s^2], where d_i is how far
a person's label of keypoint i is from the true place, in the plane, and s^2 the area of the instance. So a
sigma is no free choice: it says how well people agree. 1/K, which some tools put there, does not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names

__all__ = ["FEWEST", "SIGMA", "Sigmas", "assumed_sigmas", "estimate_sigmas", "sigmas_by_name"]

SIGMA = 0.05
"""OKS falloff of keypoints for which nobody published one: between those of COCO's faces (.025 to .035) and
bodies (.062 to .107). An error of .12 of the object's size, the root of its area, then gives an OKS of .5."""

FEWEST = 10
"""Deviations of a keypoint, those of its mirror image counted with it, from which a sigma is estimated."""


_SIDES = {"l": "left", "r": "right"}


@dataclass(frozen=True, eq=False)
class Sigmas:
    """The OKS falloffs of a skeleton.

    Args:
        values: Shape (K,), all above 0.
        words: Whose they are.
        custom: Whether some were not published for these labels, so that AP is comparable with nobody's.
    """

    values: Float
    words: str
    custom: bool


def assumed_sigmas(columns: Skeleton, other: Skeleton | None = None) -> Sigmas:
    """Take the falloffs of the labels, else those of the nearest thing that has some.

    Where the labels bring none, those of the model stand in by name, then those of the known skeleton that
    shares most names with the rest, then `SIGMA`. There is no 1/K.

    Args:
        columns: What is labelled.
        other: What predicts. Where it says `SIGMA` itself, that was assumed when it was trained.
    """
    if columns.sigmas is not None:
        return Sigmas(np.array(columns.sigmas), f"those of {columns.name}", False)
    values, words = np.full(len(columns), np.nan), list[str]()
    if other is not None and other.sigmas is not None:
        known = _by_name(columns, other)
        values = np.where(known == SIGMA, np.nan, known)
        words += _said("those of the model", columns, np.isfinite(values))
    rest = np.isnan(values)
    nearest = _nearest(columns, rest)
    if nearest is not None:
        values = np.where(rest, _by_name(columns, nearest), values)
        words += _said(f"those of {nearest.name} by name", columns, rest & np.isfinite(values))
    return _filled(values, columns, words)


def sigmas_by_name(columns: Skeleton, known: Skeleton) -> Sigmas:
    """Take the falloffs of another skeleton for the keypoints of the same name, and `SIGMA` for the rest.

    Raises:
        ValueError: It has no falloffs, or no keypoint of the same name.
    """
    if known.sigmas is None:
        raise ValueError(f"nobody published sigmas of {known.name}: choose another skeleton")
    values = _by_name(columns, known)
    if np.isnan(values).all():
        raise ValueError(
            f"{known.name} has no keypoint named as one of {columns.name}, so it has no sigma for it"
        )
    if columns == known:
        return Sigmas(values, f"those of {known.name}", False)
    return _filled(values, columns, _said(f"those of {known.name} by name", columns, np.isfinite(values)))


def estimate_sigmas(
    columns: Skeleton,
    areas: Float | None = None,
    *,
    repeats: Float | None = None,
    errors: Float | None = None,
) -> Sigmas:
    """Estimate falloffs from repeated labels or from a model's errors; without either, assume them.

    Repeated labels are COCO's definition: the variance of the labels of one keypoint around their mean, over
    the area. The errors of a model come from it and from the labels, so what they give is an upper bound.
    They have a heavy tail of swaps and misses, so it is their median that is taken: of normal errors in the
    plane the median square is ln 2 of the mean square. Left and right are taken together. What has fewer than
    `FEWEST` deviations, or none that differs from 0, is assumed (`assumed_sigmas`), and the words say so.

    Args:
        columns: What is labelled.
        areas: Of the instances in square pixels, shape (N,).
        repeats: The same N instances labelled R times, shape (R, N, K, 2), NaN where not labelled.
        errors: Distance of prediction and label in pixels, shape (N, K), NaN where there is none.

    Raises:
        ValueError: Both are given, or one without areas.

    >>> rng = np.random.default_rng(0)
    >>> truth, noise = rng.random((5000, 2, 2)) * 100, rng.normal(size=(3, 5000, 2, 2))
    >>> tool = Skeleton("tool", ("tip", "end"))
    >>> estimate_sigmas(tool, np.full(5000, 1e4), repeats=truth + noise * [[5], [10]]).values.round(2)
    array([0.07, 0.14])
    """
    if repeats is None and errors is None:
        return assumed_sigmas(columns)
    if areas is None or (repeats is not None and errors is not None):
        raise ValueError("give areas, and either repeats or errors, not both")
    if repeats is not None:
        squares, counts = _variances(repeats, areas)
        values = _root_mean(squares, counts, columns)
        source = f"estimated from {len(repeats)} labellings"
    else:
        values = _root_median(np.asarray(errors) ** 2 / areas[:, None], columns)
        source = "estimated from the median errors of the model (an upper bound)"
    return _mended(values, columns, source)


def _variances(repeats: Float, areas: Float) -> tuple[Float, Float]:
    """Squared distances from the mean label over the area, and how many of them are free, both (N, K)."""
    there = np.asarray(np.isfinite(repeats).all(axis=-1))
    count = there.sum(axis=0)
    points = np.where(there[..., None], repeats, 0.0)
    mean = points.sum(axis=0) / np.maximum(count, 1)[..., None]
    squares = (((points - mean) ** 2).sum(axis=-1) * there).sum(axis=0)
    return squares / areas[:, None], np.maximum(count - 1, 0)


def _root_mean(squares: Float, counts: Float, columns: Skeleton) -> Float:
    total, free = squares.sum(axis=0), counts.sum(axis=0)
    flip = columns.flip_index
    mirrored = flip != np.arange(len(flip))
    total, free = total + total[flip] * mirrored, free + free[flip] * mirrored
    return np.sqrt(np.where(free >= FEWEST, total / np.maximum(free, 1), np.nan))


def _root_median(squares: Float, columns: Skeleton) -> Float:
    values = np.full(len(columns), np.nan)
    for column, mirror in enumerate(columns.flip_index):
        own = squares[:, list({column, int(mirror)})]
        own = own[np.isfinite(own)]
        if len(own) >= FEWEST:
            values[column] = np.sqrt(np.median(own) / np.log(2))
    return values


def _mended(values: Float, columns: Skeleton, source: str) -> Sigmas:
    """Assume what could not be estimated."""
    good = values > 0
    assumed = assumed_sigmas(columns)
    rest = [name for name, fine in zip(columns.keypoints, good, strict=True) if not fine]
    words = source if good.any() else "too few labels to estimate any"
    if rest:
        words += f"; too few labels of {_listed(rest)}, so {assumed.words}"
    return Sigmas(np.where(good, values, assumed.values), words, bool(good.any()) or assumed.custom)


def _nearest(columns: Skeleton, wanted: NDArray[np.bool_]) -> Skeleton | None:
    """The known skeleton with most of the wanted names; of equal ones coco17, then the smallest."""
    known = [one for one in map(skeleton, skeleton_names()) if one.sigmas is not None]
    count = {one.name: int(np.isfinite(_by_name(columns, one)[wanted]).sum()) for one in known}
    best = max(known, key=lambda one: (count[one.name], one.name == "coco17", -len(one)))
    return best if count[best.name] else None


def _by_name(columns: Skeleton, known: Skeleton) -> Float:
    """The falloffs of keypoints of the same name, shape (K,), NaN where there is none."""
    values = dict(zip(map(_plain, known.keypoints), known.sigmas or (), strict=True))
    return np.array([values.get(_plain(name), np.nan) for name in columns.keypoints], dtype=np.float64)


def _plain(name: str) -> tuple[str, ...]:
    """The words of a name in any order and spelling: `L_Eye`, `leftEye` and `eye-left` are one."""
    words: list[str] = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    return tuple(sorted(_SIDES.get(word, word) for word in words))


def _filled(values: Float, columns: Skeleton, words: Sequence[str]) -> Sigmas:
    missing = np.isnan(values)
    count = int(missing.sum())
    rest = [f"{SIGMA:g} for {count} that nobody published one for"] if count else []
    return Sigmas(np.where(missing, SIGMA, values), ", ".join([*words, *rest]), True)


def _said(whose: str, columns: Skeleton, chosen: NDArray[np.bool_]) -> list[str]:
    names = [name for name, taken in zip(columns.keypoints, chosen, strict=True) if taken]
    return [f"{whose} for {_listed(names)}"] if names else []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} keypoints"
