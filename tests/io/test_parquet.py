import sys

import numpy as np
import pyarrow.parquet
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records, write
from pinpoint.io.parquet import ParquetWriter, read_parquet
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton


def record(index: int, n: int = 1) -> Record:
    return Record(
        Keypoints(np.full((n, 17, 2), index), np.ones((n, 17)), skeleton("coco17")), "a.mp4", index=index
    )


def test_columns_are_lists_of_fixed_length(tmp_path):
    write(tmp_path / "x.parquet", [record(3, n=2)])
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert str(table.schema.field("xy").type) == "fixed_size_list<element: double>[34]"
    assert table["instance"].to_pylist() == [0, 1]
    assert table["boxes"].to_pylist() == [None, None]
    np.testing.assert_array_equal(np.stack(table["xy"].to_numpy()).reshape(-1, 17, 2), 3)


def test_records_come_back_across_row_groups(tmp_path):
    write(tmp_path / "x.parquet", (record(i, n=20) for i in range(500)))
    assert pyarrow.parquet.ParquetFile(tmp_path / "x.parquet").num_row_groups == 3
    assert [(r.index, len(r.keypoints)) for r in read_records(tmp_path / "x.parquet")] == [
        (i, 20) for i in range(500)
    ]


def test_the_name_holds_only_a_finished_file(tmp_path):
    path = tmp_path / "x.parquet"
    write(path, [record(1)])
    with ParquetWriter(path) as writer:
        writer.write(record(2))
        assert [r.index for r in read_parquet(path)] == [1]
    assert [r.index for r in read_parquet(path)] == [2]
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_of_another_program_is_refused(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UnreadableError, match="was not written by pinpoint"):
        read(tmp_path / "x.parquet")


def test_a_cut_file_is_unreadable(tmp_path):
    write(tmp_path / "x.parquet", [record(1)])
    (tmp_path / "x.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:-30])
    with pytest.raises(UnreadableError, match="not a whole Parquet file"):
        read(tmp_path / "x.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        ParquetWriter(tmp_path / "x.parquet")
