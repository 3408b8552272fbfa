"""A small server that says to a page what a test wants to be said."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pinpoint.io.records import Record

PAGE = Path(__file__).parents[3] / "src/pinpoint/serve/page"
RED, BLUE, WHITE = (255, 158, 30), (64, 160, 255), (236, 240, 246)
SKELETON = {
    "name": "kite",
    "keypoints": ["tip", "left_end", "right_end"],
    "edges": [[0, 1], [0, 2]],
    "colors": [WHITE, BLUE, RED],
}


def kite(x: float, y: float, *, id: int | None = 1, score: float = 0.9, side: float = 40) -> dict[str, Any]:
    """An instance whose tip is at x, y; its left end lies to the right, as of one who faces us."""
    points = [[x, y, score], [x + side, y + side, score], [x - side, y + side, score]]
    return {"id": id, "score": score, "box": None, "keypoints": points}


def eventually(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def ids_of(record: Record) -> list[int]:
    """Who is in a saved frame."""
    assert record.keypoints.track_ids is not None
    return record.keypoints.track_ids.tolist()


@dataclass
class World:
    """What the server says; a test changes it while the server runs.

    Args:
        people: Instances of the n-th frame of a stream, or of a picture, of some width and height.
        pause: Seconds that looking at a frame takes; none answers nothing.
        loading: Seconds that a stream waits for its greeting.
        token: Asked for if it is not empty.
        refusal: Status and words with which pictures and streams are refused.
        came: The words before every frame that came, with the size of its picture.
        asked: The options of the newest stream.
        own: Names of models of a user's own kind.
        hang_up: Set to end all streams as a server does that dies.
    """

    people: Callable[[int, int, int], Sequence[dict[str, Any]]] = lambda n, width, height: [
        kite(width / 2, height / 2)
    ]
    pause: float | None = 0.03
    loading: float = 0.0
    token: str = ""
    refusal: tuple[int, str] | None = None
    came: list[dict[str, Any]] = field(default_factory=list)
    protocols: list[str] = field(default_factory=list)
    hang_up: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    own: Sequence[str] = ()
    asked: dict[str, str] = field(default_factory=dict)

    def refuses(self, headers: Any) -> Any:
        """The answer to a request that is refused, else none."""
        from starlette.responses import JSONResponse

        given = headers.get("authorization", "").removeprefix("Bearer ")
        offered = headers.get("sec-websocket-protocol", "").removeprefix("bearer.")
        if self.token and self.token not in (given, offered):
            return JSONResponse({"error": {"status": 401, "message": "it wants its token"}}, 401)
        return None


def picture_of(data: bytes) -> np.ndarray:
    """Decode a picture, BGR."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def _app(world: World) -> Any:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles
    from starlette.websockets import WebSocketDisconnect

    async def models(request: Any) -> Any:
        row = {"skeleton": "kite", "input": [64, 64], "license": "Apache-2.0 (ours)"}
        names = {
            "body": ("kite-s", "kite-l"),
            "face": ("face-s",),
            "hand": ("hand-s",),
            "wholebody": ("whole-s",),
        }
        rows = [
            row | {"name": name, "task": task, "ready": name != "kite-l"}
            for task, own in names.items()
            for name in own
        ] + [row | {"name": name, "task": "object", "ready": True} for name in world.own]
        tasks = {task: {"model": own[0], "skeleton": "kite"} for task, own in names.items()}
        return world.refuses(request.headers) or JSONResponse({"tasks": tasks, "models": rows})

    async def detect(request: Any) -> Any:
        if world.refusal:
            status, message = world.refusal
            return JSONResponse({"error": {"status": status, "message": message}}, status)
        async with request.form() as form:
            height, width = picture_of(await form["file"].read()).shape[:2]
        instances = [one | {"id": None} for one in world.people(0, width, height)]
        found = {"model": "kite-s", "skeleton": SKELETON, "size": [width, height], "milliseconds": 12.5}
        return world.refuses(request.headers) or JSONResponse(found | {"instances": instances})

    async def stream(ws: Any) -> None:
        if world.refuses(ws.headers) or world.refusal:
            await ws.close(1008)
            return
        offered = ws.headers.get("sec-websocket-protocol")
        world.protocols.append(offered or "")
        await ws.accept(subprotocol=offered)
        world.asked = dict(ws.query_params)
        task = ws.query_params["task"]
        model = ws.query_params.get("model", "kite-s")
        await asyncio.sleep(world.loading)
        await ws.send_json({"type": "hello", "model": model, "task": task, "skeleton": SKELETON})
        with suppress(WebSocketDisconnect):
            await _watch(ws, world)

    routes = [
        Route("/v1/models", models),
        Route("/v1/detect", detect, methods=["POST"]),
        WebSocketRoute("/v1/stream", stream),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    return Starlette(routes=routes)


async def _watch(ws: Any, world: World) -> None:
    """Answer frames one by one until the page leaves or the server hangs up."""
    words: dict[str, Any] = {}
    count = 0
    while True:
        try:
            message = await asyncio.wait_for(ws.receive(), 0.05)
        except TimeoutError:
            if not world.hang_up.is_set():
                continue
            await ws.close(1012)
            return
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text"):
            words = json.loads(message["text"])
            continue
        height, width = picture_of(message["bytes"]).shape[:2]
        world.came.append(words | {"size": (width, height)})
        if world.hang_up.is_set() or world.pause is None:
            continue
        await asyncio.sleep(world.pause)
        found = {"size": [width, height], "instances": list(world.people(count, width, height))}
        figures = {"milliseconds": 1000 * world.pause, "age": world.pause, "dropped": 3}
        await ws.send_json({"type": "result", **words, **found, **figures})
        count += 1


class Server:
    """A world that is served, until it is stopped; it can be started again at the same port."""

    def __init__(self, world: World) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.world = world
        world.address = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        import uvicorn

        config = uvicorn.Config(
            _app(self.world), port=self.port, log_level="error", lifespan="off", ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self.world.hang_up.set()
        self._thread.join()
        self.world.hang_up.clear()
