"""Faults of the categories: names of keypoints, edges, mirror pairs."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from pinpoint.datasets.doctor.fault import Case, Spot, Spots, at
from pinpoint.datasets.doctor.sheet import Raw, Sheet
from pinpoint.skeletons import skeleton, skeleton_names, swaps_by_name

__all__: list[str] = []

SIDES = ("left", "right")


def without_id(case: Case) -> Spots:
    """Categories without an id."""
    return at("categories", np.array([one.get("id") is None for one in case.sheet.categories], dtype=bool))


def id_twice(case: Case) -> Spots:
    """Categories with the id of one before."""
    return _repeated(case.sheet, "id")


def name_twice(case: Case) -> Spots:
    """Categories with the name of one before."""
    return _repeated(case.sheet, "name")


def unused(case: Case) -> Spots:
    """Categories without annotations."""
    sheet = case.sheet
    count = np.bincount(sheet.category[sheet.category >= 0], minlength=len(sheet.categories))
    said = {spot.row for spot in (*id_twice(case), *without_id(case))}
    bare = [int(row) for row in np.flatnonzero(count == 0) if row not in said]
    return at("categories", bare if sheet.annotations else [])


def without_names(case: Case) -> Spots:
    """Categories whose annotations have keypoints that it does not name."""
    sheet = case.sheet
    for row, names in enumerate(sheet.names):
        lengths = sheet.lengths[sheet.category == row]
        if not names and lengths.max(initial=0) > 0:
            yield Spot("categories", row, f"{int(lengths.max()) // 3} keypoints in its annotations")


def keypoint_twice(case: Case) -> Spots:
    """Categories that name a keypoint twice."""
    for row, names in enumerate(case.sheet.names):
        if repeated := [name for name, count in Counter(names).items() if count > 1]:
            yield Spot("categories", row, ", ".join(repeated))


def edges_from_zero(case: Case) -> Spots:
    """Categories whose edges count keypoints from 0: there is a 0, and none is as high as K."""
    return at(
        "categories", [row for row, _ in enumerate(case.sheet.categories) if _from_zero(case.sheet, row)]
    )


def edges_odd(case: Case) -> Spots:
    """Categories with edges that are no pairs of their keypoints, or twice the same."""
    for row, names in enumerate(case.sheet.names):
        if names and not _from_zero(case.sheet, row) and (odd := odd_edges(case.sheet.categories[row])):
            yield Spot("categories", row, ", ".join(map(str, odd[:3])))


def counts_differ(case: Case) -> Spots:
    """Categories that name another number of keypoints than the first that names any."""
    counts = [len(names) for names in case.sheet.names]
    first = next((count for count in counts if count), 0)
    for row, count in enumerate(counts):
        if count not in (0, first):
            yield Spot("categories", row, f"{count} keypoints, others {first}")


def order_differs(case: Case) -> Spots:
    """Categories that name the keypoints of one before in another order."""
    orders: dict[frozenset[str], tuple[str, ...]] = {}
    for row, names in enumerate(case.sheet.names):
        first = orders.setdefault(frozenset(names), tuple(names))
        if names and tuple(names) != first and len(names) == len(first):
            column = next(c for c, (a, b) in enumerate(zip(names, first, strict=True)) if a != b)
            yield Spot(
                "categories", row, f"keypoint {column + 1} is {names[column]!r}, not {first[column]!r}"
            )


def side_without_mirror(case: Case) -> Spots:
    """Categories that name the left of something and not its right, or the other way round."""
    for row, names in enumerate(case.sheet.names):
        paired = {name for pair in swaps_by_name(names) for name in pair}
        alone = [name for name in names if _sided(name) and name not in paired]
        if alone:
            yield Spot("categories", row, ", ".join(alone[:3]))


def flip_wrong(case: Case) -> Spots:
    """Categories whose stated mirror pairs are no pairs: an index beyond them, or not its own inverse."""
    for row, category in enumerate(case.sheet.categories):
        flip = _stated_flip(category, case.sheet.names[row])
        if flip is not None and not _is_involution(flip, len(case.sheet.names[row])):
            yield Spot("categories", row, f"{flip}")


def flip_contradicts(case: Case) -> Spots:
    """Categories whose stated mirror pairs are not those that the names of their keypoints say."""
    for row, category in enumerate(case.sheet.categories):
        names = case.sheet.names[row]
        flip = _stated_flip(category, names)
        if flip is None or not _is_involution(flip, len(names)):
            continue
        mirror = _mirror(names)
        stated = {name: names[to] for name, to in zip(names, flip, strict=True)}
        for name in (name for name in names if name in mirror and stated[name] != mirror[name]):
            yield Spot("categories", row, f"{name} is paired with {stated[name]}, not {mirror[name]}")
            break


def sigmas_wrong(case: Case) -> Spots:
    """Categories whose sigmas are not one number above 0 for each keypoint."""
    for row, category in enumerate(case.sheet.categories):
        sigmas = category.get("sigmas")
        if sigmas is None:
            continue
        good = isinstance(sigmas, list) and all(isinstance(s, int | float) and s > 0 for s in sigmas)
        if not good or len(sigmas) != len(case.sheet.names[row]):
            yield Spot("categories", row, f"sigmas are {sigmas!r:.60}")


def never_labelled(case: Case) -> Spots:
    """Categories some of whose keypoints no annotation labels, though it labels others."""
    sheet = case.sheet
    for row, names in enumerate(sheet.names):
        said = np.asarray(sheet.said[(sheet.category == row) & sheet.in_order][:, : len(names)].any(axis=0))
        if said.any() and not said.all():
            never = [name for name, known in zip(names, said, strict=True) if not known]
            yield Spot("categories", row, ", ".join(never))


def odd_edges(category: Raw) -> list[Any]:
    """Edges that are no pairs of two different keypoints counted from 1, and repeated ones."""
    count, seen, odd = len(category.get("keypoints") or ()), set(), []
    for edge in _edges(category):
        key = frozenset(edge) if _is_pair(edge) else None
        if key is None or len(key) < 2 or min(key) < 1 or max(key) > count or key in seen:
            odd.append(edge)
        seen.add(key)
    return odd


def _repeated(sheet: Sheet, key: str) -> Iterator[Spot]:
    values = [repr(category.get(key)) for category in sheet.categories]
    for row, value in enumerate(values):
        if sheet.categories[row].get(key) is not None and value in values[:row]:
            yield Spot("categories", row, f"{key} {value} is there before")


def _edges(category: Raw) -> list[Any]:
    edges = category.get("skeleton")
    return edges if isinstance(edges, list) else []


def _is_pair(edge: Any) -> bool:
    return isinstance(edge, list) and len(edge) == 2 and all(isinstance(end, int) for end in edge)


def _from_zero(sheet: Sheet, row: int) -> bool:
    edges = _edges(sheet.categories[row])
    ends = [end for edge in edges if _is_pair(edge) for end in edge]
    return bool(ends) and all(map(_is_pair, edges)) and min(ends) == 0 and max(ends) < len(sheet.names[row])


def _sided(name: str) -> bool:
    return any(side in name.lower() for side in SIDES)


def _stated_flip(category: Raw, names: list[str]) -> list[int] | None:
    """Columns of the mirror image, as `flip_idx` or as pairs of columns or names say them."""
    if isinstance(flip := category.get("flip_idx"), list):
        return flip
    pairs = category.get("flip_pairs") or category.get("swaps")
    if not isinstance(pairs, list) or not pairs:
        return None
    flip = list(range(len(names)))
    for pair in pairs:
        ends = [names.index(end) if end in names else end for end in pair]
        if len(ends) != 2 or not all(isinstance(end, int) and 0 <= end < len(names) for end in ends):
            return [-1]
        flip[ends[0]], flip[ends[1]] = ends[1], ends[0]
    return flip


def _is_involution(flip: list[int], count: int) -> bool:
    whole = len(flip) == count and all(isinstance(to, int) and 0 <= to < count for to in flip)
    return whole and all(flip[to] == column for column, to in enumerate(flip))


def _mirror(names: list[str]) -> dict[str, str]:
    """What a mirror makes of each keypoint, as far as its name says it: the points of faces have numbers."""
    for one in map(skeleton, skeleton_names()):
        if list(one.keypoints) == names:
            return {name: names[to] for name, to in zip(names, one.flip_index, strict=True)}
    return {a: b for left, right in swaps_by_name(names) for a, b in ((left, right), (right, left))}
