"""Part a file in train, val and test: nothing that belongs together is torn apart, all parts are alike."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.doctor.groups import GROUPS
from pinpoint.datasets.doctor.sheet import Raw, Sheet
from pinpoint.geometry import Float

__all__ = ["grouped", "parted", "split", "traits_of"]

SIZES = (0.0, 0.05, 0.15, 0.3, np.inf)  # sides of instances as shares of their picture


def split(groups: NDArray[np.intp], traits: Float, shares: Mapping[str, float], seed: int = 0) -> list[str]:
    """Name the part of each image.

    Groups are dealt one by one, the largest first and equals in an order by chance, each to the part that
    lacks most of what it brings: images, and instances of each trait. So parts are of the size asked for, as
    far as groups allow it, and alike in what they show.

    Args:
        groups: Number of each image's group, shape (I,).
        traits: How often each trait is in each image, shape (I, S).
        shares: Share of the images of each part.
        seed: Another number gives another split; the same always the same.

    Raises:
        ValueError: A share is not above 0, they do not add up to 1, or there are fewer groups than parts.
    """
    names, wanted = list(shares), np.array(list(shares.values()), dtype=float)
    count = int(groups.max(initial=-1)) + 1
    if (wanted <= 0).any() or abs(wanted.sum() - 1) > 1e-6:
        raise ValueError(f"shares are {dict(shares)}, expected numbers above 0 that add up to 1")
    if count < len(names):
        raise ValueError(f"there are {count} groups for {len(names)} parts: nothing can be put into each")
    brings = np.zeros((count, traits.shape[1] + 1))
    np.add.at(brings, groups, np.concatenate([np.ones((len(groups), 1)), traits], axis=1))
    return [names[part] for part in _dealt(brings, wanted, seed)[groups]]


def grouped(sheet: Sheet, by: str, look: Iterable[tuple[int, int]] = ()) -> NDArray[np.intp]:
    """Number the group of each image.

    Args:
        sheet: The file.
        by: A key of the images such as `subject` or `video`, `auto` for the first of the usual ones that
            there is, a regular expression of file names whose first group (or whole match) names it, or
            nothing, so that each file is on its own.
        look: Pairs of images that belong together beside that.

    Returns:
        Shape (I,).

    Raises:
        ValueError: No image has the key and no file name matches, or it is no regular expression.
    """
    names = _group_names(sheet, by)
    links = [*look, *_links(names), *_links([sheet.file_name(row) for row in range(len(sheet.images))])]
    return _joined(len(sheet.images), links)


def traits_of(sheet: Sheet) -> Float:
    """What parts shall be alike in: instances by category, size and labelled share, shape (I, S)."""
    there = sheet.image >= 0
    rows = sheet.image[there]
    side = np.sqrt((sheet.boxes[:, 2:] / sheet.size_of).prod(axis=1))
    sized = np.digitize(np.nan_to_num(side, nan=-1.0), SIZES)
    share = np.ceil(4 * sheet.sound.sum(axis=1) / max(1, sheet.sound.shape[1])).astype(int)
    columns = []
    for kinds in (sheet.category, sized, share):
        for kind in np.unique(kinds):
            columns.append(np.bincount(rows[kinds[there] == kind], minlength=len(sheet.images)))
    return np.array(columns, dtype=float).reshape(len(columns), len(sheet.images)).T


def parted(sheet: Sheet, parts: Sequence[str]) -> dict[str, Raw]:
    """The document of each part; entries and ids are as they were. What belongs to no image is in none."""
    documents: dict[str, Raw] = {}
    for part in dict.fromkeys(parts):
        images = [image for image, own in zip(sheet.images, parts, strict=True) if own == part]
        kept = [
            item
            for item, row in zip(sheet.annotations, sheet.image, strict=True)
            if row >= 0 and parts[row] == part
        ]
        documents[part] = {**sheet.document, "images": images, "annotations": kept}
    return documents


def _dealt(brings: Float, wanted: Float, seed: int) -> NDArray[np.intp]:
    """Part of each group, shape (G,): the first groups fill the smallest need relative to what is wanted."""
    total = np.maximum(brings.sum(axis=0), 1)
    chance = np.random.default_rng(seed).permutation(len(brings))
    order = chance[np.argsort(-brings[chance, 0], kind="stable")]
    has = np.zeros((len(wanted), brings.shape[1]))
    part = np.zeros(len(brings), dtype=np.intp)
    for group in order:
        lacks = wanted[:, None] - has / total  # shares that each part still has to get
        weights = brings[group] / total
        weights[0] = weights[0] * (len(weights) - 1) + 1 / total[0]  # as much as all traits together
        gain = (lacks * weights).sum(axis=1) / wanted
        part[group] = int(np.argmax(gain))
        has[part[group]] += brings[group]
    return part


def _group_names(sheet: Sheet, by: str) -> list[str]:
    keys = [
        key
        for key in (GROUPS if by == "auto" else (by,))
        if any(_value(image, key) for image in sheet.images)
    ]
    if by in ("", "auto") and not keys:
        return [""] * len(sheet.images)
    if keys:
        return [_value(image, keys[0]) for image in sheet.images]
    try:
        pattern = re.compile(by)
    except re.error as error:
        raise ValueError(
            f"--group {by!r} is no key of the images and no regular expression: {error}"
        ) from error
    found = [pattern.search(sheet.file_name(row)) for row in range(len(sheet.images))]
    if not any(found):
        keys = ", ".join(sorted({str(key) for image in sheet.images for key in image}))
        raise ValueError(
            f"no image has a key {by!r} (there are {keys}), and no file name matches it as a regular "
            "expression: leave --group out if nothing belongs together"
        )
    return [(match.group(1) if pattern.groups else match.group()) or "" if match else "" for match in found]


def _value(image: Raw, key: str) -> str:
    value: Any = image.get(key)
    return "" if value is None else str(value)


def _links(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of numbers that have the same name, which is not empty."""
    same: defaultdict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        if name:
            same[name].append(number)
    return [(rows[0], row) for rows in same.values() for row in rows[1:]]


def _joined(count: int, links: Iterable[tuple[int, int]]) -> NDArray[np.intp]:
    """Number the sets that links join, shape (count,)."""
    parent = list(range(count))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for a, b in links:
        parent[root(a)] = root(b)
    return np.unique([root(one) for one in range(count)], return_inverse=True)[1].astype(np.intp)
