import json
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


def test_ids_splits_groups_and_crowds_come_back(tmp_path):
    kps = Keypoints(np.zeros((2, 17, 2)), np.ones((2, 17)), skeleton("coco17"))
    crowds = np.array([[1, 2, 3, 4.5], [5, 6, 7, 8]])
    full = Record(kps, "a.jpg", id="7", instance_ids=(7, "b"), crowds=crowds, split="val", group="subject 1")
    write(tmp_path / "x.parquet", [full, record(2)])
    again, plain = read_records(tmp_path / "x.parquet")
    assert (again.id, again.instance_ids, again.split, again.group) == ("7", (7, "b"), "val", "subject 1")
    np.testing.assert_array_equal(again.crowds, crowds)
    assert (plain.id, plain.instance_ids, plain.split, plain.group, len(plain.crowds)) == (
        None,
        (),
        "",
        "",
        0,
    )


def with_schema(path, columns, schema):
    """Write the file anew as another version would have."""
    table = pyarrow.parquet.read_table(path)
    said = json.loads(table.schema.metadata[b"pinpoint-keypoints"])
    said = {key: value for key, value in said.items() if key != "schema"} | (
        {"schema": schema} if schema else {}
    )
    table = table.drop_columns(columns).replace_schema_metadata({"pinpoint-keypoints": json.dumps(said)})
    pyarrow.parquet.write_table(table, path)


def test_a_file_of_the_first_version_is_read(tmp_path):
    write(tmp_path / "x.parquet", [record(3, n=2)])
    with_schema(tmp_path / "x.parquet", ["id", "split", "group", "crowds", "instance_id"], None)
    (again,) = read_records(tmp_path / "x.parquet")
    np.testing.assert_array_equal(again.keypoints.xy, 3)
    assert (again.id, again.instance_ids, again.split) == (None, (), "")


def test_a_file_of_a_newer_version_is_refused_with_what_to_do(tmp_path):
    write(tmp_path / "x.parquet", [record(1)])
    with_schema(tmp_path / "x.parquet", [], 3)
    with pytest.raises(
        UnreadableError, match="its columns are of version 3, and this pinpoint reads up to 2: update"
    ):
        read(tmp_path / "x.parquet")
