import logging
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from live_video import FakeVideo, Queue, RtspCamera, Scatter, Sender, endless, flat, mjpeg, paced
from odd_inputs import make_video, picture
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import write_image
from pinpoint.io.sources import Source
from pinpoint.io.video import Frame
from pinpoint.stream.feed import Feed
from pinpoint.stream.reconnect import Backoff
from pinpoint.stream.sources import FileSource, IterableSource, LiveSource, open_source

QUICK = Backoff(first=0.05, longest=0.2)
SOON = 20.0  # seconds; for what takes milliseconds on an idle machine


class Opener:
    """Opens what it is given, one after the other; the last one again and again."""

    def __init__(self, *videos):
        self.videos, self.opened = videos, []

    def __call__(self, source, /, *, timeout):
        video = self.videos[min(len(self.opened), len(self.videos) - 1)]
        self.opened.append(source)
        if isinstance(video, Exception):
            raise video
        return video


def frames(count):
    return [Frame(flat(index), index, index / 25) for index in range(count)]


def read(source):
    """Everything, in this thread."""
    return list(source.read(threading.Event()))


def _address(camera):
    return open_source(f"http://127.0.0.1:{camera.port}/", backoff=QUICK, timeout=5)


@pytest.fixture
def patient(monkeypatch):
    """Whatever does not end by itself is noticed, however busy the machine is."""
    monkeypatch.setattr("pinpoint.stream.feed._GRACE", SOON)


def gone(reason="it does not answer"):
    return UnreadableError("camera 3", reason)


@pytest.mark.parametrize(
    ("given", "kind", "name", "live"),
    [
        (0, LiveSource, "camera 0", True),
        ("2", LiveSource, "camera 2", True),
        ("rtsp://me:secret@door/live", LiveSource, "rtsp://door/live", True),
        ("http://door/video.mjpg", LiveSource, "http://door/video.mjpg", True),
        ("https://host/a/people.MP4?key=1", FileSource, "https://host/a/people.MP4?key=1", False),
        ("rtsp://door/people.mp4", LiveSource, "rtsp://door/people.mp4", True),
        (Source("camera", "1"), LiveSource, "camera 1", True),
        (iter(()), IterableSource, "frames", False),
    ],
)
def test_what_is_given_says_what_it_is(given, kind, name, live):
    source = open_source(given)
    assert (type(source), source.name, source.live) == (kind, name, live)


@pytest.mark.parametrize("given", ["rtsp://door/live", "people.mp4", (), 0])
@pytest.mark.parametrize("live", [False, True])
def test_name_and_liveliness_can_be_chosen(given, live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "people.mp4", [picture()] * 2)
    source = open_source(given, name="door", live=live)
    assert (source.name, source.live) == ("door", live)


def test_a_file_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        open_source(tmp_path / "people.mp4")


def test_a_source_of_pictures_is_refused():
    with pytest.raises(ValueError, match=r"'a\.jpg' is a picture"):
        open_source(Source("image", "a.jpg"))


def test_a_file_gives_every_frame_and_says_how_many(tmp_path):
    make_video(tmp_path / "people.mp4", [flat(10 * index) for index in range(12)])
    source, channel = open_source(tmp_path / "people.mp4"), Queue(room=2)
    with Feed(source, channel):
        seen = list(channel)
    assert [frame.index for frame in seen] == list(range(12)) and channel.dropped == 0
    assert (source.frame_count, source.fps) == (12, 25.0)


