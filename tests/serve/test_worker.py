import gc
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from cli.fake_model import find_one
from pinpoint.serve import worker as module
from pinpoint.serve.refusal import RefusedError
from pinpoint.serve.worker import Worker
from serve.served import LONG, Held, eventually

IMAGE = np.zeros((4, 4, 3), np.uint8)


def _look(estimator):
    return estimator(IMAGE)


def _worker(load, turns: int = 1, queue: int = 9, wait: float = 9.0) -> Worker:
    return Worker("body", load, threading.Semaphore(turns), queue, wait)


def test_pictures_are_looked_at_in_their_order():
    seen = []
    worker = _worker(lambda name: find_one)
    for future in worker.submit([lambda _, n=n: seen.append(n) for n in range(5)]):
        future.result(LONG)
    worker.close()
    assert (seen, worker.waiting) == ([0, 1, 2, 3, 4], 0)


def test_loading_makes_nobody_wait_but_its_pictures():
    go = threading.Event()
    worker = _worker(lambda name: go.wait(LONG) and find_one)
    (future,) = worker.submit([_look])
    assert (worker.busy, future.done()) == (True, False)
    go.set()
    assert len(future.result(LONG)) == 1
    worker.close()


def test_workers_take_turns():
    """Two models and one turn: the second begins when the first is done."""
    held, other = Held(), Held()
    other.let_go.set()
    turns = threading.Semaphore(1)
    first, second = (Worker("a", lambda _, h=h: h, turns, 9, 9.0) for h in (held, other))
    waiting = first.submit([_look])
    held.wait()
    waiting += second.submit([_look])
    assert not other.begun.wait(0.1)
    held.let_go.set()
    assert [len(future.result(LONG)) for future in waiting] == [1, 1]
    first.close()
    second.close()


def test_a_picture_that_waited_too_long_is_not_looked_at(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    held = Held()
    worker = _worker(lambda name: held, wait=3.0)
    first, second = worker.submit([_look, _look])
    held.wait()
    clock[0] += 3.1
    held.let_go.set()
    assert len(first.result(LONG)) == 1
    with pytest.raises(RefusedError, match="waited 3 s for body, over the limit") as refused:
        second.result(LONG)
    assert (refused.value.status, held.calls) == (503, 1)
    worker.close()


def test_where_there_is_no_room_it_says_how_long_those_that_wait_will_take(monkeypatch):
    """A tenth of a second each is what it begins with, and a tenth of the 20 s of the first picture."""
    clock = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def slow(estimator):
        clock[0] += 20

    held = Held()
    worker = _worker(lambda name: held, queue=4)
    worker.submit([slow])[0].result(LONG)
    eventually(lambda: worker.waiting == 0)
    waiting = worker.submit([_look] * 4)
    with pytest.raises(RefusedError, match="4 pictures wait for body already") as refused:
        worker.submit([_look])
    assert refused.value.headers["Retry-After"] == "9"  # 4 x 2.09
    held.let_go.set()
    assert [len(future.result(LONG)) for future in waiting] == [1] * 4
    worker.close()


def test_closing_gives_up_what_waits_and_finishes_what_is_looked_at():
    held = Held()
    worker = _worker(lambda name: held)
    first, second = worker.submit([_look, _look])
    held.wait()
    worker.close()
    held.let_go.set()
    assert (len(first.result(LONG)), second.cancelled()) == (1, True)


def test_a_model_that_could_not_be_loaded_is_worth_another_try_later(monkeypatch):
    def load(name):
        raise ValueError("no")

    worker = _worker(load)
    with pytest.raises(RefusedError, match="body cannot be loaded now"):
        worker.submit([_look])[0].result(LONG)
    assert not worker.failed
    monkeypatch.setattr(module, "AGAIN", 0.0)
    assert worker.failed
    worker.close()


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_a_model_that_could_not_be_loaded_keeps_hold_of_no_picture(kind):
    def load(name):
        raise kind("no")

    def ask() -> weakref.ref:
        look = lambda estimator: estimator(IMAGE)  # noqa: E731
        assert worker.submit([look])[0].exception(LONG) is not None
        return weakref.ref(look)

    worker = _worker(load)
    looks = [ask() for _ in range(3)]
    eventually(lambda: gc.collect() >= 0 and not any(look() for look in looks))
    worker.close()
