import csv
import io

import numpy as np
import pytest

from pinpoint.io.csv_format import CsvWriter, read_csv
from pinpoint.io.formats import write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

PAIR = Skeleton("pair", ("a", "b"))


def kps(**more) -> Keypoints:
    return Keypoints([[[1.5, 2], [np.nan, np.nan]]], [[0.25, 0]], PAIR, **more)


def test_a_row_is_an_instance_and_an_empty_cell_is_missing(tmp_path):
    write(tmp_path / "x.csv", [Record(kps(boxes=[[0, 1, 2, 3]]), "p.jpg", (640, 480), 7, 0.5)])
    assert (tmp_path / "x.csv").read_text().splitlines() == [
        "image,width,height,index,seconds,instance,label,track_id,box_x1,box_y1,box_x2,box_y2,score,area,"
        "a_x,a_y,a_score,b_x,b_y,b_score,skeleton",
        "p.jpg,640,480,7,0.5,0,,,0.0,1.0,2.0,3.0,,,1.5,2.0,0.25,,,0.0,pair",
    ]


def test_columns_are_added_when_a_later_record_needs_them(tmp_path):
    with CsvWriter(tmp_path / "x.csv") as writer:
        writer.write(Record(kps()))
        writer.write(Record(kps(visible=[[True, False]]), index=1))
        writer.write(Record(kps(xyz=[[[1, 2, 3], [4, 5, 6]]]), index=2))
    first, second, third = (record.keypoints for record in read_csv(tmp_path / "x.csv"))
    assert (first.visible, first.xyz, second.xyz, third.visible) == (None, None, None, None)
    assert second.visible.tolist() == [[True, False]]
    assert third.xyz.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]


def test_columns_may_be_reordered_and_joined_by_others(tmp_path):
    write(tmp_path / "x.csv", kps(track_ids=[5]))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    with (tmp_path / "y.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["mood", *sorted(rows[0])])
        writer.writeheader()
        writer.writerows(row | {"mood": "good"} for row in rows)
    again = read_csv(tmp_path / "y.csv")[0].keypoints
    np.testing.assert_array_equal(again.xy, kps().xy)
    assert again.track_ids.tolist() == [5]


def test_what_pandas_makes_of_whole_numbers_is_read(tmp_path):
    """A column with an empty cell becomes one of floats there."""
    header = "image,width,height,index,seconds,instance,track_id,a_x,a_y,a_score,a_visible"
    rows = [
        "p.jpg,640.0,480.0,3.0,,0.0,4.0,1,2,1,0.0",
        "p.jpg,640.0,480.0,3.0,,1.0,,1,2,1,1.0",
        "q.jpg,,,4.0,,,,,,,",
    ]
    (tmp_path / "x.csv").write_text("\n".join([header, *rows]))
    first, second = read_csv(tmp_path / "x.csv")
    assert (first.size, first.index, len(second.keypoints)) == ((640, 480), 3, 0)
    assert first.keypoints.track_ids.tolist() == [4, -1]
    assert first.keypoints.visible.tolist() == [[False], [True]]


def test_without_the_column_of_its_name_a_skeleton_is_known_by_its_keypoints(tmp_path):
    names = skeleton("coco17").keypoints
    columns = [f"{name}_{part}" for name in names for part in ("x", "y", "score")]
    (tmp_path / "x.csv").write_text(
        ",".join(["image,width,height,index,seconds,instance", *columns])
        + "\n"
        + ",".join(["a,,,0,,0", *["1"] * len(columns)])
    )
    assert read_csv(tmp_path / "x.csv")[0].keypoints.skeleton == skeleton("coco17")


def test_a_skeleton_of_ones_own_comes_back_with_its_edges_if_it_is_passed(tmp_path, caplog):
    own = Skeleton("pair", ("a", "b"), (("a", "b"),))
    write(tmp_path / "x.csv", Keypoints(np.zeros((1, 2, 2)), np.zeros((1, 2)), own))
    assert "CSV cannot hold the edges" in caplog.text
    assert read_csv(tmp_path / "x.csv")[0].keypoints.skeleton == PAIR
    assert read_csv(tmp_path / "x.csv", own)[0].keypoints.skeleton == own


def test_a_skeleton_that_does_not_fit_the_columns_is_refused(tmp_path):
    write(tmp_path / "x.csv", kps())
    with pytest.raises(ValueError, match=r"\['a', 'b'\], which are not those of Skeleton\('coco17'"):
        read_csv(tmp_path / "x.csv", skeleton("coco17"))


def test_a_byte_order_mark_is_passed_over(tmp_path):
    write(tmp_path / "x.csv", kps())
    data = (tmp_path / "x.csv").read_bytes()
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbf" + data)
    assert len(read_csv(tmp_path / "x.csv")) == 1
