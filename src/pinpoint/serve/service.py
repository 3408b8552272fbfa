"""What all requests share: models, figures, and what is being answered."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pinpoint.keypoints import Estimator
from pinpoint.pipelines.load import load, load_follower
from pinpoint.runtime.cores import usable_cores
from pinpoint.serve.choice import choose_named
from pinpoint.serve.figures import Figures
from pinpoint.serve.guard import Traffic
from pinpoint.serve.settings import Settings
from pinpoint.serve.shelf import Shelf
from pinpoint.serve.watch import Open, Watch
from pinpoint.serve.worker import Load, Worker
from pinpoint.stream.engine import Engine

__all__ = ["Service"]


class Service:
    """Everything behind the routes. Made before the event loop runs, used within it.

    Args:
        settings: How it is set up.
        load: Loads a model for pictures; none: from the catalogue.
        open_engine: Loads one for streams; none: from the catalogue.
    """

    def __init__(self, settings: Settings, load: Load | None = None, open_engine: Open | None = None) -> None:
        limits = settings.limits
        threads = settings.network_threads
        turns = threading.Semaphore(settings.workers)
        begin = partial(
            Worker,
            load=load or partial(_estimator, threads=threads),
            turns=turns,
            queue=limits.queue,
            wait=limits.wait,
        )
        self.settings = settings
        self.figures = Figures()
        self.traffic = Traffic()
        self.workers: Shelf[Worker] = Shelf(begin, limits.models)
        self.watches: Shelf[Watch] = Shelf(
            partial(Watch, load=open_engine or partial(_engine, threads=threads)), limits.models
        )
        self.decoding = ThreadPoolExecutor(usable_cores(), thread_name_prefix="decode")
        self.waiting = ThreadPoolExecutor(limits.streams, thread_name_prefix="answer")
        self.figures.watch_queues(self.workers)

    def preload(self, names: Iterable[str]) -> None:
        """Begin to load tasks and models, for pictures and for streams.

        Raises:
            RefusedError: There is no such task or model.
        """
        for name in names:
            chosen = choose_named(name).name
            _ = self.workers[chosen], self.watches[chosen]

    def close(self) -> None:
        """Let go of everything; what is being looked at is finished in the background."""
        self.workers.close()
        self.watches.close()
        for pool in (self.decoding, self.waiting):
            pool.shutdown(wait=False, cancel_futures=True)


def _estimator(name: str, threads: int) -> Estimator:
    return load(name, threads=threads)


def _engine(name: str, threads: int) -> Engine:
    follower = load_follower(name, threads=threads)
    return Engine(follower)
