"""A session without a network: tests of pipelines need no weights and no engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.runtime.batches import Outputs, as_batch
from pinpoint.runtime.session import TensorSpec

__all__ = ["FakeSession"]


class FakeSession:
    """Answers every batch with a function of it, or with arrays fixed beforehand.

    Args:
        answer: What to return: a function from the batch to a tuple of arrays, or the arrays for one picture,
            each with a leading 1 that becomes B.
        input: What batches have to look like; they are checked as a real session checks them.
        outputs: What is returned; read from the arrays where they are given.

    Attributes:
        batches: Every batch that was run, oldest first.

    >>> spec = TensorSpec("image", (None, 3, 8, 8), np.dtype(np.float32))
    >>> session = FakeSession(lambda batch: (batch.mean(axis=(2, 3)),), input=spec)
    >>> session.run(np.ones((2, 3, 8, 8), np.float32))[0].shape
    (2, 3)
    """

    def __init__(
        self,
        answer: Callable[[NDArray[Any]], Outputs] | Sequence[NDArray[Any]],
        *,
        input: TensorSpec,
        outputs: Sequence[TensorSpec] = (),
    ) -> None:
        self.input = input
        self.outputs = tuple(outputs)
        self.batches: list[NDArray[Any]] = []
        self._answer = answer if callable(answer) else _repeated(answer)
        if not callable(answer) and not outputs:
            self.outputs = tuple(_spec(number, array) for number, array in enumerate(answer))

    def run(self, batch: NDArray[Any]) -> Outputs:
        """Record the batch and answer it.

        Raises:
            ValueError: The batch does not have the shape of the input.
            TypeError: The batch does not have the type of the input.
        """
        batch = as_batch(batch, self.input)
        self.batches.append(batch.copy())
        return tuple(np.array(output) for output in self._answer(batch))


def _repeated(arrays: Sequence[NDArray[Any]]) -> Callable[[NDArray[Any]], Outputs]:
    return lambda batch: tuple(np.repeat(array, len(batch), axis=0) for array in arrays)


def _spec(number: int, array: NDArray[Any]) -> TensorSpec:
    return TensorSpec(f"output_{number}", (None, *array.shape[1:]), array.dtype)
