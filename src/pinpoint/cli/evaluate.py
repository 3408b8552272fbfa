"""`pinpoint evaluate`: look at labelled pictures with a model, and say how close it comes."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from pinpoint.cli import estimators
from pinpoint.cli.messages import refuse, show_log
from pinpoint.cli.progress import watching
from pinpoint.cli.report import Tally
from pinpoint.datasets.labels import AREA_OF_BOX, completed, frame_of_labels, in_skeleton, usual_skeleton
from pinpoint.datasets.samples import find_picture
from pinpoint.evaluation.pictures import Judged, measures_of_boxes, measures_of_keypoints
from pinpoint.evaluation.sigmas import assumed_sigmas
from pinpoint.geometry import Float, identity, invert, transform_boxes, transform_points
from pinpoint.io.coco_truth import read_coco_truth, read_crowd_regions
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image
from pinpoint.io.records import Record
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons.mapping import sources

__all__ = ["Request", "run_evaluation"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint evaluate --help`.

    Args:
        data: COCO ground truth.
        pictures: Folder of the pictures; none looks beside the data.
        choice: What to evaluate.
        json: Where to write the numbers, or none.
    """

    data: Path
    pictures: Path | None
    choice: estimators.Choice
    json: Path | None = None


@dataclass(frozen=True, eq=False)
class Labels:
    """One picture and what is labelled in it, in the size that the file states.

    Args:
        name: Of the picture in the file.
        path: Of the picture.
        size: Width and height that the file states, if it does.
        truth: Instances with boxes and areas.
        crowds: Boxes in which nothing counts, shape (C, 4).
    """

    name: str
    path: Path
    size: tuple[int, int] | None
    truth: Keypoints
    crowds: Float


@dataclass
class Outcome:
    """What came of the pictures.

    Attributes:
        judged: Those that could be read.
        columns: What the model predicts, as soon as it has found something.
        stretched: How many have another size than their labels state.
        notes: What was assumed, by the subject.
    """

    judged: list[Judged] = field(default_factory=list)
    columns: Skeleton | None = None
    stretched: int = 0
    notes: dict[str, str] = field(default_factory=dict)


def run_evaluation(request: Request, *, verbose: bool = False) -> int:
    """Evaluate, print a table and return the exit status."""
    show_log(verbose=verbose)
    outcome, tally = Outcome(), Tally()
    try:
        labels = _labels(request, outcome.notes)
        estimate = estimators.load_estimator(request.choice)
        _look(estimate, labels, request, tally, outcome)
        measures = _measures(outcome, request)
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:
        return refuse(error, FAILED)
    facts = _facts(request, outcome, tally)
    typer.echo(_as_table(facts, measures, outcome.notes))  # before the file, which may fail
    if request.json is not None:
        try:
            request.json.write_text(_as_json(facts, measures, outcome.notes), "utf-8")
        except OSError as error:
            return refuse(error, FAILED)
    return FAILED if tally.problems else DONE


def _labels(request: Request, notes: dict[str, str]) -> list[Labels]:
    """Read what is labelled; instances without a usable box and without points are left out."""
    records = read_coco_truth(request.data)
    if not any(len(record.keypoints) for record in records):
        raise ValueError(f"{request.data} holds no labelled instance, so there is nothing to measure")
    records = in_skeleton(records, usual_skeleton(records), request.data)
    regions = read_crowd_regions(request.data)
    by_name: dict[str, list[Record]] = {}
    for record in records:
        by_name.setdefault(record.image, []).append(record)
    counts = {"areas guessed": 0, "left out": 0}
    labels = []
    for name, group in by_name.items():
        kps, size = Keypoints.concatenate([record.keypoints for record in group]), group[0].size
        path = find_picture(name, request.data, request.pictures)
        labels.append(
            Labels(name, path, size, _whole(kps, size, counts), regions.get(name, np.zeros((0, 4))))
        )
    _note_areas(counts, notes)
    return labels


def _whole(kps: Keypoints, size: tuple[int, int] | None, counts: dict[str, int]) -> Keypoints:
    whole = completed(kps.xy, kps.boxes, kps.areas, size or (1 << 30, 1 << 30))
    counts["areas guessed"] += int((whole.guessed & whole.usable).sum())
    counts["left out"] += int((~whole.usable).sum())
    return replace(kps, boxes=whole.boxes, areas=whole.areas)[whole.usable]


def _note_areas(counts: Mapping[str, int], notes: dict[str, str]) -> None:
    guessed = f"; {AREA_OF_BOX:g} of the box for {counts['areas guessed']}" if counts["areas guessed"] else ""
    notes["areas"] = f"as labelled{guessed}"
    if counts["left out"]:
        notes["left out"] = f"{counts['left out']} instances without a box or points that span one"


def _look(
    estimate: Estimator, labels: Sequence[Labels], request: Request, tally: Tally, outcome: Outcome
) -> None:
    """Look at every picture; those that cannot be read are named and counted."""
    tally.start()
    with watching(len(labels)) as watch:
        for one in labels:
            watch.begin(one.name, 1)
            try:
                outcome.judged.append(_judged(estimate, one, request, outcome))
                tally.done(len(one.truth), moving=False)
            except (UnreadableError, OSError) as error:
                tally.fail(str(one.path), error)
            watch.step()
            watch.end()


