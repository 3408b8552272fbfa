"""Tables as DeepLabCut writes them: labels of one animal, predictions of several, in CSV and pandas' HDF5."""

import pickle
import sys

import numpy as np
import pytest

from pinpoint.io.deeplabcut import read_deeplabcut, write_deeplabcut
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records, write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

LABELS = """scorer,,,Alice,Alice,Alice,Alice
bodyparts,,,snout,snout,tail,tail
coords,,,x,y,x,y
labeled-data,vid1,img001.png,1.5,2,,
labeled-data,vid1,img002.png,3.0,4,5.25,6.0
labeled-data,vid2,img003.png,,,,
"""
OLD = """scorer,Alice,Alice,Alice,Alice
bodyparts,snout,snout,tail,tail
coords,x,y,x,y
labeled-data\\vid1\\img001.png,1.5,2.0,nan,nan
"""
FOUND = """scorer,DLC_resnet50,DLC_resnet50,DLC_resnet50,DLC_resnet50,DLC_resnet50,DLC_resnet50
individuals,mus1,mus1,mus1,mus2,mus2,mus2
bodyparts,snout,snout,snout,snout,snout,snout
coords,x,y,likelihood,x,y,likelihood
0,1.5,2.5,0.9,,,
1,3.5,4.5,0.8,5.5,6.5,0.25
"""


