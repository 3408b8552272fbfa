"""Look a file over: open its pictures if asked to, find every fault of the table, mend what is safe."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.datasets.doctor.fault import Case, Finding, Level, levels
from pinpoint.datasets.doctor.faults import FAULTS
from pinpoint.datasets.doctor.parts import faults_of_parts
from pinpoint.datasets.doctor.pictures import Progress, look_at
from pinpoint.datasets.doctor.sheet import Sheet
from pinpoint.datasets.samples import find_picture

__all__ = ["Mended", "case_of", "examine", "mend"]

ROUNDS = 4  # mending one thing may bring another to light
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".avif"}


@dataclass(frozen=True, eq=False)
class Mended:
    """What mending did.

    Args:
        sheet: The file as it is now.
        done: How many places of each fault were mended, by code.
        left: What is still there.
    """

    sheet: Sheet
    done: Mapping[str, int]
    left: tuple[Finding, ...]


def case_of(
    sheet: Sheet, folder: Path | None = None, *, pictures: bool = True, progress: Progress | None = None
) -> Case:
    """Gather what is looked at.

    Args:
        sheet: The file.
        folder: Where its pictures are; none looks in the usual places beside it.
        pictures: Open the pictures.
        progress: Told how many of how many pictures are opened.
    """
    if not pictures:
        return Case(sheet)
    names = [sheet.file_name(row).replace("\\", "/") for row in range(len(sheet.images))]
    paths = [find_picture(name, sheet.path, folder) for name in names]
    return Case(sheet, look_at(paths, progress), tuple(_unlisted(paths, folder)))


def examine(case: Case) -> tuple[Finding, ...]:
    """Find every fault of the table that can be found with what there is, the worst first."""
    there = {""} | ({"pictures"} if case.looks is not None else set())
    if case.against is not None:
        there |= {"val"} | ({"val pictures"} if None not in (case.looks, case.against.looks) else set())
    found = [
        Finding(fault, case.sheet, spots)
        for fault in FAULTS
        if fault.needs in there and (spots := tuple(fault.find(case)))
    ]
    found += faults_of_parts(case, FAULTS)
    return tuple(sorted(found, key=lambda finding: levels.index(finding.fault.level)))


def mend(case: Case) -> Mended:
    """Mend what is safe, again and again until nothing changes. The document of the sheet is changed."""
    done: Counter[str] = Counter()
    sheet, before = case.sheet, None
    for _ in range(ROUNDS):
        found = examine(Case(sheet, case.looks, case.unlisted, case.against))
        state = {finding.fault.code: len(finding.spots) for finding in found if finding.fault.fix}
        if not state or state == before:
            break
        before, sheet = state, _mended_once(sheet, found)
        left = {finding.fault.code: len(finding.spots) for finding in examine(Case(sheet))}
        done.update({code: count - left.get(code, 0) for code, count in state.items()})
    left = examine(Case(sheet))
    return Mended(sheet, {code: count for code, count in done.items() if count > 0}, left)


def totals(findings: Sequence[Finding]) -> dict[Level, int]:
    """How many kinds of fault of each level were found."""
    counts = Counter(finding.fault.level for finding in findings)
    return {level: counts[level] for level in levels}


def _mended_once(sheet: Sheet, found: Sequence[Finding]) -> Sheet:
    """Mend the first fault that can be, whose rows are known, and read the file anew."""
    for finding in found:
        if finding.fault.fix is not None:
            finding.fault.fix(Sheet(sheet.path, sheet.document), [spot.row for spot in finding.spots])
    return Sheet(sheet.path, _without_empty(sheet.document))


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    kept = document.get("annotations")
    return (
        {**document, "annotations": [item for item in kept if item]} if isinstance(kept, list) else document
    )


def _unlisted(paths: Sequence[Path], folder: Path | None) -> Iterator[str]:
    """Pictures in the folder given, or in those of the pictures that are there, that are none of these."""
    named = {path.with_name(path.name.lower()) for path in paths}  # another case is another fault
    folders = {folder} if folder is not None else {path.parent for path in paths if path.exists()}
    for place in sorted(folders):
        files = place.iterdir() if place.is_dir() else ()
        yield from sorted(
            p.name for p in files if p.suffix.lower() in SUFFIXES and p.with_name(p.name.lower()) not in named
        )
