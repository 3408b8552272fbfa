from dataclasses import replace

import pytest

from live_video import look
from pinpoint.stream.reconnect import Backoff
from pinpoint.stream.sinks import JsonlSink, ParquetSink, RecordSink, Reopening, VideoSink, open_sink, opening
from pinpoint.stream.sinks.reopening import _BACKOFF
from pinpoint.stream.sinks.sink import PATIENCE


class Flaky:
    """A sink whose every opening and writing goes as it is told: `ok`, or an error to raise."""

    def __init__(self, *story):
        self.story, self.got, self.opened, self.closed = list(story), [], 0, 0

    def open(self):
        self._next()
        self.opened += 1
        return self

    def write(self, seen):
        self._next()
        self.got.append(seen.index)

    def close(self):
        self.closed += 1

    def _next(self):
        step = self.story.pop(0) if self.story else "ok"
        if step != "ok":
            raise step


GONE = ConnectionError("gone")
QUICK = Backoff(first=0.001, longest=0.002, tries=3)


def test_a_frame_that_a_sink_failed_at_is_given_to_it_again():
    sink = Flaky("ok", "ok", GONE, GONE, GONE, "ok", "ok")
    again = Reopening(sink.open, "flaky", backoff=QUICK)
    for index in range(3):
        again.write(look(index))
    again.close()
    again.close()
    assert sink.got == [0, 1, 2] and sink.opened == sink.closed == 2


def test_a_sink_that_stays_away_is_given_up_with_what_was_wrong():
    sink = Flaky("ok", *[GONE] * 9)
    again = Reopening(sink.open, "flaky", backoff=QUICK)
    with pytest.raises(ConnectionError, match="gone"):
        again.write(look(0))
    assert len(sink.story) == 9 - 4


def test_what_is_away_is_waited_for_as_long_as_by_sinks_that_wait_themselves():
    backoff = replace(_BACKOFF, jitter=0)
    assert sum(backoff.wait(n) for n in range(1, backoff.tries + 1)) == pytest.approx(PATIENCE, rel=0.02)


def test_what_can_never_be_written_is_not_tried_again():
    sink = Flaky("ok", ValueError("another skeleton"))
    with pytest.raises(ValueError, match="another skeleton"):
        Reopening(sink.open, "flaky", backoff=QUICK).write(look(0))
    assert sink.opened == 1


def test_a_sink_that_was_never_there_is_told_to_whoever_opens_it():
    with pytest.raises(ConnectionError, match="gone"):
        Reopening(Flaky(GONE).open, "flaky", backoff=QUICK)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("seen.mp4", VideoSink),
        ("seen.WEBM", VideoSink),
        ("seen.jsonl", JsonlSink),
        ("seen.csv", RecordSink),
        ("parts/", ParquetSink),
        ("there", ParquetSink),
    ],
)
def test_a_name_says_what_is_written(target, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    sink = open_sink(target)
    sink.close()
    assert type(sink) is kind


@pytest.mark.parametrize("target", ["seen", "seen.txt", "ftp://host/seen", "mqtt://me:secret@host/"])
def test_a_name_that_says_nothing_is_refused_without_the_password(target):
    with pytest.raises(ValueError, match="expected") as caught:
        open_sink(target)
    assert "secret" not in str(caught.value)


@pytest.fixture
def opened(monkeypatch):
    """What each sink of Redis was opened with, and what the log calls it."""
    seen = []
    monkeypatch.setattr(opening, "RedisSink", lambda *given: given)
    monkeypatch.setattr(opening, "Reopening", lambda make, name: seen.append((*make(), name)))
    return seen


@pytest.mark.parametrize(
    ("query", "others", "key"),
    [
        ("", "", "pinpoint"),
        ("?key=door", "", "door"),
        ("?ssl_cert_reqs=none&key=a%26b&protocol=3", "?ssl_cert_reqs=none&protocol=3", "a&b"),
        ("?password=se%2Bcret%26", "?password=se%2Bcret%26", "pinpoint"),
    ],
)
def test_redis_gets_every_option_but_the_key(query, others, key, opened):
    open_sink(f"rediss://me:secret@host:1/0{query}")
    assert opened == [(f"rediss://me:secret@host:1/0{others}", key, "rediss://host:1/0")]
