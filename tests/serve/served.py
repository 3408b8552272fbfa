"""A server in this process whose models are fakes."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from starlette.testclient import TestClient

from cli.fake_model import find_one
from pinpoint.io.images import encode_image
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.following import EveryFrame
from pinpoint.serve.app import make_app
from pinpoint.serve.service import Service
from pinpoint.serve.settings import Limits, Settings
from pinpoint.serve.worker import Load
from pinpoint.skeletons import skeleton
from pinpoint.stream.engine import Engine

T = TypeVar("T")
LONG = 60.0
"""Seconds that no test waits unless it fails, however busy the machine is."""
PICTURE = encode_image(np.full((48, 64, 3), 128, np.uint8), ".png")


class Held:
    """A model that looks at nothing until it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.calls = 0

    def __call__(self, image: np.ndarray, boxes: object = None) -> Keypoints:
        self.calls += 1
        self.begun.set()
        assert self.let_go.wait(LONG)
        return find_one(image, boxes)

    def wait(self) -> None:
        """Wait until it is asked."""
        assert self.begun.wait(LONG)


def eventually(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    until = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < until, "it did not come to be in time"
        time.sleep(0.01)


def engine_of(estimator: Estimator) -> Engine:
    return Engine(EveryFrame(estimator, skeleton("coco17")))


def service_of(
    estimator: Estimator = find_one, load: Load | None = None, settings: Settings | None = None, **limits: Any
) -> Service:
    """The models are all one estimator, or what `load` returns; the rest are limits."""
    settings = replace(settings or Settings(host="0.0.0.0"), limits=Limits(**limits))
    load = load or (lambda name: estimator)
    return Service(settings, load, lambda name: engine_of(load(name)))


@contextmanager
def client_of(service: Service) -> Iterator[TestClient]:
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client


def stop(client: TestClient, service: Service) -> None:
    """Ask a server to stop, as a signal does."""
    assert client.portal is not None
    client.portal.call(service.traffic.stopping.set)


def awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it returns, in a thread of its own: tests of the page leave an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result(LONG)


def files(*datas: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", (f"{number}.png", data)) for number, data in enumerate(datas)]
