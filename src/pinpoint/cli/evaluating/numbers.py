"""The numbers of every run, how far they would move with other pictures, and what they took for granted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pinpoint.cli.evaluating.crowds import measures_by_crowding
from pinpoint.cli.evaluating.runs import Run
from pinpoint.cli.progress import Watch, watching
from pinpoint.evaluation.bootstrap import contributions, draws, interval, replicates
from pinpoint.evaluation.nme import OUTER_EYE_CORNERS
from pinpoint.evaluation.parts import part_columns, part_measures
from pinpoint.evaluation.pictures import measures_of_boxes
from pinpoint.evaluation.sigmas import Sigmas
from pinpoint.evaluation.summary import measures_of
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = ["DRAWS", "Intervals", "Numbers", "numbers_of_boxes", "numbers_of_keypoints", "of_boxes"]

DRAWS = 1000
PARTS = 20  # of the draws, for the progress bar

Intervals = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Numbers:
    """What a run measures.

    Args:
        run: The run.
        measures: By their names.
        intervals: The middle 95 % of the draws, for the measures that have them.
        differences: The same of what this run has more than the first, in the same draws.
        notes: What was assumed, by the subject.
    """

    run: Run
    measures: dict[str, float]
    intervals: Intervals = field(default_factory=dict)
    differences: Intervals = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def of_boxes(run: Run, columns: Skeleton) -> bool:
    """Whether only boxes can be measured: nobody labelled, or the run does not predict, any keypoint."""
    return not len(columns) or (run.columns is not None and not len(run.columns))


def numbers_of_boxes(runs: Sequence[Run]) -> list[Numbers]:
    """Measure boxes.

    Raises:
        ValueError: They were given, or other runs are of keypoints.
    """
    given = [run.name for run in runs if run.boxes == "truth"]
    if given:
        raise ValueError("boxes are measured, so they cannot be given: leave out --boxes truth")
    note = {"boxes": "those of 32 px or more count; recall and false ones at score .3, IoU .5"}
    return [Numbers(run, measures_of_boxes(run.judged), notes=note | _run_notes(run)) for run in runs]


def numbers_of_keypoints(
    runs: Sequence[Run], sigmas: Sigmas, *, compare: bool, crowding: Float | None = None
) -> list[Numbers]:
    """Measure keypoints.

    Args:
        runs: In the same pictures; each is compared with the first.
        sigmas: OKS falloffs.
        compare: Draw pictures anew for intervals and differences.
        crowding: Crowd index of every picture, or none not to measure by it.
    """
    drawn = _drawn(runs, sigmas.values) if compare else [{} for _ in runs]
    return [
        Numbers(
            run,
            _measures(run, sigmas.values, crowding),
            {name: interval(draw) for name, draw in values.items()},
            {}
            if run is runs[0]
            else {name: interval(draw - drawn[0][name]) for name, draw in values.items()},
            _run_notes(run) | keypoint_notes(run, sigmas),
        )
        for run, values in zip(runs, drawn, strict=True)
    ]


def keypoint_notes(run: Run, sigmas: Sigmas) -> dict[str, str]:
    """What the numbers of a run took for granted, by the subject."""
    columns, truth = run.comparison.skeleton, run.comparison.truth
    labelled = truth.labelled[~truth.crowd]
    bare = int((~labelled.any(axis=1)).sum())
    notes = {"sigmas": sigmas.words + ("; read PCK and NME beside AP" if sigmas.custom else "")}
    notes["not labelled"] = f"{int((~labelled).sum())} of {labelled.size} points do not count" + (
        f"; {bare} instances without any count neither for nor against" if bare else ""
    )
    notes["scores"] = "those of the boxes, or means of the keypoints' where there are none"
    notes["PCK"] = "by the longer side of the box"
    eyes = all(name in columns for name in OUTER_EYE_CORNERS)
    by = "the outer corners of the eyes" if eyes else "the root of the box's area"
    return notes | {"NME": f"by {by}; missed instances do not count"}


def _measures(run: Run, sigmas: Float, crowding: Float | None) -> dict[str, float]:
    measures = measures_of(run.comparison, sigmas)
    by_crowding = {} if crowding is None else measures_by_crowding(run, sigmas, crowding)
    return measures | by_crowding | _of_parts(run, sigmas)


def _of_parts(run: Run, sigmas: Float) -> dict[str, float]:
    """COCO's numbers of a whole body, and AP and AR of its parts; nothing for what has no such parts."""
    parts = part_columns(run.comparison.skeleton)
    if len(parts) < 3:
        return {}
    measures = part_measures(run.comparison.truth, run.comparison.found, sigmas, parts)
    own = {f"{key} {part}": measures[part][key] for part in parts if part != "whole" for key in ("AP", "AR")}
    return measures["whole"] | own


def _run_notes(run: Run) -> dict[str, str]:
    if not run.stretched:
        return dict(run.notes)
    return run.notes | {"sizes": f"{run.stretched} pictures have another than stated: labels are stretched"}


def _drawn(runs: Sequence[Run], sigmas: Float) -> list[dict[str, Float]]:
    """Every number of every run in every draw; the draws are the same for all."""
    parts = np.array_split(draws(len(runs[0].judged), DRAWS), PARTS)
    with watching(len(runs) * PARTS) as watch:
        return [_replicates(run, sigmas, parts, watch) for run in runs]


def _replicates(
    run: Run, sigmas: Float, parts: Sequence[NDArray[np.integer]], watch: Watch
) -> dict[str, Float]:
    adds, drawn = contributions(run.judged, sigmas), []
    for part in parts:
        watch.begin(f"drawing pictures anew: {run.name}", 1)
        drawn.append(replicates(adds, part))
        watch.step()
        watch.end()
    return {name: np.concatenate([one[name] for one in drawn]) for name in drawn[0]}
