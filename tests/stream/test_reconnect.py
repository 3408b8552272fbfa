from itertools import pairwise

import pytest

from live_video import flat
from pinpoint.io.video import Frame
from pinpoint.stream.reconnect import Backoff, Timeline


def connection(count, start=0.0):
    return [Frame(flat(index), index, start + index / 25) for index in range(count)]


def test_waits_double_up_to_the_cap():
    backoff = Backoff(first=0.5, factor=2, longest=3, jitter=0)
    assert [backoff.wait(failures) for failures in (1, 2, 3, 4, 5, 10_000)] == [0.5, 1, 2, 3, 3, 3]


def test_chance_shortens_a_wait_by_its_share_at_most():
    waits = [Backoff(first=1, jitter=0.3).wait(1) for _ in range(200)]
    assert 0.7 <= min(waits) < 0.8 and 0.9 < max(waits) <= 1
    assert len(set(waits)) > 100


@pytest.mark.parametrize("wrong", [{"first": 0}, {"first": 9, "longest": 8}, {"factor": 0.5}, {"jitter": 2}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expects 0 < first <= longest"):
        Backoff(**wrong)


def test_what_never_worked_is_given_up_and_what_worked_is_not():
    assert not Backoff().bears(1, worked=False)
    assert Backoff(from_start=True).bears(1, worked=False)
    assert Backoff().bears(1_000_000, worked=True)
    assert Backoff(tries=2).bears(2, worked=True) and not Backoff(tries=2).bears(3, worked=True)


def test_the_first_connection_keeps_its_own_numbers_and_times():
    frames = connection(5, start=0.5)
    assert [(f.index, f.seconds) for f in Timeline().through(frames)] == [
        (f.index, f.seconds) for f in frames
    ]


def test_numbers_and_times_go_on_growing_over_connections():
    """The first one sent 10 s of video in no time, so the second has to begin after that."""
    line = Timeline()
    frames = [frame for count in (250, 3, 4) for frame in line.through(connection(count, start=7.0))]
    assert [frame.index for frame in frames] == list(range(257))
    assert all(later.seconds > earlier.seconds for earlier, later in pairwise(frames))
    assert frames[-1].seconds < 17.2


def test_a_break_takes_as_long_as_it_took(monkeypatch):
    now = 100.0
    monkeypatch.setattr("pinpoint.stream.reconnect.time.monotonic", lambda: now)
    line = Timeline()
    list(line.through(connection(3)))
    now = 130.0
    assert next(iter(line.through(connection(3, start=4.0)))).seconds == pytest.approx(30)
