"""One WebSocket stream: frames come, are watched by the engine of their model, and answers go."""

import asyncio
import logging
import time
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from pinpoint.geometry import Image
from pinpoint.io.images import decode_image
from pinpoint.io.video import Frame
from pinpoint.serve.answers import plain_instances, plain_skeleton
from pinpoint.serve.choice import Chosen
from pinpoint.serve.figures import Figures
from pinpoint.serve.frames import LEARNING, Arrived, Newest, UnderWay, Words, words_of
from pinpoint.serve.settings import Limits
from pinpoint.stream.channel import Channel

__all__ = ["Stream"]

log = logging.getLogger(__name__)

NORMAL, GOING_AWAY, FAILED = 1000, 1001, 1011  # RFC 6455, 7.4.1
SEND = 20.0
"""Seconds after which a client that does not read is given up."""


def _hello(chosen: Chosen) -> dict[str, Any]:
    """What a stream begins with."""
    skeleton = plain_skeleton(chosen.skeleton)
    return {"type": "hello", "model": chosen.model, "task": chosen.task, "skeleton": skeleton}


class _IdleError(Exception):
    """No frame came for too long."""


class Stream:
    """Three tasks: one receives frames, one decodes the newest, one answers. All end with any of them.

    A frame is decoded when the engine is about to want one, and is the newest then; older ones never are. For
    a client that does not read, nothing more is looked at, until it is given up.

    Args:
        socket: Accepted already.
        channel: A live stream of an engine.
        chosen: What is looked at, and with what.
        min_score: Instances that score below are left out.
        limits: Of frames.
        figures: Where frames are counted.
        decoding: Where frames are decoded.
        waiting: Where answers are waited for, a thread for each stream.
    """

    def __init__(
        self,
        socket: WebSocket,
        channel: Channel,
        chosen: Chosen,
        *,
        min_score: float,
        limits: Limits,
        figures: Figures,
        decoding: Executor,
        waiting: Executor,
    ) -> None:
        self._socket = socket
        self._channel = channel
        self._chosen = chosen
        self._model = chosen.model
        self._min_score = min_score
        self._limits = limits
        self._figures = figures
        self._decoding, self._waiting = decoding, waiting
        self._newest = Newest()
        self._under_way = UnderWay(lambda: channel.waits)
        self._early = 0.0
        self._seconds = float("-inf")
        self._counted = 0
        self._begun = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Go on until the client leaves, something fails, or the server stops, and close the socket."""
        parts = [asyncio.create_task(part()) for part in (self._receive, self._pass_on, self._answer)]
        stop = asyncio.create_task(stopping.wait())
        try:
            done, _ = await asyncio.wait({*parts, stop}, return_when=asyncio.FIRST_COMPLETED)
            if stop in done:
                self._newest.end()
                await asyncio.wait({parts[-1]}, timeout=self._limits.stop)
            await self._close(next((part.exception() for part in parts if part.done()), None))
        finally:
            self._channel.close()
            for task in (*parts, stop):
                task.cancel()
            await asyncio.wait({*parts, stop})
            self._count_dropped()

    async def _close(self, error: BaseException | None) -> None:
        """Close the socket in the way that fits what ended the stream."""
        code, reason = GOING_AWAY, "the server is stopping"
        if isinstance(error, WebSocketDisconnect | TimeoutError):  # gone, or does not read what we say
            return
        if isinstance(error, _IdleError):
            code, reason = NORMAL, str(error)
        elif error is not None:
            log.error("a stream of %s failed", self._model, exc_info=error)
            code, reason = FAILED, "looking at this stream failed: connect again"
        with suppress(WebSocketDisconnect, TimeoutError):
            await self._send({"type": "error", "id": None, "message": reason})
            async with asyncio.timeout(SEND):
                await self._socket.close(code, reason)

    async def _receive(self) -> None:
        await self._send(_hello(self._chosen))
        words, until = Words(), self._patience()
        while True:
            message = await self._message(until)
            if message.get("bytes") is not None:
                await self._take(message["bytes"], words)
                words, until = Words(), self._patience()
            else:
                words = await self._words(message.get("text") or "")

    def _patience(self) -> float:
        return asyncio.get_running_loop().time() + self._limits.idle

    async def _message(self, until: float) -> Message:
        try:
            async with asyncio.timeout_at(until):
                message = await self._socket.receive()
        except TimeoutError:
            raise _IdleError("no frame came for too long: connect again to go on") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        return message

    async def _words(self, text: str) -> Words:
        try:
            return words_of(text)
        except ValueError as error:
            await self._complain(Words(), str(error))
            return Words()

    async def _take(self, data: bytes, words: Words) -> None:
        if len(data) > self._limits.frame:
            limit = (
                f"the frame has {len(data)} bytes, over the limit of {self._limits.frame}: send smaller ones"
            )
            await self._complain(words, limit)
            return
        self._newest.put(data, words)
        self._count_dropped()

    async def _pass_on(self) -> None:
        while (arrived := await self._wanted()) is not None:
            seconds = arrived.words.seconds
            seconds = arrived.at - self._begun if seconds is None else seconds
            try:
                image = await self._decoded(arrived, seconds)
            except ValueError as error:
                await self._complain(arrived.words, str(error))
                continue
            self._seconds = seconds
            self._under_way.put(arrived)
            self._channel.put(Frame(image, arrived.index, seconds))
            self._count_dropped()
        self._channel.end()

    async def _wanted(self) -> Arrived | None:
        """The newest frame, once the engine wants one; none after the last."""
        await self._under_way.nearly_done(self._early)
        return await self._newest.get()

    async def _decoded(self, arrived: Arrived, seconds: float) -> Image:
        if seconds <= self._seconds:
            raise ValueError(
                f"seconds is {seconds}, not after {self._seconds}: times have to rise, and another video "
                "needs another connection"
            )
        pixels = min(self._limits.pixels, self._limits.frame_pixels)
        decode = partial(decode_image, arrived.data, "frame", max_pixels=pixels)
        begun = time.monotonic()
        image = await asyncio.get_running_loop().run_in_executor(self._decoding, decode)
        self._early += LEARNING * (time.monotonic() - begun - self._early)
        return image

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        while (seen := await loop.run_in_executor(self._waiting, self._channel.get)) is not None:
            arrived = self._under_way.take(seen.index)
            kps = seen.keypoints.above(self._min_score)
            age = time.monotonic() - arrived.at
            self._count(len(kps), age)
            height, width = seen.image.shape[:2]
            await self._send(
                {
                    "type": "result",
                    "id": arrived.words.id,
                    "seconds": seen.seconds,
                    "size": [width, height],
                    "instances": plain_instances(kps),
                    "milliseconds": round(1000 * age, 2),
                    "age": round(age, 4),
                    "dropped": self._dropped,
                }
            )

    async def _complain(self, words: Words, message: str) -> None:
        self._figures.failed.inc()
        await self._send({"type": "error", "id": words.id, "message": message})

    async def _send(self, answer: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND):
            await self._socket.send_json(answer)

    @property
    def _dropped(self) -> int:
        return self._newest.dropped + self._channel.counts.dropped

    def _count(self, people: int, seconds: float) -> None:
        self._figures.age.labels(self._model).observe(seconds)
        self._figures.pictures.labels(self._model, "stream").inc()
        self._figures.people.labels(self._model, "stream").inc(people)

    def _count_dropped(self) -> None:
        dropped = self._dropped
        self._figures.dropped.inc(dropped - self._counted)
        self._counted = dropped
