"""What a filter keeps of each track from call to call."""

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float

__all__ = ["Memory", "State"]

State = tuple[Float, ...]
"""Arrays with one row per track."""


class Memory:
    """Arrays with one row per track, by track id.

    Args:
        forget: Seconds after which a track that is not seen is forgotten.
    """

    def __init__(self, forget: float) -> None:
        self._forget = forget
        self._ids: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._seen: Float = np.zeros(0)
        self._state: State = ()

    def recall(
        self, ids: NDArray[np.int64], seconds: float, shapes: tuple[tuple[int, ...], ...]
    ) -> tuple[Float, State]:
        """Look tracks up.

        Args:
            ids: Whom, shape (N,). Nobody is known by an id below 0.
            seconds: Now.
            shapes: Of a row of each array. What was kept in other shapes is forgotten.

        Returns:
            Seconds since each was seen, shape (N,), and its rows; NaN for those who are not known.
        """
        if tuple(array.shape[1:] for array in self._state) != shapes:
            self._ids, self._seen = self._ids[:0], self._seen[:0]
            self._state = tuple(np.zeros((0, *shape)) for shape in shapes)
        seen, state = self._seen, self._state
        if not np.array_equal(ids, self._ids):
            rows = self._rows(ids)
            seen, *state = (_picked(array, rows) for array in (seen, *state))
        elapsed = seconds - seen
        if (late := elapsed > self._forget).any():
            elapsed, *state = (_without(array, late) for array in (elapsed, *state))
        return elapsed, tuple(state)

    def keep(self, ids: NDArray[np.int64], seconds: float, state: State) -> None:
        """Remember the rows of tracks; others that were seen lately are remembered on."""
        mine, seen = ids >= 0, np.full(len(ids), float(seconds))
        if not (mine.all() and np.array_equal(ids, self._ids)):
            others = ~np.isin(self._ids, ids) & (seconds - self._seen <= self._forget)
            pairs = zip(state, self._state, strict=True)
            state = tuple(np.concatenate([new[mine], old[others]]) for new, old in pairs)
            seen = np.concatenate([seen[mine], self._seen[others]])
            ids = np.concatenate([ids[mine], self._ids[others]])
        self._ids, self._seen, self._state = ids, seen, state

    def _rows(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where each track is kept; -1 where it is not."""
        rows = {known: row for row, known in enumerate(self._ids.tolist())}
        return np.array([rows.get(one, -1) for one in ids.tolist()], dtype=np.intp)


def _picked(array: Float, rows: NDArray[np.intp]) -> Float:
    """Rows of an array; NaN for row -1."""
    return np.concatenate([array, np.full((1, *array.shape[1:]), np.nan)])[rows]


def _without(array: Float, rows: NDArray[np.bool_]) -> Float:
    """The array with NaN in some rows."""
    array = array.copy()
    array[rows] = np.nan
    return array
