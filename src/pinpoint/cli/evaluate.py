"""`pinpoint evaluate`: compare models, or what they wrote down, with labels, and say how close they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from pinpoint.cli.estimators import Choice
from pinpoint.cli.evaluating.arrays import load_arrays
from pinpoint.cli.evaluating.common import in_common
from pinpoint.cli.evaluating.crowds import crowding_of
from pinpoint.cli.evaluating.details import details_of
from pinpoint.cli.evaluating.falloffs import chosen_sigmas, named_sigmas
from pinpoint.cli.evaluating.findings import findings_of
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
        labels: The pictures that were measured; none where they came all at once.
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
    if (known := _all_at_once(request)) is not None:
        return known
    notes: dict[str, str] = {}
    labels = read_labels(request.data, request.pictures, notes)
    sources = list(_sources(request, labels))
    _check_names([source.run.name for source in sources])
    labels = judge_all(sources, labels, tally)
    if not labels:
        raise OSError(
            "no picture could be read, so there is nothing to measure: say with --pictures where they are"
        )
    runs = [source.run for source in sources]
    numbers, sigmas, labels = _numbers(runs, labels, request, notes)
    facts = _facts(request, len(labels), sum(len(one.truth) for one in labels), tally.problems)
    return Measured(labels, numbers, sigmas, facts, notes)


def _all_at_once(request: Request) -> Measured | None:
    """One file of COCO results and COCO labels, of which no picture is to be drawn; none for all else."""
    if request.models or request.html or len(request.predictions) != 1:
        return None
    name, path = _named(request.predictions[0])
    notes: dict[str, str] = {}
    loaded = load_arrays(request.data, Path(path), name or Path(path).stem, notes)
    if loaded is None:
        return None
    sigmas = named_sigmas(request.sigmas, loaded.skeleton, loaded.skeleton)
    if sigmas is None:
        return None
    numbers = numbers_of_keypoints([loaded.run], sigmas, compare=False)
    return Measured((), numbers, sigmas, _facts(request, loaded.pictures, loaded.instances, 0), notes)


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
) -> tuple[list[Numbers], Sigmas | None, Sequence[Labels]]:
    """The numbers, the falloffs and the labels in the keypoints that are measured."""
    columns = skeleton_of(labels)
    boxed = [run for run in runs if of_boxes(run, columns)]
    if boxed and request.sigmas is not None:
        raise ValueError(f"--sigmas {request.sigmas}: {boxed[0].name} is measured by boxes, which have none")
    if len(boxed) == len(runs):
        return numbers_of_boxes(runs), None, labels
    if boxed:
        raise ValueError(f"{', '.join(run.name for run in boxed)}: boxes alone, but others find keypoints")
    labels = in_common(labels, runs, notes)
    sigmas = chosen_sigmas(request.sigmas, labels, runs, request.data)
    compare = len(runs) > 1 or request.html is not None
    crowding = crowding_of(labels, request.data, notes)
    return numbers_of_keypoints(runs, sigmas, compare=compare, crowding=crowding), sigmas, labels


def _facts(request: Request, pictures: int, instances: int, failed: int) -> Facts:
    return {"data": str(request.data), "pictures": pictures, "instances": instances, "failed": failed}


def _write(request: Request, measured: Measured) -> None:
    if request.json is None and request.html is None:
        return
    runs, sigmas = [one.run for one in measured.numbers], measured.sigmas
    known = [] if sigmas is None else [(one, findings_of(one.comparison, sigmas.values)) for one in runs]
    findings = {one.name: found for one, found in known}
    if request.json is not None:
        details = {one.name: details_of(one.comparison, found, sigmas) for one, found in known if sigmas}
        text = as_json(measured.facts, measured.numbers, measured.notes, details)
        request.json.write_text(text, "utf-8")
    if request.html is not None:
        from pinpoint.cli.evaluating.report import write_report

        write_report(
            request.html,
            measured.labels,
            measured.numbers,
            sigmas,
            findings=findings,
            facts=measured.facts,
            notes=measured.notes,
        )
