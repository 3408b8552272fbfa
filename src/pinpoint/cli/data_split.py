"""`pinpoint data split`: train, val and test that share nothing and are alike."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import typer

from pinpoint.cli.messages import refuse, show_log
from pinpoint.cli.progress import watching
from pinpoint.datasets.doctor.pictures import look_at, same_look
from pinpoint.datasets.doctor.sheet import Sheet, read_sheet
from pinpoint.datasets.doctor.splitting import grouped, parted, split, traits_of
from pinpoint.datasets.samples import find_picture
from pinpoint.io.coco_truth_writer import dump_json

__all__ = ["Request", "run_split"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint data split --help`.

    Args:
        file: Annotations.
        out: Folder of the parts.
        val: Share of the images that are measured on.
        test: Share of those that are kept back.
        group: What belongs together, see `grouped`.
        look: Whether pictures that look the same are kept together.
        images: Folder of the pictures, for that.
        seed: Of chance.
    """

    file: Path
    out: Path
    val: float = 0.1
    test: float = 0.0
    group: str = "auto"
    look: bool = False
    images: Path | None = None
    seed: int = 0


def run_split(request: Request, *, verbose: bool = False) -> int:
    """Split, write a file for each part, say what is in it and return the exit status."""
    show_log(verbose=verbose)
    try:
        used = _shares(request)
        sheet = read_sheet(request.file)
        groups = grouped(sheet, request.group, _pairs(sheet, request) if request.look else ())
        parts = split(groups, traits_of(sheet), used, request.seed)
        request.out.mkdir(parents=True, exist_ok=True)
        for name, document in parted(sheet, parts).items():
            dump_json(request.out / f"{name}.json", document)
    except ValueError as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:
        return refuse(error, FAILED)
    _print(request, sheet, parts, [int(group) for group in groups])
    return DONE


def _shares(request: Request) -> dict[str, float]:
    """Shares of the parts that are to have images."""
    learnt = round(1 - request.val - request.test, 9)  # as .9 and .1 leave 1e-17
    if learnt <= 0:
        raise ValueError(f"--val {request.val:g} and --test {request.test:g} leave nothing to learn from")
    shares = {"train": learnt, "val": request.val, "test": request.test}
    return {name: share for name, share in shares.items() if share != 0}


def _pairs(sheet: Sheet, request: Request) -> list[tuple[int, int]]:
    paths = [
        find_picture(sheet.file_name(row), sheet.path, request.images) for row in range(len(sheet.images))
    ]
    with watching(1) as watch:
        watch.begin(sheet.path.name, len(paths))
        looks = look_at(paths, lambda done, total: watch.step())
    if all(look.size is None for look in looks):
        raise ValueError(f"no picture of {sheet.path} can be read, so none can be compared: say --images DIR")
    return same_look(looks)


def _print(request: Request, sheet: Sheet, parts: list[str], groups: list[int]) -> None:
    images = Counter(parts)
    instances = Counter(parts[row] for row in sheet.image if row >= 0)
    held = {
        name: len({group for group, part in zip(groups, parts, strict=True) if part == name})
        for name in images
    }
    for name in ("train", "val", "test"):
        if name in images:
            typer.echo(
                f"{request.out / f'{name}.json'}: {images[name]} images ({images[name] / len(parts):.1%}) "
                f"in {held[name]} groups, {instances[name]} annotations"
            )
    if lost := int((sheet.image < 0).sum()):
        typer.echo(f"{lost} annotations belong to no image and are in no part")
