"""The commands and their options. Nothing heavy is imported before a command needs it."""

import difflib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pinpoint.cli.compress import compress_app
from pinpoint.cli.data import data_app
from pinpoint.cli.export import export
from pinpoint.cli.models import models_app
from pinpoint.cli.serve import serve
from pinpoint.cli.train import train
from pinpoint.cli.train_trees import train_trees

__all__ = ["app"]

app = typer.Typer(
    help="Keypoints of bodies, faces, hands and your own objects, in pictures and video.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: importing rich costs more than the rest of the start
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models")
app.add_typer(compress_app, name="compress")
app.add_typer(data_app, name="data")


class Task(StrEnum):
    """What can be looked for."""

    BODY = "body"
    FACE = "face"
    HAND = "hand"
    WHOLEBODY = "wholebody"


class Search(StrEnum):
    """How hard detectors look."""

    AUTO = "auto"
    WHOLE = "whole"
    TILES = "tiles"


class Boxes(StrEnum):
    """Where `evaluate` looks for keypoints."""

    DETECT = "detect"
    TRUTH = "truth"


class FormatName(StrEnum):
    """Formats of results: those of `pinpoint.io.formats.FORMATS`, which `--help` shall not wait for."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    COCO = "coco"
    OPENPOSE = "openpose"
    PARQUET = "parquet"


class Look(StrEnum):
    """How drawings look."""

    COLOR = "color"
    OPENPOSE = "openpose"


def _one_of(choices: type[StrEnum]) -> dict[str, Any]:
    """What makes an option one of some words, said in ours where it is none of them."""
    names = [choice.value for choice in choices]

    def parsed(text: str) -> StrEnum:
        if text in names:
            return choices(text)
        close = difflib.get_close_matches(text, names, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise typer.BadParameter(f"{text!r} is none of {', '.join(names)}{meant}")

    return {"parser": parsed, "metavar": "|".join(names)}


INPUTS = typer.Argument(
    metavar="INPUT", help="Pictures, videos, folders, patterns, camera numbers or stream addresses."
)
TASK = typer.Option(**_one_of(Task), help="What to look for.", show_default="wholebody")
MODEL = typer.Option(metavar="NAME", help="A model of the catalogue or a file, instead of a task.")
DETECTOR = typer.Option(metavar="NAME", help="Another detector for the model.")
SEARCH = typer.Option(
    **_one_of(Search),
    help="Look at the whole picture, at tiles of it too, or at tiles where that finds more.",
)
LOOKS = typer.Option(
    min=1, max=2, help="How often the network looks at each instance: more is finer and slower."
)
THREADS = typer.Option(min=0, help="Threads to compute with; 0 is what suits the machine.")
PROVIDER = typer.Option(
    metavar="NAME", help="What ONNX Runtime runs on, such as cuda; best first, repeatable."
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pinpoint {version('pinpoint-keypoints')}")
        raise typer.Exit


@app.callback()
def pinpoint(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keypoints of bodies, faces, hands and your own objects, in pictures and video."""


@app.command()
def detect(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    inputs: Annotated[list[str], INPUTS],
    task: Annotated[Task | None, TASK] = None,
    model: Annotated[str | None, MODEL] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("pinpoint-output"),
    format: Annotated[
        FormatName | None,
        typer.Option(**_one_of(FormatName), help="How keypoints are written down.", show_default="json"),
    ] = None,
    json_lines: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-", help="Write JSON Lines there, - being stdout; no other results unless --format."
        ),
    ] = None,
    draw: Annotated[bool, typer.Option("--draw/--no-draw", help="Draw what is found.")] = True,
    style: Annotated[
        Look, typer.Option(**_one_of(Look), help="Draw in colour over the picture, or as OpenPose on black.")
    ] = Look.COLOR,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out instances that score below this.")
    ] = 0.0,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Take boxes from a keypoint file, such as COCO, not from a detector."
        ),
    ] = None,
    detector: Annotated[str | None, DETECTOR] = None,
    search: Annotated[Search, SEARCH] = Search.AUTO,
    looks: Annotated[int | None, LOOKS] = None,
    threads: Annotated[int, THREADS] = 0,
    provider: Annotated[list[str] | None, PROVIDER] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop each video after so many frames.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop each video after so many seconds.")
    ] = None,
    smooth: Annotated[bool, typer.Option("--smooth/--no-smooth", help="Steady keypoints in videos.")] = True,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Let the detector look at every frame of a video.")
    ] = False,
    trails: Annotated[bool, typer.Option("--trails", help="Draw the ways that people came, too.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done and why.")] = False,
) -> None:
    """Find keypoints, draw them and write them down.

    Exit status: 0 done, 1 some inputs failed (each is named, the rest is done), 2 wrong usage, 130 stopped.
    """
    from pinpoint.cli.detect import Request, run_request
    from pinpoint.cli.estimators import Choice
    from pinpoint.cli.frames import Limits

    if task and model:
        raise typer.BadParameter("--task chooses the model itself; give one of --task and --model")
    name = model or (task or Task.WHOLEBODY).value
    formats = () if json_lines and not format else ((format or FormatName.JSON).value,)
    request = Request(
        inputs,
        Choice(name, detector, search.value, looks, threads, tuple(provider or ()), boxes=boxes is not None),
        out,
        formats=formats,
        json_lines=json_lines,
        look=style.value if draw else "",
        min_score=min_score,
        boxes=boxes,
        limits=Limits(frames, seconds),
        smooth=smooth,
        every_frame=every_frame,
        trails=trails,
    )
    raise typer.Exit(run_request(request, verbose=verbose))


