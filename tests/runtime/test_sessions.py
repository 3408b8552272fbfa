"""The contract that every session keeps, whichever engine runs it."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pinpoint.runtime import FakeSession, TensorSpec, open_session
from pinpoint.runtime.batches import as_batch


@pytest.fixture(params=["onnx free batch", "onnx batch of 1", "onnx batch of 2", "tflite", "fake"])
def doubling(request, tmp_path, doubling_tflite, doubling_onnx):
    """A session that doubles pictures of 4 x 4."""
    if request.param == "fake":
        spec = TensorSpec("image", (None, 4, 4, 3), np.dtype(np.float32))
        return FakeSession(lambda batch: (2 * batch,), input=spec)
    batch = {"onnx free batch": "B", "onnx batch of 1": 1, "onnx batch of 2": 2}.get(request.param)
    path = tmp_path / ("model.tflite" if batch is None else "model.onnx")
    path.write_bytes(doubling_tflite if batch is None else doubling_onnx((batch, 4, 4, 3)))
    return open_session(path, threads=1)


@pytest.fixture
def batch():
    return np.random.default_rng(0).random((3, 4, 4, 3), np.float32)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_any_batch_is_run_in_order(doubling, batch, size):
    (double,) = doubling.run(batch[:size])
    np.testing.assert_array_equal(double, 2 * batch[:size])


@pytest.mark.parametrize("size", [1, 3])
def test_results_outlive_the_next_run(doubling, batch, size):
    (first,) = doubling.run(batch[:size])
    doubling.run(np.zeros_like(batch))
    np.testing.assert_array_equal(first, 2 * batch[:size])


def test_results_may_be_written_to_and_the_batch_stays_as_it_was(doubling, batch):
    before = batch.copy()
    doubling.run(batch)[0][:] = 7
    np.testing.assert_array_equal(batch, before)


def test_a_batch_need_not_be_contiguous(doubling, batch):
    view = batch.transpose(0, 2, 1, 3)[..., ::-1]
    np.testing.assert_array_equal(doubling.run(view)[0], 2 * view)


def test_a_batch_of_the_right_form_is_fed_without_a_copy(batch):
    spec = TensorSpec("image", (None, 4, 4, 3), np.dtype(np.float32))
    assert as_batch(batch, spec) is batch
    assert as_batch(batch[1:], spec).base is batch


def test_float64_is_taken_as_float32(doubling, batch):
    (double,) = doubling.run(batch.astype(np.float64))
    assert double.dtype == np.float32
    np.testing.assert_array_equal(double, 2 * batch)


@pytest.mark.parametrize("shape", [(4, 4, 3), (1, 4, 5, 3), (0, 4, 4, 3), (1, 1, 4, 4, 3)])
def test_a_wrong_shape_is_named_with_the_right_one(doubling, shape):
    with pytest.raises(ValueError) as caught:
        doubling.run(np.zeros(shape, np.float32))
    assert str(shape) in str(caught.value)
    assert "(any, 4, 4, 3)" in str(caught.value)


def test_a_type_that_would_lose_meaning_is_refused(doubling):
    with pytest.raises(TypeError, match=r"complex64.*float32"):
        doubling.run(np.zeros((1, 4, 4, 3), np.complex64))


@pytest.fixture
def restless_threads():
    """Change threads between any two instructions, not every 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_threads_get_their_own_results(doubling):
    batches = [np.full((2, 4, 4, 3), number, np.float32) for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(doubling.run, batches))
    assert [result[0].mean() for result in results] == [2 * number for number in range(40)]


def test_the_input_says_what_it_takes(doubling):
    assert doubling.input.name == "image"
    assert doubling.input.shape[1:] == (4, 4, 3)
    assert doubling.input.dtype == np.float32
