"""Several cameras on one command line are followed at the same time."""

import re
import signal
import time
from collections import Counter
from contextlib import ExitStack

import av
import pytest

from cli.fake_model import find_one
from live_video import Sender, endless, flat, mjpeg
from odd_inputs import make_video
from pinpoint.cli import estimators, moving
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import FORMATS, read_records
from pinpoint.io.sources import name_of
from pinpoint.io.video import Frame
from pinpoint.stream.sources import IterableSource

NAMING = ("json", "jsonl", "csv", "parquet")  # formats that hold the names of what was looked at


@pytest.fixture
def cameras(monkeypatch):
    """Cameras 0 to 8 play for ever, camera 9 is not there."""

    def opened(source):
        frames = dead() if source.path == "9" else playing()
        return IterableSource(frames, name_of(source), live=True)

    def dead():
        raise UnreadableError("camera 9", "it does not exist")
        yield

    monkeypatch.setattr(moving, "open_source", opened)


def playing():
    """For ever, at times so near each other that nobody is forgotten, however much is dropped."""
    for frame in endless():
        time.sleep(0.02)
        yield Frame(frame.image, frame.index, frame.index / 1000)


def frames_of(folder, suffix=".json"):
    return Counter(record.image for record in read_records(folder / f"pinpoint-output/keypoints{suffix}"))


def drawn_frames(path):
    with av.open(str(path)) as video:
        return sum(1 for _ in video.decode(video=0))


@pytest.mark.parametrize("name", NAMING)
def test_cameras_that_never_end_are_all_seen(name, cameras, detect, folder):
    assert detect("0", "3", "7", "--frames", 6, "--format", name).status == 0
    assert frames_of(folder, FORMATS[name].suffixes[0]) == {"camera 0": 6, "camera 3": 6, "camera 7": 6}
    drawings = [folder / f"pinpoint-output/camera-{number}.mp4" for number in (0, 3, 7)]
    assert list(map(drawn_frames, drawings)) == [6, 6, 6]


def test_cameras_share_one_engine(cameras, detect, monkeypatch):
    made, make = [], moving.Engine
    monkeypatch.setattr(moving, "Engine", lambda *given: made.append(make(*given)) or made[-1])
    detect("0", "1", "2", "--frames", 2, "--no-draw")
    assert len(made) == 1


def test_each_camera_has_a_line_in_the_summary(cameras, detect):
    lines = detect("0", "1", "--frames", 4, "--no-draw").err.splitlines()
    assert lines[0].startswith("8 frames, 8 people in all frames, 2 told apart")
    told = [line.partition(" told apart")[0] for line in lines[1:3]]
    assert told == ["  camera 0: 4 frames, 1 person", "  camera 1: 4 frames, 1 person"]


def test_frames_that_nobody_had_time_for_are_in_the_summary(cameras, detect, monkeypatch):
    """A frame every .02 s, and .3 s for a look."""

    def slow(image, boxes=None):
        time.sleep(0.3)
        return find_one(image, boxes)

    monkeypatch.setattr(estimators, "load_estimator", lambda choice: slow)
    lines = detect("0", "1", "--frames", 3, "--no-draw").err.splitlines()
    dropped = [int(re.search(r", (\d+) frames? dropped", line)[1]) for line in lines[:3]]
    assert dropped[0] == dropped[1] + dropped[2] and min(dropped) > 0


def test_a_camera_that_is_not_there_takes_no_other_with_it(cameras, detect, folder):
    outcome = detect("9", "1", "--frames", 3)
    assert outcome.status == 1
    assert "failed: camera 9: it does not exist" in outcome.err
    assert frames_of(folder) == {"camera 1": 3}


def test_files_are_done_before_cameras_which_do_not_end(detect, folder, monkeypatch):
    make_video(folder / "clip.mp4")
    usual = moving.open_source
    fake = IterableSource(endless(), "camera 0", live=True)
    monkeypatch.setattr(moving, "open_source", lambda given: fake if given.path == "0" else usual(given))
    assert detect("0", "clip.mp4", "--frames", 3, "--json-lines", "k.jsonl").status == 0
    assert [record.image for record in read_records(folder / "k.jsonl")] == ["clip.mp4"] * 3 + [
        "camera 0"
    ] * 3


def test_a_bug_in_one_camera_ends_all_of_them(cameras, detect, monkeypatch):
    """Nobody presses Ctrl-C here: the run has to end by itself."""

    def broken(self, record):
        if record.image == "camera 1":
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr("pinpoint.cli.outputs.Outputs.write", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        detect("0", "1", "--no-draw")
    assert caught.value.__notes__ == ["while looking at 'camera 1'"]


def seen_of(path, name):
    lines = path.read_bytes().split(b"\n")[1:] if path.exists() else []
    return sum(name.encode() in line for line in lines)


def wait_until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.02)


def test_ctrl_c_ends_all_streams_with_everything_written(start, folder):
    """Status 0: that is how cameras are ended."""
    pictures = mjpeg([flat(5 * number) for number in range(40)]) * 500
    with ExitStack() as stack:
        senders = [stack.enter_context(Sender(pictures, pause=0.02)) for _ in range(2)]
        names = [f"http://127.0.0.1:{sender.port}/door.mjpg" for sender in senders]
        process = start(["detect", *names, "--out", "out", "--json-lines", "k.jsonl"])
        wait_until(lambda: min(seen_of(folder / "k.jsonl", name) for name in names) >= 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    counts = Counter(record.image for record in read_records(folder / "k.jsonl"))
    assert process.returncode == 0 and b"Traceback" not in err
    assert sorted(drawn_frames(path) for path in (folder / "out").glob("*.mp4")) == sorted(counts.values())
    for name in names:
        assert f"  {name}: {counts[name]} frames, ".encode() in err
