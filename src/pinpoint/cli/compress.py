"""`pinpoint compress`: smaller and faster networks, each with a table and a verdict."""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["compress_app"]

compress_app = typer.Typer(
    help="Make a network smaller and faster, and see if it is still good.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

DROP = typer.Option(min=0, help="How much AP may be lost.")
TIME = typer.Option(min=0, help="The share of the time that it may take.")
KEEP = typer.Option("--keep-anyway", help="Keep the result where it does not pass, too.")
DATA = typer.Option(metavar="FILE", help="COCO annotations to learn from; repeatable.")
VAL = typer.Option(metavar="FILE", help="COCO annotations to measure on.")
PICTURES = typer.Option(metavar="DIR", help="Folder of the pictures; they are looked for beside each file.")
CACHE = typer.Option(metavar="DIR", help="Folder of the decoded pictures.")
RESUME = typer.Option("--resume", help="Go on with the run in --out.")
THREADS = typer.Option(min=0, help="Threads to train with; 0 is what torch takes.")
SAMPLES = typer.Option(min=1, help="How many samples to learn from.")
SET = typer.Option("--set", metavar="KEY=VALUE", help="Any other value of the configuration; repeatable.")


@compress_app.command()
def int8(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN_OR_ONNX", help="The folder or the weights of a run, or an ONNX file."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The ONNX file to write.")],
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="COCO annotations to measure on; a run knows its own.")
    ] = None,
    pictures: Annotated[Path | None, PICTURES] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="COCO annotations of other pictures, to calibrate with; likewise."),
    ] = None,
    calibration_pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of those, where it is another.")
    ] = None,
    count: Annotated[int, typer.Option(min=16, help="Samples to calibrate with and to try layers on.")] = 400,
    drop: Annotated[float, DROP] = 0.01,
    time: Annotated[float, TIME] = 0.6,
    keep_anyway: Annotated[bool, KEEP] = False,
) -> None:
    """Compute in whole numbers of 8 bits where that costs little accuracy.

    Exit status: 0 it passes, 1 it fails or something cannot be read or written, 2 wrong usage.
    """
    from pinpoint.cli.compressing import Allowed, Quantising, answered, quantise

    asked = Quantising(source, out, data, calibration, pictures, calibration_pictures, count)
    allowed = Allowed(drop, time, keep_anyway)
    raise typer.Exit(answered(lambda: quantise(asked, allowed), ("torch", "onnx")))


@compress_app.command()
def prune(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new run.")],
    share: Annotated[float, typer.Option(help="How many of the channels of each layer go.")] = 0.3,
    importance: Annotated[
        str, typer.Option(help="Which channels matter least: taylor, by the loss; norm, by their weights.")
    ] = "taylor",
    round_to: Annotated[int, typer.Option(min=1, help="Widths are whole multiples of this.")] = 8,
    samples: Annotated[int, SAMPLES] = 100_000,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate; a quarter of the run's.")] = None,
    data: Annotated[list[str] | None, DATA] = None,
    val: Annotated[str | None, VAL] = None,
    set_: Annotated[list[str] | None, SET] = None,
    cache: Annotated[Path | None, CACHE] = None,
    resume: Annotated[bool, RESUME] = False,
    threads: Annotated[int, THREADS] = 0,
    drop: Annotated[float, DROP] = 0.02,
    time: Annotated[float, TIME] = 0.85,
    keep_anyway: Annotated[bool, KEEP] = False,
) -> None:
    """Cut channels out of every layer, and let the rest learn on.

    The data is that of the run unless --data and --val name other files.

    Exit status: 0 it passes, 1 it fails or something cannot be read or written, 2 wrong usage, 130 stopped.
    """
    from pinpoint.cli.compressing import Allowed, Learning, answered, config_of_run, learn

    table = {"run": str(run.resolve()), "share": share, "importance": importance, "round_to": round_to}

    def config() -> dict[str, Any]:
        plain = config_of_run(run, data, val)
        small = {"samples": samples, "lr": lr or plain.get("lr", 2e-3) / 4, "weights": "", "small_share": 0.0}
        plain.pop("small_size", None)
        return plain | small | {"prune": table}

    asked = Learning(config, set_ or [], out, cache, resume, threads, str(run), ("before", "pruned"))
    allowed = Allowed(drop, time, keep_anyway)
    needed = ("torch", "safetensors", "onnx", "torch_pruning")
    raise typer.Exit(answered(lambda: learn(asked, allowed), needed))


@compress_app.command()
def distill(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    teacher: Annotated[
        str,
        typer.Option(metavar="NAME_OR_RUN", help="A model, a file, or the folder or the weights of a run."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the student's run.")],
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A TOML file, or a recipe that comes with Pinpoint."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The student, such as plain-n.")] = None,
    points: Annotated[
        float, typer.Option(min=0, help="How much the teacher's keypoints count where there is no label.")
    ] = 1.0,
    mix: Annotated[
        float, typer.Option(min=0, max=1, help="How far labels are moved towards the teacher's keypoints.")
    ] = 0.0,
    logits: Annotated[
        float, typer.Option(min=0, help="How much the teacher's distributions count; runs only.")
    ] = 0.0,
    temperature: Annotated[float, typer.Option(help="By how much both are made less sure.")] = 2.0,
    features: Annotated[float, typer.Option(min=0, help="How much its features count; runs only.")] = 0.0,
    labels: Annotated[float, typer.Option(min=0, help="How much labels count beside both.")] = 1.0,
    fade: Annotated[
        float, typer.Option(min=0, max=1, help="By which share both count less at the end of the run.")
    ] = 0.0,
    samples: Annotated[int | None, SAMPLES] = None,
    data: Annotated[list[str] | None, DATA] = None,
    val: Annotated[str | None, VAL] = None,
    set_: Annotated[list[str] | None, SET] = None,
    cache: Annotated[Path | None, CACHE] = None,
    resume: Annotated[bool, RESUME] = False,
    threads: Annotated[int, THREADS] = 0,
    drop: Annotated[float, DROP] = 0.02,
    time: Annotated[float, TIME] = 0.9,
    keep_anyway: Annotated[bool, KEEP] = False,
) -> None:
    """Train a student on labels and on what a teacher says.

    The table compares it with its teacher. The data is that of a recipe, or of the teacher's run, unless
    --data and --val name other files.

    Exit status: 0 it passes, 1 it fails or something cannot be read or written, 2 wrong usage, 130 stopped.
    """
    from pinpoint.cli.compressing import Allowed, Learning, answered, config_of_recipe, config_of_run, learn

    path = Path(teacher)
    name = str(path.resolve()) if path.exists() else teacher
    table = {"teacher": name, "points": points, "mix": mix}
    table |= {"logits": logits, "temperature": temperature, "features": features}
    table |= {"labels": labels, "fade": fade}

    def config() -> dict[str, Any]:
        plain = config_of_run(path, data, val) if recipe is None else config_of_recipe(recipe, data, val)
        if model:
            plain = {key: value for key, value in plain.items() if key != "loss"} | {"model": model}
        return plain | {"distill": table} | ({"samples": samples} if samples else {})

    asked = Learning(config, set_ or [], out, cache, resume, threads, name, ("teacher", "student"))
    allowed = Allowed(drop, time, keep_anyway)
    raise typer.Exit(answered(lambda: learn(asked, allowed), ("torch", "safetensors", "onnx")))
