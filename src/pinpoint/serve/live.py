"""`WS /v1/stream`: frames in, who is in them out."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket
from starlette.websockets import WebSocketDisconnect

from pinpoint.serve.choice import Chosen, choose
from pinpoint.serve.guard import subprotocol_of
from pinpoint.serve.options import MODEL, SCORE, TASK, Task, refuse_unknown
from pinpoint.serve.refusal import RefusedError, deny
from pinpoint.serve.service import Service
from pinpoint.serve.stream import Stream
from pinpoint.serve.watch import Watch

__all__ = ["live_routes"]

LATER = 1013  # "try again later", IANA's registry of close codes


def live_routes(service: Service) -> APIRouter:
    """The route, for a service."""
    router = APIRouter(dependencies=[Depends(refuse_unknown)])

    @router.websocket("/v1/stream")
    async def stream(
        socket: WebSocket,
        task: Annotated[Task | None, TASK] = None,
        model: Annotated[str | None, MODEL] = None,
        min_score: Annotated[float, SCORE] = 0.0,
    ) -> None:
        try:
            chosen = choose(task, model, fetch=service.settings.fetch)
            watch = service.watches[chosen.name]
        except RefusedError as refusal:
            await deny(socket, refusal)
            return
        with watch.held(), service.figures.streams.track_inprogress(), suppress(WebSocketDisconnect):
            await socket.accept(subprotocol_of(socket.headers))
            await _watched(socket, service, chosen, watch, min_score)

    return router


async def _watched(
    socket: WebSocket, service: Service, chosen: Chosen, watch: Watch, min_score: float
) -> None:
    try:
        channel = await watch.open(chosen.name)
    except RefusedError as refusal:
        await socket.send_json({"type": "error", "id": None, "message": refusal.message})
        await socket.close(LATER)
        return
    with channel:
        stream = Stream(
            socket,
            channel,
            chosen,
            min_score=min_score,
            limits=service.settings.limits,
            figures=service.figures,
            decoding=service.decoding,
            waiting=service.waiting,
        )
        await stream.run(service.traffic.stopping)
