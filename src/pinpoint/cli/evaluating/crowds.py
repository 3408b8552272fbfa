"""AP by how crowded pictures are, for labels of CrowdPose."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pinpoint.cli.evaluating.labels import Labels, skeleton_of
from pinpoint.cli.evaluating.runs import Run
from pinpoint.evaluation.crowding import LEVELS, crowd_measures
from pinpoint.geometry import Float
from pinpoint.io.crowdpose import crowd_index, read_crowd_indices
from pinpoint.io.errors import UnreadableError

__all__ = ["crowding_of", "measures_by_crowding"]

SKELETON = "crowdpose14"


def crowding_of(labels: Sequence[Labels], data: Path, notes: dict[str, str]) -> Float | None:
    """Crowd index of every picture as the file has it, else from its labels; none for other keypoints.

    Args:
        labels: The pictures that are measured.
        data: Their file.
        notes: Is told which it was.
    """
    if skeleton_of(labels).name != SKELETON:
        return None
    known = _known(data)
    whose = "as labelled" if all(one.name in known for one in labels) else "from boxes and points"
    easy, hard = LEVELS["easy"][1], LEVELS["hard"][0]
    notes["crowding"] = (
        f"{whose}, easy below {easy:g}, hard from {hard:g}; who is hidden altogether does not count there"
    )
    return np.array([known.get(one.name, crowd_index(one.truth)) for one in labels])


def measures_by_crowding(run: Run, sigmas: Float, index: Float) -> dict[str, float]:
    """`APeasy`, `APmedium` and `APhard`."""
    truth = replace(run.comparison.truth, ignored=_hidden(run))
    measures = crowd_measures(truth, run.comparison.found, sigmas, index)
    return {name: measures[name] for name in measures if name.removeprefix("AP") in LEVELS and name != "AP"}


def _known(data: Path) -> Mapping[str, float]:
    try:
        return read_crowd_indices(data) if data.is_file() and data.suffix.lower() == ".json" else {}
    except UnreadableError:
        return {}


def _hidden(run: Run) -> np.ndarray:
    """Which instances have no point that can be seen; crowds, which come last, are none of them."""
    seen = [
        np.ones(len(one.truth), bool) if one.truth.visible is None else one.truth.visible.any(axis=1)
        for one in run.judged
    ]
    return np.concatenate([~np.concatenate(seen), np.zeros(sum(len(one.crowds) for one in run.judged), bool)])