@pytest.fixture
def save(tmp_path):
    def saved(text, name="x.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return saved


def test_labels_of_one_animal(save):
    one, two, three = read_records(save(LABELS))
    assert [r.image for r in (one, three)] == ["labeled-data/vid1/img001.png", "labeled-data/vid2/img003.png"]
    assert [r.group for r in (one, two, three)] == ["vid1", "vid1", "vid2"]
    np.testing.assert_array_equal(one.keypoints.xy, [[[1.5, 2], [np.nan, np.nan]]])
    np.testing.assert_array_equal(two.keypoints.xy, [[[3, 4], [5.25, 6]]])
    assert one.keypoints.scores.tolist() == [[1, 0]] and len(three.keypoints) == 0
    assert one.keypoints.skeleton.keypoints == ("snout", "tail")


def test_rows_of_older_versions_are_paths_of_windows_too(save):
    (record,) = read_records(save(OLD))
    assert (record.image, record.group) == ("labeled-data/vid1/img001.png", "vid1")


def test_predictions_of_several_animals(save):
    records = read_records(save(FOUND, "clipDLC_resnet50_mouseSep1shuffle1_50000_el.csv"))
    assert [(r.image, r.index, r.instance_ids) for r in records] == [
        ("clip", 0, ("mus1",)),
        ("clip", 1, ("mus1", "mus2")),
    ]
    np.testing.assert_array_equal(records[1].keypoints.xy, [[[3.5, 4.5]], [[5.5, 6.5]]])
    assert records[1].keypoints.scores.tolist() == [[0.8], [0.25]]


@pytest.mark.parametrize("text", [LABELS, FOUND])
@pytest.mark.parametrize("name", ["y.csv", "y.h5"])
def test_what_is_read_is_written_again(text, name, save, tmp_path, caplog):
    before = read_records(save(text))
    write(tmp_path / name, before, format="deeplabcut")
    for one, other in zip(before, read_deeplabcut(tmp_path / name), strict=True):
        assert (one.index, one.instance_ids, one.group) == (other.index, other.instance_ids, other.group)
        np.testing.assert_array_equal(one.keypoints.xy, other.keypoints.xy)
        np.testing.assert_array_equal(one.keypoints.scores, other.keypoints.scores)
    assert not caplog.records


def test_the_csv_written_is_deeplabcuts_own(save, tmp_path):
    write_deeplabcut(tmp_path / "y.csv", read_records(save(LABELS)))
    assert (tmp_path / "y.csv").read_text() == LABELS.replace("Alice", "pinpoint").replace(
        "2,,", "2.0,,"
    ).replace("3.0,4,", "3.0,4.0,")


def test_hdf5_is_exact(tmp_path, rng):
    kps = Keypoints(rng.normal(size=(2, 1, 2)) * 1e3, rng.uniform(size=(2, 1)), Skeleton("dot", ("dot",)))
    write_deeplabcut(tmp_path / "x.h5", [Record(kps, "labeled-data/v/a.png")])
    (record,) = read_deeplabcut(tmp_path / "x.h5")
    np.testing.assert_array_equal(record.keypoints.xy, kps.xy)
    assert record.instance_ids == ("individual1", "individual2")


@pytest.mark.parametrize("text", [LABELS, FOUND])
def test_pandas_reads_what_is_written_as_from_csv(text, save, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    write_deeplabcut(tmp_path / "y.h5", read_records(save(text)))
    levels = list(range(text[: text.index("coords")].count("\n") + 1))
    csv = pandas.read_csv(save(text), header=levels, index_col=[0, 1, 2] if text is LABELS else 0)
    table = pandas.read_hdf(tmp_path / "y.h5")
    assert table.index.equals(csv.index) and table.columns.names == csv.columns.names
    np.testing.assert_array_equal(table.to_numpy(), csv.to_numpy())


def appendable(path, entry):
    """Lay predictions out as `DataFrame.to_hdf(format="table")` does."""
    h5py = pytest.importorskip("h5py")
    columns = [("DLC", "snout", "x"), ("DLC", "snout", "y"), ("DLC", "snout", "likelihood")]
    rows = np.zeros(2, dtype=[("index", "<i8"), ("values_block_0", "<f8", (3,))])
    rows["index"], rows["values_block_0"] = [0, 1], [[1.5, 2.5, 0.5], [3.5, 4.5, 0.75]]
    with h5py.File(path, "w") as file:
        frame = file.create_group("df_with_missing")
        frame.attrs["pandas_type"] = np.bytes_(b"frame_table")
        frame.attrs["non_index_axes"] = np.bytes_(pickle.dumps([(1, columns)], 0))
        frame.attrs["values_cols"] = np.bytes_(pickle.dumps(["values_block_0"], 0))
        table = frame.create_dataset("table", data=rows)
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(entry or columns, 0))
    return path


def test_predictions_in_pandas_other_layout_are_read(tmp_path):
    records = read_records(appendable(tmp_path / "clipDLC_a.h5", None))
    assert [(r.image, r.index) for r in records] == [("clip", 0), ("clip", 1)]
    np.testing.assert_array_equal(records[1].keypoints.xy, [[[3.5, 4.5]]])
    assert records[1].keypoints.scores.tolist() == [[0.75]]


def test_a_pickle_that_would_call_something_is_refused(tmp_path):
    with pytest.raises(UnreadableError, match=r"a column's name is a builtins.print|__builtin__.print"):
        read_records(appendable(tmp_path / "x.h5", print))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LABELS.replace("3.0,4,5.25,6.0", "3.0,4"), "line 5: it has 5 cells, the header 7"),
        (LABELS.replace("5.25", "far"), "line 5: could not convert string to float: 'far'"),
        (LABELS.replace("coords", "coord"), r"its first lines begin with \['scorer', 'bodyparts'\]"),
        (LABELS.replace("x,y,x,y", "x,y,x,z"), "coords are z, expected x, y and likelihood"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(text, reason, save):
    with pytest.raises(UnreadableError, match=reason):
        read_records(save(text))


def test_hdf5_of_something_else_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["numbers"] = [1, 2]
    with pytest.raises(UnreadableError, match=r"is HDF5 without a table of DeepLabCut's, only \['numbers'\]"):
        read_records(tmp_path / "x.h5")


def test_a_cut_hdf5_is_unreadable(save, tmp_path):
    write_deeplabcut(tmp_path / "y.h5", read_records(save(LABELS)))
    (tmp_path / "y.h5").write_bytes((tmp_path / "y.h5").read_bytes()[:3000])
    with pytest.raises(UnreadableError, match="is damaged or no HDF5"):
        read_records(tmp_path / "y.h5")


def test_without_h5py_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ImportError, match="pip install h5py"):
        read_records(tmp_path / "x.h5")


def test_two_instances_of_one_name_are_refused(tmp_path):
    kps = Keypoints(np.ones((2, 1, 2)), np.ones((2, 1)), Skeleton("dot", ("dot",)))
    with pytest.raises(ValueError, match=r"instances of image 'a.png' have the same name"):
        write_deeplabcut(tmp_path / "x.csv", [Record(kps, "a.png", instance_ids=("m", "m"))])


@pytest.fixture
def rng():
    return np.random.default_rng(7)
