import io
import json
import logging

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.jsonl import JsonlWriter, read_jsonl
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton


def record(index: int, kind: str = "coco17") -> Record:
    k = len(skeleton(kind))
    return Record(Keypoints(np.full((1, k, 2), index), np.ones((1, k)), skeleton(kind)), "a.jpg", index=index)


def write(path, *indices, append=False):
    with JsonlWriter(path, append=append) as writer:
        for index in indices:
            writer.write(record(index))


def test_a_file_is_replaced_unless_it_is_to_be_continued(tmp_path):
    write(tmp_path / "x.jsonl", 1, 2)
    write(tmp_path / "x.jsonl", 3)
    write(tmp_path / "x.jsonl", 4, 5, append=True)
    assert [r.index for r in read_jsonl(tmp_path / "x.jsonl")] == [3, 4, 5]


def test_a_file_that_is_not_there_is_begun(tmp_path):
    write(tmp_path / "x.jsonl", 1, append=True)
    assert [r.index for r in read_jsonl(tmp_path / "x.jsonl")] == [1]


def test_a_file_without_records_can_be_continued(tmp_path):
    write(tmp_path / "x.jsonl")
    write(tmp_path / "x.jsonl", 1, append=True)
    assert [r.index for r in read_jsonl(tmp_path / "x.jsonl")] == [1]


def test_a_torn_line_is_cut_off_before_the_file_is_continued(tmp_path, caplog):
    write(tmp_path / "x.jsonl", 1, 2)
    data = (tmp_path / "x.jsonl").read_bytes()
    (tmp_path / "x.jsonl").write_bytes(data[:-20])
    write(tmp_path / "x.jsonl", 3, append=True)
    assert [r.index for r in read_jsonl(tmp_path / "x.jsonl")] == [1, 3]
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_a_whole_last_line_without_its_end_is_kept_when_the_file_is_continued(tmp_path):
    write(tmp_path / "x.jsonl", 1, 2)
    (tmp_path / "x.jsonl").write_bytes((tmp_path / "x.jsonl").read_bytes()[:-1])
    write(tmp_path / "x.jsonl", 3, append=True)
    assert [r.index for r in read_jsonl(tmp_path / "x.jsonl")] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["body25", "box"])
def test_a_file_of_another_skeleton_cannot_be_continued(kind, tmp_path):
    write(tmp_path / "x.jsonl", 1)
    with pytest.raises(ValueError, match=r"holds Skeleton\('coco17'.*cannot be continued"):
        JsonlWriter(tmp_path / "x.jsonl", skeleton(kind), append=True)
    with (
        JsonlWriter(tmp_path / "x.jsonl", append=True) as writer,
        pytest.raises(ValueError, match=r"file holds Skeleton\('coco17'"),
    ):
        writer.write(record(2, kind))


def test_a_file_of_another_form_cannot_be_continued(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UnreadableError, match="line 1: format is None"):
        JsonlWriter(tmp_path / "x.jsonl", append=True)
    assert (tmp_path / "x.jsonl").read_text() == '{"a": 1}\n'


def test_a_stream_is_flushed_and_left_open():
    stream = io.BytesIO()
    with JsonlWriter(stream) as writer:
        writer.write(record(1))
    header, line = map(json.loads, stream.getvalue().decode("ascii").splitlines())
    assert header["skeleton"]["name"] == "coco17"
    assert line["xy"][0][0] == [1, 1]


def test_files_put_after_one_another_read_as_one(tmp_path):
    for kind in ("coco17", "body25"):
        with JsonlWriter(tmp_path / kind) as writer:
            writer.write(record(1, kind))
    (tmp_path / "both.jsonl").write_bytes(
        (tmp_path / "coco17").read_bytes() + (tmp_path / "body25").read_bytes()
    )
    assert [r.keypoints.skeleton.name for r in read_jsonl(tmp_path / "both.jsonl")] == ["coco17", "body25"]