@app.command()
def bench(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A task, a model of the catalogue or a file.")
    ],
    inputs: Annotated[list[str], INPUTS],
    people: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of people to time.")] = "1,2,5,10",
    repeats: Annotated[int, typer.Option(min=1, help="How often each is timed.")] = 20,
    threads: Annotated[int, THREADS] = 0,
    provider: Annotated[list[str] | None, PROVIDER] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Time every stage of a model.

    The stages are read, detect, crop, infer, decode, draw and write.
    """
    from pinpoint.cli.bench import run_bench
    from pinpoint.cli.estimators import Choice

    counts = _counts(people)
    choice = Choice(model, threads=threads, providers=tuple(provider or ()))
    raise typer.Exit(run_bench(choice, tuple(inputs), counts, repeats, json=json))


@app.command()
def evaluate(  # noqa: PLR0913, PLR0917
    data: Annotated[Path, typer.Option(metavar="FILE", help="Labels of what is there, in any format.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]MODEL",
            help="A task, a model of the catalogue or a file, and what to call it; repeatable.",
        ),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="What was found already, as COCO results or in any other format; repeatable.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the pictures.", show_default="beside the annotations"),
    ] = None,
    boxes: Annotated[
        Boxes, typer.Option(**_one_of(Boxes), help="Find the instances, or look into the annotated boxes.")
    ] = Boxes.DETECT,
    sigmas: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME|estimate",
            help="OKS falloffs: a file of them or of the same pictures labelled again, a skeleton that has "
            "them, or what the errors of the first run say.",
            show_default="those of the labels, else by name",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the numbers there too.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report with curves and pictures there.")
    ] = None,
    detector: Annotated[str | None, DETECTOR] = None,
    search: Annotated[Search, SEARCH] = Search.AUTO,
    looks: Annotated[int | None, LOOKS] = None,
    threads: Annotated[int, THREADS] = 0,
    provider: Annotated[list[str] | None, PROVIDER] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done and why.")] = False,
) -> None:
    """Measure models, or what they found, on labelled pictures.

    Keypoints by AP, AR, PCK and NME, boxes by AP and recall. Several are compared with the first, models
    before predictions.

    Exit status: 0 done, 1 some pictures could not be read (each is named, the rest measured), 2 wrong usage.
    """
    from pinpoint.cli.estimators import Choice
    from pinpoint.cli.evaluate import Request, run_evaluation

    if not model and not predictions:
        raise typer.BadParameter("say what to measure: --model NAME or --predictions FILE")
    given = boxes is Boxes.TRUTH
    choice = Choice("", detector, search.value, looks, threads, tuple(provider or ()), boxes=given)
    request = Request(
        data,
        pictures,
        choice,
        tuple(model or ()),
        tuple(predictions or ()),
        sigmas=sigmas,
        json=json,
        html=html,
    )
    raise typer.Exit(run_evaluation(request, verbose=verbose))


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 1,2,5,10", param_hint="--people")
    return counts


app.command()(train)
app.command()(train_trees)
app.command()(export)
app.command()(serve)
