"""What may stand behind the question mark of an address."""

import difflib
from enum import StrEnum

from fastapi import Query
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection

from pinpoint.serve.refusal import RefusedError

__all__ = ["MODEL", "SCORE", "TASK", "Task", "refuse_unknown"]


class Task(StrEnum):
    """What can be looked for."""

    BODY = "body"
    FACE = "face"
    HAND = "hand"
    WHOLEBODY = "wholebody"
    OBJECT = "object"


TASK = Query(
    description="What to look for; `body` if no model is named either. `object` needs a model of yours."
)
MODEL = Query(max_length=100, description="A model that `GET /v1/models` lists, instead of the task's own.")
SCORE = Query(ge=0, le=1, allow_inf_nan=False, description="Instances that score below are left out.")


def refuse_unknown(asked: HTTPConnection) -> None:
    """Look for options that the route does not have, which would otherwise be passed over in silence.

    Raises:
        RefusedError: There is one; the message names it and those that there are.
    """
    route = asked.scope["route"]
    assert isinstance(route, APIRoute | APIWebSocketRoute)
    known = [option.alias for option in route.dependant.query_params]
    unknown = [name for name in asked.query_params if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        there = f"the options are {', '.join(known)}" if known else "it takes none"
        raise RefusedError(422, f"{route.path} has no option {unknown[0][:40]!r}: {hint}{there}")
