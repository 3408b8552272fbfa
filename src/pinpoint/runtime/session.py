"""What a pipeline asks of a network, whichever engine runs it."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Session", "TensorSpec"]


class TensorSpec(NamedTuple):
    """One input or output of a network."""

    name: str
    shape: tuple[int | None, ...]
    """None where the size is free."""
    dtype: np.dtype


class Session(Protocol):
    """A network that is loaded and ready."""

    input: TensorSpec
    """The one picture input, (B, 3, h, w) or (B, h, w, 3)."""
    outputs: tuple[TensorSpec, ...]
    """What `run` returns, in this order."""

    def run(self, batch: NDArray) -> tuple[NDArray, ...]:
        """Run on a batch of B pictures of the input's type.

        Any B >= 1 is accepted: a network with a fixed batch is run as often as it takes. The arrays returned
        belong to the caller.
        """
        ...
