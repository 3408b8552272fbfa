"""One engine for many streams: batches, fairness, drops, and streams that die alone."""

import sys
import time
from threading import Barrier, Event, Thread

import numpy as np
import pytest

from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.stream.channel import WAITING, Channel
from pinpoint.stream.engine import Engine
from pinpoint.stream.watcher import Watcher

DOT = Skeleton("dot", ("middle",))
SOON = 30.0  # seconds; for what takes milliseconds on an idle machine


def frame(index, shape=(40, 60, 3), dtype=np.uint8):
    return Frame(np.full(shape, 7, dtype), index, index / 30)


class Finder:
    """Finds one dot in every picture, and counts how many pictures came in each run."""

    skeleton, carries, sure = DOT, False, 0.5

    def __init__(self):
        self.runs, self.go = [], Event()
        self.go.set()

    def find(self, image):
        return Keypoints([[[5.0, 5.0]]], [[0.9]], DOT, boxes=[[0.0, 0, 10, 10]], box_scores=[0.9])

    def read(self, asks):
        assert self.go.wait(SOON)
        self.runs.append(len(asks))
        return [ask.found for ask in asks]

    def told(self, kps):
        return kps


@pytest.fixture
def finder():
    return Finder()


def feeding(channel, count):
    """Put frames in from a thread of its own, as sources do."""

    def feed():
        for index in range(count):
            channel.put(frame(index))
        channel.end()

    thread = Thread(target=feed, daemon=True)
    thread.start()
    return thread


def eventually(truth):
    end = time.monotonic() + SOON
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_file_loses_no_frame(finder):
    with Engine(finder) as engine, engine.open("film") as film:
        feeding(film, 40)
        seen = list(film)
    assert [one.index for one in seen] == list(range(40))
    assert (film.counts.received, film.counts.processed, film.counts.dropped) == (40, 40, 0)


def test_results_carry_frame_time_and_keypoints(finder):
    with Engine(finder) as engine, engine.open("film") as film:
        feeding(film, 3)
        *_, last = film
    assert (last.stream, last.index, last.seconds) == ("film", 2, 2 / 30)
    assert last.image.shape == (40, 60, 3)
    assert last.keypoints.track_ids.tolist() == [1]
    assert 0 < film.counts.age <= last.age < SOON


def test_reading_a_file_waits_while_nothing_is_looked_at(finder):
    """One frame is in work, some wait, and whoever reads has one more in their hands."""
    with Engine(finder) as engine, engine.open("film") as film:
        finder.go.clear()
        feeding(film, 100)
        eventually(lambda: film.counts.received == WAITING + 2)
        time.sleep(0.05)  # in which all of them would come
        assert film.counts.received == WAITING + 2
        finder.go.set()
        assert len(list(film)) == 100


def test_a_live_stream_drops_the_oldest(finder):
    with Engine(finder) as engine, engine.open("camera", live=True) as camera:
        finder.go.clear()
        camera.put(frame(0))
        eventually(lambda: not camera.ready)  # the engine holds it
        for index in range(1, 10):
            camera.put(frame(index))
        camera.end()
        finder.go.set()
        indices = [seen.index for seen in camera]
    assert indices[-1] == 9
    assert set(indices) <= {0, 9}
    assert camera.counts.dropped >= 8


def test_a_live_stream_that_nobody_fetches_keeps_the_newest_result(finder):
    with Engine(finder) as engine, engine.open("camera", live=True) as camera:
        for index in range(3):
            camera.put(frame(index))
            eventually(lambda index=index: camera.counts.processed == index + 1)
        assert camera.get(SOON).index == 2
        assert camera.counts.dropped == 2


def test_streams_share_a_run(finder):
    with Engine(finder, wait=0.5) as engine:
        films = [engine.open() for _ in range(4)]
        finder.go.clear()
        for film in films:
            for index in range(WAITING):
                film.put(frame(index))
            film.end()
        finder.go.set()
        assert all(len(list(film)) == WAITING for film in films)
    assert max(finder.runs) == 4


def test_a_frame_waits_for_those_of_other_streams(finder):
    """The second stream's is read only once the first one has given its next one, and with it."""
    with Engine(finder, wait=SOON) as engine, engine.open() as one, engine.open() as other:
        finder.go.clear()
        one.put(frame(0))
        eventually(lambda: not one.waits)  # the engine is busy with it
        other.put(frame(0))
        finder.go.set()
        assert one.get(SOON) is not None
        time.sleep(0.05)  # an engine that does not wait has read it by now
        one.put(frame(1))
        assert other.get(SOON) is not None
    assert finder.runs == [1, 2]


