"""Faults of the pictures that a file names, and of what it is measured on."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pinpoint.datasets.doctor.fault import Case, Spot, Spots
from pinpoint.datasets.doctor.groups import groups_of
from pinpoint.datasets.doctor.pictures import BLANK, Look, same_look
from pinpoint.datasets.doctor.sheet import Raw, Sheet

__all__ = ["place_of_case"]


def missing(case: Case) -> Spots:
    """Images whose file is not there, under no spelling of its name."""
    for row, look in _named(case):
        if not look.there and place_of_case(look) is None:
            yield Spot("images", row, f"not at {look.path}")


def other_case(case: Case) -> Spots:
    """Images whose file is there in other small and capital letters."""
    for row, look in _named(case):
        if not look.there and (name := place_of_case(look)) is not None:
            yield Spot("images", row, f"the file is called {name}")


def unreadable(case: Case) -> Spots:
    """Images whose file is there and cannot be read."""
    for row, look in _named(case):
        if look.there and look.size is None:
            yield Spot("images", row, look.reason)


def other_size(case: Case) -> Spots:
    """Images whose file has another size than is stated."""
    for row, stated, look in _sized(case):
        if stated not in (look.size, look.size[::-1] if look.size else None):
            yield Spot("images", row, f"stated {_by(stated)}, is {_by(look.size)}")


def turned(case: Case) -> Spots:
    """Images whose file, upright, has the stated width as its height."""
    for row, stated, look in _sized(case):
        if look.size is not None and stated == look.size[::-1] and stated != look.size:
            yield Spot("images", row, f"stated {_by(stated)}, is {_by(look.size)}")


def blank(case: Case) -> Spots:
    """Images in whose picture there is nothing to see."""
    for row, look in _named(case):
        if look.small is not None and look.small.std() < BLANK:
            yield Spot("images", row, f"grey {look.small.mean():.0f} all over")


def twice(case: Case) -> Spots:
    """Images whose file is a copy of one before."""
    looks = _distinct(case)
    first: dict[str, Look] = {}
    for row, look in looks:
        before = first.setdefault(look.digest, look)
        if before is not look:
            yield Spot("images", row, f"a copy of {before.path.name}")


def almost_twice(case: Case) -> Spots:
    """Images that look like one before."""
    looks = _distinct(case)
    said: set[int] = set()
    for a, b in same_look([look for _, look in looks]):
        (_, one), (row, other) = looks[a], looks[b]
        if one.digest != other.digest and row not in said:
            said.add(row)
            yield Spot("images", row, f"looks like {one.path.name}")


def unlisted(case: Case) -> Spots:
    """Pictures that lie beside those of the file and that it does not name."""
    if case.unlisted:
        yield Spot("file", text=f"{len(case.unlisted)} files: {', '.join(case.unlisted[:3])}")


def learnt_picture(case: Case) -> Spots:
    """Images whose picture is learnt from: the same bytes."""
    learnt = {look.digest: look for _, look in _distinct(_against(case))}
    for row, look in _distinct(case):
        if look.digest in learnt:
            yield Spot("images", row, f"is {learnt[look.digest].path}")


def learnt_look(case: Case) -> Spots:
    """Images that look like a picture that is learnt from, and are no copy of one."""
    learnt, measured = _distinct(_against(case)), _distinct(case)
    copies = {look.digest for _, look in learnt}
    said: set[int] = set()
    for a, b in same_look([look for _, look in measured], [look for _, look in learnt]):
        row, look = measured[a]
        if look.digest not in copies and row not in said:
            said.add(row)
            yield Spot("images", row, f"looks like {learnt[b][1].path}")


def learnt_name(case: Case) -> Spots:
    """Images of a name that is learnt from, where nobody opened the pictures to compare them."""
    if case.looks is None or _against(case).looks is None:
        before = _against(case).sheet
        learnt = {before.file_name(row) for row in range(len(before.images))} - {""}
        for row in range(len(case.sheet.images)):
            if case.sheet.file_name(row) in learnt:
                yield Spot("images", row)


def learnt_labels(case: Case) -> Spots:
    """Annotations whose very points are learnt from, five or more of them."""
    learnt = set(_points(_against(case).sheet).values())
    for row, points in _points(case.sheet).items():
        if points in learnt:
            yield Spot("annotations", row, "the same points are learnt from")


def learnt_group(case: Case) -> Spots:
    """Subjects, videos and the like that are learnt from and measured on."""
    learnt = {group for image in _against(case).sheet.images for group in groups_of(image)}
    shared: defaultdict[tuple[str, str], int] = defaultdict(int)
    for image in case.sheet.images:
        for group in groups_of(image):
            shared[group] += group in learnt
    for (key, value), count in shared.items():
        if count:
            yield Spot("file", text=f"{key} {value}: {count} images")


def other_keypoints(case: Case) -> Spots:
    """Categories whose keypoints have other names, or another order, where they are learnt."""
    learnt = {str(one.get("name")): names for one, names in _kinds(_against(case).sheet)}
    for row, (one, names) in enumerate(_kinds(case.sheet)):
        there = learnt.get(str(one.get("name")))
        if there is not None and there != names:
            yield Spot(
                "categories", row, f"{len(names)} keypoints here, {len(there)} there or in another order"
            )


def never_learnt(case: Case) -> Spots:
    """Categories that are measured on and not learnt."""
    learnt = {str(one.get("name")) for one, _ in _kinds(_against(case).sheet)}
    for row, (one, _) in enumerate(_kinds(case.sheet)):
        if str(one.get("name")) not in learnt:
            yield Spot("categories", row)


def place_of_case(look: Look) -> str | None:
    """The name that a file has which is not there, but for small and capital letters."""
    if not look.path.parent.is_dir():
        return None
    wanted = look.path.name.lower()
    names = (path.name for path in look.path.parent.iterdir() if path.name.lower() == wanted)
    return next(names, None)


def _named(case: Case) -> Iterator[tuple[int, Look]]:
    for row, look in enumerate(case.looks or ()):
        if case.sheet.file_name(row):
            yield row, look


def _sized(case: Case) -> Iterator[tuple[int, tuple[int, int], Look]]:
    for row, look in _named(case):
        if look.size is not None and np.isfinite(case.sheet.sizes[row]).all():
            width, height = case.sheet.sizes[row]
            yield row, (int(width), int(height)), look


def _distinct(case: Case) -> list[tuple[int, Look]]:
    """Rows and looks of the pictures that can be read, each file once."""
    seen: dict[Any, tuple[int, Look]] = {}
    for row, look in _named(case):
        if look.size is not None:
            seen.setdefault(look.path, (row, look))
    return list(seen.values())


def _against(case: Case) -> Case:
    assert case.against is not None  # the table says that it is needed
    return case.against


def _points(sheet: Sheet) -> dict[int, bytes]:
    rows = np.flatnonzero(sheet.sound.sum(axis=1) >= 5)
    return {int(row): sheet.xy[row][sheet.sound[row]].tobytes() for row in rows}


def _kinds(sheet: Sheet) -> Sequence[tuple[Raw, list[str]]]:
    return list(zip(sheet.categories, sheet.names, strict=True))


def _by(size: Sequence[int] | None) -> str:
    return "x".join(map(str, size or ()))
