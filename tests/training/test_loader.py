import threading
import time

import cv2
import pytest
import torch

from pinpoint.training.loader import ahead, loader_threads


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_in_order_however_long_each_takes(threads):
    def make(step):
        time.sleep(0.01 * (step % 3))
        return step

    with ahead(make, 5, 15, threads) as batches:
        assert list(batches) == list(range(5, 15))


def test_batches_are_made_before_they_are_taken_and_not_too_many():
    made = []
    with ahead(lambda step: made.append(step) or step, 0, 100) as batches:
        assert next(batches) == 0
        deadline = time.monotonic() + 20
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05)
    assert made == [0, 1, 2]


def test_what_goes_wrong_is_raised_where_its_batch_is_taken():
    def make(step):
        if step == 2:
            raise ValueError("no such picture")
        return step

    with ahead(make, 0, 5) as batches:
        assert [next(batches), next(batches)] == [0, 1]
        with pytest.raises(ValueError, match="no such picture"):
            next(batches)


def test_no_thread_is_left_when_a_run_ends_early():
    before = set(threading.enumerate())
    with pytest.raises(KeyError), ahead(lambda step: step, 0, 100) as batches:
        next(batches)
        raise KeyError
    assert set(threading.enumerate()) <= before


def test_nothing_to_do_is_nothing():
    with ahead(lambda step: step, 7, 7) as batches:
        assert list(batches) == []


def test_opencv_has_one_thread_meanwhile_and_its_own_again_afterwards():
    before = cv2.getNumThreads()
    with ahead(lambda step: cv2.getNumThreads(), 0, 1) as batches:
        assert next(batches) == 1
    assert cv2.getNumThreads() == before


def test_a_network_on_the_cpu_leaves_one_thread_for_batches():
    assert loader_threads(torch.device("cpu")) == 1
    assert 1 <= loader_threads(torch.device("cuda")) <= 8
