"""What a run leaves behind that is killed while it writes."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from pinpoint.io.csv_format import CsvWriter, read_csv
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import open_writer, read_records, write
from pinpoint.io.growing import load_json
from pinpoint.io.json_format import JsonWriter, read_json
from pinpoint.io.jsonl import JsonlWriter, read_jsonl
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

ENDLESS = """
import itertools, sys
import numpy as np
from pinpoint.io.formats import open_writer
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

with open_writer(sys.argv[1]) as writer:
    for i in itertools.count():
        kps = Keypoints(np.full((9, 478, 2), i), np.ones((9, 478)), skeleton("facemesh478"))
        writer.write(Record(kps, f"{i}.jpg", index=i))
"""


def record(index: int) -> Record:
    xy = np.full((1, 5, 2), 100.125 + index)
    return Record(Keypoints(xy, np.ones((1, 5)), skeleton("face5")), "a.mp4", index=index)


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_a_killed_run_leaves_every_whole_record(suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)]) as process:
        while not (path.exists() and path.stat().st_size > 600_000):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    records = read_records(path)
    assert len(records) > 2
    assert [r.index for r in records] == list(range(len(records)))
    assert all((r.keypoints.xy == r.index).all() for r in records)


def test_json_is_valid_after_every_record(tmp_path):
    with JsonWriter(tmp_path / "x.json") as writer:
        for count in range(1, 4):
            writer.write(record(count))
            assert len(json.loads((tmp_path / "x.json").read_text())["records"]) == count


@pytest.mark.parametrize("format", ["json", "coco"])
def test_a_list_torn_at_any_byte_of_a_write_keeps_what_was_whole(format, tmp_path):
    path = tmp_path / "x.json"
    with open_writer(path, format=format) as writer:
        writer.write(record(0))
        writer.write(record(1))
        before = path.read_bytes()
        writer.write(record(2))
    after = path.read_bytes()
    common = next(i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    for cut in range(common + 1, len(after)):
        path.write_bytes(after[:cut] + before[cut:])
        assert [r.keypoints.xy[0, 0, 0] for r in read_records(path)] in (
            [100.125, 101.125],
            [100.125, 101.125, 102.125],
        )


@pytest.mark.parametrize(
    ("writer", "read", "name"), [(JsonlWriter, read_jsonl, "x.jsonl"), (CsvWriter, read_csv, "x.csv")]
)
def test_lines_cut_at_any_byte_of_the_last_keep_the_others(writer, read, name, tmp_path):
    path = tmp_path / name
    with writer(path) as file:
        file.write(record(0))
        whole = path.stat().st_size
        file.write(record(1))
    data = path.read_bytes()
    for cut in range(whole, len(data) + 1):
        path.write_bytes(data[:cut])
        values = [r.keypoints.xy[0, 0, 0] for r in read(path)]
        assert values == [100.125] or (values == [100.125, 101.125] and cut >= len(data) - 2)


def test_a_torn_record_is_warned_of(tmp_path, caplog):
    write(tmp_path / "x.json", [record(0), record(1)])
    data = (tmp_path / "x.json").read_bytes()
    (tmp_path / "x.json").write_bytes(data[:-100])
    assert len(read_json(tmp_path / "x.json")) == 1
    assert "ends within a record; the 1 whole records before it are read" in caplog.text


def test_damage_before_the_tail_is_not_mended(tmp_path):
    write(tmp_path / "x.json", [record(i) for i in range(3)])
    data = (tmp_path / "x.json").read_bytes()
    (tmp_path / "x.json").write_bytes(data.replace(b'"index": 1', b'"index": '))
    with pytest.raises(UnreadableError, match="line 3 column"):
        read_json(tmp_path / "x.json")


def test_a_cut_list_of_another_program_is_not_mended(tmp_path):
    (tmp_path / "x.json").write_text('[{"image_id": 1}, {"image_id": 2}, {"ima')
    with pytest.raises(UnreadableError, match="is not JSON, or damaged"):
        load_json(tmp_path / "x.json")
