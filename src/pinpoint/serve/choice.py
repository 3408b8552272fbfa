"""From a request's task and model to what is loaded. Only the catalogue is looked at, never a path."""

from dataclasses import dataclass
from typing import Any

from pinpoint.hub import ModelSpec, catalogue, find
from pinpoint.hub.cache import path_of
from pinpoint.pipelines.load import BUILDERS, DEFAULTS, is_file_name
from pinpoint.serve.refusal import RefusedError
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["Chosen", "choose", "choose_named", "listed_models"]

SERVED = ("body", "face", "hand", "wholebody", "object")


@dataclass(frozen=True)
class Chosen:
    """What a request wants to be looked at with.

    Args:
        name: What to load: a task or a model.
        model: The model's name in the catalogue.
        task: What it is for.
        skeleton: What it tells.
    """

    name: str
    model: str
    task: str
    skeleton: Skeleton


def choose(task: str | None, model: str | None, *, fetch: bool = True) -> Chosen:
    """Return what a task and a model stand for; neither is `body`.

    Args:
        task: One of `SERVED`.
        model: A model of the catalogue instead of the task's own.
        fetch: Whether models may be chosen whose files are not here.

    Raises:
        RefusedError: There is none of that name, it finds no keypoints or other ones, or it is not here.
    """
    if task and task not in SERVED:
        raise RefusedError(422, f"task is {task!r}, expected one of {', '.join(SERVED)}")
    if task and task not in DEFAULTS and not model:
        raise RefusedError(422, f"{task} has no model of its own: name one that GET /v1/models lists for it")
    chosen = _by_model(model) if model else _by_task(task or "body")
    if task and chosen.task != task:
        raise RefusedError(
            422, f"model {model!r} is for {chosen.task}, not for {task}: leave one of the two out"
        )
    if not fetch and not _is_here(find(chosen.model)):
        raise RefusedError(
            422,
            f"the files of {chosen.model} are not here, and this server fetches none: choose another model",
        )
    return chosen


def choose_named(name: str) -> Chosen:
    """Return what one name stands for, that of a task or of a model.

    Raises:
        RefusedError: There is none of that name, or it finds no keypoints.
    """
    return choose(name, None) if name in DEFAULTS else choose(None, name)


def listed_models() -> dict[str, Any]:
    """The tasks and models to choose from, as `answers.Models` describes them."""
    tasks = {task: {"model": model, "skeleton": columns} for task, (model, columns) in DEFAULTS.items()}
    return {"tasks": tasks, "models": [_row(spec) for spec in catalogue().values() if _is_served(spec)]}


def _by_task(task: str) -> Chosen:
    model, columns = DEFAULTS[task]
    own = find(model).skeleton == skeleton(columns)
    return Chosen(model if own else task, model, task, skeleton(columns))


def _by_model(name: str) -> Chosen:
    if is_file_name(name):
        raise RefusedError(422, f"model is {name!r}, expected a name that GET /v1/models lists, not a file")
    try:
        spec = find(name)
    except ValueError as error:
        raise RefusedError(422, f"{error}".replace("`pinpoint models list`", "GET /v1/models")) from error
    if not _is_served(spec) or spec.skeleton is None:
        raise RefusedError(
            422, f"{name} is for {spec.task} and finds no keypoints of its own: see GET /v1/models"
        )
    return Chosen(name, name, spec.task, spec.skeleton)


def _is_served(spec: ModelSpec) -> bool:
    return spec.task in SERVED and spec.pipeline in BUILDERS and spec.skeleton is not None


def _row(spec: ModelSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "task": spec.task,
        "skeleton": spec.skeleton.name if spec.skeleton else "",
        "input": list(spec.input_size),
        "license": spec.license,
        "ready": _is_here(spec),
    }


def _is_here(spec: ModelSpec) -> bool:
    """Whether its files, and those of what it is made of and finds instances with, are in their places."""
    others = [find(name) for name in (spec.detector, spec.tile_detector, *spec.parts) if name]
    return all(path_of(file).is_file() for file in spec.files) and all(map(_is_here, others))
