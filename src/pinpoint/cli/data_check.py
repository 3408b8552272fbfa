"""`pinpoint data check`: every fault of annotation files, why it matters and what mends it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from pinpoint.cli.messages import printable, refuse, say, show_log
from pinpoint.cli.progress import watching
from pinpoint.datasets.doctor.examination import Mended, case_of, examine, mend, totals
from pinpoint.datasets.doctor.fault import Case, Finding
from pinpoint.datasets.doctor.pictures import Progress
from pinpoint.datasets.doctor.sheet import Sheet, read_sheet
from pinpoint.io.coco_truth_writer import dump_json

__all__ = ["Request", "run_check"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2
NAMED = 3  # places that are named of each fault


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint data check --help`.

    Args:
        files: Annotation files.
        images: Folder of the pictures; none looks beside each file.
        val: The file that is measured on, or none.
        val_images: Folder of its pictures; none looks in that of the others and beside the file.
        fix: Where to write the mended file, or none.
        json: Where to write what was found, or none.
        open: Whether to open the pictures.
        pictures: Folder to draw faults into, or none.
    """

    files: tuple[Path, ...]
    images: Path | None = None
    val: Path | None = None
    val_images: Path | None = None
    fix: Path | None = None
    json: Path | None = None
    open: bool = True
    pictures: Path | None = None


def run_check(request: Request, *, verbose: bool = False) -> int:
    """Look all files over, print what is found and return the exit status."""
    show_log(verbose=verbose)
    try:
        _refuse_odd(request)
        cases = _cases(request)
        findings = [finding for case in cases for finding in examine(case)]
        _print(cases, findings)
        _write(request, cases, findings)
    except ValueError as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:
        return refuse(error, FAILED)
    counts = totals(findings)
    return FAILED if counts["error"] or counts["warning"] else DONE


def _refuse_odd(request: Request) -> None:
    if request.fix is None:
        return
    if len(request.files) > 1:
        raise ValueError(f"--fix writes one file, but {len(request.files)} are given: mend them one by one")
    if request.fix.exists() and any(request.fix.samefile(path) for path in request.files if path.exists()):
        raise ValueError(f"--fix {request.fix} is the file itself: name a new one")


def _cases(request: Request) -> list[Case]:
    """What is looked at: each file, and then what is measured on against each of them."""
    sheets = [read_sheet(path) for path in request.files]
    val = [] if request.val is None else [read_sheet(request.val)]
    cases = [_opened(sheet, request) for sheet in sheets]
    for sheet in val:
        own = _opened(sheet, replace(request, images=_images_of_val(sheet, request)))
        cases += [Case(own.sheet, own.looks, own.unlisted, against) for against in list(cases)]
    return cases


def _images_of_val(sheet: Sheet, request: Request) -> Path | None:
    """The folder that is named for it, or that of the others if it has any of its pictures."""
    if request.val_images is not None:
        return request.val_images
    return request.images if request.images is not None and _has_any(sheet, request.images) else None


def _has_any(sheet: Sheet, folder: Path) -> bool:
    """Whether a folder that was named has any picture of a file."""
    names = (sheet.file_name(row) for row in range(len(sheet.images)))
    return any((folder / name).exists() for name in names if name)


def _opened(sheet: Sheet, request: Request) -> Case:
    with watching(1) as watch:
        watch.begin(sheet.path.name, len(sheet.images) if request.open else 1)

        def progress(done: int, total: int) -> None:
            watch.step()

        told: Progress = progress
        return case_of(sheet, request.images, pictures=request.open, progress=told)


def _print(cases: Sequence[Case], findings: Sequence[Finding]) -> None:
    for case in {case.sheet.path: case for case in cases}.values():
        sheet = case.sheet
        opened = "opened" if case.looks is not None else "not opened"
        typer.echo(
            f"{sheet.path}: {len(sheet.images)} images ({opened}), {len(sheet.annotations)} annotations"
        )
    for finding in findings:
        typer.echo("\n" + "\n".join(_lines(finding)))
    counts = totals(findings)
    said = ", ".join(f"{count} {_plural(level, count)}" for level, count in counts.items() if count)
    typer.echo(f"\n{said or 'nothing is wrong'}")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _lines(finding: Finding) -> list[str]:
    fault, count = finding.fault, len(finding.spots)
    named = [f"    {printable(finding.place(spot))}" for spot in finding.spots[:NAMED]]
    more = [f"    and {count - NAMED} more"] if count > NAMED else []
    return [
        f"{fault.level}: {finding.sheet.path.name}: {count} {fault.what} [{fault.code}]",
        *(line for line in (*named, *more) if line.strip()),
        f"  why: {fault.why}",
        f"  mend: {finding.command}",
    ]


def _write(request: Request, cases: Sequence[Case], findings: Sequence[Finding]) -> None:
    if request.json is not None:
        plain = {
            "files": [str(case.sheet.path) for case in cases],
            "findings": [f.to_dict() for f in findings],
        }
        request.json.write_text(json.dumps(plain, indent=1, default=str) + "\n", "utf-8")
    if request.pictures is not None:
        from pinpoint.datasets.doctor.showing import write_pictures

        for finding in findings:
            of_val = finding.sheet.path == request.val
            images = _images_of_val(finding.sheet, request) if of_val else request.images
            for path in write_pictures([finding], request.pictures, images):
                say(f"drawn: {path}")
    if request.fix is not None:
        mended = mend(cases[0])
        dump_json(request.fix, mended.sheet.document)
        _say_mended(request.fix, mended)


def _say_mended(path: Path, mended: Mended) -> None:
    for code, count in mended.done.items():
        say(f"mended: {count} x {code}")
    for finding in mended.left:
        if finding.fault.level != "note":
            say(f"not mended: {len(finding.spots)} x {finding.fault.code}: {finding.fault.mend}")
    say(f"written: {path}" + ("" if mended.done else ", as it was: nothing could be mended"))