def test_a_file_cut_in_half_gives_what_is_there_and_then_says_so(tmp_path):
    make_video(tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    seen, channel = [], Queue()
    with Feed(open_source(tmp_path / "a.mp4"), channel), pytest.raises(UnreadableError, match="is cut off"):
        for frame in channel:
            seen.append(frame.index)
    assert seen == list(range(len(seen))) and 5 < len(seen) < 50


def test_a_picture_named_as_a_video_is_told_through_the_channel(tmp_path):
    write_image(tmp_path / "a.png", picture())
    channel = Queue()
    with Feed(open_source(tmp_path / "a.png"), channel), pytest.raises(UnreadableError, match="a picture"):
        list(channel)


def test_a_live_source_drops_what_nobody_has_time_for():
    channel = Queue(room=1, live=True)
    with Feed(open_source(endless(range(50)), live=True), channel) as feed:
        while channel.dropped < 49:
            time.sleep(0.001)
        assert [frame.index for frame in channel] == [49]
    assert feed.frames == 50


def test_what_a_users_own_frames_raise_is_told_through_the_channel():
    def own():
        yield from frames(2)
        raise ZeroDivisionError("in the user's code")

    seen, channel = [], Queue()
    with Feed(open_source(own()), channel) as feed, pytest.raises(ZeroDivisionError, match="user's code"):
        for frame in channel:
            seen.append(frame.index)
    assert seen == [0, 1] and feed.frames == 2


def test_a_source_that_dies_takes_no_other_with_it():
    good, bad = Queue(), Queue()
    dying = LiveSource(3, "camera 3", open_video=Opener(gone()))
    with Feed(dying, bad), Feed(open_source(frames(20)), good):
        assert len(list(good)) == 20
        with pytest.raises(UnreadableError, match="camera 3"):
            list(bad)


def test_a_camera_that_comes_back_goes_on(caplog):
    """It breaks off, ends, does not answer twice, and then ends as a recording does."""
    opener = Opener(
        FakeVideo([*frames(3), gone("it breaks off")]),
        FakeVideo(frames(2)),
        gone(),
        OSError(19, "No such device"),
        FakeVideo(frames(4), duration=1.0),
    )
    source = LiveSource(3, "camera 3", backoff=QUICK, open_video=opener)
    with caplog.at_level(logging.INFO, logger="pinpoint"):
        seen = read(source)
    assert [frame.index for frame in seen] == list(range(9))
    assert all(later.seconds > earlier.seconds for earlier, later in pairwise(seen))
    assert source.reconnects == 2 and len(opener.opened) == 5
    for word in ("it breaks off", "it ended", "it does not answer", "No such device", "is back"):
        assert word in caplog.text


def test_every_connection_that_was_opened_is_closed():
    videos = [FakeVideo([*frames(2), gone()]), FakeVideo(frames(2), duration=1.0)]
    read(LiveSource(3, "camera 3", backoff=QUICK, open_video=Opener(*videos)))
    assert all(video.closed for video in videos)


def test_a_camera_that_never_was_there_is_told_at_once_without_the_password():
    source = LiveSource(
        "rtsp://me:secret@door/live", "rtsp://door/live", open_video=Opener(gone("no picture"))
    )
    with pytest.raises(UnreadableError) as caught:
        read(source)
    assert str(caught.value) == "cannot read 'rtsp://door/live': no picture"


def test_a_camera_that_is_switched_on_later_can_be_waited_for():
    opener = Opener(gone(), gone(), FakeVideo(frames(3), duration=1.0))
    backoff = Backoff(first=0.01, longest=0.02, from_start=True)
    assert len(read(LiveSource(3, "camera 3", backoff=backoff, open_video=opener))) == 3


def test_tries_are_counted_in_a_row_and_then_it_is_given_up():
    backoff = Backoff(first=0.01, longest=0.02, tries=3)
    opener = Opener(FakeVideo(frames(2)), gone())
    with pytest.raises(UnreadableError, match="does not answer"):
        read(LiveSource(3, "camera 3", backoff=backoff, open_video=opener))
    assert len(opener.opened) == 4


def test_a_camera_that_worked_for_longer_than_it_was_waited_for_may_fail_anew():
    def breaking():
        yield from frames(2)
        time.sleep(0.05)
        raise gone("it breaks off")

    backoff = Backoff(first=0.01, longest=0.02, tries=1)
    videos = [*(FakeVideo(breaking()) for _ in range(4)), FakeVideo(frames(2), duration=1.0)]
    opener = Opener(*videos)
    assert len(read(LiveSource(3, "camera 3", backoff=backoff, open_video=opener))) == 10
    assert len(opener.opened) == 5


def test_a_bug_behind_a_camera_is_not_tried_again():
    opener = Opener(FakeVideo([*frames(1), ZeroDivisionError("a bug")]))
    with pytest.raises(ZeroDivisionError):
        read(LiveSource(3, "camera 3", backoff=QUICK, open_video=opener))
    assert len(opener.opened) == 1


@pytest.mark.parametrize("frozen_at", ["opening", "a frame"])
def test_stopping_does_not_wait_for_a_camera_that_blocks(frozen_at):
    wake = threading.Event()
    video = FakeVideo([*frames(1), wake, *frames(9)])

    def open_video(source, /, *, timeout):
        if frozen_at == "opening":
            wake.wait(2 * SOON)
        return video

    channel = Queue()
    feed = Feed(LiveSource(3, "camera 3", open_video=open_video), channel)
    if frozen_at == "a frame":
        assert channel.get() is not None
    began = time.monotonic()
    feed.close()
    assert time.monotonic() - began < SOON
    assert list(channel) == [] and feed.error is None
    wake.set()
    while not video.closed:  # what was left behind tidies up
        time.sleep(0.01)
    assert feed.frames <= 1


def test_stopping_does_not_wait_for_the_next_try(caplog, patient):
    opener = Opener(FakeVideo(frames(1)), gone())
    source = LiveSource(3, "camera 3", backoff=Backoff(first=60, longest=60), open_video=opener)
    channel = Queue()
    with Feed(source, channel):
        channel.get()
        while source.problem is None:
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < SOON and list(channel) == []
    assert "left to end by itself" not in caplog.text


def test_stopping_does_not_wait_for_room(caplog, patient):
    feed = Feed(open_source(endless()), Queue(room=2))
    while feed.frames < 2:
        time.sleep(0.01)
    feed.close()
    assert "left to end by itself" not in caplog.text


def test_a_camera_in_the_network_is_killed_and_comes_back():
    """MJPEG over HTTP; the second one sends pictures of another size."""
    channel = Queue(live=True)
    with Sender(mjpeg(flat(index) for index in range(500))) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/video", backoff=QUICK, timeout=5)
        feed = Feed(source, channel)
        before = [channel.get() for _ in range(5)]
    with feed, Sender(mjpeg(flat(index, 96, 64) for index in range(500)), port=camera.port):
        after = before[-1]
        while after.image.shape != (64, 96, 3):
            after = channel.get()
        later = channel.get()
    assert before[0].image.shape == (48, 64, 3)
    assert before[-1].index < after.index < later.index and before[-1].seconds < after.seconds < later.seconds
    assert source.reconnects == 1


def test_a_sender_of_mpeg_ts_is_killed_and_comes_back(tmp_path):
    make_video(tmp_path / "a.ts", [flat(4 * index) for index in range(60)], codec="mpeg2video")
    chunks, channel, seen = paced(tmp_path / "a.ts"), Queue(), []
    with Sender(chunks, greets=False) as camera:
        source = open_source(f"tcp://127.0.0.1:{camera.port}", backoff=QUICK, timeout=5)
        feed = Feed(source, channel)
        seen += [channel.get() for _ in range(20)]
    with feed, Sender(chunks, port=camera.port, greets=False):
        while source.reconnects == 0 or len(seen) < 70:
            seen.append(channel.get())
    assert [frame.index for frame in seen] == list(range(len(seen)))
    assert all(later.seconds > earlier.seconds for earlier, later in pairwise(seen))


def test_a_camera_that_speaks_rtsp_is_killed_and_comes_back(tmp_path):
    make_video(tmp_path / "a.ts", [flat(4 * index) for index in range(60)], codec="mpeg2video")
    chunks, channel, seen = paced(tmp_path / "a.ts", 7 * 188), Queue(), []
    with RtspCamera(chunks) as camera:
        address = f"rtsp://me:secret@127.0.0.1:{camera.port}/door"
        source = open_source(address, backoff=QUICK, timeout=5)
        feed = Feed(source, channel)
        seen += [channel.get() for _ in range(20)]
    with feed, RtspCamera(chunks, port=camera.port):
        while source.reconnects == 0 or len(seen) < 70:
            seen.append(channel.get())
    assert source.name == f"rtsp://127.0.0.1:{camera.port}/door"
    assert [frame.index for frame in seen] == list(range(len(seen)))
    assert all(later.seconds > earlier.seconds for earlier, later in pairwise(seen))


def test_the_size_may_change_in_the_middle_of_a_connection():
    images = [*(flat(index) for index in range(10)), *(flat(index, 96, 64) for index in range(10))]
    channel = Queue()
    with Sender(mjpeg(images)) as camera, Feed(_address(camera), channel):
        shapes = [channel.get().image.shape[:2] for _ in range(18)]
    assert shapes == [(48, 64)] * 10 + [(64, 96)] * 8


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.0 404 Not Found\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n<html>Log in</html>", b"\0\xff" * 9000],
    ids=["nothing", "not found", "a web page", "rubbish"],
)
def test_an_address_that_answers_rubbish_is_told_through_the_channel(answer):
    channel = Queue()
    with Sender([answer]) as camera:
        source = open_source(f"http://127.0.0.1:{camera.port}/live", timeout=5)
        with Feed(source, channel), pytest.raises(UnreadableError, match=r"127\.0\.0\.1"):
            list(channel)


