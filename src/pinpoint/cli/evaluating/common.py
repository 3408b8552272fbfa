"""Keypoints that the labels and every run have: no other one can be measured."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pinpoint.cli.evaluating.labels import Labels, skeleton_of
from pinpoint.cli.evaluating.runs import Run
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons.mapping import sources

__all__ = ["in_common"]

NAMED = 6  # keypoints that a note names
Columns = NDArray[np.intp]


def in_common(labels: Sequence[Labels], runs: Sequence[Run], notes: dict[str, str]) -> list[Labels]:
    """Leave the keypoints out that one of the runs does not predict, in the labels and in every run.

    Args:
        labels: The pictures that were judged.
        runs: What was found in them; changed where keypoints are left out.
        notes: Is told which.

    Raises:
        ValueError: There is no keypoint that all have.
    """
    whole = skeleton_of(labels)
    predicted = {run.columns for run in runs if run.columns is not None and len(run.columns)}
    if not predicted or not len(whole):
        return list(labels)
    groups = zip(*(sources(whole, one) for one in predicted), strict=True)
    columns = np.flatnonzero([all(group) for group in groups])
    if len(columns) == len(whole):
        return list(labels)
    if not len(columns):
        raise ValueError(f"the runs and the labels have no keypoint of {whole!r} in common")
    part = _part(whole, columns, predicted)
    for run in runs:
        run.judged = [
            replace(one, truth=_of(one.truth, columns, part), found=_of(one.found, columns, part))
            for one in run.judged
        ]
    names = ", ".join(sorted(one.name for one in predicted))
    notes["keypoints"] = _words(whole, columns, names)
    return [replace(one, truth=_of(one.truth, columns, part)) for one in labels]


def _of(kps: Keypoints, columns: Columns, part: Skeleton) -> Keypoints:
    """Some columns; boxes and areas stay those of whole instances. What has no keypoints stays as it is."""
    if not len(kps.skeleton):
        return kps
    visible = None if kps.visible is None else kps.visible[:, columns]
    xyz = None if kps.xyz is None else kps.xyz[:, columns]
    return replace(
        kps, xy=kps.xy[:, columns], scores=kps.scores[:, columns], skeleton=part, visible=visible, xyz=xyz
    )


def _part(whole: Skeleton, columns: Columns, predicted: set[Skeleton]) -> Skeleton:
    """The skeleton of some columns: that of a run if it is just these, else what is left of the labels'."""
    names = tuple(whole.keypoints[column] for column in columns)
    if (same := next((one for one in predicted if one.keypoints == names), None)) is not None:
        return same
    kept = set(names)
    return Skeleton(
        whole.name,
        names,
        edges=tuple(edge for edge in whole.edges if kept.issuperset(edge)),
        swaps=tuple(swap for swap in whole.swaps if kept.issuperset(swap)),
        sigmas=None if whole.sigmas is None else tuple(whole.sigmas[column] for column in columns),
        parts={part: tuple(n for n in own if n in kept) for part, own in whole.parts.items()},
    )


def _words(whole: Skeleton, columns: Columns, names: str) -> str:
    left = [name for column, name in enumerate(whole.keypoints) if column not in columns]
    named = ", ".join(left) if len(left) <= NAMED else f"{len(left)} others, such as {left[0]} and {left[-1]}"
    return (
        f"only the {len(columns)} of {len(whole)} that {whole.name} and {names} have in common are measured; "
        f"{named}: neither for nor against"
    )
