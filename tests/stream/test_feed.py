"""Sources and the engine together."""

import pytest

from live_video import Sender, endless, flat, mjpeg
from odd_inputs import make_video
from pinpoint.io.errors import UnreadableError
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.stream.engine import Engine
from pinpoint.stream.feed import Feed
from pinpoint.stream.reconnect import Backoff
from pinpoint.stream.sources import open_source

DOT = Skeleton("dot", ("middle",))


class Grey:
    """Finds one dot as far to the right as the picture is bright."""

    skeleton, carries, sure = DOT, False, 0.5

    def find(self, image):
        return Keypoints([[[image.mean(), 5.0]]], [[0.9]], DOT, boxes=[[0.0, 0, 10, 10]], box_scores=[0.9])

    def read(self, asks):
        return [ask.found for ask in asks]

    def told(self, kps):
        return kps


def test_a_file_comes_through_the_engine_whole(tmp_path):
    make_video(tmp_path / "a.mp4", [flat(10 * index) for index in range(20)])
    source = open_source(tmp_path / "a.mp4")
    with Engine(Grey()) as engine, engine.open() as channel, Feed(source, channel) as feed:
        seen = [(one.index, round(one.image.mean() / 10)) for one in channel]
    assert seen == [(index, index) for index in range(20)]
    assert feed.frames == channel.counts.processed == 20 and feed.error is None


def test_a_cut_file_gives_all_its_frames_and_then_its_error(tmp_path):
    make_video(tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    seen, source = [], open_source(tmp_path / "a.mp4")
    told = pytest.raises(UnreadableError, match="is cut off")
    with Engine(Grey()) as engine, engine.open() as channel, Feed(source, channel) as feed, told:
        seen.extend(one.index for one in channel)
    assert len(seen) == feed.frames > 5


def test_a_dead_camera_leaves_the_others_be():
    """One camera is killed for good while a file and another camera go on."""
    film = open_source(endless(range(300)), name="film")
    answer = [*(both := mjpeg([flat(7), flat(8)])), *both[1:] * 2000]
    with Engine(Grey()) as engine, Sender(answer) as alive:
        with Sender(answer) as dying:
            given = [f"http://127.0.0.1:{camera.port}/" for camera in (alive, dying)]
            backoff = Backoff(first=0.05, tries=2)
            sources = [film, *(open_source(one, backoff=backoff, timeout=5) for one in given)]
            channels = [engine.open(source.name, live=source.live) for source in sources]
            feeds = [Feed(source, channel) for source, channel in zip(sources, channels, strict=True)]
            assert channels[1].get(10) is not None and channels[2].get(10) is not None
        with pytest.raises(UnreadableError, match=str(dying.port)):
            list(channels[2])
        assert [one.index for one in channels[0]] == list(range(300))
        before = channels[1].get(10).index
        assert channels[1].get(10).index > before
        for feed in feeds:
            feed.close()
        assert [feed.error for feed in feeds[:2]] == [None, None]


def test_a_source_is_read_no_further_once_its_channel_is_closed():
    with Engine(Grey()) as engine, engine.open() as channel, Feed(open_source(endless()), channel) as feed:
        assert channel.get(60) is not None
        channel.close()
        assert feed._task.join(60)


def test_leaving_the_middle_of_a_file_leaves_nothing_behind(caplog):
    source = open_source(endless())
    with Engine(Grey()) as engine, engine.open() as channel, Feed(source, channel):
        assert next(iter(channel)).index == 0
    assert "left to end by itself" not in caplog.text