def _judged(estimate: Estimator, one: Labels, request: Request, outcome: Outcome) -> Judged:
    image = read_image(one.path)
    height, width = image.shape[:2]
    picture_from_labels = frame_of_labels(one.size, (width, height))
    if picture_from_labels is None:
        raise UnreadableError(one.path, f"its labels are of {one.size}, but it is {width}x{height}: turned")
    outcome.stretched += bool((picture_from_labels != identity()).any())
    rows = np.flatnonzero(_labelled(one.truth).any(axis=1)) if request.choice.boxes else None
    boxes = None if rows is None else transform_boxes(np.asarray(one.truth.boxes)[rows], picture_from_labels)
    found = estimate(image) if boxes is None else estimate(image, boxes)
    if len(found):
        outcome.columns = found.skeleton
    found = _moved(found, invert(picture_from_labels))
    return Judged(one.truth, one.crowds, _as_labelled(found, one.truth.skeleton), rows)


def _labelled(truth: Keypoints) -> NDArray[np.bool_]:
    """Which points are labelled, shape (N, K)."""
    return np.asarray(np.isfinite(truth.xy).all(axis=2))


def _moved(kps: Keypoints, labels_from_picture: Float) -> Keypoints:
    boxes = None if kps.boxes is None else transform_boxes(kps.boxes, labels_from_picture)
    return replace(kps, xy=transform_points(kps.xy, labels_from_picture), boxes=boxes)


def _as_labelled(found: Keypoints, columns: Skeleton) -> Keypoints:
    """The prediction in the keypoints of the labels; as it is where one of them is of boxes alone."""
    if not len(found):
        return Keypoints.empty(columns)
    return convert(found, columns) if len(found.skeleton) and len(columns) else found


def _measures(outcome: Outcome, request: Request) -> dict[str, float]:
    """Measure, and note what that took for granted.

    Raises:
        OSError: There is nothing to measure.
    """
    if not outcome.judged:
        raise OSError("no picture could be read, so there is nothing to measure")
    if outcome.stretched:
        outcome.notes["sizes"] = (
            f"{outcome.stretched} pictures have another than stated: labels are stretched"
        )
    columns = outcome.judged[0].truth.skeleton
    if not len(columns) or (outcome.columns is not None and not len(outcome.columns)):
        if request.choice.boxes:
            raise ValueError("boxes are measured, so they cannot be given: leave out --boxes truth")
        outcome.notes["boxes"] = "those of 32 px or more count; recall and false ones at score .3, IoU .5"
        return measures_of_boxes(outcome.judged)
    sigmas = assumed_sigmas(columns, outcome.columns)
    outcome.notes["sigmas"] = sigmas.words
    _note_keypoints(outcome, columns)
    return measures_of_keypoints(outcome.judged, sigmas.values)


def _note_keypoints(outcome: Outcome, columns: Skeleton) -> None:
    labelled = np.concatenate([_labelled(one.truth) for one in outcome.judged])
    bare = int((~labelled.any(axis=1)).sum())
    outcome.notes["not labelled"] = f"{int((~labelled).sum())} of {labelled.size} points do not count" + (
        f"; {bare} instances without any count neither for nor against" if bare else ""
    )
    lacking = [] if outcome.columns is None else _lacking(columns, outcome.columns)
    if lacking:
        outcome.notes["not predicted"] = f"{', '.join(lacking)}: wrong wherever labelled"
    outcome.notes["scores"] = "those of the boxes, or means of the keypoints' where there are none"
    outcome.notes["PCK"] = "by the longer side of the box"
    if "face-36" in columns:
        outcome.notes["NME"] = "by the outer corners of the eyes; missed instances do not count"


def _lacking(columns: Skeleton, predicted: Skeleton) -> list[str]:
    groups = sources(columns, predicted)
    return [name for name, group in zip(columns.keypoints, groups, strict=True) if not group]


def _facts(request: Request, outcome: Outcome, tally: Tally) -> dict[str, str | int]:
    return {
        "model": request.choice.name,
        "data": str(request.data),
        "boxes": "truth" if request.choice.boxes else "detect",
        "pictures": tally.pictures,
        "instances": sum(len(one.truth) for one in outcome.judged),
        "failed": tally.problems,
    }


def _as_json(facts: Mapping[str, str | int], measures: Mapping[str, float], notes: Mapping[str, str]) -> str:
    numbers = {name: None if math.isnan(value) else value for name, value in measures.items()}
    return json.dumps({**facts, **numbers, "assumptions": dict(notes)}, indent=1, ensure_ascii=False) + "\n"


def _as_table(facts: Mapping[str, str | int], measures: Mapping[str, float], notes: Mapping[str, str]) -> str:
    failed = f", {facts['failed']} failed" if facts["failed"] else ""
    title = f"{facts['model']} on {facts['data']}: {facts['pictures']} pictures{failed}, "
    title += f"{facts['instances']} instances, boxes: {facts['boxes']}"
    cells = {name: _cell(name, value) for name, value in measures.items()}
    widths = {name: max(len(name), len(cell)) + 2 for name, cell in cells.items()}
    head = "".join(f"{name:>{widths[name]}}" for name in cells)
    row = "".join(f"{cell:>{widths[name]}}" for name, cell in cells.items())
    return "\n".join([title, head, row, *(f"{subject}: {text}" for subject, text in notes.items())])


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if name == "missed" else f"{value:.4f}" if name == "NME" else f"{value:.3f}"
