import numpy as np
import pytest

from pinpoint.runtime import FakeSession, TensorSpec

SPEC = TensorSpec("image", (None, 2, 2, 3), np.dtype(np.float32))


def test_fixed_arrays_are_repeated_for_each_picture():
    points = np.arange(4.0).reshape(1, 2, 2)
    (answer,) = FakeSession([points], input=SPEC).run(np.zeros((3, 2, 2, 3), np.float32))
    np.testing.assert_array_equal(answer, np.concatenate([points] * 3))


def test_fixed_arrays_say_what_the_outputs_are():
    session = FakeSession([np.zeros((1, 5), np.float32), np.zeros((1, 7, 2))], input=SPEC)
    assert session.outputs == (
        TensorSpec("output_0", (None, 5), np.dtype(np.float32)),
        TensorSpec("output_1", (None, 7, 2), np.dtype(np.float64)),
    )


def test_batches_are_recorded_as_they_were():
    session = FakeSession(lambda batch: (batch,), input=SPEC)
    batch = np.ones((1, 2, 2, 3), np.float32)
    session.run(batch)
    batch[:] = 5
    session.run(batch)
    assert [recorded.max() for recorded in session.batches] == [1, 5]


def test_a_refused_batch_is_not_recorded():
    session = FakeSession([], input=SPEC)
    with pytest.raises(ValueError, match=r"\(1, 9\)"):
        session.run(np.zeros((1, 9), np.float32))
    assert session.batches == []
