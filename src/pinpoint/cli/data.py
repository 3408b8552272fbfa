"""`pinpoint data`: annotation files looked over, counted, parted and converted."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["data_app"]

data_app = typer.Typer(
    help="Look annotation files over, count, part and convert them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FILE = typer.Argument(metavar="FILE", help="Annotations, as COCO or in any other format that can be read.")
IMAGES = typer.Option(metavar="DIR", help="Folder of the pictures.", show_default="beside the annotations")
VERBOSE = typer.Option("--verbose", "-v", help="Say what is done and why.")


@data_app.command(short_help="Find what is wrong in annotation files.")
def check(  # noqa: PLR0913, PLR0917
    files: Annotated[list[Path], FILE],
    images: Annotated[Path | None, IMAGES] = None,
    val: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Annotations to measure on: nothing of them may be learnt."),
    ] = None,
    val_images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of its pictures.", show_default="as --images, or beside it"),
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Mend what is safe, and write it there.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="OUT", help="Write all that is found there.")] = None,
    open_: Annotated[bool, typer.Option("--images-too/--no-images", help="Open the pictures.")] = True,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw what is found into this folder.")
    ] = None,
    verbose: Annotated[bool, VERBOSE] = False,
) -> None:
    """Find what is wrong in annotation files, with why it matters and what mends it.

    Exit status: 0 nothing but notes, 1 something is wrong, 2 wrong usage or a file that cannot be read.
    """
    from pinpoint.cli.data_check import Request, run_check

    request = Request(tuple(files), images, val, val_images, fix, json, open_, pictures)
    raise typer.Exit(run_check(request, verbose=verbose))


@data_app.command(short_help="Show what is labelled, how large and where.")
def stats(
    file: Annotated[Path, FILE],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw the distributions into this folder.")
    ] = None,
    verbose: Annotated[bool, VERBOSE] = False,
) -> None:
    """Show how large instances are, what is labelled, where, and in which poses.

    Exit status: 0 done, 1 a file cannot be written, 2 wrong usage or a file that cannot be read.
    """
    from pinpoint.cli.data_stats import run_stats

    raise typer.Exit(run_stats(file, out, verbose=verbose))


@data_app.command(short_help="Part a file and tear nothing apart.")
def split(  # noqa: PLR0913, PLR0917
    file: Annotated[Path, FILE],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of train.json, val.json and test.json.")],
    val: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the images to measure on.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the images to keep back.")] = 0.0,
    group: Annotated[
        str,
        typer.Option(
            metavar="KEY|REGEX",
            help="What belongs together: a key of the images such as subject or video, or what an expression "
            "finds in file names; auto takes the first usual key that there is.",
        ),
    ] = "auto",
    look: Annotated[
        bool, typer.Option("--look", help="Keep pictures together that look the same; opens them.")
    ] = False,
    images: Annotated[Path | None, IMAGES] = None,
    seed: Annotated[int, typer.Option(help="Another number gives another split.")] = 0,
    verbose: Annotated[bool, VERBOSE] = False,
) -> None:
    """Part a file so that nothing that belongs together is torn apart, and all parts are alike.

    Exit status: 0 done, 1 a file cannot be written, 2 wrong usage or a file that cannot be read.
    """
    from pinpoint.cli.data_split import Request, run_split

    raise typer.Exit(run_split(Request(file, out, val, test, group, look, images, seed), verbose=verbose))


@data_app.command(short_help="Write labels in the form of another tool.")
def convert(  # noqa: PLR0913, PLR0917
    source: Annotated[Path, typer.Argument(metavar="IN", help="File or folder of labels, in any format.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File or folder to write.")],
    source_format: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help="What IN is.", show_default="told by its content"),
    ] = None,
    target_format: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="What OUT is.", show_default="told by its suffix"),
    ] = None,
    images: Annotated[
        str,
        typer.Option(
            metavar="reference|link|copy",
            help="Name the pictures where they are, or link or copy them beside OUT.",
        ),
    ] = "reference",
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the pictures.", show_default="beside the labels"),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Convert keypoints to this skeleton, by name."),
    ] = None,
    meaning: Annotated[
        str | None,
        typer.Option(
            "--keypoints", metavar="NAME", help="The skeleton of IN, where it does not say so itself."
        ),
    ] = None,
    verbose: Annotated[bool, VERBOSE] = False,
) -> None:
    """Write labels in the form of another tool, and say what it cannot hold.

    Formats are json, jsonl, csv, parquet, coco-truth, coco (results), yolo, labelme, label-studio, cvat, via,
    via-csv, deeplabcut, sleap, openpose and others; see docs/formats.md.

    Exit status: 0 done, 1 some pictures failed (each is named, the rest is done), 2 wrong usage.
    """
    from pinpoint.cli.convert import Request, run_conversion

    request = Request(source, target, source_format, target_format, images, pictures, skeleton, meaning)
    raise typer.Exit(run_conversion(request, verbose=verbose))
