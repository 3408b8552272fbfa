"""DeepLabCut's tables in HDF5 as pandas lays them out, read and written with h5py alone (extra `hdf5`).

Predictions are in the layout `table`, whose columns stand in an attribute as a pickle. It is unpickled
without any way to call anything: lists, tuples and text are all that can come out.
"""

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.io.deeplabcut import Table
from pinpoint.io.errors import UnreadableError
from pinpoint.io.files import file_head, replacing
from pinpoint.io.plain import blame

__all__ = ["read_table", "write_table"]

_KEY = "df_with_missing"  # of the table in the file, as DeepLabCut has it
_NONE = np.bytes_(b"N.")  # None, pickled


def read_table(path: Path) -> Table:
    """Read the only table of a file.

    Raises:
        UnreadableError: The file is damaged, or holds no table of pandas'.
        ImportError: h5py is not installed.
    """
    h5py = _h5py()
    file_head(path)  # says what is wrong with a file that cannot be opened
    try:
        with h5py.File(path) as file, blame(path, "its table"):
            frames = [node for node in file.values() if "pandas_type" in node.attrs]
            if not frames:
                raise UnreadableError(path, f"is HDF5 without a table of DeepLabCut's, only {list(file)}")
            fixed = _word(frames[0].attrs["pandas_type"]) == "frame"
            return _fixed(frames[0]) if fixed else _appendable(frames[0])
    except (OSError, pickle.UnpicklingError) as error:
        raise UnreadableError(path, f"is damaged or no HDF5: {error}") from error


def write_table(path: Path, table: Table) -> None:
    """Write the layout `fixed`, which `pandas.read_hdf` reads.

    Raises:
        ImportError: h5py is not installed.
    """
    h5py = _h5py()
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        _describe(file, "GROUP", "1.0")
        _say(file, "PYTABLES_FORMAT_VERSION", "2.1")
        frame = file.create_group(_KEY)
        _describe(frame, "GROUP", "1.0")
        for key, word in {"encoding": "UTF-8", "errors": "strict", "pandas_type": "frame"}.items():
            _say(frame, key, word)
        frame.attrs.update({"ndim": 2, "nblocks": 1})
        _write_index(frame, "axis0", table.columns, table.levels)
        _write_index(frame, "block0_items", table.columns, table.levels)
        _write_rows(frame, table.rows)
        _write_array(frame, "block0_values", table.values)


def _h5py() -> ModuleType:
    try:
        import h5py  # pyright: ignore[reportMissingImports] an extra
    except ImportError as error:
        raise ImportError("HDF5 needs one more package: pip install h5py (or take the CSV)") from error
    return h5py


class _Unpickler(pickle.Unpickler):
    """Makes lists, tuples, dicts and text, and calls nothing."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a column's name is a {module}.{name}, expected text")


def _fixed(frame: Any) -> Table:
    levels, columns = _index(frame, "axis0")
    _, rows = _index(frame, "axis1")
    values = np.full((len(rows), len(columns)), np.nan)
    for block in range(int(frame.attrs["nblocks"])):
        _, items = _index(frame, f"block{block}_items")
        at = [columns.index(item) for item in items]
        values[:, at] = np.reshape(frame[f"block{block}_values"][()], (len(rows), len(items)))
    return Table(levels, columns, rows, values)


def _appendable(frame: Any) -> Table:
    """The layout `table`: columns of one type lie in one block, whose items an attribute names."""
    table = frame["table"]
    (_, columns), *_ = _unpickled(frame.attrs["non_index_axes"])
    columns = [tuple(map(str, column)) for column in columns]
    values = np.full((len(table), len(columns)), np.nan)
    for name in _unpickled(frame.attrs["values_cols"]):
        items = [tuple(map(str, item)) for item in _unpickled(table.attrs[f"{name}_kind"])]
        values[:, [columns.index(item) for item in items]] = table[name]
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    levels = levels if len(columns[0]) == 4 else [level for level in levels if level != "individuals"]
    return Table(levels, columns, [(_text(row),) for row in table["index"]], values)


def _unpickled(attribute: Any) -> Any:
    return _Unpickler(io.BytesIO(bytes(attribute))).load()


def _index(frame: Any, name: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names of the levels, and the words of each entry."""
    if _word(frame.attrs[f"{name}_variety"]) != "multi":
        return [""], [(_text(entry),) for entry in frame[name][()]]
    names: list[str] = []
    words: list[NDArray[Any]] = []
    for level in range(int(frame.attrs[f"{name}_nlevels"])):
        node = frame[f"{name}_level{level}"]
        names.append(_word(node.attrs["name"]))
        texts = np.array([_text(entry) for entry in node[()]], dtype=object)
        words.append(texts[frame[f"{name}_label{level}"][()]])
    return names, list(zip(*words, strict=True))


def _text(entry: Any) -> str:
    return entry.decode("utf-8") if isinstance(entry, bytes) else str(entry)


def _word(attribute: Any) -> str:
    return attribute.decode("utf-8") if isinstance(attribute, bytes) else str(attribute)


def _describe(node: Any, kind: str, version: str) -> None:
    """What PyTables asks of every node."""
    for key, word in {"CLASS": kind, "TITLE": "", "VERSION": version}.items():
        _say(node, key, word)


def _say(node: Any, key: str, text: str | None) -> None:
    """Write an attribute as PyTables does: text of its own length in UTF-8, and None as a pickle."""
    if text is None:
        node.attrs[key] = _NONE
        return
    data = text.encode()
    node.attrs.create(key, data or b"\0", dtype=_h5py().string_dtype("utf-8", max(len(data), 1)))


def _write_index(
    frame: Any, name: str, entries: Sequence[tuple[str, ...]], levels: Sequence[str | None]
) -> None:
    _say(frame, f"{name}_variety", "multi")
    frame.attrs[f"{name}_nlevels"] = len(levels)
    for level, said in enumerate(levels):
        words = [entry[level] for entry in entries]
        unique = list(dict.fromkeys(words))
        node = _write_words(frame, f"{name}_level{level}", unique, said)
        _say(node, f"{name}_name{said}", said)
        numbers = {word: number for number, word in enumerate(unique)}
        _write_array(frame, f"{name}_label{level}", np.array([numbers[word] for word in words], np.int32))


def _write_rows(frame: Any, rows: Sequence[tuple[str, ...]]) -> None:
    if rows and len(rows[0]) > 1:
        _write_index(frame, "axis1", rows, [None] * len(rows[0]))
        return
    _say(frame, "axis1_variety", "regular")
    words = [row[0] for row in rows]
    if all(word.isdecimal() for word in words):
        node = _write_array(frame, "axis1", np.array([int(word) for word in words], np.int64))
        _say(node, "kind", "integer")
        _say(node, "name", None)
    else:
        _write_words(frame, "axis1", words, None)


def _write_words(frame: Any, name: str, words: Sequence[str], said: str | None) -> Any:
    node = _write_array(frame, name, np.array([word.encode() for word in words] or [b""], dtype=np.bytes_))
    for key, word in {"kind": "string", "name": said, "nan_rep": "nan"}.items():
        _say(node, key, word)
    return node


def _write_array(frame: Any, name: str, array: NDArray[Any]) -> Any:
    node = frame.create_dataset(name, data=array)
    _describe(node, "ARRAY", "2.4")
    _say(node, "FLAVOR", "numpy")
    node.attrs["transposed"] = np.uint8(1)
    return node
