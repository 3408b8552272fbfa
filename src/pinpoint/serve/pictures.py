"""Pictures that are uploaded: taking them out of a request, and what is said of each."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from pinpoint.geometry import Image
from pinpoint.io.images import LONGEST_SIDE, decode_image, encode_image
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.serve.answers import plain_instances
from pinpoint.serve.refusal import RefusedError
from pinpoint.viz import draw

__all__ = ["Drawing", "Upload", "described", "drawn", "finished", "read_uploads"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Upload:
    """One picture of a request.

    Args:
        name: What the client calls it.
        data: The file.
    """

    name: str
    data: bytes


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture with what was found drawn over it.

    Args:
        data: A file.
        kind: Its media type.
        people: How many instances were found.
        seconds: What it took.
    """

    data: bytes
    kind: str
    people: int
    seconds: float


async def read_uploads(request: Request, most: int) -> list[Upload]:
    """Read the files of a form's field `file`.

    Raises:
        RefusedError: It is no form, or one without files, with too many or with something else.
        ClientDisconnect: The client hung up.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise RefusedError(
            415, "send the picture as multipart/form-data in the field `file`: curl -F file=@a.jpg"
        )
    async with request.form(max_files=most + 1, max_fields=most) as form:
        files = [value for value in form.getlist("file") if isinstance(value, UploadFile)]
        if not files:
            raise RefusedError(422, f"there is no file in the field `file`{_instead(list(form))}")
        if others := sorted({repr(name[:40]) for name in form} - {"'file'"}):
            raise RefusedError(
                422,
                f"the form has a field {others[0]}, and only `file` is read: options stand in the address, "
                "as in /v1/detect?task=face",
            )
        if len(files) > most:
            raise RefusedError(413, f"{len(files)} files came, over the limit of {most}: send fewer at once")
        return [Upload(file.filename or "", await file.read()) for file in files]


def described(upload: Upload, min_score: float, pixels: int) -> Callable[[Estimator], dict[str, Any]]:
    """What decodes a picture, looks at it and says what is there, as `answers.Detection` describes it."""

    def look(estimator: Estimator) -> dict[str, Any]:
        begun = time.perf_counter()
        image, kps = _seen(upload, estimator, min_score, pixels)
        instances = plain_instances(kps)
        taken = round(1000 * (time.perf_counter() - begun), 2)
        return {"size": [image.shape[1], image.shape[0]], "instances": instances, "milliseconds": taken}

    return look


def drawn(upload: Upload, min_score: float, pixels: int, *, png: bool) -> Callable[[Estimator], Drawing]:
    """What decodes a picture, looks at it and draws what is there."""

    def look(estimator: Estimator) -> Drawing:
        begun = time.perf_counter()
        image, kps = _seen(upload, estimator, min_score, pixels)
        suffix = ".png" if png or max(image.shape) > LONGEST_SIDE[".jpg"] else ".jpg"
        data = encode_image(draw(image, kps), suffix, quality=90)
        kind = "image/png" if suffix == ".png" else "image/jpeg"
        return Drawing(data, kind, len(kps), time.perf_counter() - begun)

    return look


async def finished(request: Request, futures: list[Future[T]], until: float) -> list[T | BaseException]:
    """Wait for what was queued; give it up when the client hangs up or it takes too long.

    Args:
        request: Whose answer it is.
        futures: What was queued.
        until: When to give up, in seconds of `time.monotonic`.

    Returns:
        What each returned or raised.

    Raises:
        RefusedError: It took too long.
        ClientDisconnect: The client hung up.
    """
    waited = [asyncio.wrap_future(future) for future in futures]
    work = asyncio.create_task(asyncio.wait(waited))
    gone = asyncio.create_task(_hung_up(request))
    try:
        left = max(0.0, until - time.monotonic())
        await asyncio.wait({work, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return [each.exception() or each.result() for each in waited]
        if gone.done():
            raise ClientDisconnect
        raise RefusedError(503, "this took too long: send fewer or smaller pictures, or later", retry_after=5)
    finally:
        for each in (gone, work, *waited):  # of what waits here, what is queued there is given up too
            each.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _seen(upload: Upload, estimator: Estimator, min_score: float, pixels: int) -> tuple[Image, Keypoints]:
    image = decode_image(upload.data, upload.name, max_pixels=pixels)
    return image, estimator(image).above(min_score)


def _instead(names: list[str]) -> str:
    other = ", ".join(sorted({repr(name[:40]) for name in names} - {"'file'"}))
    return (
        f" but one in {other}: call the field `file`" if other else ": add one, as with curl -F file=@a.jpg"
    )