def test_an_address_that_never_answers_is_told_when_its_time_is_up():
    channel = Queue()
    with Sender([b""] * 1000, greets=False) as camera:
        source = open_source(f"tcp://127.0.0.1:{camera.port}", timeout=0.3)
        with Feed(source, channel), pytest.raises(UnreadableError, match="no picture came in time"):
            list(channel)


def test_stopping_does_not_wait_for_an_address_that_never_answers():
    with Sender([b""] * 100_000, greets=False) as camera:
        channel = Queue()
        feed = Feed(open_source(f"tcp://127.0.0.1:{camera.port}", timeout=2 * SOON), channel)
        while not camera.connections:
            time.sleep(0.01)
        began = time.monotonic()
        feed.close()
        assert time.monotonic() - began < SOON
    assert list(channel) == []


def test_udp_that_falls_silent_is_opened_again(tmp_path):
    """Nothing says over UDP that a sender is gone but that no more comes."""
    make_video(tmp_path / "a.ts", [flat(4 * index) for index in range(100)], codec="mpeg2video")
    source, channel = None, Queue()
    with Scatter(paced(tmp_path / "a.ts", 7 * 188)) as camera:
        source = open_source(f"udp://127.0.0.1:{camera.port}", backoff=QUICK, timeout=1)
        feed = Feed(source, channel)
        seen = [channel.get() for _ in range(10)]
    while source.problem is None:
        seen += channel.taken()
        time.sleep(0.01)
    with feed, Scatter(paced(tmp_path / "a.ts", 7 * 188), port=camera.port):
        while source.reconnects == 0:
            seen.append(channel.get())
    assert all(later.seconds > earlier.seconds for earlier, later in pairwise(seen))
    assert np.all(np.diff([frame.index for frame in seen]) == 1)


BLOCKED = """
import socket
from live_video import Queue
from pinpoint.stream.feed import Feed
from pinpoint.stream.sources import open_source

with socket.create_server(("127.0.0.1", 0)) as server:
    Feed(open_source(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout=600), Queue())
    camera, _ = server.accept()  # and says nothing
    print("bye")
"""


def test_a_program_ends_though_a_camera_blocks():
    done = subprocess.run([sys.executable, "-c", BLOCKED], env=_environment(), timeout=120, check=True)
    assert done.returncode == 0


def _environment():
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
