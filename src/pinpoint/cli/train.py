"""`pinpoint train`: from what was said to a configuration, and from what came of it to an exit status."""

import os
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pinpoint.io.errors import UnreadableError

if TYPE_CHECKING:
    from pinpoint.cli.stopping import Stop

__all__ = ["Request", "assign", "run_training", "train"]

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint train --help`.

    Args:
        config: Plain values of a configuration.
        out: Folder of the run.
        root: Paths of the data start here; none takes the configuration's.
        cache: Folder of the decoded pictures; none takes the common one.
        resume: Go on with the run in the folder.
        dry: Say what would be done, and stop.
        threads: To compute with; 0 is what torch takes.
    """

    config: dict[str, Any]
    out: Path
    root: Path | None = None
    cache: Path | None = None
    resume: bool = False
    dry: bool = False
    threads: int = 0


def train(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A TOML file, or a recipe that comes with Pinpoint."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Labels, in any format; repeatable."),
    ] = None,
    pictures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the pictures: one for all, or one for each --data and then --val. "
            "Without it they are looked for beside each file; so are those of --val that are not in the one.",
        ),
    ] = None,
    val: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Labels to measure on; without them, a tenth of the pictures is kept back.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to train, such as plain-s or rtmpose-t.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run.")] = Path("pinpoint-run"),
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples per step, over all processes.")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to start from, instead of from chance.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where relative paths of the data start.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the decoded pictures.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other value of the configuration; repeatable."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the data, say what would be done, and stop.")
    ] = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 is what torch takes.")] = 0,
) -> None:
    """Train a network on labelled pictures.

    What you do not say is taken from the data, and shown with its reason. Ctrl-C stops after the step and
    keeps everything; --resume goes on as if nothing had happened.

    Exit status: 0 done, 1 it failed (what was written before is intact), 2 wrong usage, 130 stopped.
    """
    from pinpoint.cli.messages import refuse
    from pinpoint.cli.training_extra import check_training_extra

    try:
        check_training_extra()
        config = _recipe(recipe)
        base = Path(root if root is not None else config.get("root", ""))
        config |= _files(data or (), val, pictures or (), base)
        said = {"model": model, "epochs": epochs, "batch": batch, "lr": lr}
        config |= {key: value for key, value in said.items() if value is not None}
        if epochs is not None:
            config["samples"] = 0
        if weights is not None:
            config["weights"] = str(weights.resolve())
        for assignment in set_ or ():
            assign(config, assignment)
    except (OSError, UnreadableError) as error:
        raise typer.Exit(refuse(error, FAILED)) from None
    except (ValueError, ImportError) as error:
        raise typer.Exit(refuse(error, WRONG_USAGE)) from None
    raise typer.Exit(run_training(Request(config, out, root, cache, resume, dry_run, threads)))


def run_training(request: Request) -> int:
    """Do what was asked for, say what came of it, and return the exit status."""
    from pinpoint.cli.messages import refuse, show_log
    from pinpoint.cli.stopping import Stop
    from pinpoint.training.loop import DivergedError, StoppedError

    if _speaks():
        show_log(verbose=False)
    stop = Stop()
    try:
        with ExitStack() as stack:
            lines = _checked(request) if request.dry else _trained(request, stop, stack)
    except (DivergedError, OSError, UnreadableError) as error:
        return refuse(error, FAILED)
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)
    except StoppedError as error:
        _say([f"{error}; `pinpoint train --out {request.out} --resume` goes on from there"])
        return 128 + stop.number
    except KeyboardInterrupt:
        _say([f"interrupted; `pinpoint train --out {request.out} --resume` goes on from the last checkpoint"])
        return INTERRUPTED
    _say(lines)
    return DONE


def _speaks() -> bool:
    """Whether this is the first of the processes that torchrun started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def _say(lines: Sequence[str]) -> None:
    from pinpoint.cli.messages import say

    for line in lines if _speaks() else ():
        say(line)


def _checked(request: Request) -> list[str]:
    """Look at the data, and say what a run would do."""
    from pinpoint.cli.train_report import Decoding, plan_lines
    from pinpoint.training import plan

    with Decoding() as decoding:
        planned = plan(request.config, root=request.root, cache=request.cache, decoded=decoding)
    return [*plan_lines(planned), "nothing is trained with --dry-run"]


def _trained(request: Request, stop: "Stop", stack: ExitStack) -> list[str]:
    """Train; stops are noted in good order from the moment on that there is something to keep."""
    from pinpoint.cli.train_report import Decoding, Telling, plan_lines, result_lines
    from pinpoint.training import Listener, Plan, train
    from pinpoint.training.device import use_threads

    use_threads(request.threads)
    decoding, telling = stack.enter_context(Decoding()), stack.enter_context(Telling())

    def planned(plan: Plan) -> None:
        _say(plan_lines(plan))
        telling.batch = plan.config.batch

    def began(steps: int, done: int) -> None:
        stack.enter_context(stop)
        telling.begin(steps, done)

    measures = train(
        request.config,
        request.out,
        root=request.root,
        cache=request.cache,
        resume=request.resume,
        listener=Listener([telling], decoding, planned, began, lambda: bool(stop)),
    )
    return result_lines(measures, request.out)


def _recipe(name: str | None) -> dict[str, Any]:
    from pinpoint.training.config import read_config

    return read_config(Path(name)) if name else {}


def _files(data: Sequence[str], val: str | None, pictures: Sequence[str], base: Path) -> dict[str, Any]:
    """The sources of data and validation that were named; their paths start at `base`.

    Raises:
        UnreadableError: One is damaged, or not there.
        ValueError: There are neither one folder of pictures nor one for each of them.
    """
    files = [*data, *([val] if val else [])]
    if pictures and len(pictures) not in (1, len(files)):
        raise ValueError(f"--pictures is given {len(pictures)} times, expected 1 or {len(files)}")
    folders = list(pictures) * len(files) if len(pictures) == 1 else list(pictures) or [""] * len(files)
    if data and val and len(pictures) == 1 and _has_own(val, data, pictures[0], base):
        _say([f"warning: {val} has pictures beside it: they are taken, not those in {pictures[0]}"])
        folders[-1] = ""
    sources = [{"annotations": file, "pictures": folder} for file, folder in zip(files, folders, strict=True)]
    found = {"data": sources[: len(data)], "val": sources[len(data) :]}
    return {key: value for key, value in found.items() if value}


def _has_own(val: str, data: Sequence[str], pictures: str, base: Path) -> bool:
    from pinpoint.training.inspection import has_own_pictures

    return has_own_pictures(base / val, [base / file for file in data], base / pictures)


def assign(config: dict[str, Any], text: str) -> None:
    """Set the value of a key, in a table where the key has a dot.

    Raises:
        ValueError: There is no `=`, or no table of that name.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set {text} has no value, expected KEY=VALUE")
    *tables, last = key.strip().split(".")
    for name in tables:
        config = config.setdefault(name, {})
        if not isinstance(config, dict):
            raise ValueError(f"--set {text}: {name} is no table")
    config[last] = _value(value.strip())


def _value(text: str) -> Any:
    """What TOML reads, or the text itself where it reads nothing."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
