"""Runs that are measured: models that look at pictures, and files that say what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pinpoint.cli import estimators
from pinpoint.cli.evaluating.labels import Labels
from pinpoint.cli.evaluating.predictions import read_predictions
from pinpoint.cli.progress import watching
from pinpoint.cli.report import Tally
from pinpoint.datasets.labels import frame_of_labels
from pinpoint.evaluation.comparison import Comparison, compare
from pinpoint.evaluation.pictures import Judged
from pinpoint.geometry import Float, Image, identity, invert, transform_boxes, transform_points
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.skeletons import Skeleton

__all__ = ["FromFile", "FromModel", "Run", "Source", "judge_all"]


@dataclass
class Run:
    """What one model or one file found in all pictures.

    Attributes:
        name: What it is called in tables.
        boxes: Where it looked: `truth`, `detect`, or `file` where nobody says so.
        judged: The pictures in which it was measured, the same ones for every run.
        columns: What it predicts, as soon as it has found something.
        stretched: In how many pictures labels are of another size than the picture is.
        notes: What was assumed for it, by the subject.
        known: All pictures together, where they did not come one by one.
    """

    name: str
    boxes: str
    judged: list[Judged] = field(default_factory=list)
    columns: Skeleton | None = None
    stretched: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    known: Comparison | None = None

    @cached_property
    def comparison(self) -> Comparison:
        """All pictures together; to be asked for when they have all been judged."""
        return compare(self.judged) if self.known is None else self.known


class Source(Protocol):
    """Says what is in a picture."""

    run: Run
    looks: bool

    def judge(self, one: Labels, image: Image | None) -> Judged:
        """Say what is found in one picture; the image is there if the source looks."""
        ...


class FromModel(Source):
    """A model that looks at the pictures.

    Args:
        choice: What was asked for.
        name: What it is called in tables.
    """

    looks = True

    def __init__(self, choice: estimators.Choice, name: str) -> None:
        self.run = Run(name, "truth" if choice.boxes else "detect")
        self._given = choice.boxes
        self._estimate: Estimator = estimators.load_estimator(choice)

    def judge(self, one: Labels, image: Image | None) -> Judged:
        """Look at one picture."""
        if image is None:
            raise ValueError(f"{one.name} was not read, but {self.run.name} looks at pictures")
        picture_from_labels = _frame(one, image)
        rows = _labelled_rows(one.truth) if self._given else None
        found = self._find(image, one, rows, picture_from_labels)
        if len(found):
            self.run.columns = found.skeleton
        found = _moved(found, invert(picture_from_labels))
        return Judged(one.truth, one.crowds, _as_labelled(found, one.truth.skeleton), rows, one.crowd_areas)

    def _find(
        self, image: Image, one: Labels, rows: NDArray[np.intp] | None, picture_from_labels: Float
    ) -> Keypoints:
        if rows is None:
            return self._estimate(image)
        return self._estimate(image, transform_boxes(np.asarray(one.truth.boxes)[rows], picture_from_labels))


class FromFile(Source):
    """A file that says what was found.

    Args:
        path: The file.
        name: What it is called in tables.
        labels: What is labelled.
        data: The file of the labels, for messages.
    """

    looks = False

    def __init__(self, path: Path, name: str, labels: Sequence[Labels], data: Path) -> None:
        predictions = read_predictions(path, labels, data)
        self.run = Run(name, "file", columns=predictions.columns, notes=dict(predictions.notes))
        self._found: Mapping[str, Keypoints] = predictions.found

    def judge(self, one: Labels, image: Image | None) -> Judged:
        """Look one picture up."""
        found = self._found.get(one.name) or Keypoints.empty(one.truth.skeleton)
        return Judged(one.truth, one.crowds, found, crowd_areas=one.crowd_areas)


def judge_all(sources: Sequence[Source], labels: Sequence[Labels], tally: Tally) -> list[Labels]:
    """Let every source look at every picture; return those that all of them could look at.

    A picture that cannot be read is named and counted, and left out of every run, so that all are measured on
    the same ones. Pictures are read only if a source looks at them.
    """
    measured = []
    tally.start()
    with watching(len(labels)) as watch:
        for one in labels:
            watch.begin(one.name, 1)
            try:
                _judge(sources, one)
                measured.append(one)
                tally.done(len(one.truth), moving=False)
            except (UnreadableError, OSError) as error:
                tally.fail(str(one.path), error)
            watch.step()
            watch.end()
    return measured


def _judge(sources: Sequence[Source], one: Labels) -> None:
    image = read_image(one.path) if any(source.looks for source in sources) else None
    judged = [source.judge(one, image) for source in sources]
    for source, result in zip(sources, judged, strict=True):
        source.run.judged.append(result)
        if source.looks and image is not None and (_frame(one, image) != identity()).any():
            source.run.stretched += 1


def _labelled_rows(truth: Keypoints) -> NDArray[np.intp]:
    """Rows of the instances of which a point is labelled."""
    return np.flatnonzero(np.asarray(np.isfinite(truth.xy).all(axis=2)).any(axis=1))


def _frame(one: Labels, image: Image) -> Float:
    height, width = image.shape[:2]
    picture_from_labels = frame_of_labels(one.size, (width, height))
    if picture_from_labels is None:
        raise UnreadableError(one.path, f"its labels are of {one.size}, but it is {width}x{height}: turned")
    return picture_from_labels


def _moved(kps: Keypoints, labels_from_picture: Float) -> Keypoints:
    boxes = None if kps.boxes is None else transform_boxes(kps.boxes, labels_from_picture)
    return replace(kps, xy=transform_points(kps.xy, labels_from_picture), boxes=boxes)


def _as_labelled(found: Keypoints, columns: Skeleton) -> Keypoints:
    """The prediction in the keypoints of the labels; as it is where one of them is of boxes alone."""
    if not len(found):
        return Keypoints.empty(columns)
    return convert(found, columns) if len(found.skeleton) and len(columns) else found
