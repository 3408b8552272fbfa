import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from live_video import look
from pinpoint.io.jsonl import read_jsonl
from pinpoint.io.parquet import ParquetWriter, read_parquet
from pinpoint.io.video import read_video
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks import JsonlSink, ParquetSink, VideoSink

ENDLESS = """
import itertools, sys
import numpy as np
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.stream.seen import Seen
from pinpoint.stream.sinks import ParquetSink

sink = ParquetSink(sys.argv[1], rows=50)
image = np.zeros((8, 8, 3), np.uint8)
for index in itertools.count():
    kps = Keypoints(np.full((2, 17, 2), index), np.ones((2, 17)), skeleton("coco17"))
    sink.write(Seen("door", image, index, index / 25, kps, 0.0))
"""


def parts(folder):
    return sorted(folder.glob("*.parquet"))


def indices(folder):
    return [record.index for part in parts(folder) for record in read_parquet(part)]


def eventually(truth):
    end = time.monotonic() + 20
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_lines_hold_what_was_seen(tmp_path):
    sink = JsonlSink(tmp_path / "seen.jsonl")
    sink.write(look(3))
    (record,) = read_jsonl(tmp_path / "seen.jsonl")
    sink.close()
    assert (record.image, record.size, record.index, record.seconds) == ("door", (64, 48), 3, 0.12)
    np.testing.assert_array_equal(record.keypoints.xy, look(3).keypoints.xy)
    assert record.keypoints.track_ids.tolist() == [7]


def test_lines_go_on_after_a_kill(tmp_path):
    """The last line was torn; numbers begin anew."""
    path = tmp_path / "seen.jsonl"
    for run in range(2):
        sink = JsonlSink(path)
        for index in range(3):
            sink.write(look(index))
        if run == 0:
            path.write_bytes(path.read_bytes()[:-10])
        sink.close()
    assert [record.index for record in read_jsonl(path)] == [0, 1, 0, 1, 2]


def test_lines_can_begin_anew(tmp_path):
    path = tmp_path / "seen.jsonl"
    path.write_text("not ours")
    JsonlSink(path, append=False).close()
    assert read_jsonl(path) == []


def test_another_skeleton_is_refused_and_the_file_stays_whole(tmp_path):
    sink = JsonlSink(tmp_path / "seen.jsonl")
    sink.write(look(0))
    body = Seen("door", look(0).image, 1, 0.04, Keypoints.empty(skeleton("coco17")))
    with pytest.raises(ValueError, match="coco17"):
        sink.write(body)
    sink.close()
    assert len(read_jsonl(tmp_path / "seen.jsonl")) == 1


def test_a_part_is_as_long_as_its_rows(tmp_path):
    sink = ParquetSink(tmp_path / "seen", rows=4)
    for index in range(10):
        sink.write(look(index))
    before = [len(read_parquet(part)) for part in parts(tmp_path / "seen")]
    sink.close()
    assert before == [4, 4] and [len(read_parquet(part)) for part in parts(tmp_path / "seen")] == [4, 4, 2]
    assert indices(tmp_path / "seen") == list(range(10))


def test_frames_of_nobody_fill_a_part_too(tmp_path):
    sink = ParquetSink(tmp_path, rows=3)
    for index in range(7):
        sink.write(Seen("door", look(0).image, index, index / 25, Keypoints.empty(skeleton("face5"))))
    assert indices(tmp_path) == list(range(6))
    sink.close()


def test_finished_parts_leave_no_thread_behind(tmp_path):
    before = set(threading.enumerate())
    sink = ParquetSink(tmp_path, rows=1)
    for index in range(3):
        sink.write(look(index))
    sink.close()
    eventually(lambda: set(threading.enumerate()) <= before)


def test_a_part_is_finished_when_its_time_is_up_though_nothing_more_comes(tmp_path):
    sink = ParquetSink(tmp_path, seconds=1.0)
    sink.write(look(0))
    assert parts(tmp_path) == []
    eventually(lambda: parts(tmp_path))
    assert indices(tmp_path) == [0]
    sink.write(look(1))
    sink.close()
    assert indices(tmp_path) == [0, 1] and len(parts(tmp_path)) == 2


def test_what_goes_wrong_as_the_time_is_up_is_told_with_the_next_frame(tmp_path, monkeypatch):
    close = ParquetWriter.close

    def full(writer):
        close(writer)
        raise OSError(28, "No space left on device")

    sink = ParquetSink(tmp_path, seconds=0.1)
    with monkeypatch.context() as patched:
        patched.setattr(ParquetWriter, "close", full)
        sink.write(look(0))
        eventually(lambda: sink._late)
    with pytest.raises(OSError, match="No space left"):
        sink.write(look(1))


