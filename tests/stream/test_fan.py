import threading
import time

import pytest

from live_video import look
from pinpoint.stream.sinks import Fan

SOON = 30.0  # seconds; for what takes milliseconds on an idle machine


class Shelf:
    """A sink that keeps what it is given; it takes each frame only as it is let to."""

    def __init__(self, *, let=10_000, fails_at=None, fails_closing=False):
        self.got, self.closed, self.threads = [], 0, set()
        self.let = threading.Semaphore(let)
        self._fails_at, self._fails_closing = fails_at, fails_closing

    def write(self, seen):
        self.threads.add(threading.current_thread())
        assert self.let.acquire(timeout=SOON)
        if seen.index == self._fails_at:
            raise OSError(28, "No space left on device")
        self.got.append((seen.stream, seen.index))

    def close(self):
        self.threads.add(threading.current_thread())
        self.closed += 1
        if self._fails_closing:
            raise OSError(5, "Input/output error")


def numbers(shelf):
    return [index for _, index in shelf.got]


def eventually(truth):
    end = time.monotonic() + SOON
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_every_sink_gets_every_frame_in_order_and_is_closed_once():
    shelves = {"a": Shelf(), "b": Shelf()}
    with Fan(shelves, room=3) as fan:
        fan.take(look(index) for index in range(50))
    fan.close()
    for name, shelf in shelves.items():
        assert numbers(shelf) == list(range(50)) and shelf.closed == 1
        assert (fan.counts[name].written, fan.counts[name].dropped, fan.counts[name].waiting) == (50, 0, 0)
    assert fan.errors == {}


def test_each_sink_is_used_in_one_thread_of_its_own():
    shelves = {"a": Shelf(), "b": Shelf()}
    with Fan(shelves) as fan:
        fan.take(look(index) for index in range(5))
    threads = [thread for shelf in shelves.values() for thread in shelf.threads]
    assert len(threads) == len(set(threads)) == 2 and threading.current_thread() not in threads


def test_a_slow_sink_holds_back_a_recording():
    slow = Shelf(let=0)
    fan = Fan({"slow": slow}, room=4)
    feeder = threading.Thread(target=fan.take, args=([look(index) for index in range(30)],), daemon=True)
    feeder.start()
    eventually(lambda: fan.counts["slow"].waiting == 4)
    feeder.join(0.1)
    assert feeder.is_alive() and slow.got == []
    slow.let.release(1000)
    feeder.join(SOON)
    fan.close()
    assert numbers(slow) == list(range(30)) and fan.counts["slow"].dropped == 0


def test_a_slow_sink_loses_the_oldest_of_a_live_stream_and_no_other_sink_does():
    slow, quick = Shelf(let=0), Shelf()
    with Fan({"slow": slow, "quick": quick}, room=4) as fan:
        fan.write(look(0), live=True)
        eventually(lambda: fan.counts["slow"].waiting == 0)  # it is in the sink's hands
        for index in range(1, 30):
            fan.write(look(index), live=True)
            eventually(lambda: not fan.counts["quick"].waiting)
        assert fan.counts["slow"].dropped == 25
        slow.let.release(1000)
    assert numbers(slow) == [0, 26, 27, 28, 29] and numbers(quick) == list(range(30))


def test_a_live_stream_never_drops_frames_of_a_recording():
    shelf = Shelf(let=0)
    with Fan({"both": shelf}, room=3) as fan:
        fan.write(look(0, "film"))
        eventually(lambda: fan.counts["both"].waiting == 0)
        fan.write(look(1, "film"))
        fan.write(look(2, "film"))
        for index in range(10):
            fan.write(look(index, "camera"), live=True)
        fan_full = threading.Thread(target=fan.write, args=(look(3, "film"),))
        fan_full.start()
        shelf.let.release(1000)
        fan_full.join(SOON)
    assert [one for one in shelf.got if one[0] == "film"] == [("film", index) for index in range(4)]
    assert ("camera", 9) in shelf.got and fan.counts["both"].dropped == 9


def test_a_sink_that_fails_is_closed_and_told_and_the_others_go_on(caplog):
    bad, good = Shelf(fails_at=3, fails_closing=True), Shelf()
    with Fan({"bad": bad, "good": good}, room=2) as fan:
        fan.take(look(index) for index in range(20))
    assert numbers(good) == list(range(20))
    assert numbers(bad) == [0, 1, 2] and bad.closed == 1
    assert set(fan.errors) == {"bad"} and isinstance(fan.errors["bad"], OSError)
    assert "sink bad has failed after 3 frames and is closed: [Errno 28] No space left" in caplog.text
    assert fan.counts["bad"].written + fan.counts["bad"].dropped == 20


def test_a_sink_that_cannot_be_finished_is_told():
    with Fan({"bad": Shelf(fails_closing=True)}) as fan:
        fan.write(look(0))
    assert "Input/output" in str(fan.errors["bad"])


def test_closing_does_not_wait_for_a_sink_that_hangs(caplog):
    stuck = Shelf(let=0)
    fan = Fan({"stuck": stuck}, timeout=0.1)
    for index in range(3):
        fan.write(look(index))
    eventually(lambda: fan.counts["stuck"].waiting == 2)
    began = time.monotonic()
    fan.close()
    assert time.monotonic() - began < SOON / 2
    assert "sink stuck is not done in time; 2 frames wait for it" in caplog.text
    stuck.let.release(1000)
    eventually(lambda: stuck.closed)


def test_a_fan_is_a_sink():
    inner, outer = Shelf(), Shelf()
    with Fan({"inner": Fan({"inmost": inner}), "outer": outer}) as fan:
        fan.take(look(index) for index in range(5))
    assert inner.got == outer.got and len(inner.got) == 5 and inner.closed == 1


@pytest.mark.parametrize("live", [False, True])
def test_what_comes_after_the_end_is_not_written(live):
    shelf = Shelf()
    fan = Fan({"a": shelf})
    fan.close()
    fan.write(look(0), live=live)
    assert shelf.got == [] and fan.counts["a"].dropped == 1
