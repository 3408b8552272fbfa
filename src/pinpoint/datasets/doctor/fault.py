"""What a fault is, and where one was found."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.doctor.pictures import Look
from pinpoint.datasets.doctor.sheet import Sheet

__all__ = ["Case", "Fault", "Finding", "Fix", "Level", "Spot", "Spots", "at", "at_points", "levels"]

Level = Literal["error", "warning", "note"]
Table = Literal["file", "images", "annotations", "categories"]
NAMED = 3  # keypoints that a line names

levels: tuple[Level, ...] = ("error", "warning", "note")
"""From what stops a reader or teaches what is false to what one should merely know."""


Fix = Callable[[Sheet, Sequence[int]], None]


@dataclass(frozen=True)
class Spot:
    """One place of a fault.

    Args:
        table: Which list of the file it is in, or `file` for the whole.
        row: Which entry of that list, from 0.
        text: What is there.
    """

    table: Table
    row: int = 0
    text: str = ""


Spots = Iterable[Spot]


@dataclass(frozen=True, eq=False)
class Case:
    """What is looked at.

    Args:
        sheet: One file.
        looks: What its pictures are, one for each image; none where they were not opened.
        unlisted: Pictures beside them that no image names.
        against: The file that is learnt from, where this one is measured on.
    """

    sheet: Sheet
    looks: tuple[Look, ...] | None = None
    unlisted: tuple[str, ...] = ()
    against: "Case | None" = None


@dataclass(frozen=True)
class Fault:
    """One kind of fault: a row of the table.

    Args:
        code: Its name.
        level: How bad it is.
        what: What is wrong, for a line that begins with a count.
        why: Why it matters.
        mend: The command or the work that mends it; `{file}` and `{fixed}` are filled in.
        find: Finds its places.
        fix: Mends rows of the file where that is safe: changes the entries in place.
        needs: What it cannot be found without.
    """

    code: str
    level: Level
    what: str
    why: str
    mend: str
    find: Callable[[Case], Spots]
    fix: Fix | None = None
    needs: Literal["", "pictures", "val", "val pictures"] = ""


@dataclass(frozen=True, eq=False)
class Finding:
    """A fault and its places in one file."""

    fault: Fault
    sheet: Sheet
    spots: tuple[Spot, ...]

    @property
    def command(self) -> str:
        """What mends it."""
        path = self.sheet.path
        return self.fault.mend.format(file=path, fixed=path.with_name(f"{path.stem}.fixed.json"))

    def place(self, spot: Spot) -> str:
        """Where a spot is, in words."""
        where = {key: value for key, value in self.entry(spot).items() if value not in (None, "")}
        words = " ".join(f"{key} {value}" for key, value in where.items())
        return ": ".join(part for part in (words, spot.text) if part)

    def entry(self, spot: Spot) -> dict[str, Any]:
        """What the file calls the place: ids and names."""
        sheet = self.sheet
        if spot.table == "images":
            image = sheet.images[spot.row]
            return {"image": image.get("file_name"), "id": image.get("id")}
        if spot.table == "annotations":
            item, image = sheet.annotations[spot.row], int(sheet.image[spot.row])
            return {"annotation": item.get("id"), "image": sheet.file_name(image)}
        if spot.table == "categories":
            return {"category": sheet.categories[spot.row].get("name")}
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        fault = self.fault
        return {
            "code": fault.code,
            "level": fault.level,
            "file": str(self.sheet.path),
            "count": len(self.spots),
            "what": fault.what,
            "why": fault.why,
            "mend": self.command,
            "fixable": fault.fix is not None,
            "spots": [{**self.entry(spot), "text": spot.text} for spot in self.spots],
        }


def at(
    table: Table, where: NDArray[Any] | Iterable[int], text: Callable[[int], str] | str = ""
) -> Iterator[Spot]:
    """A spot for each row: those of a mask, or those listed."""
    rows = np.flatnonzero(where) if isinstance(where, np.ndarray) and where.dtype == bool else where
    for row in rows:
        yield Spot(table, int(row), text if isinstance(text, str) else text(int(row)))


def at_points(sheet: Sheet, mask: NDArray[np.bool_]) -> Iterator[Spot]:
    """A spot for each annotation that has points in a mask of shape (A, K), which names them."""
    for row in np.flatnonzero(mask.any(axis=1)):
        columns = np.flatnonzero(mask[row])
        named = [_point(sheet, int(row), int(column)) for column in columns[:NAMED]]
        more = f" and {len(columns) - NAMED} more" if len(columns) > NAMED else ""
        yield Spot("annotations", int(row), ", ".join(named) + more)


def _point(sheet: Sheet, row: int, column: int) -> str:
    x, y, v = sheet.xyv[row, column]
    return f"{sheet.keypoint(row, column)} ({x:g}, {y:g}, v={v:g})"
