"""Label Studio's JSON-MIN: the values of every task, without the ids that tie regions together.

https://labelstud.io/guide/export#JSON-MIN

What belongs together has to be told by place: each rectangle is an instance, with the points in it. It is
read as tasks of `label_studio`, and never written.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["is_min", "tasks_of_min"]

Item = Mapping[str, Any]

_OWN = {"annotation_id", "annotator"}  # keys of every entry, one of which is there
_REGIONS = ("keypointlabels", "rectanglelabels")
_DATA = ("width", "height", "skeleton")  # what Pinpoint writes into tasks, beside texts


def is_min(document: Any) -> bool:
    """Whether a parsed document is a list of such entries."""
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(one, dict) and _OWN & one.keys() and "data" not in one for one in document)
    )


def tasks_of_min(entries: Sequence[Item]) -> list[dict[str, Any]]:
    """Turn entries, one for each annotation of a task, into tasks."""
    tasks: dict[Any, dict[str, Any]] = {}
    for number, one in enumerate(entries, 1):
        data = {key: value for key, value in one.items() if isinstance(value, str) or key in _DATA}
        task = tasks.setdefault(one.get("id", -number), {"id": one.get("id", number), "data": data})
        task.setdefault("annotations", []).append({"result": list(_results(one))})
    return list(tasks.values())


def _results(one: Item) -> Iterator[dict[str, Any]]:
    values = (value for value in one.values() if isinstance(value, list))
    for number, value in enumerate(value for group in values for value in group if isinstance(value, dict)):
        kind = next((kind for kind in _REGIONS if kind in value), next(iter(value), "nothing"))
        size = {key: value[key] for key in ("original_width", "original_height") if key in value}
        yield {"id": str(number), "type": kind, "value": value, **size}
