"""The server as one ASGI application."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import APIRoute, APIWebSocketRoute
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from pinpoint.serve.answers import Health, Models
from pinpoint.serve.choice import listed_models
from pinpoint.serve.detect import detect_routes, errors
from pinpoint.serve.guard import Guard
from pinpoint.serve.journal import GONE, Journal
from pinpoint.serve.live import live_routes
from pinpoint.serve.options import refuse_unknown
from pinpoint.serve.page_files import PAGE, Page
from pinpoint.serve.refusal import RefusedError, deny, error_answer, refused
from pinpoint.serve.service import Service

__all__ = ["make_app"]

log = logging.getLogger(__name__)

DESCRIPTION = """Keypoints of bodies, faces and hands.

Frames go over the WebSocket `/v1/stream?task=&model=&min_score=`: the server first sends a text
`{"type": "hello", "model", "task", "skeleton"}`; then the client sends, for each frame, a text
`{"id", "seconds"}` (may be left out) and a binary message, a picture file. The server answers with a text
`{"type": "result", "id", "seconds", "size", "instances", "milliseconds", "age", "dropped"}` for each frame
that it looked at. When frames come faster than that, the oldest are dropped. A bad one is answered with
`{"type": "error", "id", "message"}`.
"""

METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "What was counted."}
}


def make_app(service: Service) -> ASGIApp:
    """Return the application of a service: the routes behind what guards them."""
    settings = service.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.preload(settings.preload)
        try:
            yield
        finally:
            service.close()

    app = FastAPI(
        title="Pinpoint",
        description=DESCRIPTION,
        version=version("pinpoint-keypoints"),
        docs_url=None,  # its page is fetched from elsewhere, which does not work offline
        redoc_url=None,
        lifespan=lifespan,
    )
    routers = (_about(service), detect_routes(service), live_routes(service))
    for router in routers:
        app.include_router(router)
    if (PAGE / "index.html").is_file():
        app.mount("/", Page(directory=PAGE, html=True))
    _tell_errors(app)
    guarded: ASGIApp = Guard(app, settings, service.traffic)
    if settings.origins:
        guarded = CORSMiddleware(
            guarded,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "X-Request-ID"),
            expose_headers=("X-Request-ID", "Retry-After"),
        )
    paths = {
        route.path
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute | APIWebSocketRoute)
    }
    return Journal(guarded, service.figures, paths | {"/openapi.json"})


def _about(service: Service) -> APIRouter:
    """What tells of the server itself."""
    router = APIRouter()

    @router.get("/healthz", responses={503: {"model": Health, "description": "It is stopping."}})
    async def health() -> Health:
        """Tell whether requests are taken. Needs no token, and waits for nothing."""
        if service.traffic.stopping.is_set():
            return JSONResponse({"status": "stopping"}, 503)  # pyright: ignore[reportReturnType]
        return Health(status="ready")

    @router.get("/metrics", response_class=Response, responses=METRICS | errors(401))
    async def metrics() -> Response:
        """Tell what was counted, in Prometheus's text format."""
        return Response(service.figures.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    @router.get(
        "/v1/models", responses=errors(401, 403, 422, 429, 503), dependencies=[Depends(refuse_unknown)]
    )
    def models() -> Models:
        """List the tasks and models to choose from."""
        return Models(**listed_models())

    return router


def _tell_errors(app: FastAPI) -> None:
    """Let every error have the one form."""

    @app.exception_handler(RefusedError)
    async def refusal(_: Request, error: RefusedError) -> Response:
        return refused(error)

    @app.exception_handler(HTTPException)
    async def from_below(request: Request, error: HTTPException) -> Response:
        return error_answer(error.status_code, _said_of_request(request, error), error.headers)

    @app.exception_handler(RequestValidationError)
    async def options(_: Request, error: RequestValidationError) -> Response:
        return error_answer(422, _said_of_options(error))

    @app.exception_handler(WebSocketRequestValidationError)
    async def stream_options(socket: WebSocket, error: WebSocketRequestValidationError) -> None:
        await deny(socket, RefusedError(422, _said_of_options(error)))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=GONE)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_answer(500, "a fault of the server: its log tells more under the id in X-Request-ID")


def _said_of_request(request: Request, error: HTTPException) -> str:
    what = f"{request.method} {request.url.path}"
    if error.status_code in (404, 405):
        return f"there is no {what}: GET /openapi.json tells what there is"
    if error.status_code == 400:
        return f"the form cannot be read ({error.detail}): send multipart/form-data with the field `file`"
    return f"{what}: {error.detail}"


def _said_of_options(error: RequestValidationError | WebSocketRequestValidationError) -> str:
    """Name every option that cannot be what it is."""
    return "; ".join(
        f"{each['loc'][-1]} is {str(each['input'])[:40]!r}: {each['msg']}" for each in error.errors()
    )
