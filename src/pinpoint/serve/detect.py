"""`POST /v1/detect`: pictures in, keypoints or a drawing out."""

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import JSONResponse

from pinpoint.io.errors import UnreadableError
from pinpoint.serve.answers import Batch, Detection, ErrorAnswer, plain_skeleton
from pinpoint.serve.choice import Chosen, choose
from pinpoint.serve.figures import Figures
from pinpoint.serve.options import MODEL, SCORE, TASK, Task, refuse_unknown
from pinpoint.serve.pictures import Upload, described, drawn, finished, read_uploads
from pinpoint.serve.refusal import RefusedError
from pinpoint.serve.service import Service

__all__ = ["detect_routes", "errors"]

REASONS = {
    400: "The form cannot be read.",
    401: "The token is missing or another one.",
    403: "Pages of this origin may not use the server.",
    408: "The upload took too long.",
    413: "The request is too large, or has too many files.",
    415: "It is no form.",
    422: "The picture cannot be read, or an option cannot be what it is.",
    429: "This client has too many requests under way, or asks too often; `Retry-After` says when to ask.",
    500: "A fault of the server, whose log tells more under the id in `X-Request-ID`.",
    503: "Too much to do, the model still loads, or the server stops; `Retry-After` says when to ask.",
}
FORM = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {
                    "type": "array",
                    "items": {"type": "string", "format": "binary"},
                    "description": "One picture or several: JPEG, PNG, WebP, TIFF, GIF, AVIF and others.",
                }
            },
        }
    }
}
PICTURE = {"schema": {"type": "string", "format": "binary"}}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI description tells of errors."""
    return {status: {"model": ErrorAnswer, "description": REASONS[status]} for status in statuses}


def detect_routes(service: Service) -> APIRouter:
    """The route, for a service."""
    router = APIRouter(dependencies=[Depends(refuse_unknown)])
    limits, fetch = service.settings.limits, service.settings.fetch

    @router.post(
        "/v1/detect",
        response_model=Detection | Batch,
        responses={
            200: {
                "description": "What was found in one picture, or in several in their order, or a drawing.",
                "content": {"image/jpeg": PICTURE, "image/png": PICTURE},
            },
            **errors(*REASONS),
        },
        openapi_extra={"requestBody": {"required": True, "content": FORM}},
        summary="Find keypoints in pictures",
    )
    async def detect(
        request: Request,
        task: Annotated[Task | None, TASK] = None,
        model: Annotated[str | None, MODEL] = None,
        draw: Annotated[
            bool, Query(description="Answer with the picture, drawn on: PNG if that is accepted, else JPEG.")
        ] = False,
        min_score: Annotated[float, SCORE] = 0.0,
    ) -> Response:
        """One file is answered by a `Detection`, several by a `Batch`, in which a bad one has an error.

        Pictures are turned upright as their EXIF orientation says; left and right are the person's own.
        """
        until = time.monotonic() + limits.time
        chosen = choose(task, model, fetch=fetch)
        uploads = await _uploads(request, service)
        if draw:
            return await _drawing(request, service, chosen, uploads, min_score, until)
        looks = [described(upload, min_score, limits.pixels) for upload in uploads]
        futures = service.workers[chosen.name].submit(looks)
        found = await finished(request, futures, until)
        return JSONResponse(_told(chosen, uploads, found, service.figures))

    return router


async def _uploads(request: Request, service: Service) -> list[Upload]:
    limits = service.settings.limits
    try:
        async with asyncio.timeout(limits.time):
            return await read_uploads(request, limits.files)
    except TimeoutError:
        raise RefusedError(
            408, f"the upload took over {limits.time:.0f} s: send smaller pictures, or fewer at once"
        ) from None


async def _drawing(
    request: Request,
    service: Service,
    chosen: Chosen,
    uploads: Sequence[Upload],
    min_score: float,
    until: float,
) -> Response:
    if len(uploads) > 1:
        raise RefusedError(422, f"draw takes one file, and {len(uploads)} came: send them one by one")
    limits = service.settings.limits
    png = "image/png" in request.headers.get("accept", "")
    futures = service.workers[chosen.name].submit([drawn(uploads[0], min_score, limits.pixels, png=png)])
    (drawing,) = await finished(request, futures, until)
    if isinstance(drawing, BaseException):
        raise _as_refusal(drawing)
    _count(service.figures, chosen, drawing.people, drawing.seconds)
    return Response(drawing.data, media_type=drawing.kind)


def _told(
    chosen: Chosen,
    uploads: Sequence[Upload],
    found: Sequence[dict[str, Any] | BaseException],
    figures: Figures,
) -> dict[str, Any]:
    for each in found:
        if isinstance(each, dict):
            _count(figures, chosen, len(each["instances"]), each["milliseconds"] / 1000)
    head = {"model": chosen.model, "skeleton": plain_skeleton(chosen.skeleton)}
    if len(uploads) == 1:
        if isinstance(found[0], BaseException):
            raise _as_refusal(found[0])
        return head | found[0]
    if refusal := next((each for each in found if isinstance(each, RefusedError)), None):
        raise refusal.again() from None  # of the whole request: asking again helps
    pairs = zip(uploads, found, strict=True)
    return head | {"results": [{"file": upload.name} | _or_error(each) for upload, each in pairs]}


def _or_error(found: dict[str, Any] | BaseException) -> dict[str, Any]:
    if not isinstance(found, BaseException):
        return found
    refusal = _as_refusal(found)
    return {"error": {"status": refusal.status, "message": refusal.message}}


def _as_refusal(error: BaseException) -> RefusedError:
    """What the client is told of an error; one that is no fault of the picture's is raised."""
    if isinstance(error, UnreadableError):
        return RefusedError(422, str(error))
    if isinstance(error, RefusedError):
        return error.again()
    raise error


def _count(figures: Figures, chosen: Chosen, people: int, seconds: float) -> None:
    figures.pictures.labels(chosen.model, "picture").inc()
    figures.people.labels(chosen.model, "picture").inc(people)
    figures.looking.labels(chosen.model).observe(seconds)
