"""`pinpoint models`: what there is, what it is, and getting it."""

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pinpoint.hub import ModelSpec

__all__ = ["models_app"]

models_app = typer.Typer(
    help="The catalogue of models.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

NAME = typer.Argument(metavar="NAME", help="A model of the catalogue.")
JSON = typer.Option("--json", help="Print JSON instead of a table.")


@models_app.command("list")
def list_models(
    json: Annotated[bool, JSON] = False,
    architectures: Annotated[
        bool, typer.Option("--architectures", help="The networks to train or to fill with official weights.")
    ] = False,
) -> None:
    """List every model: task, keypoints, size, and whether it is here."""
    from pinpoint.cli.architectures import architecture_names
    from pinpoint.cli.messages import refuse
    from pinpoint.cli.training_extra import check_training_extra
    from pinpoint.hub import catalogue

    if architectures:
        try:
            check_training_extra()
        except ImportError as error:
            raise typer.Exit(refuse(error, 2)) from None
        names = architecture_names()
        typer.echo(jsonlib.dumps(names) if json else "\n".join(names))
        return
    specs = list(catalogue().values())
    if json:
        typer.echo(jsonlib.dumps([{**spec.to_dict(), "here": _is_here(spec)} for spec in specs]))
        return
    rows = [("name", "task", "keypoints", "size", "here"), *map(_row, specs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@models_app.command()
def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the catalogue, a task, or an architecture.")
    ],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show a model's card, and what its network costs."""
    from pinpoint.cli.architectures import architecture_facts, architecture_lines, architecture_names
    from pinpoint.cli.messages import refuse, say
    from pinpoint.hub import card

    network = name in architecture_names()
    try:
        spec = _row_of(name, network=network)
    except ValueError as error:
        raise typer.Exit(refuse(error, 2)) from None
    if spec is not None and name != spec.name:
        say(f"{name} is a task; its default model is {spec.name}")
    if json:
        facts = {"name": name} if spec is None else spec.to_dict()
        more = {"architecture": architecture_facts(name)} if network else {}
        typer.echo(jsonlib.dumps(facts | more, ensure_ascii=False))
        return
    lines = ({} if spec is None else card(spec)) | (architecture_lines(name) if network else {})
    width = max(map(len, lines))
    for label, text in lines.items():
        typer.echo(f"{label:<{width}}  {text}")


@models_app.command()
def pull(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Models, or tasks such as wholebody.")
    ],
) -> None:
    """Fetch models with all that they need, so that they work offline."""
    from pinpoint.cli.estimators import fetch, model_of
    from pinpoint.cli.messages import refuse
    from pinpoint.hub import requirements

    try:
        specs = fetch([spec for name in names for spec in requirements(model_of(name))], verify=True)
    except ValueError as error:
        raise typer.Exit(refuse(error, 2)) from None
    except OSError as error:
        raise typer.Exit(refuse(error, 1)) from None
    for spec in specs:
        typer.echo(f"{spec.name} is here")


@models_app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX or TFLite file; it is copied.")],
    like: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model that it is fed and read like.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What to call it.")] = None,
) -> None:
    """Make a file of your own a model of the catalogue."""
    from pinpoint.cli.messages import refuse
    from pinpoint.hub import add

    try:
        spec = add(file, like=like, name=name)
    except ValueError as error:
        raise typer.Exit(refuse(error, 2)) from None
    except OSError as error:
        raise typer.Exit(refuse(error, 1)) from None
    typer.echo(f"added {spec.name}: pinpoint detect INPUT --model {spec.name}")
    if spec.detector and not _is_known_and_here(spec.detector):
        typer.echo(
            f"its detector is not here yet: `pinpoint models pull {spec.detector}` fetches it, "
            "`pinpoint detect --detector NAME` takes another"
        )


@models_app.command()
def remove(name: Annotated[str, NAME]) -> None:
    """Forget a model that was added, or delete what was fetched for one."""
    from pinpoint.cli.messages import refuse
    from pinpoint.hub import remove

    try:
        deleted = remove(name)
    except ValueError as error:
        raise typer.Exit(refuse(error, 2)) from None
    for path in deleted:
        typer.echo(f"deleted {path}")


def _row_of(name: str, *, network: bool) -> "ModelSpec | None":
    """The row of a name in the catalogue; none if it is that of a network alone.

    Raises:
        ValueError: There is neither.
    """
    from pinpoint.cli.architectures import with_near_architectures
    from pinpoint.cli.estimators import model_of

    try:
        return model_of(name)
    except ValueError as error:
        if network:
            return None
        raise with_near_architectures(error, name) from None


def _row(spec: "ModelSpec") -> tuple[str, ...]:
    from pinpoint.hub import card

    keypoints = str(len(spec.skeleton)) if spec.skeleton else ""
    return spec.name, spec.task, keypoints, card(spec).get("size", ""), "yes" if _is_here(spec) else ""


def _is_known_and_here(name: str) -> bool:
    from pinpoint.hub import catalogue

    spec = catalogue().get(name)
    return spec is not None and _is_here(spec)


def _is_here(spec: "ModelSpec") -> bool:
    """Whether the files of a model and of the parts that it is made of are in their places."""
    from pinpoint.hub import find
    from pinpoint.hub.cache import path_of

    return all(path_of(file).is_file() for file in spec.files) and all(_is_here(find(p)) for p in spec.parts)
