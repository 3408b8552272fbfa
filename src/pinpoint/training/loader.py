"""Batches made ahead of the step that needs them, in order."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pinpoint.training.task import Batch

__all__ = ["ahead"]

DEPTH = 3  # batches in the making: the network waits for none, and memory stays small


@contextmanager
def ahead(make: Callable[[int], Batch], start: int, stop: int, threads: int = 1) -> Iterator[Iterator[Batch]]:
    """Make the batches of steps `start` to `stop` in threads, and give them in order.

    Threads do for this: cutting and warping leave Python to the others, and nothing is copied between
    processes. What goes wrong in making a batch is raised where that batch is taken.
    """
    pool = ThreadPoolExecutor(threads)

    def batches() -> Iterator[Batch]:
        waiting = [pool.submit(make, step) for step in range(start, min(stop, start + DEPTH))]
        for step in range(start, stop):
            batch = waiting.pop(0).result()
            if step + DEPTH < stop:
                waiting.append(pool.submit(make, step + DEPTH))
            yield batch

    try:
        yield batches()
    finally:
        pool.shutdown(cancel_futures=True)
