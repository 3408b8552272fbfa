"""The short way from two COCO files to a comparison: arrays instead of a record for each picture."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pinpoint.cli.evaluating.labels import UNKNOWN, note_completed
from pinpoint.cli.evaluating.predictions import note_silent
from pinpoint.cli.evaluating.runs import Run
from pinpoint.datasets.labels import completed
from pinpoint.evaluation.average_precision import Found, Truth
from pinpoint.evaluation.comparison import Comparison
from pinpoint.evaluation.pairing import pair_in_pictures
from pinpoint.evaluation.pictures import there
from pinpoint.evaluation.points import longer_sides
from pinpoint.io.coco_arrays import LabelArrays, ResultArrays, read_coco_arrays
from pinpoint.io.coco_truth import skeleton_of_category
from pinpoint.skeletons import Skeleton

__all__ = ["Loaded", "load_arrays"]

log = logging.getLogger(__name__)

BY_NAME = ("crowdpose14", "halpe26", "halpe136")  # measured, or read, in ways of their own


@dataclass(frozen=True, eq=False)
class Loaded:
    """A run whose pictures came all at once.

    Args:
        run: The run.
        skeleton: What is labelled.
        pictures: How many.
        instances: How many that can be used.
    """

    run: Run
    skeleton: Skeleton
    pictures: int
    instances: int


def load_arrays(data: Path, predictions: Path, name: str, notes: dict[str, str]) -> Loaded | None:
    """Compare COCO results with COCO labels of one category.

    Args:
        data: Labels.
        predictions: Results.
        name: What the run is called in tables.
        notes: Is told what was assumed, by the subject.

    Returns:
        None where the files are of another form, or say what only records hold: they have to be read the
        long way then, which says what is wrong if anything is. The numbers are the same.
    """
    if any(path.suffix.lower() != ".json" or not path.is_file() for path in (data, predictions)):
        return None
    try:
        labels, results = read_coco_arrays(data, predictions)
        skeleton = skeleton_of_category(labels.category, labels.xy.shape[1])
    except ValueError as error:
        log.debug("not read as arrays: %s", error)
        return None
    if not _is_plain(labels, results) or skeleton.name in BY_NAME:
        return None
    truth = _truth(labels, notes)
    found, scores = _found(results)
    pictures = len(labels.image_ids)
    run = Run(name, "file", columns=skeleton, notes=note_silent(pictures - len(np.unique(results.image))))
    rows = pair_in_pictures(truth, found, longer_sides(truth.boxes))
    run.known = Comparison(skeleton, truth, found, scores, rows)
    return Loaded(run, skeleton, pictures, int((~truth.crowd).sum()))


def _is_plain(labels: LabelArrays, results: ResultArrays) -> bool:
    """Whether nothing is left out in reading arrays, and every picture has a name of its own."""
    named = len(set(labels.names)) == len(labels.names)
    return named and not labels.parts and not results.others and bool((~labels.crowd).any())


def _truth(labels: LabelArrays, notes: dict[str, str]) -> Truth:
    """What is labelled, with boxes and areas for everybody; crowds have no points.

    The order is the file's: of two that are equally similar COCO takes the later one.
    """
    crowd = labels.crowd
    sizes = np.where(np.isnan(labels.sizes), UNKNOWN, labels.sizes)[labels.image[~crowd]]
    whole = completed(labels.xy[~crowd], labels.boxes[~crowd], labels.areas[~crowd], sizes.astype(np.int64))
    note_completed(whole, notes)
    boxes, areas, usable = labels.boxes.copy(), labels.areas.copy(), crowd.copy()
    boxes[~crowd], areas[~crowd], usable[~crowd] = whole.boxes, whole.areas, whole.usable
    of_boxes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    areas = np.where(crowd & np.isnan(areas), of_boxes, areas)
    xy = np.where(crowd[:, None, None], np.nan, labels.xy)
    truth = Truth(labels.image, xy, boxes, areas, crowd)
    return truth if usable.all() else truth[usable]


def _found(results: ResultArrays) -> tuple[Found, np.ndarray]:
    """Everybody with a point, and the scores of the points."""
    found = Found(results.image, results.xy, results.scores, results.areas)
    kept = np.asarray(there(results.xy).any(axis=1))
    found = found if kept.all() else found[kept]
    return replace(found, scores=np.nan_to_num(found.scores)), results.point_scores[kept]