def test_a_crowd_of_frames_makes_no_other_stream_wait(finder):
    """Every round takes one frame of each: the one frame is in the next round."""
    order, read = [], finder.read
    finder.read = lambda asks: order.extend(ask.image.shape[0] for ask in asks) or read(asks)
    with Engine(finder) as engine, engine.open() as busy, engine.open() as quiet:
        finder.go.clear()
        for index in range(WAITING + 1):
            busy.put(frame(index))
            eventually(lambda: order)  # the engine is busy with the first one
        quiet.put(frame(0, (41, 60, 3)))
        busy.end()
        finder.go.set()
        assert len(list(busy)) == WAITING + 1
    assert order.index(41) <= 2


def test_whoever_does_not_fetch_holds_up_only_their_own_file(finder):
    with Engine(finder) as engine, engine.open() as asleep, engine.open() as awake:
        feeding(asleep, 30)
        feeding(awake, 30)
        assert len(list(awake)) == 30
        assert asleep.counts.processed <= WAITING + 1


@pytest.mark.parametrize("bad", [frame(0, (40, 60)), frame(0, dtype=np.float32), frame(0, (0, 5, 3))])
def test_a_bad_picture_ends_its_stream_alone(finder, bad):
    with Engine(finder) as engine, engine.open() as broken, engine.open() as sound:
        broken.put(bad)
        with pytest.raises(ValueError, match="image"):
            broken.get(SOON)
        feeding(sound, 5)
        assert len(list(sound)) == 5
        assert not broken.put(frame(1))


def test_time_that_stands_still_ends_its_stream_alone(finder):
    with Engine(finder) as engine, engine.open() as broken:
        broken.put(frame(0))
        broken.put(frame(0))
        assert broken.get(SOON) is not None
        with pytest.raises(ValueError, match="seconds"):
            broken.get(SOON)


def test_what_breaks_a_batch_is_found(finder):
    """A network that refuses one of the pictures is asked about each alone."""
    read = finder.read

    def refusing(asks):
        if any(ask.image.shape[0] == 41 for ask in asks):
            raise ValueError("it is 41 high")
        return read(asks)

    finder.read = refusing
    with Engine(finder, wait=0.5) as engine, engine.open() as broken, engine.open() as sound:
        feeding(sound, 3)
        assert sound.get(SOON) is not None
        broken.put(frame(0, (41, 60, 3)))
        with pytest.raises(ValueError, match="41 high"):
            broken.get(SOON)
        assert len(list(sound)) == 2


def test_whatever_goes_wrong_in_a_stream_ends_that_alone(finder, caplog):
    """A tracker of the user's own, say, that divides by zero."""
    find = finder.find
    finder.find = lambda image: 1 / 0 if image.shape[0] == 41 else find(image)
    with Engine(finder) as engine, engine.open() as broken, engine.open() as sound:
        broken.put(frame(0, (41, 60, 3)))
        with pytest.raises(ZeroDivisionError):
            broken.get(SOON)
        feeding(sound, 3)
        assert len(list(sound)) == 3
        assert engine.open() is not None


def test_an_error_at_the_last_frame_is_never_taken_for_the_end(finder):
    for _ in range(200):
        with Engine(finder) as engine, engine.open() as film:
            film.put(frame(0, (40, 60)))
            film.end()
            with pytest.raises(ValueError, match="image"):
                film.get(SOON)


def test_a_stream_that_has_fallen_silent_is_not_waited_for(finder):
    """It gave two frames; whoever goes on would wait a second for it in every round."""
    with Engine(finder, wait=1.0) as engine, engine.open(live=True) as silent, engine.open() as film:
        silent.put(frame(0))
        silent.put(frame(1))
        start = time.monotonic()
        feeding(film, 20)
        assert len(list(film)) == 20
        assert time.monotonic() - start < 12


def test_streams_that_are_closed_are_forgotten(finder):
    with Engine(finder) as engine:
        for _ in range(20):
            engine.open().close()
        engine.open()
        assert len(engine._channels) == 1


def test_what_comes_after_the_end_takes_no_frame_from_what_came_before(finder):
    with Engine(finder) as engine, engine.open(live=True) as camera:
        finder.go.clear()
        camera.put(frame(0))
        eventually(lambda: not camera.ready)
        camera.put(frame(1))
        camera.end()
        assert not camera.put(frame(2))
        finder.go.set()
        assert [seen.index for seen in camera][-1] == 1


