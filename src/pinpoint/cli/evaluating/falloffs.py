"""From the words after `--sigmas` to OKS falloffs."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.cli.evaluating.labels import Labels, skeleton_of
from pinpoint.cli.evaluating.predictions import read_predictions
from pinpoint.cli.evaluating.runs import Run
from pinpoint.evaluation.pairing import pair_by_distance
from pinpoint.evaluation.pictures import prediction_of
from pinpoint.evaluation.points import longer_sides
from pinpoint.evaluation.sigmas import Sigmas, assumed_sigmas, estimate_sigmas, sigmas_by_name
from pinpoint.geometry import Float
from pinpoint.io.errors import UnreadableError
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names

__all__ = ["ESTIMATE", "chosen_sigmas", "named_sigmas"]

ESTIMATE = "estimate"


def chosen_sigmas(asked: str | None, labels: Sequence[Labels], runs: Sequence[Run], data: Path) -> Sigmas:
    """Take the falloffs that were asked for, the same for every run.

    Args:
        asked: The name of a skeleton; a file (a list of K numbers or numbers by name as JSON, a skeleton as
            JSON or TOML, or the same pictures labelled once more in any format); `estimate` for the errors of
            the first run; none for those of the labels, the first run's or the nearest skeleton's.
        labels: What is labelled.
        runs: What was found; the first one counts.
        data: The file of the labels, for messages.

    Raises:
        ValueError: There is no such skeleton or file, or it says nothing of these keypoints.
    """
    columns = skeleton_of(labels)
    if (known := named_sigmas(asked, columns, runs[0].columns)) is not None:
        return known
    if asked == ESTIMATE:
        return _of_errors(columns, runs[0])
    path = Path(asked or "")
    if not path.exists():
        known = ", ".join(name for name in skeleton_names() if skeleton(name).sigmas is not None)
        raise ValueError(
            f"--sigmas {asked}: neither a file, nor {ESTIMATE}, nor a skeleton with sigmas: {known}"
        )
    plain = _plain(path)
    return _of_labels(path, labels, data) if plain is None else _of_plain(plain, columns, path)


def named_sigmas(asked: str | None, columns: Skeleton, predicted: Skeleton | None) -> Sigmas | None:
    """The falloffs of the skeleton that was asked for, or those of the labels, a run or the nearest one.

    Args:
        asked: See `chosen_sigmas`.
        columns: What is labelled.
        predicted: What the first run predicts, if it is known.

    Returns:
        None where a file or the errors say them.
    """
    if asked is None:
        return assumed_sigmas(columns, predicted)
    return sigmas_by_name(columns, skeleton(asked)) if asked in skeleton_names() else None


def _of_errors(columns: Skeleton, run: Run) -> Sigmas:
    truth = np.concatenate([one.truth.xy for one in run.judged])
    predicted = np.concatenate([prediction_of(one) for one in run.judged])
    areas = np.concatenate([np.asarray(one.truth.areas) for one in run.judged])
    found = estimate_sigmas(columns, areas, errors=np.linalg.norm(predicted - truth, axis=-1))
    if not found.words.startswith("estimated"):
        return found
    words = f"{found.words}; from {run.name} on these very pictures, so its AP says how even its errors are"
    return Sigmas(found.values, words, found.custom)


def _plain(path: Path) -> Any | None:
    """A skeleton, a list or numbers by name; none where a file holds something else."""
    try:
        if path.suffix.lower() == ".toml":
            return tomllib.loads(path.read_text("utf-8"))
        document = json.loads(path.read_text("utf-8")) if path.suffix.lower() == ".json" else None
    except ValueError as error:
        raise UnreadableError(path, f"it is damaged: {error}") from error
    if isinstance(document, list):
        return document if all(isinstance(value, int | float) for value in document) else None
    if not isinstance(document, dict):
        return None
    numbers = all(isinstance(value, int | float) for value in document.values())
    return document if numbers or {"keypoints", "sigmas"} <= set(document) else None


def _of_plain(plain: Any, columns: Skeleton, path: Path) -> Sigmas:
    if isinstance(plain, list):
        if len(plain) != len(columns):
            raise ValueError(f"{path} holds {len(plain)} sigmas, but {columns!r}")
        plain = dict(zip(columns.keypoints, plain, strict=True))
    named: Mapping[str, Any] = plain
    if "keypoints" in named:
        known = Skeleton.from_dict({"name": path.stem, **named})
    else:
        if strange := sorted(set(named) - set(columns.keypoints)):
            raise ValueError(
                f"{path} holds sigmas of {strange}, but {columns!r} has {list(columns.keypoints)}"
            )
        known = Skeleton(path.name, tuple(named), sigmas=tuple(named.values()))
    found = sigmas_by_name(columns, known)
    return Sigmas(found.values, found.words.replace(f"those of {known.name}", f"those of {path}"), True)


def _of_labels(path: Path, labels: Sequence[Labels], data: Path) -> Sigmas:
    """Estimate from the same pictures labelled once more."""
    again = read_predictions(path, labels, data).found
    both = [one for one in labels if one.name in again]
    truth = np.concatenate([one.truth.xy for one in both])
    second = np.concatenate([_paired(one, again[one.name].xy) for one in both])
    areas = np.concatenate([np.asarray(one.truth.areas) for one in both])
    found = estimate_sigmas(skeleton_of(labels), areas, repeats=np.stack([truth, second]))
    return Sigmas(found.values, f"{found.words} ({data} and {path})", found.custom)


def _paired(one: Labels, xy: Float) -> Float:
    rows = pair_by_distance(one.truth.xy, xy, longer_sides(np.asarray(one.truth.boxes)))
    return np.concatenate([xy, np.full((1, *xy.shape[1:]), np.nan)])[rows]
