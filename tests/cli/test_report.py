"""What a run says of itself in the end."""

from types import SimpleNamespace

import pytest

from pinpoint.cli import report
from pinpoint.cli.report import Followed, Tally, summary

PEOPLE = ("person", "people")


@pytest.fixture
def tally(monkeypatch):
    """One camera gives a frame in .25 s, another one in .5 s; a frame of that is dropped."""
    clock = SimpleNamespace(seconds=50.0)
    monkeypatch.setattr(report, "time", SimpleNamespace(perf_counter=lambda: clock.seconds))
    tally = Tally(streams={"door": Followed(_start=50.25), "yard": Followed(_start=50.5)})
    tally.start()
    for number in range(1, 9):
        clock.seconds += 0.25
        tally.followed("door", [1, 2])
        if number % 2 == 0:
            tally.followed("yard", [number // 4])
    tally.of("yard").dropped = 1
    return tally


def test_a_summary_tells_people_frames_a_second_and_drops_of_all_and_of_each(tally):
    lines = summary(tally, PEOPLE, stopped=True, places=["out"], apart=("door", "yard")).splitlines()
    assert lines == [
        "stopped: 12 frames, 20 people in all frames, 5 told apart, 1 frame dropped (6.0 images/s)",
        "  door: 8 frames, 2 people told apart (4.0 frames/s)",
        "  yard: 4 frames, 3 people told apart, 1 frame dropped (2.0 frames/s)",
        "see out",
    ]