def test_the_age_of_a_result_counts_until_it_is_fetched(finder):
    with Engine(finder) as engine, engine.open() as film:
        film.put(frame(0))
        eventually(lambda: film.counts.processed == 1)
        time.sleep(0.05)
        assert film.get(SOON).age > 0.05


def test_closing_frees_whoever_puts_and_fetches(finder):
    engine = Engine(finder)
    film, fetched = engine.open(), []
    feeder = feeding(film, 1000)
    fetcher = Thread(target=lambda: fetched.append(len(list(film))), daemon=True)
    fetcher.start()
    engine.close()
    feeder.join(SOON)
    fetcher.join(SOON)
    assert not feeder.is_alive() and not fetcher.is_alive()
    engine.close()


def test_an_answer_that_does_not_come_in_time_is_told(finder):
    with Engine(finder) as engine, engine.open("film") as film, pytest.raises(TimeoutError, match="film"):
        film.get(0.01)


def test_an_error_comes_after_the_results_before_it(finder):
    with Engine(finder) as engine, engine.open() as film:
        film.put(frame(0))
        eventually(lambda: film.counts.processed == 1)
        film.fail(OSError("the camera is gone"))
        assert film.get(SOON).index == 0
        with pytest.raises(OSError, match="gone"):
            film.get(SOON)


def test_each_stream_is_followed_on_its_own(finder):
    made = []
    with Engine(finder, lambda: made.append(Watcher(finder)) or made[-1]) as engine:
        engine.open()
        engine.open()
    assert len(set(map(id, made))) == 2


def test_a_frame_waits_for_other_streams_no_longer_than_it_may(finder, monkeypatch):
    """Another stream always seems about to give one, and never does."""
    monkeypatch.setattr(Channel, "coming", property(lambda channel: channel.name == "late"))
    with Engine(finder, wait=0.02) as engine, engine.open("late"), engine.open() as film:
        film.put(frame(0))
        assert film.get(SOON).index == 0


def test_whoever_waits_longest_is_first_where_a_worker_takes_a_share(finder, monkeypatch):
    """Of four streams each of two workers takes two: those that were opened last, if they waited longer."""
    order, taken = [], Channel.taken
    monkeypatch.setattr(Channel, "taken", lambda channel: order.append(channel.name) or taken(channel))
    with Engine(finder, wait=0, workers=2) as engine:
        films = [engine.open(name) for name in "abcd"]
        finder.go.clear()
        for film in films[:2]:
            film.put(frame(0))
            eventually(lambda film=film: not film.waits)  # each worker is busy with one
        for film in reversed(films):
            film.put(frame(1))
        finder.go.set()
        assert films[0].get(SOON).index == 0
        assert films[0].get(SOON).index == 1
    assert order[:4] == ["a", "b", "d", "c"]


def test_an_engine_that_stops_tells_every_stream(finder, caplog):
    """A tracker of the user's own, say, that wants to end the program."""
    finder.find = lambda image: sys.exit("enough")
    with Engine(finder) as engine, engine.open() as one, engine.open() as other:
        one.put(frame(0))
        for film in (one, other):
            with pytest.raises(SystemExit, match="enough"):
                film.get(SOON)
        with pytest.raises(ValueError, match="closed"):
            engine.open()


@pytest.mark.parametrize("options", [{"wait": -1}, {"workers": 0}])
def test_numbers_out_of_range_are_refused(finder, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Engine(finder, **options)


def test_workers_share_the_streams(finder):
    """Two of four streams each: neither takes all, and every frame comes in order."""
    with Engine(finder, wait=0.05, workers=2) as engine:
        films = [engine.open() for _ in range(4)]
        finder.go.clear()
        for film in films:
            for index in range(WAITING):
                film.put(frame(index))
            film.end()
        finder.go.set()
        assert [[seen.index for seen in film] for film in films] == [list(range(WAITING))] * 4
    assert max(finder.runs) == 2


def test_workers_look_at_the_same_time(finder):
    """Both are inside the network before either may leave it."""
    inside = Barrier(2)
    read = finder.read
    finder.read = lambda asks: inside.wait(SOON) is not None and read(asks)
    with Engine(finder, wait=0, workers=2) as engine, engine.open() as one, engine.open() as other:
        one.put(frame(0))
        other.put(frame(0))
        assert one.get(SOON) is not None
        assert other.get(SOON) is not None
