"""Batches made ahead of the step that needs them, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import torch

from pinpoint.training.task import Batch

__all__ = ["ahead", "loader_threads"]

AHEAD = 2  # batches beyond those in the making: the network waits for none, and memory stays small


def loader_threads(device: torch.device) -> int:
    """How many threads make batches: one where the network needs the cores itself."""
    return 1 if device.type == "cpu" else max(1, min(8, (os.cpu_count() or 2) - 1))


@contextmanager
def ahead(make: Callable[[int], Batch], start: int, stop: int, threads: int = 1) -> Iterator[Iterator[Batch]]:
    """Make the batches of steps `start` to `stop` in threads, and give them in order.

    Threads do for this: cutting and warping leave Python to the others, and nothing is copied between
    processes. What goes wrong in making a batch is raised where that batch is taken. OpenCV gets one thread
    per call meanwhile, in the whole process: a crop is too small to share out, the cores are the network's.
    """
    pool = ThreadPoolExecutor(threads, "batches")
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield _in_order(pool, make, range(start, stop), threads + AHEAD)
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(before)


def _in_order(
    pool: ThreadPoolExecutor, make: Callable[[int], Batch], steps: range, depth: int
) -> Iterator[Batch]:
    waiting = deque(pool.submit(make, step) for step in steps[:depth])
    for later in steps[depth:]:
        yield waiting.popleft().result()
        waiting.append(pool.submit(make, later))
    while waiting:
        yield waiting.popleft().result()
