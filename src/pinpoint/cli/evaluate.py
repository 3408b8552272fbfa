"""`pinpoint evaluate`: compare models, or what they wrote down, with labels, and say how close they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from pinpoint.cli.estimators import Choice
from pinpoint.cli.evaluating.crowds import crowding_of
from pinpoint.cli.evaluating.falloffs import chosen_sigmas
from pinpoint.cli.evaluating.labels import Labels, read_labels, skeleton_of
from pinpoint.cli.evaluating.numbers import Numbers, numbers_of_boxes, numbers_of_keypoints, of_boxes
from pinpoint.cli.evaluating.runs import FromFile, FromModel, Run, Source, judge_all
from pinpoint.cli.evaluating.text import Facts, as_json, as_table
from pinpoint.cli.messages import refuse, show_log
from pinpoint.cli.report import Tally
from pinpoint.evaluation.sigmas import Sigmas

__all__ = ["Request", "run_evaluation"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint evaluate --help`.

    Args:
        data: Labels in any format.
        pictures: Folder of the pictures; none looks beside the data.
        choice: How models run; its name is none of theirs.
        models: Names of models or files, or `NAME=MODEL`.
        predictions: Files, or `NAME=FILE`.
        sigmas: Whose OKS falloffs to take; none takes those of the labels.
        json: Where to write the numbers, or none.
        html: Where to write the report, or none.
    """

    data: Path
    pictures: Path | None
    choice: Choice
    models: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    sigmas: str | None = None
    json: Path | None = None
    html: Path | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """All that an evaluation found out.

    Args:
        labels: The pictures that were measured.
        numbers: Of every run.
        sigmas: OKS falloffs, none where boxes are measured.
        facts: What was measured.
        notes: What was assumed for all runs, by the subject.
    """

    labels: Sequence[Labels]
    numbers: Sequence[Numbers]
    sigmas: Sigmas | None
    facts: Facts
    notes: dict[str, str]


def run_evaluation(request: Request, *, verbose: bool = False) -> int:
    """Evaluate, print a table and return the exit status."""
    show_log(verbose=verbose)
    tally = Tally()
    try:
        if request.html is not None:
            from pinpoint.cli.evaluating.report import check_report_extra

            check_report_extra()
        measured = _measured(request, tally)
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:
        return refuse(error, FAILED)
    typer.echo(as_table(measured.facts, measured.numbers, measured.notes))  # before the files, which may fail
    try:
        _write(request, measured)
    except OSError as error:
        return refuse(error, FAILED)
    return FAILED if tally.problems else DONE


def _measured(request: Request, tally: Tally) -> Measured:
    notes: dict[str, str] = {}
    labels = read_labels(request.data, request.pictures, notes)
    sources = list(_sources(request, labels))
    _check_names([source.run.name for source in sources])
    labels = judge_all(sources, labels, tally)
    if not labels:
        raise OSError("no picture could be read, so there is nothing to measure")
    runs = [source.run for source in sources]
    numbers, sigmas = _numbers(runs, labels, request, notes)
    return Measured(labels, numbers, sigmas, _facts(request, labels, tally), notes)


def _sources(request: Request, labels: Sequence[Labels]) -> Iterator[Source]:
    for words in request.models:
        name, model = _named(words)
        yield FromModel(replace(request.choice, name=model), name or model)
    for words in request.predictions:
        name, path = _named(words)
        yield FromFile(Path(path), name or _stem(path, request.predictions), labels, request.data)


def _named(words: str) -> tuple[str, str]:
    """Name and thing of `NAME=THING`; without a name where there is a file called so."""
    name, given, thing = words.partition("=")
    return (name, thing) if given and name and thing and not Path(words).exists() else ("", words)


def _stem(path: str, others: Sequence[str]) -> str:
    """The file's name without suffix, or the whole path where another file has that name, too."""
    stem = Path(path).stem
    return stem if sum(Path(_named(other)[1]).stem == stem for other in others) == 1 else path


def _check_names(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two runs are called {', '.join(twice)}: name them, as in --model first={twice[0]}")


def _numbers(
    runs: Sequence[Run], labels: Sequence[Labels], request: Request, notes: dict[str, str]
) -> tuple[list[Numbers], Sigmas | None]:
    columns = skeleton_of(labels)
    boxed = [run for run in runs if of_boxes(run, columns)]
    if boxed and request.sigmas is not None:
        raise ValueError(f"--sigmas {request.sigmas}: {boxed[0].name} is measured by boxes, which have none")
    if len(boxed) == len(runs):
        return numbers_of_boxes(runs), None
    if boxed:
        raise ValueError(f"{', '.join(run.name for run in boxed)}: boxes alone, but others find keypoints")
    sigmas = chosen_sigmas(request.sigmas, labels, runs, request.data)
    compare = len(runs) > 1 or request.html is not None
    crowding = crowding_of(labels, request.data, notes)
    return numbers_of_keypoints(runs, sigmas, compare=compare, crowding=crowding), sigmas


def _facts(request: Request, labels: Sequence[Labels], tally: Tally) -> Facts:
    return {
        "data": str(request.data),
        "pictures": len(labels),
        "instances": sum(len(one.truth) for one in labels),
        "failed": tally.problems,
    }


def _write(request: Request, measured: Measured) -> None:
    columns = skeleton_of(measured.labels)
    if request.json is not None:
        values = (
            {}
            if measured.sigmas is None
            else dict(zip(columns.keypoints, measured.sigmas.values.tolist(), strict=True))
        )
        text = as_json(measured.facts, measured.numbers, measured.notes, values)
        request.json.write_text(text, "utf-8")
    if request.html is not None:
        from pinpoint.cli.evaluating.report import write_report

        write_report(
            request.html,
            measured.labels,
            measured.numbers,
            measured.sigmas,
            facts=measured.facts,
            notes=measured.notes,
        )