def test_a_sink_without_frames_leaves_nothing(tmp_path):
    ParquetSink(tmp_path / "seen").close()
    VideoSink(tmp_path / "seen.mp4").close()
    assert list(tmp_path.rglob("*")) == [tmp_path / "seen"]


@pytest.mark.parametrize("limits", [{"rows": 0}, {"seconds": 0}, {"seconds": float("nan")}])
def test_limits_are_positive(limits, tmp_path):
    with pytest.raises(ValueError, match="a part is limited to"):
        ParquetSink(tmp_path, **limits)


def test_without_its_extra_it_is_refused_before_the_first_frame(tmp_path, monkeypatch):
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pinpoint-keypoints\[data\]'"):
        ParquetSink(tmp_path / "seen")
    assert not (tmp_path / "seen").exists()


def test_a_killed_process_leaves_every_finished_part(tmp_path):
    """SIGKILL in the midst of writing, twice into the same folder."""
    folder = tmp_path / "seen"
    for _ in range(2):
        before = set(parts(folder))  # the first run may have written more than was waited for
        with subprocess.Popen([sys.executable, "-c", ENDLESS, str(folder)]) as process:
            while len(set(parts(folder)) - before) < 5:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    found = [[record.index for record in read_parquet(part)] for part in parts(folder)]
    assert all(len(part) == 25 for part in found)
    runs = {part.name.split("-")[2] for part in parts(folder)}
    assert len(runs) == 2
    for run in runs:
        mine = [part for part in parts(folder) if part.name.split("-")[2] == run]
        together = [record.index for part in mine for record in read_parquet(part)]
        assert together == list(range(len(together))) and len(together) >= 100


def test_the_folder_reads_as_one_table(tmp_path):
    import pyarrow.dataset

    sink = ParquetSink(tmp_path, rows=3)
    for index in range(8):
        sink.write(look(index, f"door {index % 2}"))
    table = pyarrow.dataset.dataset(tmp_path).to_table()  # the third part is hidden as yet
    sink.close()
    assert sorted(table["index"].to_pylist()) == list(range(6))
    assert set(table["image"].to_pylist()) == {"door 0", "door 1"}


def test_a_video_is_drawn_at_the_times_of_its_frames(tmp_path):
    sink = VideoSink(tmp_path / "seen.mp4")
    times = [0.0, 0.04, 0.5, 2.0]
    plain = look(0, size=(320, 240))
    for index, seconds in enumerate(times):
        sink.write(Seen("door", plain.image, index, seconds, plain.keypoints))
    sink.close()
    with read_video(tmp_path / "seen.mp4") as video:
        frames = list(video)
    np.testing.assert_allclose([frame.seconds for frame in frames], times, atol=1e-3)
    assert frames[0].image[5:16, 5:16].max() > 100 > plain.image.max() + 50  # the person is drawn there


def test_a_stream_that_changes_its_size_is_scaled(tmp_path):
    sink = VideoSink(tmp_path / "seen.mp4", artist=lambda seen: seen.image)
    sink.write(look(0, size=(64, 48)))
    sink.write(look(20, size=(96, 64)))
    sink.close()
    with read_video(tmp_path / "seen.mp4") as video:
        first, second = list(video)
    assert first.image.shape == second.image.shape == (48, 64, 3)
    assert abs(int(second.image.mean()) - 100) < 5


def test_a_video_holds_one_stream(tmp_path):
    sink = VideoSink(tmp_path / "seen.mp4")
    sink.write(look(0, "door"))
    with pytest.raises(ValueError, match="holds stream 'door' and cannot take 'yard'"):
        sink.write(look(1, "yard"))
    sink.close()


@pytest.mark.parametrize(("name", "told"), [("a.gif", "suffix"), ("b/a.mp4", "folder")])
def test_a_video_that_cannot_be_written_is_told_at_once(name, told, tmp_path):
    with pytest.raises((ValueError, OSError), match=told):
        VideoSink(tmp_path / name)


def test_every_line_is_json_of_its_own(tmp_path):
    sink = JsonlSink(tmp_path / "seen.jsonl")
    sink.write(look(0))
    lines = (tmp_path / "seen.jsonl").read_text().splitlines()
    sink.close()
    assert [sorted(json.loads(line))[:2] for line in lines] == [["format", "pinpoint"], ["image", "index"]]
